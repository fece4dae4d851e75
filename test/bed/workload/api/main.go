// Api is the workload that stands for a stateless service: it answers /health,
// and says in /metrics how many requests it had, what its process takes and how
// it stands with its peers (mesh.go). While its pod's folder holds a file "broken"
// it neither starts nor stays up, and while it holds a file "leaking" each request
// costs memory that it does not give back, up to nearly its limit; so that a fresh
// pod is a healthy one.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

var requests = promauto.NewCounter(prometheus.CounterOpts{
	Name: "http_requests_total",
	Help: "Requests answered.",
})

func main() {
	listen := flag.String("listen-address", ":8080", "address to serve on")
	registry := flag.String("mesh-registry", "", "folder in which all pods of the service find each other")
	flag.Parse()
	broken := filepath.Join(os.Getenv("POD_DIR"), "broken")
	refuse := func() {
		if _, err := os.Stat(broken); err == nil {
			log.Fatalf("cannot run: %s exists", broken)
		}
	}
	refuse()
	leaking := filepath.Join(os.Getenv("POD_DIR"), "leaking")
	peers := newMesh(os.Getenv("POD_NAME"), *listen, *registry, filepath.Join(os.Getenv("POD_DIR"), "quarantine"))

	prometheus.MustRegister(peers)
	countOurselves()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		refuse()
		if _, err := os.Stat(leaking); err == nil {
			kept.more()
		}
		requests.Inc()
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.Handler())
	mux.HandleFunc("GET "+pingPath, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	server := &http.Server{Addr: *listen, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { log.Fatal(server.ListenAndServe()) }()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := peers.run(ctx); err != nil {
		log.Fatal(err)
	}
}

// What a request costs that leaks, and how much of it is kept at most: a bed's pod
// is not ended at its limit, and the machine is to feel nothing of it.
const (
	leak     = 16 << 20
	leakMost = 7 * leak
)

var kept hoard

// hoard is memory that is not given back.
type hoard struct {
	mu   sync.Mutex
	all  [][]byte
	size int
}

func (h *hoard) more() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.size >= leakMost {
		return
	}
	b := make([]byte, leak)
	for i := 0; i < len(b); i += os.Getpagesize() {
		b[i] = 1 // a page that is not written to takes no memory
	}
	h.all, h.size = append(h.all, b), h.size+leak
}

// countOurselves has the process_* metrics be about this process. It is the first
// of its PID namespace, and number 1 of the bed's /proc is another one.
func countOurselves() {
	prometheus.Unregister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	prometheus.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{
		PidFn: func() (int, error) {
			self, err := os.Readlink("/proc/self")
			if err != nil {
				return 0, err
			}
			return strconv.Atoi(self)
		},
	}))
}
