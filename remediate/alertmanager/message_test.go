package alertmanager

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/notify"
	upstream "github.com/prometheus/alertmanager/notify/webhook"
	"github.com/prometheus/alertmanager/template"

	"github.com/x0tta6bl4/remediated/remediate"
)

// What Alertmanager's own code writes, ours reads.
func TestMessageIsAlertmanagers(t *testing.T) {
	at := time.Date(2026, 1, 14, 9, 0, 0, 0, time.UTC)
	b, err := json.Marshal(upstream.Message{
		Data: &template.Data{
			Receiver: "hook", Status: "firing",
			Alerts: template.Alerts{{Status: "firing", Labels: template.KV{"alertname": "Down"}, StartsAt: at, Fingerprint: "ab"}},
		},
		Version: "4", GroupKey: "{}:{}", TruncatedAlerts: 7,
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := parse(b, 1, false)
	if err != nil || d.receiver != "hook" || d.firing != 1 || d.truncated != 7 || len(d.garbage) > 0 {
		t.Errorf("read %+v, %v", d, err)
	}
	// Its own fields are those that ours has beside Data and Alerts: a new
	// one should be looked at before it is ignored.
	theirs, ours := reflect.TypeFor[upstream.Message](), reflect.TypeFor[message]()
	for i := range theirs.NumField() {
		want := theirs.Field(i)
		got, ok := ours.FieldByName(want.Name)
		if !ok || got.Tag != want.Tag || !want.Anonymous && got.Type != want.Type {
			t.Errorf("Alertmanager has %s %s `%s`, we have %v %s `%s`", want.Name, want.Type, want.Tag, ok, got.Type, got.Tag)
		}
	}
}

// FuzzWebhook: whatever is posted, the answer is one of those that are meant,
// what is accepted is what the core may be given, and what is refused is in
// quarantine and nowhere else.
func FuzzWebhook(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no captured bodies", err)
	}
	for _, name := range files {
		f.Add(captured(f, filepath.Base(name)))
	}
	f.Add(webhook(goodAlert, `{}`))
	f.Add(webhook(strings.Replace(goodAlert, "2026-11-22T02:10:40.4969Z", "9999-12-31T23:59:59-23:59", 1)))
	f.Fuzz(func(t *testing.T, body string) {
		var d desk
		w := post(intake(t, d.options()), body)
		switch w.Code {
		case http.StatusOK:
			if len(d.batches) != 1 || len(d.batches[0]) == 0 {
				t.Errorf("accepted and kept %v", d.batches)
			}
			for _, h := range d.heard(t) {
				checkHeard(t, h)
			}
			if n := d.deliveries[0]; n.Firing+n.Resolved != len(d.batches[0]) || (n.Garbage > 0) != (len(d.quarantined) == 1) {
				t.Errorf("observed %+v, %d in quarantine", n, len(d.quarantined))
			}
		case http.StatusBadRequest, http.StatusServiceUnavailable:
			if len(d.batches) > 0 || len(d.quarantined) != 1 {
				t.Errorf("refused, and kept %v, %d in quarantine", d.batches, len(d.quarantined))
			}
		default:
			t.Errorf("answered %d", w.Code)
		}
	})
}

// TestGroups: the group is kept when it is asked for, as the key by which
// Alertmanager itself would page PagerDuty.
func TestGroups(t *testing.T) {
	const key = `{}/{severity="page"}:{alertname="Down"}`
	body := fmt.Appendf(nil, `{"version": "4", "groupKey": %q, "alerts": [{"status": "firing", "labels": {"alertname": "Down"}, "startsAt": "2026-01-14T10:00:00Z"}]}`, key)
	for groups, want := range map[bool]string{false: "", true: notify.Key(key).Hash()} {
		d, err := parse(body, 1, groups)
		if err != nil || len(d.batch) != 1 {
			t.Fatal(d, err)
		}
		if got := d.batch[0].(remediate.Heard).Alert.Group; got != want {
			t.Errorf("the group is %q, want %q", got, want)
		}
	}
	d, err := parse(bytes.Replace(body, []byte("groupKey"), []byte("other"), 1), 1, true)
	if err != nil || d.batch[0].(remediate.Heard).Alert.Group != "" {
		t.Errorf("without a group key it is %+v, %v", d.batch, err)
	}
}
