package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	prometheus "github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

// Defaults of [Options].
const (
	DefaultTimeout    = 3 * time.Second
	DefaultConcurrent = 8
)

// maxResult bounds the bytes of one result: we ask for few series, but one that
// is too old to know the limit sends all.
const maxResult = 32 << 20

// Options say what can be asked.
type Options struct {
	// Clusters are the Kubernetes clusters by name. The clients made of them
	// refuse to send anything but GET.
	Clusters map[string]*rest.Config
	// Prometheus is the URL of the Prometheus that is asked, "" for none.
	Prometheus string
	// PrometheusClient carries the settings for it, such as TLS and
	// authentication; nil is a plain client.
	PrometheusClient *http.Client
	// Extra answers kinds that are implemented elsewhere, such as "alert".
	// It gets a context that ends after Timeout, and may be called at once
	// from many goroutines.
	Extra map[string]func(context.Context, remediate.Question) remediate.Answer
	// Timeout bounds one look at one dependency; 0 is DefaultTimeout. Evidence
	// has a time of its own.
	Timeout time.Duration
	// Keep keeps what was gathered as evidence, durably when it returns, and
	// returns what it is kept under. Nil: nothing can be kept, and a question
	// for evidence is answered with an error.
	Keep func(ctx context.Context, blob []byte) (digest string, err error)
	// Concurrent is how many questions are put to one dependency at a time;
	// 0 is DefaultConcurrent.
	Concurrent int
	// Changed is told when an outbound circuit breaker changes its state. It
	// must not block. Nil is fine.
	Changed func(name, from, to string)
}

// Prober answers asks. It is safe for use by many goroutines.
type Prober struct {
	*clients
	extra   map[string]func(context.Context, remediate.Question) remediate.Answer
	flights *flights
}

// clients are what questions are put by, and where evidence is kept. They have no
// method that puts a question: what only has them does without all that the kinds
// of questions need, such as the client of a database.
type clients struct {
	clusters map[string]kube.Reader
	prom     promv1.API // nil for none
	keep     func(context.Context, []byte) (string, error)
	timeout  time.Duration
	changed  outbound.Changed

	mu       sync.Mutex
	breakers map[string]*outbound.Breaker
}

// New returns a Prober. It connects to nothing yet.
func New(o Options) (*Prober, error) {
	c, err := newClients(o)
	if err != nil {
		return nil, err
	}
	return &Prober{c, o.Extra, newFlights(cmp.Or(o.Concurrent, DefaultConcurrent))}, nil
}

func newClients(o Options) (*clients, error) {
	c := &clients{
		clusters: map[string]kube.Reader{}, keep: o.Keep, timeout: cmp.Or(o.Timeout, DefaultTimeout),
		changed: o.Changed, breakers: map[string]*outbound.Breaker{},
	}
	for name, cfg := range o.Clusters {
		client, err := readOnly(cfg)
		if err != nil {
			return nil, fmt.Errorf("client of cluster %q: %w", name, err)
		}
		c.clusters[name] = kube.NewReader(client)
	}
	if o.Prometheus != "" {
		web := *cmp.Or(o.PrometheusClient, &http.Client{})
		web.Transport = outbound.Answers{Next: web.Transport, Max: maxResult, Redirects: true} // whether they are followed is for its user to say
		client, err := prometheus.NewClient(prometheus.Config{Address: o.Prometheus, Client: &web})
		if err != nil {
			return nil, fmt.Errorf("client of Prometheus at %q: %w", o.Prometheus, err)
		}
		c.prom = promv1.NewAPI(client)
	}
	return c, nil
}

// Wait returns when no question is under way any more. It is called after the
// contexts of all asks have ended.
func (p *Prober) Wait() { p.flights.wait() }

// readOnly returns a client that cannot write, whatever is asked of it and
// whatever its credentials allow.
func readOnly(cfg *rest.Config) (*kube.Client, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS = -1 // the semaphore and the API server's own fairness are the limits
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return kube.Answers(getOnly{next}) })
	return kube.NewClient(rest.AddUserAgent(cfg, "probe"))
}

type getOnly struct{ next http.RoundTripper }

func (g getOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		return nil, fmt.Errorf("%s %s: a probe only reads", r.Method, r.URL.Path)
	}
	return g.next.RoundTrip(r)
}

// cluster returns the reader of a target's cluster.
func (p *clients) cluster(t remediate.Target) (kube.Reader, error) {
	r, ok := p.clusters[t.Cluster]
	if !ok {
		return r, fmt.Errorf("cluster %q is not configured", t.Cluster)
	}
	return r, nil
}

// guarded calls f behind the breaker called name.
func (p *clients) guarded(name string, fault func(error) bool, f func() error) error {
	p.mu.Lock()
	b := p.breakers[name]
	if b == nil {
		b = outbound.NewBreaker(name, fault, p.changed)
		p.breakers[name] = b
	}
	p.mu.Unlock()
	return b.Do(f)
}

// put answers one question about an incident that is so bad. When ctx ends first, the
// answer is that it did.
func (p *Prober) put(ctx context.Context, severity remediate.Severity, q remediate.Question) remediate.Answer {
	l, err := p.prepare(q)
	if err != nil {
		return unknown(q, err)
	}
	a, ok := p.flights.fly(ctx, severity, l)
	if !ok {
		return unknown(q, fmt.Errorf("not answered in time: %w", context.Cause(ctx)))
	}
	return a
}

func (p *Prober) prepare(q remediate.Question) (look, error) {
	key, err := json.Marshal(q)
	if err != nil {
		return look{}, err
	}
	l := look{key: string(key), dependency: q.Kind, within: p.timeout}
	if extra, ok := p.extra[q.Kind]; ok {
		l.put = func(ctx context.Context) remediate.Answer { return checked(q, extra(ctx, q), nil) }
		return l, nil
	}
	k, ok := kinds[q.Kind]
	if !ok {
		return look{}, fmt.Errorf("there is no probe %q", q.Kind)
	}
	what, err := k.parse(q.Args)
	if err != nil {
		return look{}, err
	}
	l.dependency = what.dependency(q)
	if s, ok := what.(slow); ok {
		l.within = cmp.Or(s.within(), p.timeout)
	}
	l.put = func(ctx context.Context) remediate.Answer {
		a, err := what.put(ctx, p.clients, q)
		return checked(q, a, err)
	}
	return l, nil
}

// checked makes sure that not knowing means no.
func checked(q remediate.Question, a remediate.Answer, err error) remediate.Answer {
	if err != nil {
		return unknown(q, err)
	}
	a.Kind = q.Kind
	if a.Err != "" {
		a.OK = false
	}
	return a
}

func unknown(q remediate.Question, err error) remediate.Answer {
	text := "not known"
	var open *outbound.OpenError
	if errors.As(err, &open) {
		text = "not asked"
	}
	return remediate.Answer{Kind: q.Kind, Text: text, Err: err.Error()}
}
