package main

import (
	"net/http"
)

// page returns what is served to people and to Prometheus.
func (d *daemon) page() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", d.metrics())
	return mux, nil
}
