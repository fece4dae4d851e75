package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"modernc.org/sqlite"
)

// Options are what a journal can be told. The zero value is good.
type Options struct {
	// MoveAt is how many bytes the write-ahead log may reach before it is
	// moved into the database. Shorter means less to read after a crash,
	// longer means fewer moves. 0 is 4 MiB.
	MoveAt int64
	// CheckUpTo is up to which size, in bytes, Open looks at the whole
	// structure of the database before anything is written to it. 0 is 64 MiB,
	// about a quarter of a second; negative is never. Records are verified
	// whenever they are read, whatever the size.
	CheckUpTo int64
}

func (o Options) withDefaults() Options {
	if o.MoveAt <= 0 {
		o.MoveAt = 4 << 20
	}
	if o.CheckUpTo == 0 {
		o.CheckUpTo = 64 << 20
	}
	return o
}

const databaseName = "journal.db"

// SQLite is a journal in a folder. It is safe for concurrent use; appends are
// one after the other, readings run beside them.
type SQLite struct {
	dir     string
	options Options
	lock    *os.File
	acked   *acked
	writer  *sql.DB // one connection, which prepared has
	beside  *sql.DB // and one that moves the log while that one writes
	reader  *sql.DB // read-only connections
	// anchor is a read-only connection that is open as long as the journal, so
	// that the writer's is never the last to go: SQLite moves the log into the
	// database with the last one, which must not be done after a failed sync.
	anchor *sql.Conn

	unpacker *unpacker

	trimming sync.Mutex // held by whoever trims or sweeps; taken before next
	next     sync.Mutex // held by whoever waits to write; taken before mu

	mu       sync.Mutex // held by whoever writes
	broken   error      // the first error after which nothing may be written
	packing  packing    // under mu
	openRows openRows   // under mu
	prepared prepared   // of the writer; under mu

	grown        chan struct{} // the log may have reached MoveAt
	closing      chan struct{}
	stopSweeping context.CancelFunc
	mover        sync.WaitGroup // and who sweeps what a trim left over
	moveAt       int64          // under mu: the size at which to move next
}

// Open opens the journal in dir for writing, and makes it when there is none.
//
// It returns [ErrLocked] when another process has it, [ErrNewerFormat] when a
// newer release wrote it, [ErrFull] when the disk is full and, wrapped, a
// [*remediate.DamageError] when what lies there is not what was written: it is
// then left as it is. What to do then is the operator's to decide: restore a
// copy, or move the folder away and begin anew.
func Open(ctx context.Context, dir string, options Options) (*SQLite, error) {
	s := &SQLite{
		dir: dir, options: options.withDefaults(), unpacker: newUnpacker(format), openRows: openRows{},
		grown: make(chan struct{}, 1), closing: make(chan struct{}),
	}
	s.moveAt = s.options.MoveAt
	if err := s.open(ctx); err != nil {
		_ = s.release(false) // what kept it from opening matters more
		return nil, fmt.Errorf("open journal %s: %w", dir, err)
	}
	s.mover.Add(2)
	go s.moveWhenGrown() //nolint:gosec // it ends with Close, not with the opening
	sweeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stopSweeping = stop
	go s.sweepWhenOpened(sweeping)
	return s, nil
}

func (s *SQLite) open(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = takeLock(s.dir); err != nil {
		return err
	}
	var bound End
	if s.acked, bound, err = openAcked(s.dir); err != nil {
		return err
	}
	version, err := s.examine(ctx, bound)
	if err != nil {
		return err
	}
	if err := s.connect(ctx, version); err != nil {
		return err
	}
	return s.settle(ctx)
}

// connect opens the connections of a database that was found to be sound, makes the
// tables of a fresh one, whose format is 0, and upgrades an old one.
func (s *SQLite) connect(ctx context.Context, version int) (err error) {
	if s.writer, err = dial(s.database(), 1, writerParameters); err != nil {
		return err
	}
	switch version {
	case 0:
		f, err := os.OpenFile(s.database(), os.O_RDWR|os.O_CREATE, 0o600) // SQLite would make it readable for all
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		if err := createTables(ctx, s.writer); err != nil {
			return err
		}
	case 1:
		if err := upgrade(ctx, s.writer); err != nil {
			return err
		}
	}
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return explain(err)
	}
	s.prepared = newPrepared(conn)
	if s.beside, err = dial(s.database(), 1, writerParameters); err != nil {
		return err
	}
	if s.reader, err = dial(s.database(), 4, readerParameters); err != nil {
		return err
	}
	if s.anchor, err = s.reader.Conn(ctx); err != nil {
		return explain(err)
	}
	s.packing, err = openPacking(ctx, s.anchor) // SQLite opens the files with the first statement
	return err
}

// settle makes all that was found durable and notes it: the log is written
// into the database and that is synced, then the folder with the names.
func (s *SQLite) settle(ctx context.Context) error {
	if err := s.move(ctx); err != nil {
		return err
	}
	last, err := readHead(ctx, s.prepared)
	if err != nil {
		return err
	}
	if err := errors.Join(s.acked.write(last), s.acked.sync()); err != nil {
		return err
	}
	for _, dir := range []string{s.dir, filepath.Dir(filepath.Clean(s.dir))} {
		if err := syncFolder(dir); err != nil {
			return err
		}
	}
	return nil
}

// Close moves the log into the database and gives everything back. It returns
// the error that the journal broke with, if it did.
func (s *SQLite) Close() error {
	s.mu.Lock()
	if errors.Is(s.broken, ErrClosed) {
		s.mu.Unlock()
		return nil
	}
	err := s.broken
	if err == nil {
		err = s.move(context.Background())
	}
	clean := err == nil
	s.broken = ErrClosed
	s.mu.Unlock()

	close(s.closing)
	s.stopSweeping()
	s.mover.Wait()
	return errors.Join(err, s.release(clean))
}

// release closes what was opened. After a clean end the writer goes last and
// SQLite removes the log, otherwise the anchor does and it stays as it is.
func (s *SQLite) release(clean bool) error {
	var errs []error
	if !clean {
		errs = append(errs, closeIf(s.beside), s.prepared.close(), closeIf(s.writer))
	}
	errs = append(errs, closeIf(s.anchor), closeIf(s.reader))
	if clean {
		errs = append(errs, closeIf(s.beside), s.prepared.close(), closeIf(s.writer))
	}
	return errors.Join(append(errs, closeIf(s.acked), closeIf(s.lock))...)
}

// closeIf closes what was opened; opening may not have come that far.
func closeIf[T interface {
	comparable
	io.Closer
}](c T) error {
	var none T
	if c == none {
		return nil
	}
	return c.Close()
}

func (s *SQLite) database() string { return filepath.Join(s.dir, databaseName) }
func (s *SQLite) wal() string      { return s.database() + "-wal" }

// fail remembers the first error and returns it. s.mu is held.
func (s *SQLite) fail(err error) error {
	if s.broken == nil {
		s.broken = fmt.Errorf("the journal broke off and must be opened anew: %w", err)
	}
	return s.broken
}

// Parameters of connections. Those of SQLite itself are described at
// https://www.sqlite.org/pragma.html, those with an underscore and the way
// they are given by the driver.
var (
	writerParameters = url.Values{
		"_defensive":    {"1"}, // no statement can damage the file on purpose
		"_dqs":          {"0"},
		"_txlock":       {"immediate"},
		"_busy_timeout": {"1000"}, // ms; only an operator's own sqlite3 can be in the way
		"_journal_mode": {"WAL"},
		"_synchronous":  {synchronous},
		"_pragma":       {"wal_autocheckpoint(0)", "cell_size_check(1)", "trusted_schema(0)"},
	}
	readerParameters = url.Values{
		"mode":          {"ro"},
		"_dqs":          {"0"},
		"_busy_timeout": {"1000"},
		"_query_only":   {"1"},
		"_pragma":       {"cell_size_check(1)", "trusted_schema(0)"},
	}
)

// dial returns up to connections connections to the database at path.
func dial(path string, connections int, parameters url.Values) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := url.URL{Scheme: "file", Path: absolute, RawQuery: parameters.Encode()}
	connector, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
