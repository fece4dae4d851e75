package remediate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Label is one name and value of an alert.
type Label struct{ Name, Value string }

// Labels is a label set sorted by name, without repeated names.
// Build one with [LabelsOf].
type Labels []Label

// LabelsOf returns the sorted label set of m.
func LabelsOf(m map[string]string) Labels {
	ls := make(Labels, 0, len(m))
	for n, v := range m {
		ls = append(ls, Label{n, v})
	}
	slices.SortFunc(ls, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	return ls
}

// Get returns the value of the label called name, "" when there is none.
// Prometheus holds a label with an empty value and a missing one to be equal.
func (ls Labels) Get(name string) string {
	i, ok := slices.BinarySearchFunc(ls, name, func(l Label, n string) int { return strings.Compare(l.Name, n) })
	if !ok {
		return ""
	}
	return ls[i].Value
}

// Without returns the label set less the named ones.
func (ls Labels) Without(names []string) Labels {
	out := make(Labels, 0, len(ls))
	for _, l := range ls {
		if !slices.Contains(names, l.Name) {
			out = append(out, l)
		}
	}
	return out
}

// String returns the labels as {a="1", b="2"}.
func (ls Labels) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, l := range ls {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s=%q", l.Name, l.Value)
	}
	b.WriteByte('}')
	return b.String()
}

// MarshalJSON writes the labels as an object whose keys are in order.
func (ls Labels) MarshalJSON() ([]byte, error) {
	w := writer{b: make([]byte, 0, 32*len(ls)+2), ok: true}
	if w.labels(ls); w.ok {
		return w.b, nil
	}
	m := make(map[string]string, len(ls))
	for _, l := range ls {
		m[l.Name] = l.Value
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads an object of strings.
func (ls *Labels) UnmarshalJSON(b []byte) error {
	r := reader{rest: string(b), ok: true, parts: true}
	if read := r.pairs(); r.ended() {
		*ls = read
		return nil
	}
	var m map[string]string
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	*ls = LabelsOf(m)
	return nil
}

// AlertID identifies an alert: 128 bits of SHA-256 over its labels less the
// replica-type ones. Alertmanager's own fingerprint is over all labels, so the
// two replicas of a highly available Prometheus would be two alerts.
type AlertID [16]byte

// IdentityOf returns the identity of the alert with these labels.
func IdentityOf(ls Labels, replicaLabels []string) AlertID {
	var room [1024]byte // most label sets need no memory of their own
	b := room[:0]
	for _, l := range ls {
		if l.Value != "" && !slices.Contains(replicaLabels, l.Name) {
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(l.Name))), l.Name...)
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(l.Value))), l.Value...)
		}
	}
	sum := sha256.Sum256(b)
	return AlertID(sum[:16])
}

// String returns the 32 hexadecimal digits of the identity.
func (id AlertID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText is [AlertID.String], so that an identity can be a JSON key.
func (id AlertID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *AlertID) UnmarshalText(b []byte) error {
	if len(b) != 2*len(id) {
		return fmt.Errorf("alert identity %q: want %d hexadecimal digits", b, 2*len(id))
	}
	_, err := hex.Decode(id[:], b)
	return err
}

// Alert is one alert as Alertmanager told it.
type Alert struct {
	Labels       Labels            `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt"`        // a hint: peers of a cluster may differ by seconds
	EndsAt       time.Time         `json:"endsAt,omitzero"` // zero while it fires
	GeneratorURL string            `json:"generatorURL,omitempty"`
	Fingerprint  string            `json:"fingerprint,omitempty"` // Alertmanager's, over all labels; an attribute, not the identity
	// Group is the SHA-256 of the webhook's group key in hexadecimal, "" when it
	// is not kept: the dedup key by which Alertmanager itself pages PagerDuty
	// (its notify.Key.Hash).
	Group string `json:"group,omitempty"`
}

// Name returns the alert's alertname label.
func (a Alert) Name() string { return a.Labels.Get("alertname") }
