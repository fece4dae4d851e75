package browser_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
	"github.com/x0tta6bl4/remediated/test/browser"
)

// several is some weeks of history, and an incident in each of many statuses.
var several = weeks() + `set act=ok/0s
set verify=ok/42s
alert PostgresDown namespace=shop
pass 50s
resolve PostgresDown namespace=shop
pass 40m
set verify=failed/3m
alert PostgresDown namespace=billing
pass 8m
alert PostgresDown team=x
alert PostgresDown namespace=old ago=900h
alert ErrorsAfterDeploy namespace=shop
alert ShopSlow namespace=shop
alert Unheard of=a
alert Unheard of=b
alert DiskFull of=a
set tell=later
pass 20m
set act=ok/40s
alert PostgresDown namespace=mail
ack i12 by=anna reason=on_it
mode namespace/mail value=approve by=anna reason=an_audit
set replicas=2
set headroom=1
set budget=web
set revision=hash-0
set change=from_revision_5_with_image_shop/web:2.8_to_revision_4_with_image_shop/web:2.7
alert ErrorsAfterDeploy namespace=web
alert RegionLost namespace=north
pause policy/shop-slow by=anna value=2h reason=moving_rack_7
pass 10s`

// weeks are incidents of the weeks before: most are healed, some are not.
func weeks() string {
	var script strings.Builder
	for n := range 9 {
		ok := []string{"ok/35s", "ok/50s", "failed/3m", "ok/2m"}[n%4]
		fmt.Fprintf(&script, "set verify=%[1]s\nalert PostgresDown namespace=n%[2]d\npass 5m\nresolve PostgresDown namespace=n%[2]d\npass %[3]dh\n", ok, n, 40+30*(n%3))
	}
	return script.String()
}

// site is a world that is served as the daemon serves itself, and a browser.
type site struct {
	world *webtest.World
	feed  *web.Feed
	url   string
	b     *browser.Browser
	ctx   context.Context
}

// begin serves a world in which script happened. who is whom every request is
// of, "" when nobody need prove that.
func begin(t *testing.T, script, who string, may func(context.Context, remediate.Command) error) *site {
	t.Helper()
	b, err := browser.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	s := &site{world: webtest.Play(t, script), feed: &web.Feed{}, b: b}
	h := web.New(web.Options{
		Live: s.world, History: s.world, Now: s.world.Now, Version: "1.2.3", Feed: s.feed, May: may, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Admit: func(*http.Request) (string, error) { return who, nil },
		Links: func() web.Links {
			return web.Links{Alertmanager: "http://alertmanager.example:9093", Prometheus: "http://prometheus.example:9090"}
		},
	})
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	t.Cleanup(s.feed.Close)
	s.url = server.URL
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(stop)
	s.ctx = ctx
	return s
}

func (s *site) open(t *testing.T, l browser.Look, path string) *browser.Tab {
	t.Helper()
	tab, err := s.b.Open(s.ctx, l)
	if err == nil {
		err = tab.Go(s.ctx, s.url+path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// do has something happen in the world, and says so.
func (s *site) do(t *testing.T, script string) {
	t.Helper()
	if err := s.world.Play(script); err != nil {
		t.Fatal(err)
	}
	s.feed.Changed()
}

// looks are how every view is looked at.
var looks = map[string]browser.Look{
	"light": {Width: 1280, Height: 800}, "dark": {Width: 1280, Height: 800, Dark: true},
	"phone": {Width: 390, Height: 844}, "phone-dark": {Width: 390, Height: 844, Dark: true},
}

// views are all there are.
var views = map[string]string{
	"now": "/", "incident": "/incidents/10", "denied": "/incidents/11", "approval": "/incidents/18", "automation": "/automation", "policies": "/policies", "policy": "/policies/postgres-down",
	"rehearsal": "/rehearsal?alert=" + url.QueryEscape("alertname=\"PostgresDown\"\nnamespace=\"shop\""), "history": "/history", "reports": "/reports",
	"nowhere": "/nowhere",
}

// pictures is the git-ignored folder that is looked at after a test.
const pictures = "pictures"

func TestEveryViewIsLightAndFromHereAlone(t *testing.T) {
	s := begin(t, several, "", nil)
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, path := range views {
		for look, l := range looks {
			tab := s.open(t, l, path)
			weight, from := tab.Weight()
			if weight > 150<<10 {
				t.Errorf("%s weighs %d bytes", name, weight)
			}
			for _, address := range from {
				if !strings.HasPrefix(address, s.url) {
					t.Errorf("%s asks %s", name, address)
				}
			}
			var wide int
			if err := tab.Eval(s.ctx, "document.documentElement.scrollWidth - innerWidth", &wide); err != nil || wide > 0 {
				t.Errorf("%s, %s: is %d pixels too wide, %v", name, look, wide, err)
			}
			png, err := tab.Picture(s.ctx)
			if err == nil {
				err = os.WriteFile(filepath.Join(pictures, name+"-"+look+".png"), png, 0o600)
			}
			if err != nil {
				t.Error(err)
			}
			for _, p := range tab.Problems() {
				if name != "nowhere" { // a browser reports a page of 404 by itself
					t.Errorf("%s: the console says %s", name, p)
				}
			}
			if err := tab.Close(s.ctx); err != nil {
				t.Error(err)
			}
		}
	}
}
