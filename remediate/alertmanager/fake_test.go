package alertmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// fake is an Alertmanager's API, as far as we ask it.
type fake struct {
	mu       sync.Mutex
	alerts   models.GettableAlerts
	silences models.GettableSilences
	cluster  string
	started  time.Time
	asked    []string // path of each request
	filters  [][]string
	broken   http.Handler // lists the alerts in its place
	hushed   http.Handler // lists the silences in its place
	status   http.Handler // gives the status in its place
	posted   []models.PostableAlerts
	refuses  http.Handler // takes posts in its place
	members  []*fake      // they hear of its silences
	mute     http.Handler // answers in its place when silences are made or ended
	after    bool         // and only after it has done it
	made     *atomic.Int32
}

func newFake(alerts ...*models.GettableAlert) *fake {
	return &fake{alerts: alerts, cluster: models.ClusterStatusStatusReady, started: time.Now().Add(-time.Hour), made: new(atomic.Int32)}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r.URL.Path)
	switch {
	case r.URL.Path == "/api/v2/alerts" && r.Method == http.MethodPost && f.refuses != nil:
		f.refuses.ServeHTTP(w, r)
	case r.URL.Path == "/api/v2/alerts" && r.Method == http.MethodPost:
		f.take(w, r)
	case r.URL.Path == "/api/v2/alerts" && f.broken != nil:
		f.broken.ServeHTTP(w, r)
	case r.URL.Path == "/api/v2/alerts":
		f.list(w, r)
	case r.URL.Path == "/api/v2/silences" && r.Method == http.MethodPost, strings.HasPrefix(r.URL.Path, "/api/v2/silence/"):
		f.hush(w, r)
	case r.URL.Path == "/api/v2/silences" && f.hushed != nil:
		f.hushed.ServeHTTP(w, r)
	case r.URL.Path == "/api/v2/silences":
		respond(w, http.StatusOK, append(models.GettableSilences{}, f.silences...))
	case r.URL.Path == "/api/v2/status" && f.status != nil:
		f.status.ServeHTTP(w, r)
	case r.URL.Path == "/api/v2/status":
		respond(w, http.StatusOK, models.AlertmanagerStatus{
			Cluster: &models.ClusterStatus{Status: &f.cluster}, Uptime: dateTime(f.started),
			Config: &models.AlertmanagerConfig{Original: new(string)}, VersionInfo: &models.VersionInfo{},
		})
	default:
		http.NotFound(w, r)
	}
}

// take takes what is posted, held to what Alertmanager holds it to.
func (f *fake) take(w http.ResponseWriter, r *http.Request) {
	var posts models.PostableAlerts
	err := json.NewDecoder(r.Body).Decode(&posts)
	if err == nil {
		err = posts.Validate(strfmt.Default)
	}
	for _, p := range posts {
		if time.Time(p.EndsAt).Before(time.Time(p.StartsAt)) {
			err = errors.New("start time must be before end time")
		}
	}
	if err != nil {
		respond(w, http.StatusBadRequest, err.Error())
		return
	}
	f.posted = append(f.posted, posts) // and nothing is answered but 200
}

// hush makes and ends silences.
func (f *fake) hush(w http.ResponseWriter, r *http.Request) {
	if f.mute != nil {
		if f.after {
			f.change(httptest.NewRecorder(), r)
		}
		f.mute.ServeHTTP(w, r)
		return
	}
	f.change(w, r)
}

// change makes or ends a silence as Alertmanager does.
func (f *fake) change(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		f.expire(w, path.Base(r.URL.Path))
		return
	}
	var p models.PostableSilence
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil || p.Validate(strfmt.Default) != nil {
		respond(w, http.StatusBadRequest, "it is no silence")
		return
	}
	id := fmt.Sprintf("%08x-54b8-4e0a-9d5c-0b6f1d1f0e11", f.made.Add(1))
	g := silenced(id, *p.CreatedBy, *p.Comment, time.Time(*p.EndsAt))
	g.Matchers = p.Matchers
	f.silences = append(f.silences, g)
	for _, o := range f.members {
		o.mu.Lock()
		o.silences = append(o.silences, g)
		o.mu.Unlock()
	}
	respond(w, http.StatusOK, map[string]string{"silenceID": id})
}

func (f *fake) expire(w http.ResponseWriter, id string) {
	for _, g := range f.silences {
		switch {
		case *g.ID != id:
		case *g.Status.State == models.SilenceStatusStateExpired:
			respond(w, http.StatusInternalServerError, "silence "+id+" already expired")
			return
		default:
			*g.Status.State = models.SilenceStatusStateExpired // the others of its cluster have the same
			w.WriteHeader(http.StatusOK)
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
}

// list matches as Alertmanager does: with its own parser.
func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	f.filters = append(f.filters, r.URL.Query()["filter"])
	out := models.GettableAlerts{}
	for _, a := range f.alerts {
		if a == nil {
			out = append(out, a)
			continue
		}
		matches := true
		for _, expression := range r.URL.Query()["filter"] {
			m, err := labels.ParseMatcher(expression)
			if err != nil {
				respond(w, http.StatusBadRequest, err.Error())
				return
			}
			matches = matches && m.Matches(a.Labels[m.Name])
		}
		if matches {
			out = append(out, a)
		}
	}
	respond(w, http.StatusOK, out)
}

func respond(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

func dateTime(t time.Time) *strfmt.DateTime { d := strfmt.DateTime(t); return &d }

var began = time.Date(2026, 1, 14, 14, 2, 11, 345_678_901, time.UTC)

// listed is an alert as the API gives it; suppressed when any ids are named.
func listed(ls models.LabelSet, silencedBy ...string) *models.GettableAlert {
	state := models.AlertStatusStateActive
	if len(silencedBy) > 0 {
		state = models.AlertStatusStateSuppressed
	}
	set := model.LabelSet{}
	for n, v := range ls {
		set[model.LabelName(n)] = model.LabelValue(v)
	}
	fp := set.Fingerprint().String()
	return &models.GettableAlert{
		Alert:       models.Alert{Labels: ls, GeneratorURL: "http://prometheus/graph"},
		Annotations: models.LabelSet{"summary": "it is down"},
		StartsAt:    dateTime(began), UpdatedAt: dateTime(began), EndsAt: dateTime(began.Add(4 * time.Minute)),
		Fingerprint: &fp, Receivers: []*models.ReceiverReference{},
		Status: &models.AlertStatus{
			State: &state, SilencedBy: append([]string{}, silencedBy...), InhibitedBy: []string{}, MutedBy: []string{},
		},
	}
}

// inhibited is an alert that these others inhibit.
func inhibited(ls models.LabelSet, by ...*models.GettableAlert) *models.GettableAlert {
	a := listed(ls)
	*a.Status.State = models.AlertStatusStateSuppressed
	for _, b := range by {
		a.Status.InhibitedBy = append(a.Status.InhibitedBy, *b.Fingerprint)
	}
	return a
}

// silenced is a silence as the API gives it.
func silenced(id, by, comment string, until time.Time) *models.GettableSilence {
	active := models.SilenceStatusStateActive
	return &models.GettableSilence{
		ID: &id, Status: &models.SilenceStatus{State: &active}, UpdatedAt: dateTime(began),
		Silence: models.Silence{CreatedBy: &by, Comment: &comment, StartsAt: dateTime(began), EndsAt: dateTime(until), Matchers: models.Matchers{}},
	}
}

// network carries requests to fakes in memory, so that they take no real time.
type network map[string]http.Handler

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	h, ok := n[r.URL.Host]
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if !ok {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// clientOf returns a client of these fakes, called am-1, am-2 and so on; nil
// is one that is down.
func clientOf(t *testing.T, o Options, fakes ...*fake) *Client {
	t.Helper()
	n := network{}
	for i, f := range fakes {
		name := "am-" + string(rune('1'+i))
		o.URLs = append(o.URLs, "http://"+name)
		if f != nil {
			n[name] = f
		}
	}
	o.HTTP = &http.Client{Transport: n}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func text(code int, contentType, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		w.Write([]byte(body))
	})
}

// broken are Alertmanagers that say nothing one could rely on.
func broken() map[string]*fake {
	out := map[string]*fake{"down": nil}
	for name, h := range map[string]http.Handler{
		"500":                 text(500, "application/json", `"out of order"`),
		"502 of a proxy":      text(502, "text/html", `<html>bad gateway</html>`),
		"401":                 text(401, "text/plain", `who are you`),
		"404":                 http.NotFoundHandler(),
		"an empty body":       text(200, "application/json", ``),
		"null":                text(200, "application/json", `null`),
		"an object":           text(200, "application/json", `{}`),
		"half a list":         text(200, "application/json", `[{"labels":`),
		"a login page":        text(200, "text/html", `<html>log in</html>`),
		"text":                text(200, "text/plain", `[]`),
		"something binary":    text(200, "application/octet-stream", `[]`),
		"no content":          text(204, "application/json", ``),
		"a redirect to it":    http.RedirectHandler("/elsewhere", http.StatusFound),
		"a redirect in vain":  http.RedirectHandler("http://nowhere/", http.StatusFound),
		"a broken media type": text(200, ";;", `[]`),
	} {
		f := newFake()
		f.broken = h
		out[name] = f
	}
	return out
}

// unproven are Alertmanagers whose list is right and whose silence means
// nothing.
func unproven() map[string]*fake {
	change := func(do func(*fake)) *fake { f := newFake(); do(f); return f }
	return map[string]*fake{
		"settling":       change(func(f *fake) { f.cluster = models.ClusterStatusStatusSettling }),
		"of a new state": change(func(f *fake) { f.cluster = "dreaming" }),
		"just started":   change(func(f *fake) { f.started = time.Now().Add(-time.Minute) }),
		"of the future":  change(func(f *fake) { f.started = time.Now().Add(time.Hour) }),
		"no status":      change(func(f *fake) { f.status = text(500, "application/json", `"no"`) }),
		"empty status":   change(func(f *fake) { f.status = text(200, "application/json", `{}`) }),
		"status of none": change(func(f *fake) { f.status = text(200, "application/json", ``) }),
		"status a page":  change(func(f *fake) { f.status = text(200, "text/html", `<html>`) }),
	}
}

// served starts the fakes on real sockets.
func served(t *testing.T, o Options, fakes ...*fake) *Client {
	t.Helper()
	for _, f := range fakes {
		s := httptest.NewServer(f)
		t.Cleanup(s.Close)
		o.URLs = append(o.URLs, s.URL)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func labelsOf(pairs models.LabelSet) remediate.Labels { return remediate.LabelsOf(pairs) }

func (f *fake) askedFor(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked) - len(slices.DeleteFunc(slices.Clone(f.asked), func(p string) bool { return p == path }))
}

var ctx = context.Background()
