package remediate

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// A label's value stays in its part of a URL: it never chooses another host than
// the template leaves open.
func TestFillKeepsTheHost(t *testing.T) {
	for _, c := range []struct{ url, value, want string }{ // want "": it is refused
		{"http://$v/healthz", "10.0.0.1:9100", "http://10.0.0.1:9100/healthz"},
		{"http://$v.shop.svc/healthz", "cart", "http://cart.shop.svc/healthz"},
		{"http://shop.svc/$v", "a/b@c", "http://shop.svc/a/b@c"},
		{"http://shop.svc/x?of=$v", "a/b", "http://shop.svc/x?of=a/b"},
		{"http://$v.shop.svc/healthz", "evil.example/", ""},
		{"http://$v.shop.svc/healthz", "evil.example:80/x", ""},
		{"http://shop.svc$v/healthz", "@evil.example", ""},
		{"http://$v@shop.svc/", "a@evil.example", ""},
		{"http$v://shop.svc/", "s://evil.example/", ""},
		{"${v}://shop.svc/", "http://evil.example/", ""},
		{"http://shop.svc:$v/", "80@evil.example", ""},
		{"up{url=\"http://$v/\"}", "a/b", "up{url=\"http://a/b/\"}"}, // no URL, but a text in PromQL
	} {
		args, err := json.Marshal(map[string]string{"url": c.url})
		if err != nil {
			t.Fatal(err)
		}
		out, err := fill(args, LabelsOf(map[string]string{"v": c.value}))
		var got map[string]string
		if err == nil {
			err = json.Unmarshal(out, &got)
		}
		if (err == nil) != (c.want != "") || got["url"] != c.want {
			t.Errorf("%s with %s: %q, %v; want %q", c.url, c.value, got["url"], err, c.want)
		}
	}
}

// FuzzFill puts any value at all where policies put labels: into texts of PromQL
// and of matchers. Either it is refused, or what Prometheus's and Alertmanager's
// own parsers read is the same as before, but for the value.
func FuzzFill(f *testing.F) {
	for _, v := range []string{
		"shop", "10.0.0.1:9100", "", `"} or vector(1) or x{a="`, "a\"b", "a\\", "`", "'", "{}", "a\nb", "\x00", "#", "$v", "${v}", "a,b=\"c\"", "\u202e", "\xff", ".*", "0x1p-2", "a/../b",
	} {
		f.Add(v)
	}
	queries := []string{`sum(up{job="$v"}) by (job)`, `up{job=~'a|$v', x!="${v}"} > 0 # and "$v"`, "rate(x{job=`$v`}[5m])"}
	matchers := []string{`job="$v"`, `job=~"a|${v}"`}
	p := parser.NewParser(parser.Options{})
	f.Fuzz(func(t *testing.T, v string) {
		ls := Labels{{Name: "v", Value: v}}
		for _, q := range queries {
			got, err := expand(q, ls, checkPlain)
			if err != nil {
				continue
			}
			want, err := p.ParseExpr(strings.NewReplacer("$v", "x", "${v}", "x").Replace(q))
			if err != nil {
				t.Fatal(err)
			}
			is, err := p.ParseExpr(got)
			if err != nil || shapeOf(is) != shapeOf(want) {
				t.Errorf("%q makes %s of %s: %v", v, got, q, err)
			}
		}
		for _, m := range matchers {
			got, err := expand(m, ls, checkPlain)
			if err != nil {
				continue
			}
			is, err := labels.ParseMatchers(got)
			if err != nil || len(is) != 1 || is[0].Name != "job" || !strings.Contains(is[0].Value, v) || !utf8.ValidString(v) {
				t.Errorf("%q makes %s of %s: %v %v", v, got, m, is, err)
			}
		}
	})
}

// shapeOf is a query with all values of its matchers taken out.
func shapeOf(e parser.Expr) string {
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			for _, m := range s.LabelMatchers {
				if m.Name != "__name__" {
					m.Value = ""
				}
			}
		}
		return nil
	})
	return e.String()
}
