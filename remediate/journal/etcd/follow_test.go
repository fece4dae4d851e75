package etcd_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
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

// follows waits until the history of m ends where c does.
func follows(t *testing.T, m *etcd.Member, c journaltest.Chain) {
	t.Helper()
	await(t, "it follows", func() bool {
		end, err := m.History().End(context.Background())
		if err != nil && !errors.Is(err, journal.ErrClosed) { // it may just be made anew
			t.Fatal(err)
		}
		return end == journal.End{Seq: c.Seq, At: c.At, Sum: c.Sum}
	})
}

// evidence is the fact that names a piece of evidence.
func evidence(digest string) remediate.Body {
	return remediate.Finished{ID: "q4m2x7kd-i1-q1", Incident: 1, Result: remediate.Result{Outcome: remediate.OK, Answers: []remediate.Answer{
		{Kind: remediate.BlobEvidence, OK: true, Values: map[string]string{remediate.ValueDigest: digest}},
	}}}
}

func keep(t *testing.T, j *etcd.Journal, text string) (digest string) {
	t.Helper()
	digest, err := j.Keep(t.Context(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// gone waits until nothing is kept under a digest any more.
func gone(t *testing.T, h *journal.SQLite, digest string) {
	t.Helper()
	await(t, "it is given up", func() bool {
		_, err := h.Load(context.Background(), digest)
		return errors.Is(err, journal.ErrNotKept)
	})
}

// inEtcd are the keys that begin with prefix.
func (w world) inEtcd(prefix string) (all []string) {
	w.t.Helper()
	resp, err := w.client().Get(w.t.Context(), w.prefix+prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, kv := range resp.Kvs {
		all = append(all, strings.TrimPrefix(string(kv.Key), w.prefix))
	}
	return all
}

// Who follows has each record, what they name, and gives up what is given up.
func TestFollows(t *testing.T) {
	w := newWorld(t)
	_, j, c := w.founded()
	b := w.join("b")
	w.leading(b)
	large := strings.Repeat("0123456789abcdef", etcd.PieceSize/10)
	digest, needed := keep(t, j, large), keep(t, j, "needed")
	journaltest.Append(t, j, c.Next(t, append(journaltest.Story(1), evidence(digest), evidence(needed))...))
	follows(t, b, c)
	if have, err := b.History().Load(t.Context(), digest); err != nil || string(have) != large {
		t.Errorf("what the records name: %d bytes, %v", len(have), err)
	}
	if rows, err := b.History().Incidents(t.Context(), journal.Filter{}); err != nil || len(rows) != 1 {
		t.Errorf("%d incidents, %v, want 1", len(rows), err)
	}

	old, err := j.Evidence(t.Context(), time.Now().AddDate(100, 0, 0))
	if err != nil || len(old) != 2 {
		t.Fatalf("evidence %v, %v", old, err)
	}
	if err := j.DropEvidence(t.Context(), old[:1]); err != nil {
		t.Fatal(err)
	}
	gone(t, b.History(), old[0].Digest)
	if _, err := b.History().Load(t.Context(), old[1].Digest); err != nil {
		t.Errorf("what was not given up: %v", err)
	}
	if len(w.inEtcd("blob/")) != 1 {
		t.Errorf("etcd keeps %v, want what was not given up", w.inEtcd("blob/"))
	}

	checkpoint := c.Checkpoint("state")
	journaltest.Append(t, j, c.Next(t, journaltest.Story(2)...))
	if err := j.Trim(t.Context(), checkpoint, []string{old[1].Digest}); err != nil {
		t.Fatal(err)
	}
	await(t, "it trims", func() bool {
		have, ok, err := b.History().Checkpoint(context.Background())
		return err == nil && ok && have.Seq == checkpoint.Seq && bytes.Equal(have.State, checkpoint.State)
	})
	follows(t, b, c)
	if _, err := b.History().Load(t.Context(), old[1].Digest); err != nil {
		t.Errorf("what the state needs: %v", err)
	}
	if have := w.inEtcd("log/"); len(have) != 1 {
		t.Errorf("etcd has the rounds %v, want the last", have)
	}
	if have := append(w.inEtcd("state/"), w.inEtcd("chunk/")...); len(have) != 2 {
		t.Errorf("etcd has %v, want the state and what it needs", have)
	}
	if space, err := j.Space(t.Context()); err != nil || space.Used <= 0 || space.Room <= 0 {
		t.Errorf("space %+v, %v", space, err)
	}
}

// Evidence that was given up while a replica was away is given up there when it is back.
func TestEvidenceGivenUpMeanwhile(t *testing.T) {
	w := newWorld(t)
	a, j, c := w.founded()
	digest := keep(t, j, "a log with somebody's name")
	journaltest.Append(t, j, c.Next(t, evidence(digest)))
	o := w.options("b", t.TempDir())
	b := w.joinFrom(o)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Lead(ctx) }()
	follows(t, b, c)
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := j.Evidence(t.Context(), time.Now().AddDate(100, 0, 0))
	if err == nil {
		err = j.DropEvidence(t.Context(), all)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
	b = w.joinFrom(o)
	w.lead(b)
	gone(t, b.History(), digest)
}

// Evidence that was given up here when etcd did not answer any more is given up there when the
// journal is opened anew.
func TestEvidenceGivenUpByHalf(t *testing.T) {
	w := newWorld(t)
	a, j, c := w.founded()
	b := w.join("b")
	w.leading(b)
	digest, stays := keep(t, j, "a log with somebody's name"), keep(t, j, "the next record names it")
	journaltest.Append(t, j, c.Next(t, evidence(digest)))
	follows(t, b, c)
	all, err := a.History().Evidence(t.Context(), time.Now().AddDate(100, 0, 0))
	if err == nil {
		err = a.History().DropEvidence(t.Context(), all)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone(t, b.History(), digest)
	if have := w.inEtcd("blob/"); len(have) != 1 || have[0] != "blob/"+stays {
		t.Errorf("etcd keeps %v, want what was not given up", have)
	}
}

// A replica that was away for longer than the log goes back, that is new, or that lost its
// disk begins behind the checkpoint; what it had is moved aside.
func TestBehindATrim(t *testing.T) {
	w := newWorld(t)
	a, j, c := w.founded()
	behind := w.options("behind", t.TempDir())
	b := w.joinFrom(behind)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Lead(ctx) }()
	follows(t, b, c)
	stop()
	<-ended
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	needed := keep(t, j, "needed")
	journaltest.Append(t, j, c.Next(t, append(journaltest.Story(1), evidence(needed))...))
	checkpoint := c.Checkpoint(`{"journal":"q4m2x7kd"}`)
	journaltest.Append(t, j, c.Next(t, journaltest.Story(2)...))
	if err := j.Trim(t.Context(), checkpoint, []string{needed}); err != nil {
		t.Fatal(err)
	}
	damaged := w.options("damaged", t.TempDir())
	if err := os.WriteFile(filepath.Join(damaged.Folder, "journal.db"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []etcd.Options{behind, w.options("new", t.TempDir()), damaged} {
		m := w.joinFrom(o)
		leads := w.leading(m)
		follows(t, m, c)
		if have, _, err := m.History().Checkpoint(t.Context()); err != nil || have.Seq != checkpoint.Seq {
			t.Errorf("%s: checkpoint at %d, %v, want %d", o.Name, have.Seq, err, checkpoint.Seq)
		}
		if _, err := m.History().Load(t.Context(), needed); err != nil {
			t.Errorf("%s: what the state needs: %v", o.Name, err)
		}
		if err := m.History().Check(t.Context()); err != nil {
			t.Errorf("%s: %v", o.Name, err)
		}
		aside, err := filepath.Glob(filepath.Join(o.Folder, "aside-*", "journal.db"))
		if err != nil || len(aside) == 0 != (o.Name == "new") {
			t.Errorf("%s: moved aside: %v, %v", o.Name, aside, err)
		}
		if o.Name != "damaged" {
			continue
		}
		if err := a.Resign(t.Context()); err != nil { // one of the three goes on
			t.Fatal(err)
		}
		select {
		case err := <-leads:
			if err != nil {
				t.Fatal(err)
			}
		default:
		}
	}
}

// A history that is not of the log is refused, with what to do.
func TestAnotherHistoryIsRefused(t *testing.T) {
	w := newWorld(t)
	_, j, c := w.founded()
	founded := c
	journaltest.Append(t, j, c.Next(t, journaltest.Story(1)...))
	end := c

	diverged, early, ahead := founded, founded, end
	foreign := (&journaltest.Chain{}).Next(t, remediate.Founded{Journal: "another1"})
	ours := (&journaltest.Chain{}).Next(t, journaltest.Founding())
	for _, test := range []struct {
		name    string
		records []remediate.Record
		want    []string
	}{
		{"another journal", foreign, []string{"another1", "q4m2x7kd", "folder"}},
		{"another record", append(ours, diverged.Next(t, journaltest.Story(2)...)...), []string{"record 12", "put back"}},
		{"another record on the way", append(ours, early.Next(t, journaltest.Story(2)[:3]...)...), []string{"put back"}},
		{"more records", append(mustRead(t, j), ahead.Next(t, journaltest.Story(2)...)...), []string{"up to 23", "up to 12", "put back"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := w.options("b", t.TempDir())
			write(t, o.Folder, test.records)
			_, err := etcd.Join(t.Context(), o)
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q in it", err, want)
				}
			}
		})
	}
}

func mustRead(t *testing.T, j *etcd.Journal) []remediate.Record {
	t.Helper()
	records, err := journaltest.Read(j, 1)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// write writes a journal into a folder.
func write(t *testing.T, folder string, records []remediate.Record) {
	t.Helper()
	s, err := journal.Open(t.Context(), folder, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	journaltest.Append(t, s, records)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A member of etcd that hangs keeps nobody from following.
func TestFollowsBesideAMemberThatHangs(t *testing.T) {
	w, cluster := newCluster(t, etcdprocess.Options{Members: 3})
	_, j, c := w.founded()
	var followers []*etcd.Member
	for _, name := range []string{"b", "c", "d"} {
		m := w.join(name)
		w.leading(m)
		follows(t, m, c)
		followers = append(followers, m)
	}
	if err := cluster.Members[0].Pause(); err != nil {
		t.Fatal(err)
	}
	journaltest.Append(t, j, c.Next(t, journaltest.Story(1)...))
	for _, m := range followers {
		follows(t, m, c)
	}
}

// etcd is compacted while somebody follows: the watch ends, and it goes on.
func TestCompaction(t *testing.T) {
	w := newWorld(t)
	p := newProxy(t, w.endpoints[0])
	_, j, c := w.founded()
	beyond := w
	beyond.endpoints = []string{"http://" + p.Addr().String()}
	b := beyond.join("b")
	w.leading(b)
	follows(t, b, c)
	p.deaf.Store(true)
	for i := range uint64(5) {
		journaltest.Append(t, j, c.Next(t, journaltest.Story(i+1)...))
	}
	client := w.client()
	resp, err := client.Get(t.Context(), w.prefix+"now/head")
	if err == nil {
		_, err = client.Compact(t.Context(), resp.Header.Revision, clientv3.WithCompactPhysical())
	}
	if err != nil {
		t.Fatal(err)
	}
	p.hear()
	follows(t, b, c)
	journaltest.Append(t, j, c.Next(t, journaltest.Story(6)...))
	follows(t, b, c)
}
