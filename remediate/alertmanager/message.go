package alertmanager

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/template"

	"github.com/x0tta6bl4/remediated/remediate"
)

// messageVersion is the version of the webhook's shape. Alertmanager has sent
// no other since 0.4.
const messageVersion = "4"

// message is what Alertmanager posts: webhook.Message of its package
// notify/webhook, less that package, which would link its cluster, gRPC and
// Kafka clients into the daemon. A test holds the two to be the same.
type message struct {
	template.Data
	// Alerts hides those of Data: each is read by itself, so that one which
	// cannot be read does not take the others with it.
	Alerts          []json.RawMessage `json:"alerts"`
	Version         string            `json:"version"`
	GroupKey        string            `json:"groupKey"`
	TruncatedAlerts uint64            `json:"truncatedAlerts"`
}

// delivered is what a webhook said.
type delivered struct {
	receiver         string
	batch            []remediate.Input
	firing, resolved int
	truncated        uint64
	garbage          []json.RawMessage // alerts that could not be read
	why              string            // the first of them could not
	tooLarge         bool              // one of them is well-formed and over a limit
}

// errTooMany is returned for a message with more alerts than are taken.
var errTooMany = errors.New("too many alerts")

// parse reads the body of a webhook. The status of the group, its common
// labels and annotations are not looked at: Alertmanager computes them after
// it cut the list of alerts, so they may be false.
func parse(body []byte, maxAlerts int, groups bool) (delivered, error) {
	if !utf8.Valid(body) {
		return delivered{}, errors.New("the body is not UTF-8")
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return delivered{}, fmt.Errorf("the body is not an Alertmanager webhook: %w", err)
	}
	if m.Version != messageVersion {
		return delivered{}, fmt.Errorf("the body's version is %.40q: want %q; a webhook with a payload of its own cannot be read", m.Version, messageVersion)
	}
	if len(m.Alerts) == 0 {
		return delivered{}, errors.New("the body holds no alerts")
	}
	if len(m.Alerts) > maxAlerts {
		return delivered{}, fmt.Errorf("%w: %d, at most %d", errTooMany, len(m.Alerts), maxAlerts)
	}
	d := delivered{receiver: unquote(m.Receiver), truncated: m.TruncatedAlerts}
	for i, raw := range m.Alerts {
		heard, err := heardAlert(raw)
		if err != nil {
			if len(d.garbage) == 0 {
				d.why = fmt.Sprintf("alert %d of %d cannot be read: %v", i+1, len(m.Alerts), err)
			}
			d.garbage = append(d.garbage, raw)
			d.tooLarge = d.tooLarge || errors.Is(err, errTooLarge)
			continue
		}
		if groups && m.GroupKey != "" {
			heard.Alert.Group = fmt.Sprintf("%x", sha256.Sum256([]byte(m.GroupKey)))
		}
		if heard.Firing {
			d.firing++
		} else {
			d.resolved++
		}
		d.batch = append(d.batch, heard)
	}
	return d, nil
}

// unquote undoes the regexp.QuoteMeta that Alertmanager does to the name of a
// receiver: team.db arrives as team\.db.
func unquote(receiver string) string {
	var b strings.Builder
	for i := 0; i < len(receiver); i++ {
		if receiver[i] == '\\' && i+1 < len(receiver) {
			i++
		}
		b.WriteByte(receiver[i])
	}
	if plain := b.String(); regexp.QuoteMeta(plain) == receiver {
		return plain
	}
	return receiver
}
