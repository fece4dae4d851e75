package probe

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

// prometheusOf returns a Prober whose Prometheus gives this answer.
func prometheusOf(t *testing.T, status int, body string) *Prober {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/query" || r.FormValue("query") != "up" || r.FormValue("limit") != "2" {
			t.Errorf("asked %s %v", r.URL, r.Form)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	p, err := New(Options{Prometheus: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func success(kind, result string) string {
	return fmt.Sprintf(`{"status":"success","data":{"resultType":%q,"result":%s}}`, kind, result)
}

// warned is a result with a warning.
func warned(result, warning string) string {
	return strings.TrimSuffix(result, "}") + fmt.Sprintf(`,"warnings":[%q]}`, warning)
}

func series(values ...string) string {
	for i, v := range values {
		values[i] = fmt.Sprintf(`{"metric":{"n":"%d"},"value":[1,%q]}`, i, v)
	}
	return "[" + strings.Join(values, ",") + "]"
}

func TestPromQL(t *testing.T) {
	for name, tc := range map[string]struct {
		body, args string
		ok         bool
		text, err  string
	}{
		"no bounds":      {success("vector", series("0")), `{"query":"up"}`, true, "0", ""},
		"scalar":         {success("scalar", `[1,"2.5"]`), `{"query":"up","min":2}`, true, "2.5, want at least 2", ""},
		"at the bound":   {success("vector", series("2")), `{"query":"up","min":2,"max":2}`, true, "2, want 2 to 2", ""},
		"below":          {success("vector", series("1.5")), `{"query":"up","min":2}`, false, "1.5, want at least 2", ""},
		"above":          {success("vector", series("3")), `{"query":"up","max":2}`, false, "3, want at most 2", ""},
		"not equal":      {success("vector", series("3")), `{"query":"up","equals":0}`, false, "3, want 0", ""},
		"nothing":        {success("vector", `[]`), `{"query":"up","max":2}`, false, "not known", "no series"},
		"several":        {success("vector", series("1", "1")), `{"query":"up","min":1}`, false, "not known", "several series"},
		"NaN":            {success("vector", series("NaN")), `{"query":"up","max":2}`, false, "not known", "NaN"},
		"infinite":       {success("vector", series("+Inf")), `{"query":"up","min":2}`, false, "not known", "+Inf"},
		"a range":        {success("matrix", `[]`), `{"query":"up"}`, false, "not known", "matrix"},
		"garbage":        {`<html>`, `{"query":"up"}`, false, "not known", "ask Prometheus"},
		"a string":       {success("string", `[1,"3"]`), `{"query":"up","min":1}`, false, "not known", "string"},
		"a histogram":    {success("vector", `[{"metric":{},"histogram":[1,{"count":"1","sum":"1","buckets":[]}]}]`), `{"query":"up"}`, false, "not known", "histogram"},
		"-Inf":           {success("vector", series("-Inf")), `{"query":"up","max":2}`, false, "not known", "-Inf"},
		"a part of it":   {warned(success("vector", series("0")), "remote_read: store-2: connection refused"), `{"query":"up","max":2}`, false, "not known", "store-2: connection refused"},
		"a remark":       {warned(success("vector", series("0")), "PromQL info: metric might not be a counter"), `{"query":"up","max":2}`, true, "0", ""},
		"cut at limit":   {warned(success("vector", series("1", "1")), "results truncated due to limit"), `{"query":"up"}`, false, "not known", "several series"},
		"error with 200": {`{"status":"error","errorType":"execution","error":"no"}`, `{"query":"up"}`, false, "not known", "no"},
	} {
		a := prometheusOf(t, 200, tc.body).one(t, "promql", remediate.Target{}, tc.args)
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || !strings.Contains(a.Err, tc.err) || (tc.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
		if known := a.Values[remediate.ValueNumber] != ""; known != (a.Err == "") {
			t.Errorf("%s: values %v", name, a.Values)
		}
	}
}

func TestPrometheusBreaker(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		opens  bool
	}{
		"500":           {500, "", true},
		"a wrong query": {400, `{"status":"error","errorType":"bad_data","error":"parse error"}`, false},
		"timed out":     {503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, true},
	} {
		p := prometheusOf(t, tc.status, tc.body)
		var a remediate.Answer
		for range outbound.Failures + 1 {
			a = p.one(t, "promql", remediate.Target{}, `{"query":"up"}`)
		}
		if a.OK || strings.Contains(a.Err, "tried again at") != tc.opens {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestPromQLWithoutPrometheus(t *testing.T) {
	p, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a := p.one(t, "promql", remediate.Target{}, `{"query":"up"}`); a.OK || !strings.Contains(a.Err, "no Prometheus is configured") {
		t.Errorf("got %+v", a)
	}
}
