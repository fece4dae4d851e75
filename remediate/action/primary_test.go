package action

import (
	"encoding/base64"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"k8s.io/client-go/rest"
)

// primary is a small working DNS server of the zone shop.example, which does
// what RFC 2136 says of updates and RFC 8945 of signatures, for the faults that
// a real one does not have on demand. test/e2e checks the same acts against one.
type primary struct {
	t    *testing.T
	addr string

	mu      sync.Mutex
	records []dns.RR
	updates int // that came, carried out or not
	// fault is asked before each message; true when it has answered, or broken
	// the connection, by itself.
	fault func(w dns.ResponseWriter, m *dns.Msg) bool
	after func(m *dns.Msg) bool // true: no answer is sent
}

const (
	dnsKey    = "remediated"
	dnsSecret = "a-secret-that-nobody-sees"
)

func encoded(secret string) string { return base64.StdEncoding.EncodeToString([]byte(secret)) }

func newPrimary(t *testing.T, records ...string) *primary {
	t.Helper()
	p := &primary{t: t}
	for _, text := range records {
		p.add(text)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	up, done := make(chan struct{}), make(chan struct{})
	s := &dns.Server{
		Listener: l, Handler: p, TsigSecret: map[string]string{dnsKey + ".": encoded(dnsSecret)},
		MsgAcceptFunc:     func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept },
		NotifyStartedFunc: func() { close(up) },
	}
	go func() {
		defer close(done)
		s.ActivateAndServe()
	}()
	<-up
	t.Cleanup(func() { s.Shutdown(); <-done })
	return p
}

func (p *primary) add(text string) {
	p.t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records = append(p.records, rr)
}

// set is what a human does.
func (p *primary) set(name string, records ...string) {
	p.mu.Lock()
	p.records = slices.DeleteFunc(p.records, func(r dns.RR) bool { return r.Header().Name == name })
	p.mu.Unlock()
	for _, text := range records {
		p.add(text)
	}
}

// zone are the records as text, in order.
func (p *primary) zone() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, r := range p.records {
		out = append(out, r.String())
	}
	slices.Sort(out)
	return out
}

func (p *primary) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.Opcode == dns.OpcodeUpdate {
		p.updates++
	}
	if p.fault != nil && p.fault(w, m) {
		return
	}
	sig := m.IsTsig()
	switch {
	case sig == nil:
		respond(w, m, dns.RcodeRefused, 0)
	case w.TsigStatus() != nil:
		wrong := uint16(dns.RcodeBadSig)
		if sig.Hdr.Name != dnsKey+"." {
			wrong = dns.RcodeBadKey
		}
		respond(w, m, dns.RcodeNotAuth, wrong)
	case m.Opcode == dns.OpcodeUpdate:
		code := p.update(m)
		if p.after != nil && p.after(m) {
			w.Close()
			return
		}
		respond(w, m, code, 0)
	default:
		p.answer(w, m)
	}
}

// respond answers with nothing but a code, signed as the question was.
func respond(w dns.ResponseWriter, m *dns.Msg, code int, tsig uint16) {
	a := new(dns.Msg).SetRcode(m, code)
	a.Authoritative = true
	if sig := m.IsTsig(); sig != nil {
		a.SetTsig(sig.Hdr.Name, sig.Algorithm, sig.Fudge, time.Now().Unix())
		a.IsTsig().Error = tsig
	}
	w.WriteMsg(a)
}

func (p *primary) answer(w dns.ResponseWriter, m *dns.Msg) {
	a := new(dns.Msg).SetReply(m)
	a.Authoritative = true
	q := m.Question[0]
	a.Rcode = dns.RcodeNameError
	for _, r := range p.records {
		if r.Header().Name != q.Name {
			continue
		}
		a.Rcode = dns.RcodeSuccess
		if r.Header().Rrtype == q.Qtype || r.Header().Rrtype == dns.TypeCNAME {
			a.Answer = append(a.Answer, r)
		}
	}
	sig := m.IsTsig()
	a.SetTsig(sig.Hdr.Name, sig.Algorithm, sig.Fudge, time.Now().Unix())
	w.WriteMsg(a)
}

// update carries an update out as a whole or not at all.
func (p *primary) update(m *dns.Msg) int {
	if m.Question[0].Name != "shop.example." {
		return dns.RcodeNotAuth
	}
	if code := p.prerequisites(m.Answer); code != dns.RcodeSuccess {
		return code
	}
	for _, r := range m.Ns {
		h := r.Header()
		if h.Class == dns.ClassANY {
			p.records = slices.DeleteFunc(p.records, func(o dns.RR) bool { return sameSet(o, r) })
			continue
		}
		p.records = append(p.records, r)
	}
	return dns.RcodeSuccess
}

func (p *primary) prerequisites(all []dns.RR) int {
	wanted := map[string][]dns.RR{}
	for _, r := range all {
		here := slices.ContainsFunc(p.records, func(o dns.RR) bool { return sameSet(o, r) })
		switch r.Header().Class {
		case dns.ClassNONE:
			if here {
				return dns.RcodeYXRrset
			}
		default:
			wanted[setOf(r)] = append(wanted[setOf(r)], r)
		}
	}
	for _, want := range wanted {
		is := slices.DeleteFunc(slices.Clone(p.records), func(o dns.RR) bool { return !sameSet(o, want[0]) })
		if len(is) != len(want) || slices.ContainsFunc(is, func(o dns.RR) bool {
			return !slices.ContainsFunc(want, func(r dns.RR) bool { return dns.IsDuplicate(o, r) })
		}) {
			return dns.RcodeNXRrset
		}
	}
	return dns.RcodeSuccess
}

func setOf(r dns.RR) string { return r.Header().Name + dns.TypeToString[r.Header().Rrtype] }

func sameSet(a, b dns.RR) bool { return setOf(a) == setOf(b) }

// actor is one that may change the zone, by a key whose secret is in a file.
func (p *primary) actor(t *testing.T, a *api, change func(*NameServer)) *Actor {
	t.Helper()
	s := NameServer{Address: p.addr, Key: dnsKey, Algorithm: "hmac-sha256", SecretFile: keep(t, encoded(dnsSecret)+"\n"), Zones: []string{"shop.example"}}
	if change != nil {
		change(&s)
	}
	actor, err := New(Options{
		Clusters: map[string]*rest.Config{"prod": {Host: a.URL}}, NameServers: map[string]NameServer{"primary": s}, Timeout: 500 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return actor
}

// answering is a fault by which updates, or everything, is answered with a code.
func answering(code int, tsig uint16, all bool) func(dns.ResponseWriter, *dns.Msg) bool {
	return func(w dns.ResponseWriter, m *dns.Msg) bool {
		if m.Opcode != dns.OpcodeUpdate && !all {
			return false
		}
		respond(w, m, code, tsig)
		return true
	}
}
