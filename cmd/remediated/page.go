package main

import (
	"fmt"
	"net/http"
)

// page returns what is served to people and to Prometheus.
func (d *daemon) page() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", d.metrics())
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ready") })
	return mux, nil
}
