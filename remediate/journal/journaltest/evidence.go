package journaltest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// Gathered is the fact that evidence was gathered, which is kept under the digest.
func Gathered(digest string) remediate.Body {
	return remediate.Finished{ID: "q4m2x7kd-i1-q2", Incident: 1, Result: remediate.Result{Outcome: remediate.OK, Answers: []remediate.Answer{
		{Kind: "evidence", OK: true, Text: "the last logs", Values: map[string]string{remediate.ValueDigest: digest}},
	}}}
}

// testEvidence: evidence can be given up before the records that name it, and
// nothing else can: no rulebook, nothing that no record names, nothing that has
// been named since.
func testEvidence(t *testing.T, j Journal) {
	var c Chain
	keep := keeping(t, j)
	add := func(b remediate.Body) { Append(t, j, c.Next(t, b)) }
	add(Founding())
	book, old, both, again, young, unnamed := keep("a rulebook"), keep("old"), keep("evidence, and then a rulebook"), keep("again"), keep("young"), keep("quarantined")
	add(remediate.RulebookLoaded{Digest: book})
	for _, digest := range []string{old, both, again} {
		add(Gathered(digest))
	}
	add(remediate.RulebookLoaded{Digest: both})
	middle := c.At.Add(time.Millisecond)
	found, err := j.Evidence(t.Context(), middle)
	want := []journal.Evidence{{Digest: old, Seq: 3, At: c.At.Add(-3 * time.Second)}, {Digest: again, Seq: 5, At: c.At.Add(-time.Second)}}
	if err != nil || !reflect.DeepEqual(found, want) {
		t.Fatalf("found %+v, %v, want %+v", found, err, want)
	}
	if none, err := j.Evidence(t.Context(), want[0].At); err != nil || len(none) != 0 {
		t.Errorf("before the first: %+v, %v", none, err)
	}
	add(Gathered(young))
	add(Gathered(again)) // after it was looked for, and before it is given up
	records, err := Read(j, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.DropEvidence(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	for name, digest := range map[string]string{"book": book, "both": both, "again": again, "young": young, "unnamed": unnamed} {
		if _, err := j.Load(t.Context(), digest); err != nil {
			t.Errorf("%s: %v, want it to be there", name, err)
		}
	}
	if b, err := j.Load(t.Context(), old); !errors.Is(err, journal.ErrNotKept) {
		t.Errorf("old: %q, %v, want ErrNotKept", b, err)
	}
	Holds(t, j, 1, records) // the chain stays as it is
	add(Gathered(young))
	if found, err = j.Evidence(t.Context(), c.At.Add(time.Hour)); err != nil || len(found) != 2 || found[0].Digest != again || found[1].Digest != young {
		t.Errorf("then found %+v, %v", found, err)
	}
}
