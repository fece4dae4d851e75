package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// SQLite's write-ahead log: a header, then frames of a header and a page each.
// See https://www.sqlite.org/fileformat2.html#the_write_ahead_log.
const (
	walHeaderSize  = 32
	walFrameHeader = 24
	walMagic       = 0x377f0682 // the lowest bit says that checksums are over big-endian words
	walVersion     = 3007000
	walMinPage     = 512
	walMaxPage     = 65536
	walPageOne     = 1 // how the header says 65536
)

// WAL is what a scan of a write-ahead log found.
type WAL struct {
	Frames    int // valid frames from the beginning: what SQLite would read
	Committed int // of those, up to the last that ends a transaction: what it would use
	// Damaged tells that transactions were committed behind the first frame
	// that is not valid: SQLite would silently leave them out. When it is false
	// there may still be frames of a transaction that was cut short.
	Damaged bool
	Why     string // when Damaged: where and how it shows
}

// ScanWAL reads a write-ahead log as it lies on the disk and tells whether
// SQLite would read all that was committed to it. SQLite stops at the first
// frame whose checksum or salt is wrong and holds it for the end. That is
// right for a write that was cut short by a crash, since nothing was written
// after it. But each commit is synced before anything is written behind it, so
// frames of this generation of the log that lie behind the end of the bad
// frame's transaction prove that the transaction was complete once.
//
// The bad frame's transaction itself, when it is the last one, proves nothing:
// its frames may have reached the disk in any order.
//
// The error is only ever r's.
func ScanWAL(r io.Reader) (WAL, error) {
	s := walScan{in: bufio.NewReaderSize(r, 1<<16)}
	header := make([]byte, walHeaderSize)
	if _, err := io.ReadFull(s.in, header); err != nil {
		// Less than a header: nothing was ever committed to it.
		return WAL{}, ignoreEnd(err)
	}
	if why := s.begin(header); why != "" {
		return s.afterBadHeader(why)
	}
	for {
		frame, err := s.next()
		if err != nil || frame == nil {
			return s.found, err
		}
		if why := s.add(frame); why != "" {
			return s.afterBadFrame(why, frame)
		}
	}
}

// walScan is a scan under way.
type walScan struct {
	in     *bufio.Reader
	order  binary.ByteOrder // of the words that are summed
	salts  [8]byte
	s0, s1 uint32 // checksum so far
	frame  []byte
	pages  map[uint32]bool // written by the transaction that is being read
	found  WAL
}

// begin takes the header in and says what is wrong with it.
func (s *walScan) begin(h []byte) (why string) {
	magic := binary.BigEndian.Uint32(h)
	if magic&^1 != walMagic {
		return "its header does not begin as one"
	}
	s.order = binary.LittleEndian
	if magic&1 != 0 {
		s.order = binary.BigEndian
	}
	s.sum(h[:24])
	if s.s0 != binary.BigEndian.Uint32(h[24:]) || s.s1 != binary.BigEndian.Uint32(h[28:]) {
		return "the checksum of its header is wrong"
	}
	if v := binary.BigEndian.Uint32(h[4:]); v != walVersion {
		return fmt.Sprintf("its format version is %d", v)
	}
	page := binary.BigEndian.Uint32(h[8:])
	if page == walPageOne {
		page = walMaxPage
	}
	if page < walMinPage || page > walMaxPage || page&(page-1) != 0 {
		return fmt.Sprintf("its page size is %d", page)
	}
	copy(s.salts[:], h[16:24])
	s.frame = make([]byte, walFrameHeader+page)
	s.pages = map[uint32]bool{}
	return ""
}

// next returns the next frame, nil at the end. A frame that is cut short is
// returned as far as it goes, when that is at least its header.
func (s *walScan) next() ([]byte, error) {
	n, err := io.ReadFull(s.in, s.frame)
	if n < walFrameHeader {
		return nil, ignoreEnd(err)
	}
	return s.frame[:n], ignoreEnd(err)
}

// add takes one more frame in and says what is wrong with it.
func (s *walScan) add(f []byte) (why string) {
	if len(f) < len(s.frame) {
		return "it is cut short"
	}
	if !s.ours(f) {
		return "it has other salts than the header"
	}
	s.sum(f[:8])
	s.sum(f[walFrameHeader:])
	if s.s0 != binary.BigEndian.Uint32(f[16:]) || s.s1 != binary.BigEndian.Uint32(f[20:]) {
		return "its checksum is wrong"
	}
	s.found.Frames++
	s.pages[pageOf(f)] = true
	if commits(f) {
		s.found.Committed = s.found.Frames
		clear(s.pages)
	}
	return ""
}

// afterBadFrame decides what to hold of a frame that is not valid, by looking
// at what lies behind it: frames behind the end of its transaction. That end
// shows by its mark or, in case that is what was damaged, by a page coming
// again: a transaction writes each page once, save that its last frame may
// repeat one that had to leave the cache early.
func (s *walScan) afterBadFrame(why string, f []byte) (WAL, error) {
	ended := commits(f)
	if s.ours(f) {
		s.pages[pageOf(f)] = true
	}
	for {
		f, err := s.next()
		if err != nil || f == nil {
			return s.found, err
		}
		if !s.ours(f) {
			continue // of an earlier generation, which was moved into the database
		}
		if ended || s.pages[pageOf(f)] && !commits(f) {
			s.found.Damaged = true
			s.found.Why = fmt.Sprintf("frame %d of the write-ahead log: %s, and a later transaction lies behind it", s.found.Frames+1, why)
			return s.found, nil
		}
		ended = commits(f)
		s.pages[pageOf(f)] = true
	}
}

// afterBadHeader decides what to hold of a log whose header is not valid. The
// header is synced before the first frame is written, so anything but zeros
// behind it proves that it was complete once.
func (s *walScan) afterBadHeader(why string) (WAL, error) {
	for {
		b, err := s.in.ReadByte()
		if err != nil {
			return s.found, ignoreEnd(err)
		}
		if b != 0 {
			return WAL{Damaged: true, Why: "the write-ahead log: " + why + ", and frames lie behind it"}, nil
		}
	}
}

// ours tells whether the frame is of the log's current generation.
func (s *walScan) ours(f []byte) bool { return [8]byte(f[8:16]) == s.salts }

// commits tells whether the frame ends a transaction: it then gives the size
// of the database after it.
func commits(f []byte) bool { return binary.BigEndian.Uint32(f[4:]) != 0 }

// pageOf returns the number of the page that the frame holds.
func pageOf(f []byte) uint32 { return binary.BigEndian.Uint32(f) }

// sum goes on with the log's checksum over b, a multiple of 8 bytes.
func (s *walScan) sum(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		s.s0 += s.order.Uint32(b) + s.s1
		s.s1 += s.order.Uint32(b[4:]) + s.s0
	}
}

// ignoreEnd makes nothing of an error that says that there is no more.
func ignoreEnd(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fmt.Errorf("read the write-ahead log: %w", err)
}
