package slack

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// DefaultPace is what Slack asks for: about one post a second in a channel. It
// does as well for edits of one message, which nobody reads faster.
const DefaultPace = time.Second

// maxTurns is how many turns are remembered before those that are over are
// swept out.
const maxTurns = 100

// pace lets things of one name happen at most once in every.
type pace struct {
	every time.Duration

	mu    sync.Mutex
	turns map[string]*rate.Limiter
}

func newPace(every time.Duration) *pace {
	if every <= 0 {
		every = DefaultPace
	}
	return &pace{every: every, turns: map[string]*rate.Limiter{}}
}

// wait returns when it is the name's turn, or at once with an error when that
// will not be before the context ends.
func (p *pace) wait(ctx context.Context, name string) error { return p.turn(name).Wait(ctx) }

// taken notes that one happened now.
func (p *pace) taken(name string) { p.turn(name).Allow() }

func (p *pace) turn(name string) *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.turns[name]
	if !ok {
		p.sweep()
		l = rate.NewLimiter(rate.Every(p.every), 1)
		p.turns[name] = l
	}
	return l
}

// sweep forgets those for which a new limiter would say the same.
func (p *pace) sweep() {
	if len(p.turns) < maxTurns {
		return
	}
	for name, l := range p.turns {
		if l.Tokens() >= 1 {
			delete(p.turns, name)
		}
	}
}
