// Demo shows the main job on the real parts of the bed: it breaks a database
// under a real control plane, or what another scenario says, and tells how the
// daemon healed it. It runs inside the bed:
//
//	go run ./test/bed/cmd/bed --publish=9095 run -- bin/demo [scenario]
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/doubles"
	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
	"github.com/x0tta6bl4/remediated/test/scenarios"
)

const (
	page = "http://127.0.0.1:9095"
	// patience is how long any one step may take on a slow machine.
	patience = 2 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	scenario, err := scenarios.Named(append(args, scenarios.All[0].Name)[0])
	if err != nil {
		return err
	}
	b, err := bed.FromEnv()
	if err != nil {
		return err
	}
	defer b.Stop() // of what the scenario adds to it
	if scenario.Setup != nil {
		if err := scenario.Setup(ctx, b); err != nil {
			return err
		}
	}
	s, err := setUp(ctx, b, scenario)
	if err != nil {
		return err
	}
	defer s.close()
	say("A Kubernetes control plane, PostgreSQL, Redis, Prometheus and Alertmanager are running,")
	say("and remediated with policies of %s.", filepath.Join("test", "scenarios"))

	step("%s", scenario.Fault)
	begun := time.Now()
	if err := scenario.Strike(ctx, b); err != nil {
		return err
	}
	step("Prometheus sees it, Alertmanager calls, remediated decides, acts and looks whether it helped ...")
	for _, name := range scenario.Approvers {
		if err := s.approve(ctx, name); err != nil {
			return err
		}
	}
	if scenario.Return != nil {
		if err := s.awaitFact(ctx, "healed/1", "it is healed"); err != nil {
			return err
		}
		step("It is healed. The rest is for people, who do it now.")
		if err := scenario.Return(ctx, b); err != nil {
			return err
		}
	}
	if err := s.awaitFact(ctx, "filed/1", "the incident is closed and told of"); err != nil {
		return err
	}
	say("It took %s from the fault to the end of the alert. The objective is %s from the alert until it works.", time.Since(begun).Round(100*time.Millisecond), scenario.Objective)

	if scenario.Works != nil {
		if err := scenario.Works(ctx, b); err != nil {
			return fmt.Errorf("it is healed, and yet: %w", err)
		}
		say("What did not work was tried once more, and works.")
	}

	step("The story, as `remedy incident explain i1` tells it:")
	if err := s.remedy(ctx, "incident", "explain", "i1"); err != nil {
		return err
	}
	step("What is remembered of it, as `remedy incident record i1` tells it:")
	if err := s.remedy(ctx, "incident", "record", "i1"); err != nil {
		return err
	}
	step("What people saw:")
	s.showPeople()
	return s.linger(ctx)
}

// linger leaves the page up while a person may want to look at it.
func (s *surroundings) linger(ctx context.Context) error {
	address := os.Getenv(bed.PublishedVariable)
	if address == "" {
		address = strings.TrimPrefix(page, "http://")
	}
	step("The page: http://%s/", address)
	if os.Getenv(bed.AttendedVariable) != "" {
		say("Press Enter to stop.")
		<-ctx.Done()
	}
	return nil
}

// surroundings are the daemon and whom it tells.
type surroundings struct {
	dir    string
	people *doubles.Servers
	daemon *exec.Cmd
	ended  chan struct{}
}

// setUp starts stand-ins for Slack and PagerDuty, and the daemon under its own
// ServiceAccount.
func setUp(ctx context.Context, b *bed.Bed, scenario scenarios.Scenario) (_ *surroundings, err error) {
	s := &surroundings{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "remediated-demo-"); err != nil {
		return nil, err
	}
	key := strings.Repeat("0", 32)
	if s.people, err = doubles.Start(doubles.Options{PagerDuty: pagerduty.Options{RoutingKeys: []string{key}}}); err != nil {
		return nil, err
	}
	kubeconfig, err := b.Kubeconfig(ctx, bed.Namespace, "remediated")
	if err != nil {
		return nil, err
	}
	place := scenarios.Place{Own: "demo", Here: "demo"}
	if scenario.Place != nil {
		if place, err = scenario.Place(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.configure(b, cmp.Or(scenario.Policies, scenarios.Policies), kubeconfig, key, place); err != nil {
		return nil, err
	}
	if err := s.grant(ctx, b, place.Here); err != nil {
		return nil, err
	}
	return s, s.start(ctx)
}

// grant gives the ServiceAccount the smallest roles that the policies need, and
// fences it in.
func (s *surroundings) grant(ctx context.Context, b *bed.Bed, cluster string) error {
	for _, what := range []string{"rbac", "fence"} {
		printed, err := exec.CommandContext(ctx, program("remedy"), "policy", what, "--namespace="+bed.Namespace, "--cluster="+cluster, s.path("remediated.yml")).Output()
		if err != nil {
			return fmt.Errorf("remedy policy %s: %w", what, err)
		}
		if err := b.Apply(ctx, string(printed)); err != nil {
			return fmt.Errorf("apply what remedy policy %s printed: %w", what, err)
		}
	}
	return nil
}

// start starts the daemon and waits until it is ready.
func (s *surroundings) start(ctx context.Context) error {
	s.daemon = exec.Command(program("remediated"),
		"--config.file="+s.path("remediated.yml"), "--storage.path="+s.path("data"), "--alertmanager.poll-interval=10s", "--log.level=debug")
	log, err := os.Create(s.path("remediated.log"))
	if err != nil {
		return err
	}
	s.daemon.Stderr = log
	s.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := s.daemon.Start(); err != nil {
		return err
	}
	s.ended = make(chan struct{})
	go func() { s.daemon.Wait(); close(s.ended) }()
	return s.await(ctx, "remediated is ready", func() bool {
		r, err := http.Get(page + "/-/ready")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
}

// approve says yes to the plan that waits, in the name of a person.
func (s *surroundings) approve(ctx context.Context, name string) error {
	var plan string
	err := s.await(ctx, "a plan waits for a person", func() bool {
		plan = waiting(ctx)
		return plan != ""
	})
	if err != nil {
		return err
	}
	step("Nothing is done before a person says yes. It is you who is called here, by the name of %s; the demo does what you would do:", name)
	say("remedy incident approve i1 --plan %s --by %s", plan, name)
	return s.remedy(ctx, "incident", "approve", "i1", "--plan", plan, "--by", name, "--reason", "said by the demo")
}

// waiting is the hash of the plan that waits for a person, "" when none does.
func waiting(ctx context.Context) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page+"/api/v1/incidents/1", nil)
	if err != nil {
		return ""
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	var incident struct {
		Approval struct {
			Hash string `json:"hash"`
		} `json:"approval"`
	}
	if r.StatusCode != http.StatusOK || json.NewDecoder(r.Body).Decode(&incident) != nil {
		return ""
	}
	return incident.Approval.Hash
}

// awaitFact waits until the daemon has written a fact of a kind, which is said in
// words.
func (s *surroundings) awaitFact(ctx context.Context, kind, what string) error {
	return s.await(ctx, what, func() bool {
		log, err := os.ReadFile(s.path("remediated.log"))
		return err == nil && strings.Contains(string(log), "kind="+kind)
	})
}

// await polls until done, which is said in words.
func (s *surroundings) await(ctx context.Context, what string, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-s.ended:
			return s.failed(errors.New("remediated has ended"))
		case <-ctx.Done():
			return s.failed(fmt.Errorf("waiting until %s: %w", what, ctx.Err()))
		}
	}
	return nil
}

// failed adds the end of the daemon's log to an error.
func (s *surroundings) failed(err error) error {
	log, _ := os.ReadFile(s.path("remediated.log"))
	return fmt.Errorf("%w; the end of its log:\n%s", err, log[max(0, len(log)-2000):])
}

// remedy runs the command line, as a person would.
func (s *surroundings) remedy(ctx context.Context, args ...string) error {
	c := exec.CommandContext(ctx, program("remedy"), append(args, "--url="+page)...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c.Run()
}

// showPeople shows what Slack and PagerDuty would show.
func (s *surroundings) showPeople() {
	if len(s.people.Slack.Messages())+len(s.people.PagerDuty.Incidents()) == 0 {
		say("Nothing yet: it is told in the next digest.")
	}
	for _, m := range s.people.Slack.Messages() {
		if m.ThreadTS == "" {
			say("Slack, one message, edited %d times: %s", len(m.Earlier), m.Text)
		}
	}
	for _, i := range s.people.PagerDuty.Incidents() {
		say("PagerDuty, paged once: %s, now %s", i.Title, i.Status)
	}
}

// close stops the daemon as an operator would, and forgets the rest.
func (s *surroundings) close() {
	if s.ended != nil {
		s.daemon.Process.Signal(syscall.SIGTERM)
		<-s.ended
	}
	if s.people != nil {
		s.people.Close()
	}
	os.RemoveAll(s.dir)
}

func (s *surroundings) path(name string) string { return filepath.Join(s.dir, name) }

// program is a command built beside this one.
func program(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}

func step(format string, args ...any) { fmt.Printf("\n==> "+format+"\n", args...) }

func say(format string, args ...any) { fmt.Printf("    "+format+"\n", args...) }
