package etcd_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/etcd"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
	etcdprocess "github.com/x0tta6bl4/remediated/test/etcd"
)

func TestOptionsAreRefused(t *testing.T) {
	_, err := etcd.Join(t.Context(), etcd.Options{TTL: 1500 * time.Millisecond})
	if err == nil {
		t.Fatal("nothing was refused")
	}
	for _, want := range []string{"endpoint", "name", "folder", "whole seconds"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

func TestNoEtcd(t *testing.T) {
	w := world{t: t, endpoints: []string{"http://127.0.0.1:1"}, prefix: "/test/"}
	if _, err := etcd.Join(t.Context(), w.options("a", t.TempDir())); err == nil || !strings.Contains(err.Error(), "majority") {
		t.Errorf("join: %v, want one that says what to see to", err)
	}
}

// Who reaches etcd by certificates, as a user that has no more than the prefix, can do all
// that there is to do; who has no right to is told.
func TestSecured(t *testing.T) {
	s, ours, err := etcdprocess.Secure(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w, _ := newCluster(t, etcdprocess.Options{Secured: s})
	w.tls = ours
	client := w.client()
	var steps []error
	step := func(_ any, err error) { steps = append(steps, err) }
	step(client.UserAdd(t.Context(), "root", "root"))
	step(client.RoleAdd(t.Context(), "root"))
	step(client.UserGrantRole(t.Context(), "root", "root"))
	step(client.UserAdd(t.Context(), "remediated", "secret"))
	step(client.RoleAdd(t.Context(), "journal"))
	step(client.RoleGrantPermission(t.Context(), "journal", w.prefix, clientv3.GetPrefixRangeEnd(w.prefix), clientv3.PermissionType(clientv3.PermReadWrite)))
	step(client.UserGrantRole(t.Context(), "remediated", "journal"))
	step(client.AuthEnable(t.Context()))
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	o := w.options("a", t.TempDir())
	o.Username, o.Password = "remediated", "secret"
	j := w.lead(w.joinFrom(o))
	var c journaltest.Chain
	journaltest.Append(t, j, c.Next(t, append([]remediate.Body{journaltest.Founding()}, journaltest.Story(1)...)...))
	keep(t, j, "blob")
	if err := j.Trim(t.Context(), c.Checkpoint("state"), nil); err != nil {
		t.Fatal(err)
	}

	for name, test := range map[string]struct {
		change func(*etcd.Options)
		want   string
	}{
		"no user":         {func(o *etcd.Options) { o.Username, o.Password = "", "" }, "give a user of etcd"},
		"wrong password":  {func(o *etcd.Options) { o.Password = "wrong" }, "password"},
		"another prefix":  {func(o *etcd.Options) { o.Prefix = "/other/" }, "readwrite is granted"},
		"no certificates": {func(o *etcd.Options) { o.TLS = nil }, "certificates"},
	} {
		t.Run(name, func(t *testing.T) {
			o := o
			o.Folder = t.TempDir()
			test.change(&o)
			if _, err := etcd.Join(t.Context(), o); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("join: %v, want %q in it", err, test.want)
			}
		})
	}
}

// When etcd has used up its quota nothing is kept, and it is said what to do.
func TestQuota(t *testing.T) {
	w, _ := newCluster(t, etcdprocess.Options{Arguments: []string{"--quota-backend-bytes=4000000"}})
	_, j := w.leader("a")
	var err error
	for k := 0; err == nil; k++ {
		if k == 100 {
			t.Fatal("it takes more than its quota")
		}
		_, err = j.Keep(t.Context(), incompressible(uint64(k), 1<<18))
	}
	if !errors.Is(err, journal.ErrFull) || !strings.Contains(err.Error(), "--quota-backend-bytes") {
		t.Errorf("%v, want ErrFull, and what to do", err)
	}
}

func incompressible(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it is to be the same each time
	b := make([]byte, n)
	for k := range b {
		b[k] = byte(r.Uint32())
	}
	return b
}
