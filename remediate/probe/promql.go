package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	promqlDoc     = "a PromQL query has one value, within bounds where they are given"
	promqlExample = `promql: {query: 'sum(up{job="shop"})', min: 2}`
)

// promql asks Prometheus for one number. No series, several series and a
// number that is none are not known, never zero.
type promql struct {
	Query  string   `json:"query"`
	Min    *float64 `json:"min,omitempty"`
	Max    *float64 `json:"max,omitempty"`
	Equals *float64 `json:"equals,omitempty"`
}

func (a *promql) validate() error {
	if a.Query == "" {
		return errors.New(`"query" is missing`)
	}
	return a.bounds().validate()
}

func (a *promql) bounds() bounds { return bounds{a.Min, a.Max, a.Equals} }

func (a *promql) queries() []string { return []string{a.Query} }

func (*promql) dependency(remediate.Question) string { return "prometheus" }

func (a *promql) put(ctx context.Context, p *clients, _ remediate.Question) (remediate.Answer, error) {
	n, err := p.number(ctx, a.Query)
	if err != nil {
		return remediate.Answer{}, err
	}
	ok, text := a.bounds().judge(n)
	return remediate.Answer{OK: ok, Text: text, Values: map[string]string{remediate.ValueNumber: written(n)}}, nil
}

// number asks Prometheus for one number.
func (p *clients) number(ctx context.Context, query string) (float64, error) {
	v, err := p.instant(ctx, query, time.Now(), 2) // two series are enough to know that there are several
	if err != nil {
		return 0, err
	}
	return number(v)
}

// instant asks Prometheus for so many series at most, as they were at a moment;
// the zero one is its own now. One that is too old to know the limit sends all.
func (p *clients) instant(ctx context.Context, query string, at time.Time, limit uint64) (v model.Value, err error) {
	if p.prom == nil {
		return nil, errors.New("no Prometheus is configured")
	}
	var warnings promv1.Warnings
	err = p.guarded("prometheus", isPrometheusFault, func() (err error) {
		v, warnings, err = p.prom.Query(ctx, query, at, promv1.WithLimit(limit), promv1.WithTimeout(p.timeout))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask Prometheus: %w", err)
	}
	return v, complete(warnings)
}

// What Prometheus gives as warnings and is none: that a query could be written
// better, and that there are more series than were asked for.
const (
	remark   = "PromQL info:"
	cutShort = "results truncated due to limit"
)

// complete is an error when a result may lack a part of what there is. Then stores
// that Prometheus reads from, or the replicas behind one name, did not all
// answer, and what would be bad may be just what is missing.
func complete(warnings promv1.Warnings) error {
	for _, w := range warnings {
		if !strings.HasPrefix(w, remark) && !strings.Contains(w, cutShort) {
			return fmt.Errorf("Prometheus warns of its own result, so nothing is known: %.200s", w)
		}
	}
	return nil
}

// number returns the one finite number of a result.
func number(v model.Value) (float64, error) {
	var n float64
	switch v := v.(type) {
	case *model.Scalar:
		n = float64(v.Value)
	case model.Vector:
		switch {
		case len(v) == 0:
			return 0, errors.New("the query returned no series: nothing is known")
		case len(v) > 1:
			return 0, errors.New("the query returned several series: aggregate it to one, for example with sum()")
		case v[0].Histogram != nil:
			return 0, errors.New("the query returned a histogram: make a number of it, for example with histogram_quantile()")
		}
		n = float64(v[0].Value)
	default:
		return 0, fmt.Errorf("the query returned a %s: want an instant vector of one series, or a scalar", v.Type())
	}
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("the query returned %v: nothing is known", n)
	}
	return n, nil
}

// isPrometheusFault tells whether err counts against Prometheus. That a query
// is wrong does not.
func isPrometheusFault(err error) bool {
	var said *promv1.Error
	if !errors.As(err, &said) {
		return true
	}
	switch said.Type {
	case promv1.ErrBadData, promv1.ErrExec, promv1.ErrClient, promv1.ErrCanceled:
		return false
	}
	return true
}
