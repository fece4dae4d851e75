package alertmanager

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

// What fires is seen each time that it is told, and what is not taken never.
func TestSeen(t *testing.T) {
	var d desk
	var seen []string
	o := d.options()
	o.Seen = func(ls remediate.Labels) { seen = append(seen, ls.Get("alertname")) }
	h := intake(t, o)
	over := strings.Replace(strings.Replace(goodAlert, "firing", "resolved", 1), "Down", "Over", 1)
	watchdog := strings.Replace(goodAlert, "Down", "Watchdog", 1)
	for range 2 {
		if w := post(h, webhook(watchdog, over, goodAlert, `{"status":"firing"}`)); w.Code != http.StatusOK {
			t.Fatalf("answered %d", w.Code)
		}
	}
	if want := []string{"Watchdog", "Down", "Watchdog", "Down"}; !slices.Equal(seen, want) {
		t.Errorf("seen %q, want %q", seen, want)
	}
	seen = nil
	d.submit = func(context.Context) error { return errors.New("the disk is full") }
	for _, body := range []string{webhook(watchdog), webhook(`{"status":"firing"}`), "garbage"} {
		if w := post(h, body); w.Code == http.StatusOK {
			t.Errorf("answered %d", w.Code)
		}
	}
	if len(seen) > 0 {
		t.Errorf("seen %q in what was not taken", seen)
	}
}
