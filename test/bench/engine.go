package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/alertmanager"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// world is a performer in which everything is well at once: what fires still
// fires, every act succeeds, and every verification holds.
type world struct{}

func (world) Perform(_ context.Context, s remediate.Started) remediate.Result { return wellDone(s) }

// wellDone is the result of something that went well.
func wellDone(s remediate.Started) remediate.Result {
	r := remediate.Result{Outcome: remediate.OK}
	if s.Ask == nil {
		return r
	}
	for _, q := range s.Ask.Questions {
		a := remediate.Answer{Kind: q.Kind, OK: true, Text: "it is well"}
		switch q.Kind {
		case alertmanager.QuestionAlert:
			a.Values = map[string]string{remediate.ValueState: remediate.AlertStateFiring}
		case "workload":
			a.Values = map[string]string{
				remediate.ValueTarget: q.Target.String(), remediate.ValueUID: "6f1c", remediate.ValueTemplate: "9a3e",
			}
		}
		r.Answers = append(r.Answers, a)
	}
	if s.Ask.Purpose != remediate.ForGuards {
		r.FirstGood, r.Held, r.Samples = time.Now(), s.Ask.Hold, 1
	}
	return r
}

// rulebook returns as many policies as a team may have, of which the last two
// concern what is watched and what is down.
func rulebook() (*remediate.Rulebook, error) {
	book := &remediate.Rulebook{
		Cluster: "bench", ReplicaLabels: remediate.DefaultReplicaLabels(), Runbooks: remediate.DefaultRunbooks(),
	}
	for k := range 20 {
		book.Policies = append(book.Policies, policy(fmt.Sprintf("Bench%d", k), remediate.ModeAct))
	}
	book.Policies = append(book.Policies, policy(watched, remediate.ModeObserve), policy(down, remediate.ModeAct))
	if err := book.Compile(); err != nil {
		return nil, err
	}
	return book, nil
}

// policy is one for the alerts called name, and is called so itself.
func policy(name string, mode remediate.Mode) remediate.Policy {
	return remediate.Policy{
		Name: name, When: []string{fmt.Sprintf("alertname=%q", name), `job="bench"`}, Per: []string{"instance"},
		Severity: remediate.P3, Mode: mode, Target: "deployment/$namespace/$instance",
		Guards: remediate.Guards{Breaker: remediate.DefaultBreaker()},
		Steps: []remediate.Step{{
			Name: "restart", Do: []remediate.Do{{Kind: "restart"}},
			Verify: remediate.Verify{All: []remediate.Check{{Kind: "rollout"}}, Within: model.Duration(time.Minute), Every: model.Duration(time.Second)},
		}},
	}
}

// rig is an engine on a journal on the disk.
type rig struct {
	*engine.Engine
	stop    func()
	ended   chan error
	trimmed atomic.Bool // the journal was, by now
}

// trimmable is a journal that tells when it was trimmed.
type trimmable struct {
	engine.Journal
	trimmed *atomic.Bool
}

func (t trimmable) Trim(ctx context.Context, c remediate.Checkpoint, needed []string) error {
	err := t.Journal.Trim(ctx, c, needed)
	if err == nil {
		t.trimmed.Store(true)
	}
	return err
}

// startEngine starts an engine on the journal in dir and waits until it takes
// inputs. seen hears of every fact; nil: nobody does.
func startEngine(ctx context.Context, dir string, seen func(remediate.Fact)) (*rig, error) {
	return startKeeping(ctx, dir, seen, engine.Retention{})
}

// startKeeping is startEngine for one that keeps no more than that.
func startKeeping(ctx context.Context, dir string, seen func(remediate.Fact), keep engine.Retention) (*rig, error) {
	book, err := rulebook()
	if err != nil {
		return nil, err
	}
	r := &rig{ended: make(chan error, 1)}
	r.Engine = engine.New(engine.Options{
		Open: func(ctx context.Context) (engine.Journal, error) {
			j, err := journal.Open(ctx, dir, journal.Options{})
			if err != nil {
				return nil, err
			}
			return trimmable{j, &r.trimmed}, nil
		},
		Name:      func() string { return strings.Repeat("b", 8) },
		Performer: world{}, Rulebook: book, Observe: seen, Retention: keep,
	})
	ctx, r.stop = context.WithCancel(ctx)
	go func() { r.ended <- r.Run(ctx) }()
	select {
	case <-r.Ready():
		return r, nil
	case err := <-r.ended:
		r.stop()
		return nil, errors.Join(errors.New("the engine did not start"), err)
	}
}

// facts is how many are kept. They are counted where they are, since whoever
// observes hears of them a little later.
func (r *rig) facts(ctx context.Context) (n uint64, err error) {
	err = r.Look(ctx, func(s *remediate.State, _ remediate.Rulebooks) { n = s.Seq })
	return n, err
}

// close stops the engine and waits for its end.
func (r *rig) close() error {
	r.stop()
	return <-r.ended
}
