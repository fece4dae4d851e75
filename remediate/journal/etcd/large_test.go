package etcd_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal/etcd"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// noise is text that cannot be packed to much less.
func noise(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it is to be the same each time
	b := make([]byte, n)
	for k := range b {
		b[k] = byte(' ' + 2 + r.IntN(50))
	}
	return string(b)
}

// A round that is too large for one request is appended in parts, and is there as a whole
// or not at all: parts of an attempt that died are nobody's.
func TestARoundInParts(t *testing.T) {
	w := newWorld(t)
	_, j, c := w.founded()

	client := w.client()
	dead := fmt.Sprintf("%spart/%020d/0000000000000000/%06d", w.prefix, 2, 0)
	if _, err := client.Put(t.Context(), dead, "of an attempt that died"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Put(t.Context(), fmt.Sprintf("%spart/%020d/ffffffffffffffffff/%06d", w.prefix, 2, 7), "of another"); err != nil {
		t.Fatal(err)
	}

	var bodies []remediate.Body
	for k := range 20_000 {
		bodies = append(bodies, remediate.Closed{Incident: 1, Why: noise(uint64(k), 300)})
	}
	journaltest.Append(t, j, c.Next(t, bodies...))
	parts := w.inEtcd("part/")
	if len(parts) < 5 {
		t.Errorf("%d parts, want it to take some", len(parts))
	}
	resp, err := client.Get(t.Context(), dead)
	if err != nil || len(resp.Kvs) > 0 {
		t.Errorf("the part of an attempt that died: %v, %v", resp.Kvs, err)
	}
	if n := len(w.inEtcd(fmt.Sprintf("part/%020d/ffffffffffffffffff/", 2))); n != 0 {
		t.Errorf("%d parts of another that died", n)
	}

	b := w.join("b")
	w.leading(b)
	follows(t, b, c)
	want, err := journaltest.Read(j, 1)
	if err != nil {
		t.Fatal(err)
	}
	journaltest.Holds(t, b.History(), 1, want)

	checkpoint := c.Checkpoint("state")
	if err := j.Trim(t.Context(), checkpoint, nil); err != nil {
		t.Fatal(err)
	}
	if left := append(w.inEtcd("part/"), w.inEtcd("log/")...); len(left) > 0 {
		t.Errorf("a trim left %v", left)
	}
	follows(t, b, c)
}

// What is damaged in etcd is told, by the first record concerned, and not followed.
func TestDamageInEtcd(t *testing.T) {
	for name, test := range map[string]struct {
		change func(w world, client *clientv3.Client) error
		want   string
	}{
		"a round that is changed": {func(w world, c *clientv3.Client) error {
			key := fmt.Sprintf("%slog/%020d", w.prefix, 2)
			resp, err := c.Get(w.t.Context(), key)
			if err != nil {
				return err
			}
			value := resp.Kvs[0].Value
			value[len(value)-1] ^= 1
			_, err = c.Put(w.t.Context(), key, string(value))
			return err
		}, "record 12 is damaged"},
		"a round of a later format": {func(w world, c *clientv3.Client) error {
			_, err := c.Put(w.t.Context(), fmt.Sprintf("%slog/%020d", w.prefix, 2), "\x02")
			return err
		}, "format is 2"},
		"a round that is gone": {func(w world, c *clientv3.Client) error {
			_, err := c.Delete(w.t.Context(), fmt.Sprintf("%slog/%020d", w.prefix, 2))
			return err
		}, "record 2 is damaged: it is missing"},
		"a head of a later format": {func(w world, c *clientv3.Client) error {
			_, err := c.Put(w.t.Context(), w.prefix+"now/head", `{"format":2}`)
			return err
		}, "newer release"},
		"a head that is none": {func(w world, c *clientv3.Client) error {
			_, err := c.Put(w.t.Context(), w.prefix+"now/head", "head")
			return err
		}, "restore etcd"},
		"another head": {func(w world, c *clientv3.Client) error {
			_, err := c.Put(w.t.Context(), w.prefix+"now/head", fmt.Sprintf(`{"format":1,"journal":"q4m2x7kd","seq":12,"sum":"%064d"}`, 0))
			return err
		}, "record 12 is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, j, c := w.founded()
			journaltest.Append(t, j, c.Next(t, journaltest.Story(1)...))
			if err := test.change(w, w.client()); err != nil {
				t.Fatal(err)
			}
			m, err := etcd.Join(t.Context(), w.options("b", t.TempDir()))
			if err == nil {
				err = m.Lead(t.Context())
				m.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q in it", err, test.want)
			}
		})
	}
}
