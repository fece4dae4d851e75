package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/web"
)

// held is a release that decides otherwise, and says so in words that are no page.
const held = "release 1.4\nrelease <1.5> held\ncompared facts=12 changed=1 kept=<b>deny</b>"

func TestTheUpgradeIsShown(t *testing.T) {
	_, o := play(t, held)
	u := answer[web.UpgradeChanges](t, web.New(o), get("/api/v1/upgrade"))
	if !u.Held || u.Release != "<1.5>" || u.From != "1.4" || u.Changed != 1 || len(u.Changes) != 1 || u.Changes[0].Is[0] != "<b>deny</b>" {
		t.Errorf("the upgrade is %+v", u)
	}
	if s := answer[web.Status](t, web.New(o), get("/api/v1/status")); s.Upgrade == nil || !s.Upgrade.Held || s.Upgrade.Says != "release <1.5> decides 1 of 12 facts otherwise than 1.4" {
		t.Errorf("the status is %+v", s.Upgrade)
	}
	_, o = play(t, "")
	if rec := ask(t, web.New(o), get("/api/v1/upgrade")); rec.Code != http.StatusNotFound {
		t.Errorf("without one: %d %s", rec.Code, rec.Body)
	}
}

// The page says that a release is held, and has the form to let it act: as long as
// it is.
func TestTheUpgradeIsAcceptedOnThePage(t *testing.T) {
	w, o := play(t, held)
	h := web.New(o)
	fields, body := formAt(t, h, "/automation", "/api/v1/upgrade/accept")
	if !slices.Equal(fields["value"], []string{"<1.5>"}) || !strings.Contains(body, "<strong>Release &lt;1.5&gt; only observes.</strong> release &lt;1.5&gt; decides 1 of 12 facts otherwise") {
		t.Errorf("the form has %v on\n%s", fields, body)
	}
	for word, want := range map[string]string{
		"by=anna&value=%3C1.5%3E": "why the release may act", "by=anna&reason=read": "which release may act", "by=anna&reason=read&value=1.6": "is not the one that is held",
	} {
		if rec := ask(t, h, form("/api/v1/upgrade/accept", word)); rec.Code < 400 || !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s: %d, want %q in\n%s", word, rec.Code, want, rec.Body)
		}
	}
	if rec := ask(t, h, form("/api/v1/upgrade/accept", "by=anna&reason=read&value=%3C1.5%3E")); rec.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if u := answer[web.UpgradeChanges](t, h, get("/api/v1/upgrade")); u.Held || u.Accepted != "anna" {
		t.Errorf("after it was accepted the upgrade is %+v", u)
	}
	if rec := ask(t, web.New(web.Options{Live: w, History: w}), get("/automation")); strings.Contains(rec.Body.String(), "only observes.") {
		t.Error("the page still says that it only observes")
	}
}
