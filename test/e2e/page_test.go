//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/browser"
)

// annaAndVera may both look, and anna may give her word.
const annaAndVera = `[{name: anna, slack: U0ANNA000, pagerduty: PANNA00, roles: [operator, approver]}, {name: vera, roles: [viewer]}]`

// What an operator does on the page: an incident appears while they look, they read
// what would be done and let it be done, read its story to the end, and stop
// everything before the next. Who may not gives no word.
func TestThePage(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	begun := time.Now()
	d := startDaemon(t, b, setup{policies: strings.Replace(postedPolicies, "mode: act", "mode: approve", 1), people: annaAndVera})
	p := openPage(t, "/")
	p.until(`document.body.textContent.includes("All is well.") && document.getElementById("live").dataset.state === "live"`)
	p.must(p.Eval(p.ctx, `window.same = true`, nil)) // gone when the page is loaded anew
	a := newPosted(t, nil)
	fire(t, b, a)
	p.until(`document.querySelector("#i1")?.textContent.includes("approval") && window.same`)
	p.until(`/restart\s+bed\/deployment\/x0tta6bl4\/x0tta6bl4-redis/.test(document.querySelector(".plan")?.textContent)`)

	p.must(p.Submit(p.ctx, "Approve this plan", "vera"))
	p.until(`document.body.textContent.includes("vera may not")`)
	d.checkAttempts(begun)
	p.must(p.Go(p.ctx, webURL+"/"))
	p.must(p.Submit(p.ctx, "Approve this plan", "anna"))
	d.await("healed/1", 1)
	d.checkAttempts(begun, "i1-a1")
	p.must(p.Go(p.ctx, webURL+"/incidents/1"))
	p.reads("Opened as P1 by policy posted", "restart the cache", "anna approved", "Attempt a1: restart bed/deployment/x0tta6bl4/x0tta6bl4-redis", "Looking whether it helped", "Healed: good again")
	p.must(p.Eval(p.ctx, `window.same = true`, nil))
	resolve(t, b, a)
	p.until(`document.body.textContent.includes("Closed after") && window.same`)
	d.awaitFiled(1)

	p.must(p.Go(p.ctx, webURL+"/"))
	p.must(p.Eval(p.ctx, `document.querySelector(".stop summary").click()`, nil))
	p.must(p.Submit(p.ctx, "Pause", "anna"))
	fire(t, b, newPosted(t, map[string]string{"job": "second"}))
	d.awaitStatus(2, remediate.StatusDenied)
	p.must(p.Go(p.ctx, webURL+"/"))
	p.until(`document.querySelector(".banner")?.textContent.includes("paused by anna") && document.querySelector("#i2")`)
	d.checkAttempts(begun, "i1-a1")
	p.noProblems()
	d.stop()
	d.checkWords("approve ", "pause all by anna")
}

// page is a tab of a browser that looks at the daemon.
type page struct {
	*browser.Tab
	t   *testing.T
	ctx context.Context
}

// openPage opens a page of the daemon, and promises to close the browser.
func openPage(t *testing.T, path string) *page {
	t.Helper()
	b, err := browser.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(stop)
	p := &page{t: t, ctx: ctx}
	p.Tab, err = b.Open(ctx, browser.Look{Width: 1280, Height: 800})
	p.must(err)
	p.must(p.Go(ctx, webURL+path))
	return p
}

func (p *page) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// until waits until an expression is true of the page.
func (p *page) until(expression string) {
	p.t.Helper()
	ctx, stop := context.WithTimeout(p.ctx, 30*time.Second)
	defer stop()
	if err := p.Until(ctx, expression); err != nil {
		text, _ := p.Text(p.ctx) // without it the error has to do
		p.t.Fatalf("%v; the page says\n%s", err, text)
	}
}

// reads wants that the page says these words, in this order.
func (p *page) reads(words ...string) {
	p.t.Helper()
	text, err := p.Text(p.ctx)
	p.must(err)
	rest := strings.Join(strings.Fields(text), " ")
	for _, w := range words {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			p.t.Fatalf("it does not go on with %q:\n%s", w, rest)
		}
		rest = after
	}
}

// noProblems wants that the browser found nothing to complain of.
func (p *page) noProblems() {
	p.t.Helper()
	for _, problem := range p.Problems() {
		if !strings.Contains(problem, "403") { // that vera may not
			p.t.Errorf("the browser complains: %s", problem)
		}
	}
}
