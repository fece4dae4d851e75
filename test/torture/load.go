package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"
)

// alert is one in a webhook, as Alertmanager writes it.
type alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

func alertOf(name, n string, since time.Time) alert {
	h := fnv.New64a()
	fmt.Fprint(h, name, n)
	return alert{
		Status: "firing", Labels: map[string]string{"alertname": name, "n": n}, Annotations: map[string]string{"summary": "It is " + name + "."},
		StartsAt: since.UTC(), Fingerprint: fmt.Sprintf("%016x", h.Sum64()),
	}
}

// called is what the alert is counted under.
func (a alert) called() string { return a.Labels["alertname"] + " " + a.Labels["n"] }

// load sends alerts until it is stopped. Each that is acted on comes with others
// that are not, fires until it was healed or for two seconds, and resolves.
type load struct {
	world  *world
	daemon *tortured
	end    context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex
	binds bool            // an acknowledgement that is read now is one of a daemon that lives
	next  int             // number of the next alert
	pool  int             // how many there are, which come again; 0: each is a new one
	taken int             // alerts that fire and were acknowledged
	acked map[string]bool // names and numbers of what was acknowledged
}

func newLoad(w *world, d *tortured, senders, pool int) *load {
	ctx, end := context.WithCancel(context.Background())
	l := &load{world: w, daemon: d, end: end, binds: true, pool: pool, acked: map[string]bool{}}
	for range senders {
		l.done.Go(func() {
			for ctx.Err() == nil {
				l.live(ctx)
			}
		})
	}
	return l
}

func (l *load) stop() {
	l.end()
	l.done.Wait()
}

func (l *load) unbinding() { l.bind(false) }
func (l *load) binding()   { l.bind(true) }

func (l *load) bind(binds bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.binds = binds
}

// live is the life of one alert.
func (l *load) live(ctx context.Context) {
	l.mu.Lock()
	l.next++
	if l.pool > 0 {
		l.next %= l.pool
	}
	n := fmt.Sprint(l.next)
	l.mu.Unlock()
	now := time.Now()
	alerts := []alert{l.world.fire(n), alertOf(other, n+"a", now), alertOf(other, n+"b", now)}
	if !l.send(ctx, alerts) {
		return
	}
	for until := now.Add(2 * time.Second); !l.world.healed(n) && time.Now().Before(until) && ctx.Err() == nil; {
		time.Sleep(5 * time.Millisecond)
	}
	l.send(ctx, []alert{l.world.resolve(n)})
}

// send sends until it is acknowledged, as Alertmanager does, and that binds.
func (l *load) send(ctx context.Context, alerts []alert) bool {
	body, err := json.Marshal(map[string]any{"version": "4", "groupKey": "{}", "status": alerts[0].Status, "receiver": "remediated", "alerts": alerts})
	if err != nil {
		panic(err) // there is nothing in it that cannot be written
	}
	for ctx.Err() == nil {
		if l.post(ctx, body) && l.acknowledged(alerts) {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// acknowledged notes what was, and tells whether that binds.
func (l *load) acknowledged(alerts []alert) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range alerts {
		if l.binds && a.Status == "firing" {
			l.acked[a.called()] = true
			l.taken++
		}
	}
	return l.binds
}

func (l *load) post(ctx context.Context, body []byte) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.daemon.webhook(), bytes.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}
