package bed

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"
)

// startDiscovery serves where the API's pods are. Debian's Prometheus is built
// without a client of Kubernetes and cannot find them by itself.
func (b *Bed) startDiscovery() (url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: http.HandlerFunc(b.discover), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	b.OnStop(func() error {
		err := server.Close()
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	})
	return "http://" + listener.Addr().String(), nil
}

// discover answers with the API's pods. When they cannot be listed it fails, and
// Prometheus keeps to those that it knows.
func (b *Bed) discover(w http.ResponseWriter, r *http.Request) {
	pods, err := b.Pods(r.Context(), Namespace, "app=x0tta6bl4-api")
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	groups := []targetGroup{}
	for _, p := range pods {
		if p.Status.PodIP != "" {
			groups = append(groups, targetGroup{
				Targets: []string{net.JoinHostPort(p.Status.PodIP, "8080")},
				Labels:  map[string]string{"namespace": p.Namespace, "pod": p.Name},
			})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(groups) // who does not read it to the end asks again
}
