package main

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// So many wrong tokens may come from one address at once, and one more each time
// that the second goes by. No more addresses than that are kept in mind.
const (
	guessesAtOnce    = 20
	guessEvery       = 3 * time.Second
	guessesAddresses = 4096
)

// guesses bounds how often tokens are guessed from one address. An address that
// has guessed too often is not looked at any more, not even with the right
// token: to tell it which that is would be the answer to a guess. The zero value
// is ready.
type guesses struct {
	mu sync.Mutex
	of map[netip.Addr]bucket
}

// bucket is what is left to an address.
type bucket struct {
	left float64
	at   time.Time
}

func (b bucket) now(t time.Time) bucket {
	return bucket{min(guessesAtOnce, b.left+float64(t.Sub(b.at))/float64(guessEvery)), t}
}

// begin takes one guess from the address of a request, which done gives back when
// the token was right. It returns nil when there is none left.
func (g *guesses) begin(r *http.Request) (done func(right bool)) {
	from := guesser(addressOf(r))
	if !g.take(from) {
		return nil
	}
	return func(right bool) {
		if right {
			g.giveBack(from)
		}
	}
}

// guesser is the address that stands for all that one guesser may have: of IPv6
// they have a whole network.
func guesser(a netip.Addr) netip.Addr {
	if n, err := a.Prefix(64); err == nil && a.Is6() {
		return n.Addr()
	}
	return a
}

func (g *guesses) take(from netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	b, known := g.of[from]
	if !known {
		g.forget(now)
		b = bucket{guessesAtOnce, now}
	}
	b = b.now(now)
	ok := b.left >= 1
	if ok {
		b.left--
	}
	g.of[from] = b
	return ok
}

func (g *guesses) giveBack(from netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b, known := g.of[from]
	if !known {
		return
	}
	b.left = min(guessesAtOnce, b.left+1)
	if b.left == guessesAtOnce {
		delete(g.of, from) // nothing is to be kept in mind about it
		return
	}
	g.of[from] = b
}

// forget makes room for one more: those go first that have everything left, then
// any. Who has so many addresses has as many guesses in any case.
func (g *guesses) forget(now time.Time) {
	if g.of == nil {
		g.of = map[netip.Addr]bucket{}
	}
	if len(g.of) < guessesAddresses {
		return
	}
	for a, b := range g.of {
		if b.now(now).left >= guessesAtOnce {
			delete(g.of, a)
		}
	}
	for a := range g.of {
		if len(g.of) < guessesAddresses*3/4 {
			return
		}
		delete(g.of, a)
	}
}
