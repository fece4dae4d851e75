package bed

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// objectStoreAddress is where a bed's own S3 server answers.
const objectStoreAddress = "127.0.0.1:7070"

// Key is what a user of an object store signs with.
type Key struct{ ID, Secret string }

// CredentialsFile is how AWS's tools have it in a file.
func (k Key) CredentialsFile() string {
	return fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", k.ID, k.Secret)
}

// ObjectStore is an S3 server that keeps its buckets as folders and checks
// signatures. A test starts it with StartObjectStore, and it goes with the bed's
// Stop.
type ObjectStore struct {
	URL     string
	Root    Key    // may do everything
	Buckets string // the folder whose folders are the buckets: what is put into one is an object, as old as the file
	command string
}

// StartObjectStore starts one with nothing in it.
func (b *Bed) StartObjectStore(ctx context.Context) (*ObjectStore, error) {
	dir, err := os.MkdirTemp(b.Dir, "objects-")
	if err != nil {
		return nil, err
	}
	b.OnStop(func() error { return os.RemoveAll(dir) })
	s := &ObjectStore{URL: "http://" + objectStoreAddress, Root: Key{"root", rand.Text()}, Buckets: filepath.Join(dir, "buckets"), command: b.VersityGWPath}
	users, about := filepath.Join(dir, "users"), filepath.Join(dir, "about") // not every file system can keep what is known of a file beside it
	for _, d := range []string{s.Buckets, users, about} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return nil, err
		}
	}
	proc, err := startProcess(ctx, b.Dir, part{
		name:    "versitygw",
		command: []string{s.command, "--port", objectStoreAddress, "--iam-dir", users, "posix", "--sidecar", about, s.Buckets},
		env:     []string{"ROOT_ACCESS_KEY=" + s.Root.ID, "ROOT_SECRET_KEY=" + s.Root.Secret},
		ready:   listens(objectStoreAddress),
	})
	if err != nil {
		return nil, err
	}
	b.OnStop(func() error { proc.end(); return nil })
	return s, nil
}

// Stranger makes a user who may do nothing yet.
func (s *ObjectStore) Stranger(ctx context.Context) (Key, error) {
	k := Key{"stranger", rand.Text()}
	out, err := exec.CommandContext(ctx, s.command, "admin", "--access", s.Root.ID, "--secret", s.Root.Secret, "--endpoint-url", s.URL,
		"create-user", "--access", k.ID, "--secret", k.Secret, "--role", "user").CombinedOutput()
	if err != nil {
		return k, fmt.Errorf("make a user of the object store: %w\n%s", err, out)
	}
	return k, nil
}
