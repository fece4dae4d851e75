package journal

import (
	"context"
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// Space is how much of the disk a journal takes, in bytes.
type Space struct {
	// Used is what records, blobs and the history take. What a trim gives back
	// is used again, but the file does not become shorter.
	Used int64
	// Room is what can still be written: what the file has unused, and what is
	// free on the disk for this user.
	Room int64
}

// Space returns how much of the disk the journal takes.
func (s *SQLite) Space(ctx context.Context) (Space, error) {
	if err := s.state(); err != nil {
		return Space{}, err
	}
	var size, pages, unused int64
	err := s.reader.QueryRowContext(ctx, "SELECT page_size, page_count, freelist_count FROM pragma_page_size, pragma_page_count, pragma_freelist_count").Scan(&size, &pages, &unused)
	if err != nil {
		return Space{}, fmt.Errorf("see how much space the journal takes: %w", explain(err))
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(s.dir, &disk); err != nil {
		return Space{}, fmt.Errorf("see how much space is free for the journal in %s: %w", s.dir, err)
	}
	return Space{
		Used: (pages - unused) * size,
		Room: unused*size + int64(min(disk.Bavail, math.MaxInt64/2/uint64(disk.Bsize)))*int64(disk.Bsize), //nolint:unconvert // on a Mac it is another type
	}, nil
}

// Space returns how much of the memory the journal takes. There is always room.
func (m *Memory) Space(context.Context) (Space, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	space := Space{Room: math.MaxInt64}
	for _, r := range m.records {
		space.Used += int64(len(r.Bytes))
	}
	for _, b := range m.blobs {
		space.Used += int64(len(b.bytes))
	}
	return space, nil
}
