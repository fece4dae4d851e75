package notify_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// chat is a service of one's own: a place where people are told.
type chat struct{ down bool }

func (chat) Destinations() []string { return []string{"chat"} }

func (c chat) Tell(_ context.Context, s remediate.Started) (ref string, err error) {
	if c.down {
		return "", errors.New("connection refused")
	}
	n := s.Tell.Notice
	fmt.Printf("%s %s %s: %s\n", notify.ID(n), n.Severity, n.Alert, n.Status)
	return "message-1", nil
}

// A Teller hands what is to be told to the service that its destination names, one try at
// a time, and says what came of it.
func ExampleTeller_Perform() {
	tell := remediate.Started{ID: "q4m2x7kd-i42-t1", Incident: 42, Tell: &remediate.Tell{
		Destination: "chat",
		Notice:      remediate.Notice{Incident: 42, Severity: remediate.P2, Alert: "ShopDown", Status: remediate.StatusHealed},
	}}
	for _, service := range []chat{{}, {down: true}} {
		teller, err := notify.New(service)
		if err != nil {
			fmt.Println(err)
			return
		}
		result := teller.Perform(context.Background(), tell)
		fmt.Printf("%s, ref %q, %q\n", result.Outcome, result.Ref, result.Text)
	}
	// Output:
	// i42 P2 ShopDown: healed
	// ok, ref "message-1", ""
	// later, ref "", "connection refused"
}
