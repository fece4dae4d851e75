package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// lockName is the sidecar file whose flock makes its holder the only writer.
// It is a file of its own because SQLite takes and drops locks of another kind
// on the database as it goes, and a kill must free it at once.
const lockName = "journal.lock"

// takeLock makes this process the writer of the journal in dir, until the file
// that it returns is closed or the process ends. It returns [ErrLocked], and
// who has it, when there is another one.
func takeLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock journal: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w (process %s): stop it first, or use another folder", dir, ErrLocked, holder(f))
		}
		return nil, fmt.Errorf("lock %s: %w: the journal needs a local file system", f.Name(), err)
	}
	if err := writeHolder(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock journal: %w", err)
	}
	return f, nil
}

func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// holder returns the process number in the lock file: what its holder wrote.
func holder(f *os.File) string {
	b := make([]byte, 16)
	n, err := f.ReadAt(b, 0)
	pid := strings.TrimSpace(string(b[:n]))
	if pid == "" || (err != nil && !errors.Is(err, io.EOF)) {
		return "unknown"
	}
	return pid
}
