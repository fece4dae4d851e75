// Package doubles runs the doubles of Slack and PagerDuty as servers and lets a test in another process steer and read
// them.
//
// A test in the same process starts both and keeps their values:
//
//	s, err := doubles.Start(doubles.Options{})
//	defer s.Close()
//	s.Slack.Faults.Add(fault.LoseReply("chat.postMessage"))
//
// An end-to-end test runs the command in cmd/doubles and steers it with a [SlackClient] and a [PagerDutyClient], which
// can wait for what is to happen instead of sleeping.
package doubles

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

// Options say where the doubles listen and what they are like.
type Options struct {
	// SlackAddress and PagerDutyAddress are host:port on a loopback interface: anybody who reaches a double may steer
	// it. Empty means any free port of 127.0.0.1.
	SlackAddress, PagerDutyAddress string
	Slack                          slack.Options
	PagerDuty                      pagerduty.Options
}

// Servers are both doubles at work.
type Servers struct {
	Slack     *slack.Workspace
	PagerDuty *pagerduty.Account
	// SlackURL and PagerDutyURL are the base URLs without a slash at the end. slack-go wants SlackURL + "/api/".
	SlackURL, PagerDutyURL string

	hangUp  context.CancelFunc
	servers []*http.Server
	running errgroup.Group
}

// Start starts both doubles. An error says which of them cannot listen.
func Start(o Options) (*Servers, error) {
	slackListener, err := listen("slack", o.SlackAddress)
	if err != nil {
		return nil, err
	}
	pagerdutyListener, err := listen("pagerduty", o.PagerDutyAddress)
	if err != nil {
		return nil, errors.Join(err, slackListener.Close())
	}
	s := &Servers{
		Slack: slack.New(o.Slack), SlackURL: "http://" + slackListener.Addr().String(),
		PagerDuty: pagerduty.New(o.PagerDuty), PagerDutyURL: "http://" + pagerdutyListener.Addr().String(),
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.hangUp = cancel
	s.serve(ctx, slackListener, s.Slack)
	s.serve(ctx, pagerdutyListener, s.PagerDuty)
	return s, nil
}

// listen refuses addresses that others than this host can reach.
func listen(name, address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	tcp, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("%s: %s is not a loopback address; anybody who reaches a double may steer it", name, address)
	}
	l, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

func (s *Servers) serve(ctx context.Context, l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, BaseContext: func(net.Listener) context.Context { return ctx }}
	s.servers = append(s.servers, server)
	s.running.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

// grace is how long Close waits for requests in flight; only connections that were never used last longer.
const grace = time.Second

// Close stops both doubles and returns when nothing runs any more. Delays end, the requests that they held up are
// carried out, and looks that wait for a change are refused.
func (s *Servers) Close() error {
	s.hangUp()
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	var errs []error
	for _, server := range s.servers {
		if server.Shutdown(ctx) != nil {
			errs = append(errs, server.Close())
		}
	}
	return errors.Join(append(errs, s.running.Wait())...)
}
