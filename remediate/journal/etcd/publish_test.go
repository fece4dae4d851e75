package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/etcd"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// folder is a journal in a folder, as a daemon without etcd leaves it, with evidence and
// behind a checkpoint.
type folder struct {
	path             string
	chain            journaltest.Chain
	checkpoint       remediate.Checkpoint
	needed, evidence string // digests
}

func newFolder(t *testing.T, trimmed bool) folder {
	t.Helper()
	f := folder{path: t.TempDir()}
	s, err := journal.Open(t.Context(), f.path, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	kept := func(text string) string {
		digest, err := s.Keep(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	f.needed = kept("the rulebook")
	state := remediate.NewState()
	for _, r := range f.chain.Next(t, journaltest.Founding(), remediate.RulebookLoaded{Digest: f.needed}) {
		journaltest.Append(t, s, []remediate.Record{r})
		if err := state.Fold(r); err != nil {
			t.Fatal(err)
		}
	}
	snapshot, err := state.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	f.checkpoint = f.chain.Checkpoint(string(snapshot))
	f.evidence = kept(strings.Repeat("evidence ", etcd.PieceSize/4))
	journaltest.Append(t, s, f.chain.Next(t, evidence(f.evidence)))
	for i := range uint64(900) {
		journaltest.Append(t, s, f.chain.Next(t, journaltest.Story(i+1)...))
	}
	if trimmed {
		if err := s.Trim(t.Context(), f.checkpoint, []string{f.needed}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return f
}

// What is in a folder founds the log, if that is asked for: with its checkpoint, blobs and
// records, which whoever joins has then.
func TestPublish(t *testing.T) {
	for _, trimmed := range []bool{false, true} {
		t.Run(fmt.Sprint("trimmed ", trimmed), func(t *testing.T) {
			w, f := newWorld(t), newFolder(t, trimmed)
			o := w.options("a", f.path)
			if _, err := etcd.Join(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--storage.etcd.publish") {
				t.Fatalf("join unasked: %v, want one that says how to publish", err)
			}
			o.Publish = true
			a := w.joinFrom(o)
			j := w.lead(a)
			b := w.join("b")
			w.leading(b)
			follows(t, b, f.chain)
			for what, digest := range map[string]string{"rulebook": f.needed, "evidence": f.evidence} {
				if _, err := b.History().Load(t.Context(), digest); err != nil {
					t.Errorf("the %s: %v", what, err)
				}
			}
			if have, _, err := b.History().Checkpoint(t.Context()); err != nil || trimmed && have.Sum != f.checkpoint.Sum || !trimmed && have.Seq != 0 {
				t.Errorf("checkpoint at %d, %v", have.Seq, err)
			}
			journaltest.Append(t, j, f.chain.Next(t, journaltest.Story(1000)...))
			follows(t, b, f.chain)
			if err := a.Close(); err != nil { // published it is, and not once more
				t.Fatal(err)
			}
			if again, err := etcd.Join(t.Context(), o); err != nil {
				t.Errorf("join again: %v", err)
			} else {
				again.Close()
			}
		})
	}
}

// Who dies while it publishes goes on where it was; nobody else leads what is not there as
// a whole.
func TestPublishIsBrokenOff(t *testing.T) {
	w, f := newWorld(t), newFolder(t, true)
	client, p := w.client(), newProxy(t, w.endpoints[0])
	beyond := w
	beyond.endpoints = []string{"http://" + p.Addr().String()}
	o := beyond.options("a", f.path)
	o.Publish = true
	a := beyond.joinFrom(o)
	watch := client.Watch(t.Context(), w.prefix+"log/", clientv3.WithPrefix())
	ctx, stop := context.WithCancel(t.Context())
	led := make(chan error, 1)
	go func() { led <- a.Lead(ctx) }()
	<-watch
	p.deaf.Store(true)
	stop()
	err := <-led
	p.hear()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("it was not broken off: %v", err)
	}

	b := w.join("b")
	leads := w.leading(b)
	await(t, "b follows", func() bool { end, err := b.History().End(context.Background()); return err == nil && end.Seq > 0 })
	select {
	case err := <-leads:
		t.Fatalf("who has half of it leads: %v", err)
	default:
	}
	o = w.options("a", f.path)
	o.Publish = true
	j := w.lead(w.joinFrom(o))
	follows(t, b, f.chain)
	journaltest.Append(t, j, f.chain.Next(t, journaltest.Story(1000)...))
	follows(t, b, f.chain)
}
