package alertmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Limits of one alert. They are not configurable: the webhook and the listing
// must agree on what an alert is, today's and last month's alike. Otherwise an
// alert that one of them took and the other did not would look resolved.
const (
	maxLabels     = 64
	maxLabelName  = 256  // bytes
	maxLabelValue = 4096 // bytes

	// Annotations are text for people. A long one is cut, because it must not
	// keep a remedy from its alert.
	maxAnnotations = 64
	maxAnnotation  = 8192 // bytes
	maxURL         = 2048 // bytes; a longer one is left out: half a link leads nowhere
	maxFingerprint = 64   // characters
)

// errTooLarge is returned for an alert that is well-formed and over a limit.
var errTooLarge = errors.New("it is too large")

// Statuses of an alert in a webhook.
const (
	firing   = string(model.AlertFiring)
	resolved = string(model.AlertResolved)
)

// told is what an alert of a webhook says.
type told struct {
	status              string
	labels, annotations remediate.Labels
	startsAt, endsAt    time.Time
	url, fingerprint    string
}

// heardAlert reads one alert of a webhook, which is well-formed JSON.
func heardAlert(raw json.RawMessage) (remediate.Heard, error) {
	t, usual := readUsual(raw)
	if !usual {
		var err error
		if t, err = readPlain(raw); err != nil {
			return remediate.Heard{}, err
		}
	}
	if t.status != firing && t.status != resolved {
		return remediate.Heard{}, fmt.Errorf("its status is %.40q: want firing or resolved", t.status)
	}
	a, err := newAlert(t.labels, t.annotations, t.startsAt)
	if err != nil {
		return remediate.Heard{}, err
	}
	if t.status == resolved {
		if a.EndsAt, err = moment(t.endsAt); err != nil {
			return remediate.Heard{}, fmt.Errorf("endsAt: %w", err)
		}
	}
	a.GeneratorURL, a.Fingerprint = link(t.url), fingerprint(t.fingerprint)
	return remediate.Heard{Alert: a, Firing: t.status == firing}, nil
}

// readPlain reads an alert by encoding/json.
func readPlain(raw json.RawMessage) (told, error) {
	var a struct {
		template.Alert
		// Labels hides the alert's own: into a plain map of strings a null
		// would be read as "", which is how one says that there is no label.
		Labels map[string]*string `json:"labels"`
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return told{}, err
	}
	values := make(map[string]string, len(a.Labels))
	for name, value := range a.Labels {
		if value == nil {
			return told{}, fmt.Errorf("label %.80q is null: want a string", name)
		}
		values[name] = *value
	}
	return told{
		status: a.Status, labels: remediate.LabelsOf(values), annotations: remediate.LabelsOf(a.Annotations),
		startsAt: a.StartsAt, endsAt: a.EndsAt, url: a.GeneratorURL, fingerprint: a.Fingerprint,
	}, nil
}

// newAlert returns the alert with these labels, checked, and annotations, cut.
func newAlert(labels, annotations remediate.Labels, startsAt time.Time) (remediate.Alert, error) {
	ls, err := labelSet(labels)
	if err != nil {
		return remediate.Alert{}, err
	}
	at, err := moment(startsAt)
	if err != nil {
		return remediate.Alert{}, fmt.Errorf("startsAt: %w", err)
	}
	if at.IsZero() {
		return remediate.Alert{}, errors.New("it has no startsAt")
	}
	return remediate.Alert{Labels: ls, Annotations: cut(annotations), StartsAt: at}, nil
}

// labelSet returns the label set of what was told, or why no alert can have it. A
// label without a value is left out: it is the same as no label.
func labelSet(told remediate.Labels) (remediate.Labels, error) {
	given := make(remediate.Labels, 0, len(told))
	for _, l := range told {
		switch {
		case len(l.Name) > maxLabelName:
			return nil, fmt.Errorf("%w: the name of label %.80q... has %d bytes: at most %d", errTooLarge, l.Name, len(l.Name), maxLabelName)
		case !model.UTF8Validation.IsValidLabelName(l.Name):
			return nil, fmt.Errorf("%q is not a label name", l.Name)
		case !utf8.ValidString(l.Value):
			return nil, fmt.Errorf("the value of label %q is not UTF-8", l.Name)
		case len(l.Value) > maxLabelValue:
			return nil, fmt.Errorf("%w: the value of label %q has %d bytes: at most %d", errTooLarge, l.Name, len(l.Value), maxLabelValue)
		case l.Value != "":
			given = append(given, l)
		}
	}
	if len(given) == 0 {
		return nil, errors.New("it has no labels")
	}
	if len(given) > maxLabels {
		return nil, fmt.Errorf("%w: it has %d labels: at most %d", errTooLarge, len(given), maxLabels)
	}
	return given, nil
}

// cut returns the annotations held to the limits: the first ones by name.
func cut(annotations remediate.Labels) map[string]string {
	out := make(map[string]string, min(len(annotations), maxAnnotations))
	for _, a := range annotations {
		text := strings.ToValidUTF8(a.Value, "\uFFFD")
		if text == "" || len(a.Name) > maxLabelName || !model.UTF8Validation.IsValidLabelName(a.Name) {
			continue
		}
		if len(out) == maxAnnotations {
			break
		}
		out[a.Name] = shorten(text, maxAnnotation)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// shorten cuts text to at most limit bytes, between characters, and shows that
// it did.
func shorten(text string, limit int) string {
	const mark = "..."
	if len(text) <= limit {
		return text
	}
	text = text[:limit-len(mark)]
	for len(text) > 0 {
		if r, size := utf8.DecodeLastRuneInString(text); r != utf8.RuneError || size > 1 {
			break
		}
		text = text[:len(text)-1]
	}
	return text + mark
}

// moment returns t as times are kept: UTC and whole milliseconds. Zero stays
// zero. Years that a journal could not write down are refused.
func moment(t time.Time) (time.Time, error) {
	if t.IsZero() {
		return time.Time{}, nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	if t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("the year %d cannot be meant", t.Year())
	}
	return t, nil
}

// link returns url when it is short enough to be one.
func link(url string) string {
	if len(url) > maxURL || !utf8.ValidString(url) {
		return ""
	}
	return url
}

// fingerprint returns s when it can be one.
func fingerprint(s string) string {
	if len(s) > maxFingerprint || strings.Trim(s, "0123456789abcdef") != "" {
		return ""
	}
	return s
}
