package etcd

import (
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// keys are the names of all keys, by what they begin with.
type keys string

func (k keys) now() string        { return string(k) + "now/" }
func (k keys) leader() string     { return string(k) + "now/leader" }
func (k keys) writer() string     { return string(k) + "now/writer" }
func (k keys) head() string       { return string(k) + "now/head" }
func (k keys) checkpoint() string { return string(k) + "now/checkpoint" }
func (k keys) dropped() string    { return string(k) + "now/dropped" }

func (k keys) rounds() string              { return string(k) + "log/" }
func (k keys) round(first uint64) string   { return fmt.Sprintf("%slog/%020d", k, first) }
func (k keys) parts() string               { return string(k) + "part/" }
func (k keys) partsOf(first uint64) string { return fmt.Sprintf("%spart/%020d/", k, first) }
func (k keys) attempt(first uint64, attempt string) string {
	return k.partsOf(first) + attempt + "/"
}
func (k keys) states() string              { return string(k) + "state/" }
func (k keys) state(id string) string      { return string(k) + "state/" + id + "/" }
func (k keys) blobs() string               { return string(k) + "blob/" }
func (k keys) blob(digest string) string   { return string(k) + "blob/" + digest }
func (k keys) chunks(digest string) string { return string(k) + "chunk/" + digest + "/" }

// piece is the key of the nth piece of those that begin with prefix.
func piece(prefix string, n int) string { return fmt.Sprintf("%s%06d", prefix, n) }

// behind is the key after all that begin with prefix.
func behind(prefix string) string { return clientv3.GetPrefixRangeEnd(prefix) }
