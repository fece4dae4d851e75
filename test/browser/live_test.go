package browser_test

import (
	"context"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/browser"
)

var desk = browser.Look{Width: 1280, Height: 800}

// must fails the test for an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnIncidentAppearsByItself(t *testing.T) {
	s := begin(t, "", "", nil)
	tab := s.open(t, desk, "/")
	must(t, tab.Until(s.ctx, `document.body.textContent.includes("All is well.")`))
	must(t, tab.Until(s.ctx, `document.getElementById("live").dataset.state === "live"`))
	must(t, tab.Eval(s.ctx, `window.same = true`, nil)) // it is gone when the page is loaded anew
	s.do(t, "set verify=silent\nalert PostgresDown namespace=shop\npass 1s")
	must(t, tab.Until(s.ctx, `document.querySelector("#i1 .what")?.textContent.includes("postgres-down")`))
	must(t, tab.Until(s.ctx, `document.title.startsWith("(1)") && window.same`))
}

func TestWhatIsHalfTypedStays(t *testing.T) {
	s := begin(t, "alert ErrorsAfterDeploy namespace=shop", "", nil)
	tab := s.open(t, desk, "/")
	must(t, tab.Until(s.ctx, `document.getElementById("live").dataset.state === "live"`))
	must(t, tab.Eval(s.ctx, `(() => {
		document.querySelector(".plan details").open = true;
		const reason = document.querySelector(".plan input[name=reason]");
		reason.focus();
		reason.value = "the deploy of";
	})()`, nil))
	s.do(t, "alert PostgresDown namespace=shop\nalert ShopSlow namespace=mail")
	must(t, tab.Until(s.ctx, `document.getElementById("i2") && document.getElementById("i3")`))
	var kept bool
	must(t, tab.Eval(s.ctx, `document.activeElement.value === "the deploy of" && document.activeElement.name === "reason" && document.querySelector(".plan details").open`, &kept))
	if !kept {
		t.Error("what a human had begun is gone")
	}
}

// acts are the acts that were begun.
func acts(t *testing.T, s *site, incident uint64) (n int) {
	t.Helper()
	facts, err := s.world.Facts(t.Context(), incident)
	must(t, err)
	for _, f := range facts {
		if b, ok := f.Body.(remediate.Started); ok && b.Act != nil {
			n++
		}
	}
	return n
}

func TestAnApprovalOnThePageLetsTheActGo(t *testing.T) {
	s := begin(t, "set verify=silent\nalert ErrorsAfterDeploy namespace=shop", "", nil)
	tab := s.open(t, browser.Look{Width: 390, Height: 844}, "/")
	if acts(t, s, 1) != 0 {
		t.Fatal("it was done without approval")
	}
	must(t, tab.Submit(s.ctx, "Approve this plan", "anna"))
	if n := acts(t, s, 1); n != 1 {
		t.Errorf("%d acts after the approval", n)
	}
	must(t, tab.Until(s.ctx, `document.body.textContent.includes("anna approved the plan")`))
}

func TestAViewerCannotPressIt(t *testing.T) {
	s := begin(t, "alert ErrorsAfterDeploy namespace=shop", "vera", func(_ context.Context, c remediate.Command) error {
		return &remediate.RefusedError{Forbidden: true, Why: c.By + " may not " + c.Command + ": it takes the role approver"}
	})
	for _, path := range []string{"/", "/incidents/1", "/policies/bad-deploy", "/automation"} {
		tab := s.open(t, desk, path)
		var can int
		must(t, tab.Eval(s.ctx, `document.querySelectorAll("main form[method=post] button:not(:disabled)").length`, &can))
		if can != 0 {
			t.Errorf("%s has %d buttons that can be pressed", path, can)
		}
		must(t, tab.Until(s.ctx, `document.querySelector(".no").textContent.includes("vera may not")`))
		must(t, tab.Close(s.ctx))
	}
}

func TestTheKillSwitchOnThePageStopsTheNextAct(t *testing.T) {
	s := begin(t, "", "", nil)
	tab := s.open(t, desk, "/")
	must(t, tab.Eval(s.ctx, `document.querySelector(".stop summary").click()`, nil))
	must(t, tab.Submit(s.ctx, "Pause", "anna"))
	s.do(t, "alert PostgresDown namespace=shop\npass 1m")
	if n := acts(t, s, 1); n != 0 {
		t.Errorf("%d acts while everything is paused", n)
	}
	must(t, tab.Go(s.ctx, s.url+"/"))
	must(t, tab.Until(s.ctx, `document.querySelector(".banner").textContent.includes("All automation is paused by anna")`))
}

func TestTheKeyboardIsEnough(t *testing.T) {
	s := begin(t, several, "", nil)
	tab := s.open(t, desk, "/")
	must(t, tab.Until(s.ctx, `document.getElementById("live").dataset.state === "live"`))
	for _, key := range []string{"j", "j", "k", "j"} {
		must(t, tab.Press(s.ctx, key))
	}
	must(t, tab.Until(s.ctx, `document.activeElement.closest("li")?.id === document.querySelectorAll("[data-row]")[1].closest("li").id`))
	must(t, tab.Press(s.ctx, "Enter"))
	must(t, tab.Until(s.ctx, `location.pathname.startsWith("/incidents/")`))
	must(t, tab.Until(s.ctx, `document.readyState === "complete"`))
	for _, key := range []string{"g", "h"} {
		must(t, tab.Press(s.ctx, key))
	}
	must(t, tab.Until(s.ctx, `location.pathname === "/history" && document.readyState === "complete"`))
	must(t, tab.Press(s.ctx, "/"))
	must(t, tab.Until(s.ctx, `document.activeElement.name === "q"`))
	must(t, tab.Press(s.ctx, "?")) // it is typed
	must(t, tab.Until(s.ctx, `document.activeElement.value.endsWith("?") && !document.getElementById("keys").open`))
	must(t, tab.Eval(s.ctx, `document.activeElement.blur()`, nil))
	must(t, tab.Press(s.ctx, "?"))
	must(t, tab.Until(s.ctx, `document.getElementById("keys").open`))
}

func TestWithoutJavaScriptAllCanBeRead(t *testing.T) {
	s := begin(t, several, "", nil)
	for name, path := range views {
		tab := s.open(t, browser.Look{Width: 1280, Height: 800, NoScript: true}, path)
		tree, err := tab.Text(s.ctx)
		must(t, err)
		if !strings.Contains(tree, "Policies") || len(tree) < 100 {
			t.Errorf("%s shows %q", name, tree)
		}
		must(t, tab.Close(s.ctx))
	}
}
