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
	"os"
	"path/filepath"
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

// files judges the newest file of a folder.
func (a *backup) files(ctx context.Context, now time.Time) (remediate.Answer, error) {
	found, err := a.listed()
	if err != nil {
		return remediate.Answer{}, fmt.Errorf("look for backups: %w", err)
	}
	if len(found) == 0 {
		return remediate.Answer{Text: fmt.Sprintf("there is no %s in %s", a.Pattern, a.Dir)}, nil
	}
	newest := found[0]
	var f findings
	f.add(a.young(newest.Name(), now.Sub(newest.ModTime())))
	if a.MinSize != nil {
		is := size(newest.Size())
		f.add(is >= *a.MinSize, fmt.Sprintf("its size is %s, want at least %s", is, *a.MinSize), nil)
	}
	if a.MinShareOfPrevious > 0 {
		f.add(a.beside(found))
	}
	if a.Checksum {
		f.add(a.verified(ctx, newest))
	}
	return f.answer()
}

// listed returns the files that fit the pattern, the newest first. Links and
// folders are none.
func (a *backup) listed() ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return nil, err
	}
	var out []fs.FileInfo
	for _, e := range entries {
		fits, err := filepath.Match(a.Pattern, e.Name())
		if err != nil {
			return nil, err
		}
		if !fits || !e.Type().IsRegular() || strings.HasSuffix(e.Name(), checksumSuffix) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was removed in between
		}
		if err != nil {
			return nil, err
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(x, y fs.FileInfo) int {
		return cmp.Or(y.ModTime().Compare(x.ModTime()), strings.Compare(y.Name(), x.Name()))
	})
	return out, nil
}

// beside holds the newest file's size against the one before it.
func (a *backup) beside(found []fs.FileInfo) (ok bool, text string, err error) {
	if len(found) < 2 || found[1].Size() == 0 {
		return false, "", errors.New("there is no earlier backup to hold its size against")
	}
	share := float64(found[0].Size()) / float64(found[1].Size())
	return share >= a.MinShareOfPrevious, fmt.Sprintf("it has %.0f%% of the size of %s, want at least %s%%", share*100, found[1].Name(), written(a.MinShareOfPrevious*100)), nil
}

// verified makes the checksum of a file and holds it against the one beside it.
func (a *backup) verified(ctx context.Context, file fs.FileInfo) (ok bool, text string, err error) {
	if file.Size() > maxChecksum {
		return false, "", fmt.Errorf("its checksum is not made: it is larger than %s; have the job that makes it verify it, and leave checksum out", size(maxChecksum))
	}
	path := filepath.Join(a.Dir, file.Name())
	want, err := writtenChecksum(path + checksumSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return false, "it has no checksum beside it, in " + file.Name() + checksumSuffix, nil
	}
	if err != nil {
		return false, "", err
	}
	is, err := checksumOf(ctx, path)
	switch {
	case err != nil:
		return false, "", fmt.Errorf("make its checksum: %w", err)
	case is != want:
		return false, fmt.Sprintf("its checksum is %.12s..., want %.12s...", is, want), nil
	}
	return true, fmt.Sprintf("its checksum is %.12s... as it should be", is), nil
}

// writtenChecksum reads what sha256sum has written.
func writtenChecksum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 4<<10))
	if err != nil {
		return "", err
	}
	sum, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if b, err := hex.DecodeString(sum); err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("%s holds no checksum: want what sha256sum writes", path)
	}
	return strings.ToLower(sum), nil
}

// checksumOf reads a file from end to end, for as long as ctx lets it.
func checksumOf(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
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
