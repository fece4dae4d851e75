package web

import (
	"net/http"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Routes returns "METHOD path" of everything that can be asked for.
func Routes() []string {
	var all []string
	for _, r := range new(server).routes() {
		all = append(all, r.method+" "+r.path)
	}
	return all
}

// AutomationPage returns the page as it is shown while st stands.
func AutomationPage(o Options, st Status) http.Handler {
	s := &server{opt: o.withDefaults(), pages: parsePages()}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = s.write(w, r, http.StatusOK, page{Title: "Automation", Status: st, Automation: &automationPage{}}) // it returns nil
	})
}

// ChangesOf returns what a plan would change, and how much is at stake.
func ChangesOf(guards string, attempts int, answers []remediate.Answer, plan remediate.Plan) ([]Changed, []string) {
	p := planViewOf(guards, attempts, answers)
	return p.changes(plan), p.reach(plan)
}

// What modes that were set come to.
var (
	ModesOf   = modesOf
	Tightened = tightened
)
