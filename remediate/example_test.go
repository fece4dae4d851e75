package remediate_test

import (
	"fmt"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// A program that decides as the daemon does: it hands over what it hears, and gets the
// facts that follow. It would write them down, perform what they start, and hand over
// what came of that.
func ExampleHandle() {
	now := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	book := &remediate.Rulebook{
		Cluster:  "prod",
		Runbooks: remediate.DefaultRunbooks(),
		Policies: []remediate.Policy{{
			Name:     "shop-down",
			When:     []string{`alertname="ShopDown"`},
			Per:      []string{"namespace"},
			Severity: remediate.P2,
		}},
	}
	if err := book.Compile(); err != nil { // what the packages that read files do for theirs
		fmt.Println(err)
		return
	}
	books := remediate.Rulebooks{book.Digest(): book}
	state := remediate.NewState()
	if _, err := remediate.Found(state, now, "q4m2x7kd"); err != nil {
		fmt.Println(err)
		return
	}
	for _, in := range []remediate.Input{
		remediate.Loaded{Digest: book.Digest(), Policies: []string{"shop-down"}},
		remediate.Heard{Firing: true, Alert: remediate.Alert{
			Labels:   remediate.LabelsOf(map[string]string{"alertname": "ShopDown", "namespace": "shop"}),
			StartsAt: now,
		}},
		remediate.Tick{}, // whenever it is at least State.Next
	} {
		records, err := remediate.Handle(books, state, now, in)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, r := range records {
			f, err := r.Decode()
			if err != nil {
				fmt.Println(err)
				return
			}
			if f.Seq > 2 { // the journal, and which rulebook governs
				fmt.Println(f.Seq, remediate.Describe(f.Body))
			}
		}
	}
	// Output:
	// 3 alert {alertname="ShopDown", namespace="shop"} fires since 2026-11-28T10:00:00Z, by webhook
	// 4 opened by policy shop-down, P2, for alert a2ed32d7; nothing will be done: policy shop-down has no remedy
	// 5 step 1: deny, target: policy shop-down has no remedy
	// 6 rung 1: tell oncall, because target: policy shop-down has no remedy
}
