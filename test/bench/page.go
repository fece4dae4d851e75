package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/test/daemon"
)

// pageOpen is how many incidents are open while the page is looked at.
const pageOpen = 500

// viewed are the views that are looked at, and what each must show.
var viewed = []struct{ name, path, shows string }{
	{"now", "/", fmt.Sprintf("%d open", pageOpen)},
	{"incident", "/incidents/2", "The story"},
	{"policies", "/policies", "What would it do?"},
	{"history", "/history", "Older"},
	{"search", "/history?q=nothing+has+this", "Nothing that is closed fits"},
	{"reports", "/reports", "Incidents by week"},
}

// measurePage measures how soon the daemon's page is there, over HTTP on loopback:
// the first byte of each view, which is sent when all of it is made, and the whole,
// with a hundredth of the closed incidents and with all of them, of which there are
// a tenth of the facts that are asked for.
func measurePage(ctx context.Context, o options) ([]row, error) {
	program, err := o.builtDaemon()
	if err != nil {
		return nil, err
	}
	s := starting{program: program, dir: o.dir, outside: &outside{url: "http://127.0.0.1:1"}} // nobody says that the alerts are gone
	contests := make([]contest, len(viewed))
	for k, v := range viewed {
		contests[k] = contest{"page", v.name, "pages/s", nil}
	}
	for _, closed := range []int{int(o.facts / 1000), int(o.facts / 10)} {
		d, err := s.withHistory(ctx, closed)
		if err != nil {
			return nil, err
		}
		defer d.Kill() //nolint:errcheck // what it has is thrown away
		for k, v := range viewed {
			contests[k].contestants = append(contests[k].contestants, contestant{
				fmt.Sprintf("%d closed", closed), func(ctx context.Context) (sample, error) {
					first, whole, err := viewTook(ctx, "http://"+d.Web, v.path, v.shows)
					return sample{value: 1 / whole.Seconds(), p50: first, p99: whole, size: float64(closed)}, err
				},
			})
		}
	}
	return o.hold(ctx, contests)
}

// withHistory starts a daemon on a journal with so many closed incidents.
func (s starting) withHistory(ctx context.Context, closed int) (*daemon.Process, error) {
	book, release, err := s.decides(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(s.dir, "page-")
	if err != nil {
		return nil, err
	}
	since := time.Now().Add(ahead - time.Duration(closed+1)*pageApart)
	var state *remediate.State
	err = filled(ctx, filepath.Join(dir, journalName), book, release, since, func(d *decider) error {
		state = d.state
		return d.past(closed)
	})
	if err == nil {
		err = saveSnapshot(ctx, filepath.Join(dir, journalName), state)
	}
	if err != nil {
		return nil, fmt.Errorf("fill a journal with %d incidents: %w", closed, err)
	}
	return s.start(ctx, dir)
}

// saveSnapshot saves what the records in a journal come to, so that a start need
// not read them.
func saveSnapshot(ctx context.Context, dir string, state *remediate.State) (err error) {
	j, err := journal.Open(ctx, dir, journal.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	text, err := state.Snapshot()
	if err != nil {
		return err
	}
	return j.SaveSnapshot(ctx, remediate.Checkpoint{Seq: state.Seq, At: state.At, Head: state.Head, State: text}.Seal())
}

// pageApart is how far the incidents of the past are apart: 100,000 are of 11 weeks.
const pageApart = 70 * time.Second

// past lives through so many incidents, and leaves [pageOpen] open.
func (d *decider) past(closed int) error {
	for range closed {
		d.now = d.now.Add(pageApart)
		if _, err := d.story(); err != nil {
			return err
		}
	}
	for range pageOpen {
		if _, err := d.hear(d.alert(watched, true)); err != nil {
			return err
		}
		d.told++
	}
	return nil
}

// viewTook is how long a view takes until its first byte and until its last.
func viewTook(ctx context.Context, url, path, shows string) (first, whole time.Duration, err error) {
	begun := time.Now()
	trace := &httptrace.ClientTrace{GotFirstResponseByte: func() { first = time.Since(begun) }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodGet, url+path, nil)
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Accept", "text/html")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	body, err := io.ReadAll(answer.Body)
	err = errors.Join(err, answer.Body.Close())
	whole = time.Since(begun)
	if err == nil && !strings.Contains(string(body), shows) {
		err = fmt.Errorf("%s: %s, and it does not show %q: %.2000s", path, answer.Status, shows, body)
	}
	return first, whole, err
}
