package probe

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/common/model"
)

func number64(n float64) *float64 { return &n }

// said is what a judgement came to.
type said struct {
	ok        bool
	text, err string
}

func (s said) check(t *testing.T, name string, ok bool, text string, err error) {
	t.Helper()
	is := ""
	if err != nil {
		is = err.Error()
	}
	if ok != s.ok || !strings.Contains(text, s.text) || !strings.Contains(is, s.err) || (s.err == "") != (err == nil) {
		t.Errorf("%s: %v, %q, %v", name, ok, text, err)
	}
}

func TestPostgresStandby(t *testing.T) {
	yes, no, streaming, waiting := true, false, "streaming", "waiting"
	for name, tc := range map[string]struct {
		is   replay
		want said
	}{
		"recent":                       {replay{Age: number64(30)}, said{true, "30s old, want at most 30s", ""}},
		"clocks differ":                {replay{Age: number64(-1)}, said{true, "0s old", ""}},
		"old, nothing written":         {replay{number64(3600), &yes, true, &streaming, number64(4), 60}, said{true, "all that its primary wrote, heard of 4s ago", ""}},
		"none yet, nothing written":    {replay{nil, &yes, true, &streaming, number64(4), 60}, said{true, "all that its primary wrote", ""}},
		"old, quiet for a while":       {replay{number64(3600), &yes, true, &streaming, number64(34), 60}, said{true, "heard of 34s ago", ""}},
		"old, quiet for too long":      {replay{number64(3600), &yes, true, &streaming, number64(36), 60}, said{false, "last heard of 36s ago", ""}},
		"old, no receiver":             {replay{Age: number64(3600), CaughtUp: &yes}, said{false, "receives from no primary, and the last transaction replayed is 1h old", ""}},
		"none yet, no receiver":        {replay{}, said{false, "replayed no transaction yet", ""}},
		"old, not replayed":            {replay{number64(31), &no, true, &streaming, number64(0), 60}, said{false, "not replayed all that it received", ""}},
		"old, receiver waits":          {replay{number64(31), &yes, true, &waiting, number64(0), 60}, said{false, "its receiver is waiting", ""}},
		"old, hidden":                  {replay{number64(31), &yes, true, nil, nil, 60}, said{false, "", "GRANT pg_monitor"}},
		"old, says not what it has":    {replay{number64(31), nil, true, &streaming, number64(0), 60}, said{false, "", "does not say"}},
		"old, receiver never gives up": {replay{number64(31), &yes, true, &streaming, number64(31), 0}, said{false, "last heard of 31s ago", ""}},
	} {
		l := &replicationLag{Max: model.Duration(30 * time.Second)}
		ok, text, err := l.judge(tc.is)
		tc.want.check(t, name, ok, text, err)
	}
}

func TestPostgresPrimary(t *testing.T) {
	yes, no, streaming, catchup := true, false, "streaming", "catchup"
	near := streamed{"a", &streaming, number64(1), &no, number64(2)}
	far := streamed{"b", &streaming, number64(29), &no, number64(2)}
	for name, tc := range map[string]struct {
		standby string
		all     []streamed
		want    said
	}{
		"none":          {"", nil, said{false, "no standby is connected", ""}},
		"not that one":  {"b", nil, said{false, "no standby b is connected", ""}},
		"near":          {"", []streamed{near}, said{true, "standby a is at most 3s behind, want at most 30s", ""}},
		"caught up":     {"", []streamed{{"a", &streaming, nil, &yes, number64(60)}}, said{true, "all that is written", ""}},
		"far":           {"", []streamed{near, far}, said{false, "standby b is at most 31s behind", ""}},
		"silent":        {"", []streamed{{"a", &streaming, number64(0), &no, number64(40)}}, said{false, "40s behind", ""}},
		"catching up":   {"", []streamed{{"a", &catchup, number64(0), &no, number64(0)}}, said{false, "in state catchup", ""}},
		"hidden":        {"", []streamed{{Name: "a"}}, said{false, "", "GRANT pg_monitor"}},
		"not measured":  {"", []streamed{near, {"c", &streaming, nil, &no, number64(0)}}, said{false, "", "not measured yet"}},
		"never replied": {"", []streamed{{"a", &streaming, nil, nil, nil}}, said{false, "", "does not say"}},
	} {
		l := &replicationLag{Max: model.Duration(30 * time.Second), Standby: tc.standby}
		ok, text, err := l.judgeAll(tc.all)
		tc.want.check(t, name, ok, text, err)
	}
}

func TestPostgresNewest(t *testing.T) {
	n := &newestRow{Table: "shop.orders", Column: "at", MaxAge: model.Duration(5 * time.Minute)}
	for name, tc := range map[string]struct {
		age  *float64
		want said
	}{
		"young":               {number64(300), said{true, "the newest row of shop.orders is 5m old, want at most 5m", ""}},
		"old":                 {number64(301), said{false, "5m1s old", ""}},
		"of another age":      {number64(1e300), said{false, "old", ""}},
		"none":                {nil, said{false, "shop.orders has no row with a at", ""}},
		"clocks differ":       {number64(-299), said{true, "0s old", ""}},
		"far into the future": {number64(-3600), said{false, "", "dated 1h in the future"}},
	} {
		ok, text, err := n.judge(tc.age)
		tc.want.check(t, name, ok, text, err)
	}
}

func TestATableThatIsNotThere(t *testing.T) {
	for code, want := range map[string]said{
		"42P01": {false, "shop.orders is not there", ""},
		"3F000": {false, "shop.orders is not there", ""},
		"42501": {false, "", "GRANT SELECT"},
		"57014": {false, "", "took too long"},
		"42703": {false, "", "look at shop.orders"},
	} {
		ok, text, err := absent("shop.orders", &pgconn.PgError{Code: code, Message: "no"})
		want.check(t, code, ok, text, err)
	}
	ok, text, err := absent("shop.orders", errors.New("broken off"))
	said{false, "", "broken off"}.check(t, "no answer", ok, text, err)
}

// How many rows were last known is asked of Prometheus, and nothing is made up
// where it does not know.
func TestPostgresKnownRows(t *testing.T) {
	for body, tc := range map[string]struct {
		want int64
		err  string
	}{
		success("vector", series("1000")): {990, ""},
		success("vector", series("10")):   {10, ""}, // 9.9 of 10
		success("vector", series("0")):    {0, "no share says anything"},
		success("vector", `[]`):           {0, "no series"},
	} {
		c := &rowCount{Table: "t", OfKnown: 0.99, Known: "up"}
		n, err := c.wanted(t.Context(), prometheusOf(t, 200, body).clients)
		if n != tc.want || (tc.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %d, %v", body, n, err)
		}
	}
	if _, err := (&rowCount{Table: "t", OfKnown: 1, Known: "up"}).wanted(t.Context(), quick(t).clients); err == nil || !strings.Contains(err.Error(), "no Prometheus") {
		t.Errorf("without Prometheus: %v", err)
	}
}
