package pagerduty

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/x0tta6bl4/remediated/notify"
)

// Statuses of PagerDuty's incidents.
const (
	statusTriggered    = "triggered"
	statusAcknowledged = "acknowledged"
	statusResolved     = "resolved"
)

// Person is a user of PagerDuty.
type Person struct{ ID, Name string }

// Standing is how PagerDuty's incident of a key stands.
type Standing struct {
	Found  bool
	Status string // triggered, acknowledged or resolved
	// By is the person who acknowledged or resolved it; zero when it was
	// PagerDuty itself or an integration, of which we are one.
	By       Person
	At       time.Time // since when it stands so
	Incident string    // PagerDuty's ID
	URL      string    // where people see it
}

// Look asks how the incident of a key stands. A key may have several, one per
// rung: what a person did about one of them is told first, then what is open.
func (p *PagerDuty) Look(ctx context.Context, key string) (Standing, error) {
	incidents, err := p.list(ctx, key)
	if err != nil {
		return Standing{}, err
	}
	var all []Standing
	for _, i := range incidents {
		all = append(all, standingOf(i))
	}
	for _, better := range []func(Standing) bool{
		func(s Standing) bool { return s.By.ID != "" && s.Status == statusAcknowledged },
		func(s Standing) bool { return s.By.ID != "" },
		func(s Standing) bool { return s.Status != statusResolved },
		func(Standing) bool { return true },
	} {
		if n := slices.IndexFunc(all, better); n >= 0 {
			return all[n], nil
		}
	}
	return Standing{}, nil
}

// list returns the incidents of a key, the newest first, however old. Those
// whose alerts are grouped carry the key on an alert only and are found too.
func (p *PagerDuty) list(ctx context.Context, key string) ([]api.Incident, error) {
	var answer api.ListIncidentsResponse
	err := p.ask(ctx, http.MethodGet, "/incidents", url.Values{
		"incident_key": {key}, "date_range": {"all"}, "sort_by": {"created_at:desc"}, "limit": {"100"},
		"statuses[]": {statusTriggered, statusAcknowledged, statusResolved},
	}, nil, &answer)
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", key, err)
	}
	return answer.Incidents, nil
}

func standingOf(i api.Incident) Standing {
	s := Standing{
		Found: true, Status: notify.Clean(i.Status, 40), At: timeOf(i.LastStatusChangeAt),
		Incident: notify.Clean(i.ID, maxID), URL: webAddress(i.HTMLURL),
	}
	switch i.Status {
	case statusResolved:
		s.By = personOf(i.LastStatusChangeBy)
	case statusAcknowledged:
		s.By = personOf(i.LastStatusChangeBy)
		newest := time.Time{}
		for _, a := range i.Acknowledgements {
			if by := personOf(a.Acknowledger); by.ID != "" && !timeOf(a.At).Before(newest) {
				newest = timeOf(a.At)
				s.By, s.At = by, newest
			}
		}
	}
	return s
}

// maxID and maxPerson are in characters.
const (
	maxID     = 200
	maxPerson = 120
)

// personOf is zero for what is no user.
func personOf(o api.APIObject) Person {
	if o.ID == "" || (o.Type != "user_reference" && o.Type != "user") {
		return Person{}
	}
	by := Person{ID: notify.Clean(o.ID, maxID), Name: notify.Clean(o.Summary, maxPerson)}
	if by.Name == "" {
		by.Name = by.ID
	}
	return by
}

// timeOf is zero for what is no time.
func timeOf(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// webAddress is empty for what is no address that may be shown as a link.
func webAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || len(text) > 2000 {
		return ""
	}
	return u.String()
}
