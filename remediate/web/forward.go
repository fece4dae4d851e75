package web

import (
	"net/http"
	"slices"
)

// ownPaths are those that each of several replicas answers about itself.
var ownPaths = append([]string{"/metrics"}, OpenPaths...)

// NewForwarding returns the handler of a replica that another one answers for: it
// answers /-/healthy, /-/ready and /metrics itself, and has forward answer all else
// of whom it would let in. When forward returns an error it has answered nothing, and
// the error is answered here. Of the options it takes Metrics, Ready, Admit, Hosts
// and Log.
func NewForwarding(o Options, forward func(http.ResponseWriter, *http.Request) error) http.Handler {
	s := &server{opt: o.withDefaults(), pages: parsePages()}
	own := map[string]methods{}
	for _, r := range s.routes() {
		if slices.Contains(ownPaths, r.path) {
			own[r.path] = methods{r.method: r.handle}
		}
	}
	return s.protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ms := own[r.URL.Path]; ms != nil {
			s.serve(ms, w, r)
			return
		}
		clear(w.Header()) // the answer brings its own
		if err := forward(w, r); err != nil {
			setProtection(w.Header())
			s.refuse(w, r, err)
		}
	}))
}
