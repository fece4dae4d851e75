// Api is the workload that stands for a stateless service: it answers /health
// and counts its requests in /metrics. While its pod's folder holds a file
// "broken" it neither starts nor stays up, so that a fresh pod is a healthy one.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

func main() {
	listen := flag.String("listen-address", ":8080", "address to serve on")
	flag.Parse()
	broken := filepath.Join(os.Getenv("POD_DIR"), "broken")
	refuse := func() {
		if _, err := os.Stat(broken); err == nil {
			log.Fatalf("cannot run: %s exists", broken)
		}
	}
	refuse()

	var requests atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		refuse()
		requests.Add(1)
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# HELP http_requests_total Requests answered.\n# TYPE http_requests_total counter\nhttp_requests_total %d\n", requests.Load())
	})
	server := &http.Server{Addr: *listen, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}
