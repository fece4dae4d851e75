package probe

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	checksumSuffix = ".sha256"
	// maxChecksum is the largest file whose checksum is made: reading it must
	// end before the question does.
	maxChecksum = 4 << 30
	// maxWritten is how much is read of the file that a checksum stands in.
	maxWritten = 4 << 10
)

// size is a number of bytes, written as Kubernetes does: 10Mi.
type size int64

func (s *size) UnmarshalText(text []byte) error {
	q, err := resource.ParseQuantity(string(text))
	if err != nil || q.Sign() <= 0 {
		return fmt.Errorf("%q is not a size: want for example 10Mi or 2Gi", text)
	}
	*s = size(q.Value())
	return nil
}

func (s size) String() string {
	return resource.NewQuantity(int64(s), resource.BinarySI).String()
}

// stored is a file in a folder, or an object in a bucket.
type stored struct {
	name string // below the folder, or the whole key
	at   time.Time
	size int64
	etag string // of an object: which it was when it was listed
}

// store is where backups are kept. That one is not there any more is
// [fs.ErrNotExist].
type store interface {
	fmt.Stringer
	// list gives each to found, in any order.
	list(ctx context.Context, found func(stored)) error
	// checksum is the SHA-256, in hexadecimal, that the store itself keeps of
	// one, "" when it keeps none.
	checksum(context.Context, stored) (string, error)
	// read opens one.
	read(context.Context, stored) (io.ReadCloser, error)
}

// judge judges the newest backup in a store.
func (a *backup) judge(ctx context.Context, in store, now time.Time) (remediate.Answer, error) {
	found, err := a.newest(ctx, in)
	if err != nil {
		return remediate.Answer{}, fmt.Errorf("look for backups: %w", err)
	}
	if len(found) == 0 {
		return remediate.Answer{Text: fmt.Sprintf("there is no %s in %s", a.Pattern, in)}, nil
	}
	newest := found[0]
	var f findings
	f.add(a.young(newest.name, now.Sub(newest.at)))
	if a.MinSize != nil {
		is := size(newest.size)
		f.add(is >= *a.MinSize, fmt.Sprintf("its size is %s, want at least %s", is, *a.MinSize), nil)
	}
	if a.MinShareOfPrevious > 0 {
		f.add(a.beside(found))
	}
	if a.Checksum {
		f.add(verified(ctx, in, newest))
	}
	return f.answer()
}

// newest returns the newest that fits the pattern, and the one before it. What
// only holds a checksum is none.
func (a *backup) newest(ctx context.Context, in store) ([]stored, error) {
	var out []stored
	var bad error
	err := in.list(ctx, func(s stored) {
		name := path.Base(s.name)
		fits, err := path.Match(a.Pattern, name)
		bad = cmp.Or(bad, err)
		if !fits || strings.HasSuffix(name, checksumSuffix) {
			return
		}
		out = append(out, s)
		slices.SortFunc(out, func(x, y stored) int {
			return cmp.Or(y.at.Compare(x.at), strings.Compare(y.name, x.name))
		})
		out = out[:min(len(out), 2)]
	})
	return out, cmp.Or(err, bad)
}

// beside holds the newest one's size against the one before it.
func (a *backup) beside(found []stored) (ok bool, text string, err error) {
	if len(found) < 2 || found[1].size == 0 {
		return false, "", errors.New("there is no earlier backup to hold its size against")
	}
	share := float64(found[0].size) / float64(found[1].size)
	return share >= a.MinShareOfPrevious, fmt.Sprintf("it has %.0f%% of the size of %s, want at least %s%%", share*100, found[1].name, written(a.MinShareOfPrevious*100)), nil
}

// verified holds a backup's checksum against the one beside it: the one that the
// store keeps of it, otherwise one that is made.
func verified(ctx context.Context, in store, b stored) (ok bool, text string, err error) {
	want, err := writtenChecksum(ctx, in, b.name+checksumSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return false, "it has no checksum beside it, in " + path.Base(b.name) + checksumSuffix, nil
	}
	if err != nil {
		return false, "", err
	}
	is, err := in.checksum(ctx, b)
	whose := "its checksum"
	if err == nil && is != "" {
		whose += ", as " + in.String() + " keeps it,"
	}
	if err == nil && is == "" {
		is, err = madeChecksum(ctx, in, b)
	}
	switch {
	case err != nil:
		return false, "", err
	case is != want:
		return false, fmt.Sprintf("%s is %.12s..., want %.12s...", whose, is, want), nil
	}
	return true, fmt.Sprintf("%s is %.12s... as it should be", whose, is), nil
}

// writtenChecksum reads what sha256sum has written.
func writtenChecksum(ctx context.Context, in store, name string) (string, error) {
	f, err := in.read(ctx, stored{name: name})
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxWritten))
	if err != nil {
		return "", err
	}
	sum, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if b, err := hex.DecodeString(sum); err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("%s holds no checksum: want what sha256sum writes", name)
	}
	return strings.ToLower(sum), nil
}

// madeChecksum reads a backup from end to end, for as long as ctx lets it.
func madeChecksum(ctx context.Context, in store, b stored) (string, error) {
	if b.size > maxChecksum {
		return "", fmt.Errorf("its checksum is not made: it is larger than %s; have the job that makes it verify it, and leave checksum out", size(maxChecksum))
	}
	sum, err := checksumOf(ctx, in, b)
	if err != nil {
		return "", fmt.Errorf("make its checksum: %w", err)
	}
	return sum, nil
}

func checksumOf(ctx context.Context, in store, b stored) (string, error) {
	f, err := in.read(ctx, b)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	for {
		if err := context.Cause(ctx); err != nil {
			return "", err
		}
		switch _, err := io.CopyN(h, f, 1<<20); {
		case errors.Is(err, io.EOF):
			return hex.EncodeToString(h.Sum(nil)), nil
		case err != nil:
			return "", err
		}
	}
}
