// Api is the workload that stands for a stateless service: it answers /health,
// and counts its requests in /metrics beside what its process takes. While its
// pod's folder holds a file "broken" it neither starts nor stays up, so that a
// fresh pod is a healthy one.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
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
	flag.Parse()
	broken := filepath.Join(os.Getenv("POD_DIR"), "broken")
	refuse := func() {
		if _, err := os.Stat(broken); err == nil {
			log.Fatalf("cannot run: %s exists", broken)
		}
	}
	refuse()

	countOurselves()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		refuse()
		requests.Inc()
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.Handler())
	server := &http.Server{Addr: *listen, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
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
