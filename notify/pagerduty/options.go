package pagerduty

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"net/url"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/notify"
)

// PagerDuty's own addresses, for accounts in the United States service region;
// those for the EU are https://events.eu.pagerduty.com/v2/enqueue and
// https://api.eu.pagerduty.com.
const (
	DefaultEventsURL = "https://events.pagerduty.com/v2/enqueue"
	DefaultAPIURL    = "https://api.pagerduty.com"
)

const eventsPath = "/v2/enqueue"

// Options say whom to page. RoutingKeys is needed.
type Options struct {
	// RoutingKeys are the integration keys by rung; with an Escalation it is one,
	// whatever its name.
	RoutingKeys map[string]notify.SecretFile
	EventsURL   string        // with its path, as in Alertmanager's pagerduty_url, or without; empty: DefaultEventsURL
	Timeout     time.Duration // of one call; zero: notify.DefaultTimeout
	// Page returns the address at which people see an incident; nil: there is none.
	Page func(incident uint64) string
	// Templates are of what people read; nil: the defaults.
	Templates *notify.Templates
	// ChangesRung is the rung whose integration is sent change events. Empty: the
	// only one there is, and of several none.
	ChangesRung string

	// APIToken of the REST API; empty: PagerDuty is not asked for anything.
	APIToken notify.SecretFile
	APIURL   string // empty: DefaultAPIURL
	// From is the address of the user in whose name incidents are moved; needed
	// with an Escalation.
	From string
	// Escalation makes the rungs levels of one policy; zero: each has its own key.
	Escalation Escalation
	// EscalationPolicy is PagerDuty's ID of the policy that Check reads when it
	// cannot find the service by its integration key.
	EscalationPolicy string

	// WebhookSecrets are all that a webhook may be signed with: several while one
	// is rotated, or for several subscriptions.
	WebhookSecrets []notify.SecretFile
	// Heard is told what people did in PagerDuty. It may be told twice, and of
	// incidents that are not ours; an error means that it is to be told again.
	Heard func(context.Context, Event) error
	// Observe counts what was seen, by the constants that begin with Seen; nil:
	// nobody counts.
	Observe func(what string)
}

// Escalation says that all rungs are levels of the escalation policy of one
// service. There is then one incident for all of them, and only one owner of
// the escalation: PagerDuty's own delays must be longer than the ladder's
// waits, which [PagerDuty.Check] looks at.
type Escalation struct {
	Levels map[string]int // by rung; the first is 1
}

// owned tells whether there is one incident whose level we set.
func (o Options) owned() bool { return len(o.Escalation.Levels) > 0 }

// rungs are those that can be told, sorted.
func (o Options) rungs() []string {
	if o.owned() {
		return slices.Sorted(maps.Keys(o.Escalation.Levels))
	}
	return slices.Sorted(maps.Keys(o.RoutingKeys))
}

// changesRung is the rung whose integration is sent change events, empty if
// there is none.
func (o Options) changesRung() string {
	if o.ChangesRung != "" || len(o.RoutingKeys) != 1 {
		return o.ChangesRung
	}
	return o.rungs()[0]
}

// Validate names what is missing or wrong.
func (o Options) Validate() error {
	for _, check := range []func(Options) error{
		Options.validateKeys, Options.validateAddresses, Options.validateChanges, Options.validateEscalation, Options.validateWebhooks,
	} {
		if err := check(o); err != nil {
			return fmt.Errorf("notify.pagerduty.%w", err)
		}
	}
	return nil
}

func (o Options) validateKeys() error {
	if len(o.RoutingKeys) == 0 {
		return errors.New("routing_keys: want the file of an integration key for at least one rung")
	}
	for _, rung := range slices.Sorted(maps.Keys(o.RoutingKeys)) {
		switch {
		case rung == "":
			return errors.New("routing_keys: want a name for each rung, for example oncall")
		case o.RoutingKeys[rung] == "":
			return fmt.Errorf("routing_keys.%s: want the path of a file with the integration key", rung)
		}
	}
	return nil
}

func (o Options) validateAddresses() error {
	for _, a := range []struct{ name, given, example string }{
		{"events_url", o.EventsURL, DefaultEventsURL}, {"api_url", o.APIURL, DefaultAPIURL},
	} {
		if u, err := url.Parse(a.given); a.given != "" && (err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http")) {
			return fmt.Errorf("%s: want an address such as %s", a.name, a.example)
		}
	}
	if _, err := mail.ParseAddress(o.From); o.From != "" && err != nil {
		return errors.New("from: want the e-mail address of a user of PagerDuty")
	}
	return nil
}

func (o Options) validateChanges() error {
	if o.ChangesRung != "" && !slices.Contains(o.rungs(), o.ChangesRung) {
		return fmt.Errorf("changes_rung: there is no rung %q; want one of %q", o.ChangesRung, o.rungs())
	}
	return nil
}

func (o Options) validateEscalation() error {
	if !o.owned() {
		return nil
	}
	switch {
	case len(o.RoutingKeys) > 1:
		return errors.New("escalation: want one routing key: levels are of one service's policy, and rungs with keys of their own have no levels")
	case o.APIToken == "":
		return errors.New("escalation: want api_token too: without it no incident can be moved to a level")
	case o.From == "":
		return errors.New("escalation: want from too: PagerDuty moves incidents in the name of a user only")
	}
	at := map[int]string{}
	for _, rung := range o.rungs() {
		level := o.Escalation.Levels[rung]
		switch {
		case rung == "" || level < 1:
			return fmt.Errorf("escalation.levels.%s: want the number of a level, the first is 1", rung)
		case at[level] != "":
			return fmt.Errorf("escalation.levels: %s and %s are both at level %d, so that the second would call nobody", at[level], rung, level)
		}
		at[level] = rung
	}
	return nil
}

func (o Options) validateWebhooks() error {
	for n, file := range o.WebhookSecrets {
		if file == "" {
			return fmt.Errorf("webhook_secret_files[%d]: want the path of a file with the secret of a subscription", n)
		}
	}
	if len(o.WebhookSecrets) > 0 && o.Heard == nil {
		return errors.New("webhook_secret_files: nobody listens to webhooks, which is a bug in remediated: please report it")
	}
	return nil
}
