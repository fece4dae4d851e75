package web

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

//go:embed page
var assets embed.FS

//go:embed openapi.yaml
var openAPI []byte

// server answers requests. It has no state of its own but sums that it need not
// make anew for everybody.
type server struct {
	opt     Options
	pages   *template.Template
	reports reporter
}

// route is one method of one path. Parameters are in braces, as in OpenAPI.
type route struct {
	method, path string
	handle       func(http.ResponseWriter, *http.Request) error
}

// New returns the handler of the web listener. Transport security and
// authentication are the listener's.
func New(o Options) http.Handler {
	s := &server{opt: o.withDefaults(), pages: parsePages()}
	mux := http.NewServeMux()
	byPath := map[string]methods{}
	for _, r := range s.routes() {
		if byPath[r.path] == nil {
			byPath[r.path] = methods{}
		}
		byPath[r.path][r.method] = r.handle
	}
	for path, ms := range byPath {
		pattern := path
		if path == "/" {
			pattern = "/{$}"
		}
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(ms, w, r) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, problemf(http.StatusNotFound, "there is nothing at %s; the API is described at /api/v1/openapi.yaml", r.URL.Path))
	})
	return s.protect(mux)
}

// routes is everything that can be asked for. The OpenAPI document describes
// the same list.
func (s *server) routes() []route {
	rs := []route{
		{"GET", "/", s.nowPage},
		{"GET", "/incidents/{id}", s.incidentPage},
		{"GET", "/policies", s.policiesPage},
		{"GET", "/policies/{name}", s.policyPage},
		{"GET", "/rehearsal", s.rehearsalPage},
		{"GET", "/history", s.historyPage},
		{"GET", "/reports", s.reportsPage},
		{"GET", "/automation", s.automationPage},
		{"GET", "/style.css", s.asset("style.css", "text/css; charset=utf-8")},
		{"GET", "/live.js", s.asset("live.js", "text/javascript; charset=utf-8")},
		{"GET", "/live", s.live},
		{"GET", "/icon.svg", s.asset("icon.svg", "image/svg+xml")},
		{"GET", "/api/v1/incidents", s.json(s.incidents)},
		{"GET", "/api/v1/incidents/{id}", s.json(s.incident)},
		{"GET", "/api/v1/incidents/{id}/facts", s.json(s.facts)},
		{"GET", "/api/v1/incidents/{id}/record", s.json(s.record)},
		{"GET", "/api/v1/incidents/{id}/evidence/{digest}", s.evidence},
		{"GET", "/api/v1/records", s.json(s.records)},
		{"GET", "/api/v1/records.csv", s.recordsCSV},
		{"GET", "/api/v1/policies", s.json(s.policies)},
		{"GET", "/api/v1/breakers", s.json(s.breakers)},
		{"GET", "/api/v1/status", s.json(s.status)},
		{"GET", "/api/v1/upgrade", s.json(s.upgrade)},
		{"POST", "/api/v1/upgrade/accept", s.scopeCommand(remediate.Accept)},
		{"GET", "/api/v1/check", s.json(s.check)},
		{"GET", "/api/v1/openapi.yaml", s.document},
		{"GET", "/metrics", s.metrics},
		{"GET", "/-/healthy", s.healthy},
		{"GET", "/-/ready", s.ready},
		{"POST", "/-/reload", s.reload},
	}
	for _, c := range incidentCommands {
		rs = append(rs, route{"POST", "/api/v1/incidents/{id}/" + c, s.incidentCommand(c)})
	}
	for _, c := range scopeCommands {
		rs = append(rs, route{"POST", "/api/v1/" + c, s.scopeCommand(c)})
	}
	return rs
}

// incidentCommands are those that name an incident.
var incidentCommands = []string{
	remediate.Ack, remediate.Unack, remediate.TakeOver, remediate.Close, remediate.Approve, remediate.Deny, remediate.Run,
	remediate.Override, remediate.Rate, remediate.Note,
}

// scopeCommands are those that name all, a policy or a namespace.
var scopeCommands = []string{remediate.Pause, remediate.Resume, remediate.SetMode, remediate.Drill, remediate.LiveDrill, remediate.EndDrill}

// methods are the handlers of one path.
type methods map[string]func(http.ResponseWriter, *http.Request) error

func (s *server) serve(ms methods, w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	handle := ms[method]
	if handle == nil {
		allowed := strings.Join(slices.Sorted(maps.Keys(ms)), ", ")
		w.Header().Set("Allow", allowed)
		s.refuse(w, r, problemf(http.StatusMethodNotAllowed, "%s is not for %s; use %s", r.URL.Path, r.Method, allowed))
		return
	}
	if err := handle(w, r); err != nil {
		s.refuse(w, r, err)
	}
}

func (s *server) asset(name, contentType string) func(http.ResponseWriter, *http.Request) error {
	b, err := assets.ReadFile("page/" + name)
	if err != nil {
		panic("web: it is embedded: " + err.Error())
	}
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "max-age=300")
		_, _ = w.Write(b)
		return nil
	}
}

func (s *server) document(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openAPI)
	return nil
}

func (s *server) metrics(w http.ResponseWriter, r *http.Request) error {
	s.opt.Metrics.ServeHTTP(w, r)
	return nil
}

func (s *server) healthy(w http.ResponseWriter, _ *http.Request) error {
	return plain(w, "remediated is healthy.")
}

func (s *server) ready(w http.ResponseWriter, _ *http.Request) error {
	if err := s.opt.Ready(); err != nil {
		return problemf(http.StatusServiceUnavailable, "not ready: %v", err)
	}
	return plain(w, "remediated is ready.")
}

func (s *server) reload(w http.ResponseWriter, r *http.Request) error {
	if s.opt.Reload == nil {
		return problemf(http.StatusNotFound, "this daemon cannot reload; restart it")
	}
	err := s.opt.Reload(r.Context(), proven(r))
	var refused *remediate.RefusedError
	switch {
	case errors.As(err, &refused):
		return err
	case err != nil:
		return problemf(http.StatusInternalServerError, "not reloaded, the configuration from before goes on: %v", err)
	}
	return plain(w, "The configuration was reloaded.")
}

func plain(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintln(w, text)
	return nil
}
