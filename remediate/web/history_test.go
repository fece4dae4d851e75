package web_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/x0tta6bl4/remediated/remediate/web"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

// twice heals a database in one namespace, and is kept from looking at another one
// whose alert goes by itself; then there is noise.
const twice = `set verify=ok/42s
alert PostgresDown namespace=shop
pass 50s
resolve PostgresDown namespace=shop
pass 1h
pause policy/shop-slow by=anna
alert ShopSlow namespace=mail
pass 1m
resolve ShopSlow namespace=mail
pass 1h
alert Unheard of=a
alert Unheard of=b
alert DiskFull of=a`

func shown(t *testing.T, o web.Options, path string) string {
	t.Helper()
	return page(t, web.New(o), path, func(n *html.Node) { checkInert(t, n) })
}

func TestTheHistoryIsSearched(t *testing.T) {
	_, o := play(t, twice)
	for path, want := range map[string]string{
		"/history": "i1 i2", "/history?q=shop+db": "i1", "/history?q=SHOP-slow": "i2", "/history?policy=postgres-down": "i1",
		"/history?severity=P3": "i2", "/history?severity=P1": "", "/history?q=nothing": "", "/history?before=2": "i1",
	} {
		body := shown(t, o, path)
		var got []string
		for _, i := range []string{"i1", "i2"} {
			if strings.Contains(body, `<li id="`+i+`"`) {
				got = append(got, i)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s shows %v, want %q", path, got, want)
		}
	}
	if rec := ask(t, web.New(o), get("/history?severity=P9")); rec.Code != 400 || !strings.Contains(rec.Body.String(), "want P1, P2 or P3") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestTheHistoryHasPages(t *testing.T) {
	var script strings.Builder
	for n := range 60 {
		fmt.Fprintf(&script, "alert ShopSlow namespace=n%d\npass 1s\nresolve ShopSlow namespace=n%d\npass 1m\n", n, n)
	}
	_, o := play(t, script.String())
	var seen []string
	for path := "/history"; path != ""; {
		next := ""
		page(t, web.New(o), path, func(n *html.Node) {
			switch {
			case n.Data == "li" && strings.HasPrefix(attr(n, "id"), "i"):
				seen = append(seen, attr(n, "id"))
			case n.Data == "a" && n.FirstChild != nil && n.FirstChild.Data == "Older":
				next = attr(n, "href")
			}
		})
		path = next
	}
	if len(seen) != 60 || seen[0] != "i60" || seen[59] != "i1" {
		t.Errorf("going back shows %d: %v", len(seen), seen)
	}
}

func TestTheReportCounts(t *testing.T) {
	_, o := play(t, twice)
	body := shown(t, o, "/reports")
	for _, want := range []string{
		"<td>2</td><td>1</td><td>12s</td>", // of two incidents one was mended and nobody was called
		"<span>healed without a person</span>", "<span>paused</span>", "<span>Unheard</span>", "<span>DiskFull</span>", "Of the last 5 that began to fire",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the report does not say %s", want)
		}
	}
	if strings.Contains(body, "<span>ShopSlow</span>") {
		t.Error("an alert that a policy concerns is noise")
	}
}

func TestTheReportIsKeptForAMinute(t *testing.T) {
	w, o := play(t, twice)
	h := web.New(o)
	weeks := func() bool {
		return strings.Contains(ask(t, h, get("/reports")).Body.String(), "Of 3 closed incidents")
	}
	_ = ask(t, h, get("/reports"))
	if err := w.Play("alert ShopSlow namespace=new\npass 1s\nresolve ShopSlow namespace=new"); err != nil {
		t.Fatal(err)
	}
	if weeks() {
		t.Error("it was made anew within the minute")
	}
	if err := w.Play("pass 1m"); err != nil {
		t.Fatal(err)
	}
	if !weeks() {
		t.Error("it was not made anew after a minute")
	}
	if err := w.Play("pass 1m"); err != nil {
		t.Fatal(err)
	}
	w.Break("history", errors.New("input/output error"))
	if body := ask(t, h, get("/reports")).Body.String(); !strings.Contains(body, "cannot be read: input/output error") {
		t.Errorf("a history that cannot be read: %s", body)
	}
}

func TestTheRecoveryLogIsExported(t *testing.T) {
	_, o := play(t, twice+"\nnote i1 by=anna reason==SUM(A1:A9)")
	h := web.New(o)
	l := answer[web.RecordList](t, h, get("/api/v1/records"))
	if len(l.Records) != 2 || l.Records[0].Incident != 2 || l.Records[1].Ending != "automation" || l.Before != 0 {
		t.Errorf("%+v", l)
	}
	rec := ask(t, h, get("/api/v1/records.csv?policy=postgres-down"))
	rows, err := csv.NewReader(rec.Body).ReadAll()
	if err != nil || len(rows) != 2 || !slices.Equal(rows[1][:4], []string{"i1", "postgres-down", "PostgresDown", "prod/deployment/shop/db"}) || rows[1][6] != "12" || rows[1][8] != "true" {
		t.Errorf("%v %v", rows, err)
	}
	if lessons := rows[1][12]; !strings.HasPrefix(lessons, "'=SUM") {
		t.Errorf("a spreadsheet reads %q as a formula", lessons)
	}
	if rec := ask(t, h, get("/api/v1/records?before=x")); rec.Code != 400 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// failing is a history of closed incidents that cannot be read beyond the newest.
type failing struct{ *webtest.World }

func (f failing) Closed(ctx context.Context, which web.Closed) ([]web.Row, error) {
	if which.Before > 0 {
		return nil, errors.New("input/output error")
	}
	return f.World.Closed(ctx, which)
}

// The recovery log has every incident, however many there are; one that cannot be
// read to its end is broken off, so that nobody takes a part of it for all.
func TestTheRecoveryLogIsWhole(t *testing.T) {
	const many = 201
	var script strings.Builder
	for n := range many {
		fmt.Fprintf(&script, "alert ShopSlow namespace=n%d\npass 1s\nresolve ShopSlow namespace=n%[1]d\n", n)
	}
	w, o := play(t, script.String())
	export := func(o web.Options) (rows [][]string, err error) {
		server := httptest.NewServer(web.New(o))
		defer server.Close()
		r, err := http.Get(server.URL + "/api/v1/records.csv")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		return csv.NewReader(r.Body).ReadAll()
	}
	if rows, err := export(o); err != nil || len(rows) != 1+many || rows[many][0] != "i1" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	o.History = failing{w}
	if rows, err := export(o); err == nil {
		t.Errorf("%d rows were taken for all", len(rows))
	}
}

func TestRehearsals(t *testing.T) {
	for name, c := range map[string]struct {
		script, alert string
		want, never   []string
	}{
		"it would be done":             {"", `alertname="PostgresDown"` + "\n" + `namespace="shop"`, []string{"every guard allows it", "restart", "prod/deployment/shop/db", "Nobody is called at once"}, nil},
		"as a webhook has it":          {"", `{"alerts": [{"labels": {"alertname": "PostgresDown", "namespace": "shop"}}]}`, []string{"every guard allows it"}, nil},
		"as Alertmanager's API has it": {"", `[{"labels": {"alertname": "PostgresDown", "namespace": "shop"}}]`, []string{"every guard allows it"}, nil},
		"it only observes":             {"", `{alertname="ShopSlow", namespace="shop"}`, []string{"it would be done, if the policy did more than observe"}, nil},
		"with approval":                {"", `{"alertname": "ErrorsAfterDeploy", "namespace": "shop"}`, []string{"a human must approve it first", "Called at once: oncall"}, nil},
		"paused":                       {"pause policy/postgres-down by=anna reason=so", `{alertname="PostgresDown", namespace="shop"}`, []string{"denied", "paused"}, nil},
		"a label is missing":           {"", `alertname="PostgresDown"`, []string{"nothing can be done by itself: the alert lacks the label namespace"}, nil},
		"no policy":                    {"", `alertname="Other"`, []string{"No policy concerns this alert"}, nil},
		"it fires already":             {"set verify=silent\nalert PostgresDown namespace=shop", `{alertname="PostgresDown", namespace="shop"}`, []string{"at work on"}, []string{"No policy concerns"}},
		"no alert":                     {"", `namespace="shop"`, []string{"the alert has no label alertname"}, nil},
		"a regular expression":         {"", `alertname=~"Post.*"`, []string{"an alert has one value of each label"}, nil},
		"neither":                      {"", `what?`, []string{"line 1", "or an alert in JSON"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w, o := play(t, c.script)
			before, err := w.Facts(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			status := answer[web.Status](t, web.New(o), get("/api/v1/status"))
			body := html.UnescapeString(shown(t, o, "/rehearsal?alert="+url.QueryEscape(c.alert)))
			for _, want := range c.want {
				if !strings.Contains(body, want) {
					t.Errorf("it does not say %q:\n%s", want, body)
				}
			}
			for _, never := range c.never {
				if strings.Contains(body, never) {
					t.Errorf("it says %q", never)
				}
			}
			after, _ := w.Facts(t.Context(), 0)
			if now := answer[web.Status](t, web.New(o), get("/api/v1/status")); now.Seq != status.Seq || now.Open != status.Open || now.Pending != status.Pending || len(after) != len(before) {
				t.Errorf("the rehearsal was in earnest: %+v, then %+v", status, now)
			}
		})
	}
}
