//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// incident is what the tests look at of the API's.
type incident struct {
	Number uint64 `json:"number"`
	Policy string `json:"policy"`
	Status string `json:"status"`
	Why    string `json:"why"`
}

// incidents asks the daemon's API.
func (d *daemon) incidents() ([]incident, error) {
	var answer struct {
		Incidents []incident `json:"incidents"`
	}
	err := ask("/api/v1/incidents?limit=1000", &answer)
	return answer.Incidents, err
}

// degraded is why the daemon says that it does nothing, "" when it does.
func (d *daemon) degraded() string {
	d.t.Helper()
	var status struct {
		Degraded string `json:"degraded"`
	}
	if err := ask("/api/v1/status", &status); err != nil {
		d.t.Fatal(err)
	}
	return status.Degraded
}

// story is an incident as the API tells it, a line for each thing that happened
// and one for each detail of it.
func (d *daemon) story(incident uint64) string {
	d.t.Helper()
	var answer struct {
		Story []struct {
			Text    string `json:"text"`
			Details []struct {
				Word string `json:"word"`
				Text string `json:"text"`
			} `json:"details"`
		} `json:"story"`
	}
	if err := ask(fmt.Sprintf("/api/v1/incidents/%d", incident), &answer); err != nil {
		d.t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range answer.Story {
		fmt.Fprintln(&b, e.Text)
		for _, more := range e.Details {
			fmt.Fprintln(&b, "  ", more.Word, more.Text)
		}
	}
	return b.String()
}

// ask reads what the daemon's API answers.
func ask(path string, into any) error {
	r, err := http.Get(webURL + path)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, r.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w: %s", path, err, body)
	}
	return nil
}
