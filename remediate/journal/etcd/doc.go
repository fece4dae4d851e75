// Package etcd keeps the journal in an existing etcd cluster, for replicas of the
// daemon of which one leads and the others follow. It keeps the contract of
// [journal.SQLite].
//
// What is in etcd counts: a record is there when the transaction that puts it says so.
// Each replica has a local history beside it, a [journal.SQLite] that follows, from
// which everything is read. It may be lost: it is made anew from etcd.
//
// # What lies in etcd
//
// All keys begin with a prefix. Those that change are small and lie together, so that
// to follow them is to watch a handful of bytes.
//
//	now/leader              who leads, as JSON, with a lease
//	now/writer              changes each time that a leader opens the journal
//	now/head                the last record, and the format of it all, as JSON
//	now/checkpoint          what the log begins behind, as JSON
//	now/dropped             changes each time that evidence was given up
//	log/FIRST               the records of one append, by the number of the first
//	part/FIRST/ATTEMPT/N    pieces of an append that is too large for one value
//	state/SEQ-ATTEMPT/N     pieces of the state in the checkpoint
//	blob/DIGEST             how many pieces are kept under a digest, as JSON
//	chunk/DIGEST/N          the pieces
//
// A piece is half a mebibyte at most, packed by itself, so every request stays under
// the limit that etcd has by default.
//
// # What is promised
//
// Every transaction that writes compares who leads and who opened the journal last, and an
// append compares the head with the end that it goes on from. So whoever was paused for
// longer than its lease, or is cut off, appends nothing, whatever it believes; and
// what an earlier handle sent and never heard of is void once another one is open.
// An append is tried again for some seconds, since to do it twice is impossible.
//
// # What etcd needs
//
// Old revisions must be compacted, by --auto-compaction-retention for example: each
// append leaves one. It must not be the etcd of a cluster that is remediated.
package etcd
