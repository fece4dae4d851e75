// Package journal keeps the records of facts: in order, without gaps, all or
// nothing, and durable before it says so.
//
// [Open] gives the journal that a daemon runs on, one SQLite file; [Memory] is
// the same without a disk, for tests and for the time in which the disk is
// gone. Both pass the suite in package journaltest.
//
// # What lies in the folder
//
//	journal.db        facts, checkpoint, kept blobs, history; SQLite, mode 0600, format 2
//	journal.db-wal    what was appended since the last move into journal.db
//	journal.db-shm    SQLite's index of the above, made anew at each start
//	journal.lock      whoever holds its flock(2) is the writer; names its process
//	journal.acked     the last record that was acknowledged
//	snapshot-N.json   the state after record N: a cache, may be deleted
//
// The first three belong together: to copy a journal, stop the daemon or use
// SQLite's own backup, and never leave the -wal file behind. The process that
// has a journal open must not open and close journal.db by other means:
// closing any descriptor of a file drops the POSIX locks that SQLite has on it.
//
// # What is promised of damage
//
// Records form a hash chain, so a record that reads back is the one that was
// written. What could make records vanish is guarded one by one: a gap and a
// missing end by the numbering and by a head row written in each transaction;
// a damaged write-ahead log, of which SQLite silently ignores all that follows
// the first bad frame, by [ScanWAL] before SQLite sees it; a log that was cut
// off or lost as a whole, by journal.acked. All of it is reported as a
// [*remediate.DamageError] that names the first record concerned, and a
// journal so damaged does not open.
//
// Facts are packed, each by itself, with a dictionary of earlier ones. The chain is
// over what was packed; a dictionary has a checksum, and damage to it is damage to
// the records that are packed with it.
//
// What is kept by digest is verified when it is loaded, history rows when they
// are listed; neither is ever used to decide. A flip in space that is in use by
// nothing harms nothing and is not looked for, save by [SQLite.Check].
//
// One ambiguity is left. journal.acked is written after every append but not
// synced with it, since that would double the price of an append. After a
// crash of the process alone it is exact. After a power cut it may be some
// seconds old, and damage that touches nothing but the last transaction in the
// log then looks like a write that was cut short and never acknowledged. It is
// taken for one.
//
// # After an error
//
// A journal whose disk once failed to write or sync is not used again: each
// later call returns the first error, because after a failed fsync the kernel
// may hold pages as clean that never reached the disk. Close it and Open
// anew: opening writes the whole log into journal.db and syncs that, so that
// nothing is trusted to be on the disk for having been read from memory.
package journal
