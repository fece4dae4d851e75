package probe

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/x0tta6bl4/remediated/remediate"
)

// zone is a DNS server with these records; of other names of the zone it says
// that they do not exist.
func zone(t *testing.T, udp, tcp dns.HandlerFunc) (addr string) {
	t.Helper()
	packets, streams := onePort(t)
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: udp}, {Listener: streams, Handler: tcp}} {
		up, done := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go func() {
			defer close(done)
			s.ActivateAndServe()
		}()
		<-up
		t.Cleanup(func() { s.Shutdown(); <-done })
	}
	return packets.LocalAddr().String()
}

// onePort is a port that is free for both.
func onePort(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	var errs error
	for range 10 {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		streams, err := net.Listen("tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, streams
		}
		packets.Close()
		errs = errors.Join(errs, err)
	}
	t.Fatal(errs)
	return nil, nil
}

// answers is a handler that knows these records.
func answers(t *testing.T, records ...string) dns.HandlerFunc {
	t.Helper()
	byName := map[string][]dns.RR{}
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			t.Fatal(err)
		}
		byName[rr.Header().Name] = append(byName[rr.Header().Name], rr)
	}
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		name := q.Question[0].Name
		switch {
		case name == "broken.shop.":
			m.Rcode = dns.RcodeServerFailure
		case name == "silent.shop.":
			return
		case byName[name] == nil:
			m.Rcode = dns.RcodeNameError
		}
		for _, rr := range byName[name] {
			if rr.Header().Rrtype == q.Question[0].Qtype || rr.Header().Rrtype == dns.TypeCNAME {
				m.Answer = append(m.Answer, rr)
			}
			if c, ok := rr.(*dns.CNAME); ok && q.Question[0].Qtype != dns.TypeCNAME {
				m.Answer = append(m.Answer, byName[c.Target]...)
			}
		}
		w.WriteMsg(m)
	}
}

// cut answers that the answer is too long.
func cut(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	m.Truncated = true
	w.WriteMsg(m)
}

func TestDNS(t *testing.T) {
	known := answers(t,
		"web.shop. 60 IN A 192.0.2.2", "web.shop. 60 IN A 192.0.2.1", "web.shop. 60 IN AAAA 2001:db8::1",
		"www.shop. 60 IN CNAME web.shop.", "far.shop. 60 IN CNAME web.elsewhere.", "empty.shop. 60 IN TXT nothing",
	)
	server, long := zone(t, known, known), zone(t, cut, known)
	for name, tc := range map[string]struct {
		args      string
		ok        bool
		text, err string
	}{
		"some record":             {`"name":"web.shop"`, true, "web.shop is 192.0.2.1, 192.0.2.2", ""},
		"those":                   {`"name":"web.shop","equals":["192.0.2.2","192.0.2.1"]`, true, "", ""},
		"one too many":            {`"name":"web.shop","equals":["192.0.2.1"]`, false, "is 192.0.2.1, 192.0.2.2, want 192.0.2.1", ""},
		"one of them":             {`"name":"web.shop","any":["192.0.2.1","192.0.2.9"]`, true, "", ""},
		"none of them":            {`"name":"web.shop","any":["192.0.2.9"]`, false, "want any of 192.0.2.9", ""},
		"AAAA, written otherwise": {`"name":"web.shop.","type":"AAAA","equals":["2001:DB8:0::1"]`, true, "2001:db8::1", ""},
		"another word for it":     {`"name":"www.shop","equals":["192.0.2.1","192.0.2.2"]`, true, "", ""},
		"which word":              {`"name":"www.shop","type":"CNAME","equals":["WEB.shop."]`, true, "www.shop is web.shop", ""},
		"the wrong word":          {`"name":"www.shop","type":"CNAME","equals":["db.shop"]`, false, "is web.shop, want db.shop", ""},
		"leads nowhere":           {`"name":"far.shop"`, false, "has no record of type A", ""},
		"another type only":       {`"name":"empty.shop"`, false, "has no record of type A", ""},
		"no such name":            {`"name":"none.shop"`, false, "does not exist", ""},
		"too long for a datagram": {`"name":"web.shop","server":"` + long + `"`, true, "192.0.2.2", ""},
		"a server that fails":     {`"name":"broken.shop"`, false, "not known", "SERVFAIL"},
		"a server that is silent": {`"name":"silent.shop"`, false, "not known", "timeout"},
		"no server":               {`"name":"web.shop","server":"127.0.0.1:1"`, false, "not known", "refused"},
	} {
		if !strings.Contains(tc.args, `"server"`) {
			tc.args += fmt.Sprintf(`,"server":%q`, server)
		}
		began := time.Now()
		a := quick(t).one(t, "dns", remediate.Target{}, here("{"+tc.args+"}"))
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || !strings.Contains(a.Err, tc.err) || (tc.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
}

func TestTheServerOfDNS(t *testing.T) {
	for given, want := range map[string]string{"10.0.0.1": "10.0.0.1:53", "10.0.0.1:5353": "10.0.0.1:5353", "::1": "[::1]:53", "[::1]": "[::1]:53", "[::1]:54": "[::1]:54", "ns.shop": "ns.shop:53"} {
		if got := withPort(given); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
}
