package policies

import (
	"net/http"
	"time"

	"github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"
)

// watchdog reads which alert always fires, and for how long it may be missed.
func (v value) watchdog() (w *Watchdog, when value) {
	w = &Watchdog{}
	v.object("watchdog", fields{
		"when":   func(v value) { when = v; w.When, _ = v.when() },
		"within": func(v value) { w.Within = time.Duration(v.duration()) },
	}, "when", "within")
	return w, when
}

// heartbeat reads who is told that we are alive and, beside it, the settings of
// Prometheus's common HTTP client.
func (r *configReader) heartbeat(v value) *Heartbeat {
	h := &Heartbeat{Method: http.MethodGet}
	e := Endpoint{HTTP: config.DefaultHTTPClientConfig}
	settings := &yaml.Node{Kind: yaml.MappingNode}
	fs := r.settingsInto(settings)
	fs["url_file"] = func(v value) { h.URLFile = v.file(r.folder) }
	fs["every"] = func(v value) { h.Every = time.Duration(v.duration()) }
	fs["method"] = func(v value) { h.Method, _ = v.word("GET or POST", http.MethodGet, http.MethodPost) }
	if v.object("a heartbeat", fs, "url_file", "every") && len(settings.Content) > 0 {
		r.httpSettings(v, settings, &e)
	}
	h.HTTP = e.HTTP
	return h
}
