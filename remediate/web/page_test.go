package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/x0tta6bl4/remediated/remediate/web"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

// everything is an incident in each of many statuses.
const everything = `set verify=ok/42s
alert PostgresDown namespace=shop
pass 50s
resolve PostgresDown namespace=shop
set verify=failed/3m
alert PostgresDown namespace=billing
pass 8m
alert PostgresDown team=x
alert PostgresDown namespace=old ago=5h
alert ErrorsAfterDeploy namespace=shop
alert ShopSlow namespace=shop
pause policy/postgres-down by=anna reason=moving_hosts
alert PostgresDown namespace=mail
set tell=later
pass 1m`

// page asks for a page and walks over its nodes.
func page(t *testing.T, h http.Handler, path string, visit func(*html.Node)) string {
	t.Helper()
	r := get(path)
	r.Header.Set("Accept", "text/html")
	rec := ask(t, h, r)
	doc, err := html.Parse(strings.NewReader(rec.Body.String()))
	if err != nil || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("%s: %v, %s", path, err, rec.Header().Get("Content-Type"))
	}
	for n := range doc.Descendants() {
		visit(n)
	}
	return rec.Body.String()
}

// checkInert holds a page against what its content security policy promises.
func checkInert(t *testing.T, n *html.Node) {
	t.Helper()
	if n.Type != html.ElementNode {
		return
	}
	switch n.Data {
	case "script":
		if attr(n, "src") != "/live.js" || n.FirstChild != nil {
			t.Errorf("there is a <script src=%q>", attr(n, "src"))
		}
	case "style", "iframe", "object", "embed", "base":
		t.Errorf("there is a <%s>", n.Data)
	}
	for _, a := range n.Attr {
		switch {
		case strings.HasPrefix(a.Key, "on"), a.Key == "style":
			t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
		case a.Key == "href" || a.Key == "src" || a.Key == "action" || a.Key == "formaction":
			u, err := url.Parse(a.Val)
			if n.Data == "a" && attr(n, "rel") == "noreferrer" && err == nil && (u.Scheme == "http" || u.Scheme == "https") {
				continue // it says that it leads elsewhere, and not where from
			}
			if a.Val == "#main" {
				continue
			}
			if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/") {
				t.Errorf("<%s %s=%q> leads away", n.Data, a.Key, a.Val)
			}
		}
	}
}

func TestPagesAreInertAndTellWhatTheyShould(t *testing.T) {
	_, o := play(t, everything)
	h := web.New(o)
	for path, want := range map[string][]string{
		"/":              {"Now", "6 open", "Stop everything", "postgres-down", "policy/postgres-down is paused", "oncall is called, no answer yet", "Approve this plan", "Closed lately", "i1"},
		"/?q=billing+p2": {"i2"},
		"/?q=nowhere":    {"Nothing that is open mentions nowhere"},
		"/incidents/1":   {"verified, and its alerts resolved", "Healed: good again after 12s"},
		"/incidents/2":   {"The breaker opened", "Acknowledge", "failed"},
		"/incidents/3":   {"the alert lacks the label namespace"},
		"/incidents/4":   {"only listed", "Run"},
		"/incidents/5":   {"Approve this plan", "Deny", "rollback prod/deployment/shop/web"},
		"/incidents/6":   {"The policy only observes"},
		"/incidents/7":   {"Nothing is done while automation is paused"},
		"/automation":    {"Resume policy/postgres-down", "prod/deployment/billing/db"},
		"/incidents/9":   {"404", "i9 is not known here"},
		"/nowhere":       {"404", "there is nothing at /nowhere"},
	} {
		t.Run(path, func(t *testing.T) {
			body := page(t, h, path, func(n *html.Node) { checkInert(t, n) })
			for _, w := range want {
				if !strings.Contains(body, w) {
					t.Errorf("the page does not say %q", w)
				}
			}
		})
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	_, o := play(t, everything)
	h := web.New(o)
	for _, path := range []string{"/", "/incidents/1", "/incidents/99", "/style.css", "/live.js", "/api/v1/incidents", "/api/v1/nowhere", "/-/healthy"} {
		rec := ask(t, h, get(path))
		hd := rec.Header()
		csp := hd.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || hd.Get("X-Content-Type-Options") != "nosniff" ||
			hd.Get("Access-Control-Allow-Origin") != "" || hd.Get("Set-Cookie") != "" || hd.Get("Cache-Control") == "" {
			t.Errorf("%s: %v", path, hd)
		}
	}
}

func TestTextFromOutsideStaysText(t *testing.T) {
	const evil = `<script>alert(1)</script>"'><img/src=x/onerror=alert(1)>`
	_, o := play(t, "alert PostgresDown namespace=shop summary="+evil+" evil="+evil+" url=javascript:alert(1)\npass 1m")
	h := web.New(o)
	r := post("/api/v1/incidents/1/ack", `{"by": "<b onclick=x>anna", "reason": "\"><script>x</script>"}`)
	if rec := ask(t, h, r); rec.Code != 200 {
		t.Fatalf("ack: %s", rec.Body)
	}
	if rec := ask(t, h, post("/api/v1/pause", `{"by": "<svg/onload=x>", "scope": "policy/\"><script>"}`)); rec.Code != 200 {
		t.Fatalf("pause: %s", rec.Body)
	}
	for _, path := range []string{"/", "/incidents/1", "/automation", "/incidents/<script>", "/<script>x</script>"} {
		shown := 0
		page(t, h, strings.ReplaceAll(path, "<", "%3C"), func(n *html.Node) {
			checkInert(t, n)
			if n.Type == html.TextNode && strings.Contains(n.Data, "<") {
				shown++
			}
		})
		if shown == 0 {
			t.Errorf("%s: the text is not shown as text", path)
		}
	}
}

func TestFormsDoWhatTheirButtonsSay(t *testing.T) {
	_, o := play(t, everything)
	h := web.New(o)
	var plan string
	page(t, h, "/incidents/5", func(n *html.Node) {
		if n.Data == "input" && attr(n, "name") == "plan" {
			plan = attr(n, "value")
		}
	})
	for _, c := range []struct{ path, body, to string }{
		{"/api/v1/incidents/5/approve", "by=anna&reason=bad+deploy&plan=" + plan, "/incidents/5"},
		{"/api/v1/incidents/4/ack", "by=anna&reason=", "/incidents/4"},
		{"/api/v1/incidents/4/close", "by=anna", "/incidents/4"},
		{"/api/v1/resume", "by=anna&scope=policy%2Fpostgres-down", "/automation"},
		{"/api/v1/pause", "by=anna&scope=all", "/automation"},
	} {
		rec := ask(t, h, form(c.path, c.body))
		if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != c.to {
			t.Errorf("%s: %d to %q: %s", c.path, rec.Code, rec.Header().Get("Location"), rec.Body)
		}
	}
	rec := ask(t, h, form("/api/v1/incidents/5/approve", "by=anna&plan="+plan))
	if rec.Code != http.StatusConflict || !strings.Contains(rec.Body.String(), "<h1>Conflict</h1>") || !strings.Contains(rec.Body.String(), "no plan that waits for approval") {
		t.Errorf("approved twice: %d %s", rec.Code, rec.Body)
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// A pause that ends says when wherever it is seen, and each form offers one.
func TestAPauseSaysWhenItEnds(t *testing.T) {
	w, o := play(t, "pause policy/postgres-down by=anna value=50m reason=hosts\nalert PostgresDown namespace=shop\npass 15m")
	h := web.New(o)
	for path, want := range map[string]string{
		"/":            `policy/postgres-down is paused</strong> by anna until 10:50:00, 35m left: hosts.`,
		"/automation":  `<strong>policy/postgres-down</strong> is paused by anna until 10:50:00, 35m left: hosts`,
		"/incidents/1": "It goes on by itself then, or when that is resumed.",
	} {
		if body := ask(t, h, get(path)).Body.String(); !strings.Contains(body, want) {
			t.Errorf("%s lacks %q: %s", path, want, body)
		}
	}
	for _, path := range []string{"/", "/automation", "/policies/shop-slow"} {
		if body := ask(t, h, get(path)).Body.String(); !strings.Contains(body, `<select name="for"><option value="">until somebody resumes it</option><option value="15m">15m, then it goes on by itself</option>`) {
			t.Errorf("%s offers no end: %s", path, body)
		}
	}
	if ps := answer[web.Status](t, h, get("/api/v1/status")).Paused; len(ps) != 1 || !ps[0].Until.Equal(webtest.Epoch.Add(50*time.Minute)) {
		t.Errorf("the status says %+v", ps)
	}
	if err := w.Play("pass 35m"); err != nil {
		t.Fatal(err)
	}
	if body := ask(t, h, get("/")).Body.String(); strings.Contains(body, "is paused") || answer[web.IncidentList](t, h, get("/api/v1/incidents")).Incidents[0].Attempts != 1 {
		t.Errorf("it is over, and nothing goes on: %s", body)
	}
	if err := w.Play("pause all by=anna value=2d"); err != nil {
		t.Fatal(err)
	}
	if body := ask(t, h, get("/")).Body.String(); !strings.Contains(body, "by anna until 2026-01-16 10:50:00 UTC, 2d left") {
		t.Errorf("another day is not said: %s", body)
	}
}

func TestWhoIsAuthenticatedIsNotAsked(t *testing.T) {
	_, o := play(t, everything)
	o.Admit = func(*http.Request) (string, error) { return "anna", nil }
	body := ask(t, web.New(o), get("/incidents/5")).Body.String()
	if strings.Contains(body, `name="by"`) || !strings.Contains(body, "<strong>anna</strong>") {
		t.Error("the page asks for a name although the listener knows it")
	}
}

func TestEmptyPagesSayWhatToDo(t *testing.T) {
	w, o := play(t, "")
	if body := ask(t, web.New(o), get("/")).Body.String(); !strings.Contains(body, "All is well.") || !strings.Contains(body, "/api/v1/webhook/alertmanager") || !strings.Contains(body, "No incident was closed yet.") {
		t.Errorf("nothing happened: %s", body)
	}
	w.Break("journal", http.ErrServerClosed)
	if body := ask(t, web.New(o), get("/")).Body.String(); !strings.Contains(body, "Nothing is done now.") {
		t.Errorf("degraded: %s", body)
	}
}
