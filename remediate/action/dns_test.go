package action

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	oldRecord = "api.shop.example.	300	IN	A	192.0.2.10"
	newRecord = "api.shop.example.	60	IN	A	198.51.100.20"
	ourMark   = `_remediated-a.api.shop.example.	60	IN	TXT	"remediated-by=j-i42-a1" "from=192.0.2.10" "from-ttl=300" "to=198.51.100.20"`

	failover = `{"server":"primary","name":"api.shop.example","from":["192.0.2.10"],"to":["198.51.100.20"]}`
	putBack  = `{"server":"primary","name":"api.shop.example","restore":true}`
)

// dnsPlan is the act that changes a name, about a Deployment that is there.
func (a *api) dnsPlan(t *testing.T, args string) remediate.Started {
	t.Helper()
	a.addDeployment()
	s := a.plan(t, a.actor(t), "dns_update", web)
	s.Act.Args = json.RawMessage(args)
	return s
}

// has checks what is in the zone.
func (p *primary) has(want ...string) {
	p.t.Helper()
	slices.Sort(want)
	if got := p.zone(); !slices.Equal(got, want) {
		p.t.Errorf("the zone has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDNS(t *testing.T) {
	a, p := newAPI(t), newPrimary(t, oldRecord)
	actor, s := p.actor(t, a, nil), a.dnsPlan(t, failover)
	performed(t, actor, s, remediate.OK, "api.shop.example A was 192.0.2.10 and is 198.51.100.20 for 60 s, says primary")
	p.has(newRecord, ourMark)
	if len(a.events) != 1 || a.events[0].Action != "dns_update" || !strings.Contains(a.events[0].Note, "198.51.100.20") {
		t.Errorf("events %+v", a.events)
	}

	// Sent again it is a no-op, and so is one that the daemon has forgotten.
	s.Again = true
	performed(t, p.actor(t, a, nil), s, remediate.OK, "the mark of this attempt was there already")
	if p.updates != 1 {
		t.Errorf("%d updates were sent", p.updates)
	}

	// Put back as it was, once.
	back := a.dnsPlan(t, putBack)
	back.ID = "j-i43-a1"
	performed(t, actor, back, remediate.OK, "was put back from 198.51.100.20 to 192.0.2.10, as it was before j-i42-a1")
	p.has(oldRecord)
	back.Again = true
	performed(t, actor, back, remediate.OK, "nothing of ours is set at api.shop.example, or no longer")
	back.Again = false
	performed(t, actor, back, remediate.Refused, "nothing of ours is set at api.shop.example: there is no TXT record at _remediated-a.api.shop.example.")
}

// Several addresses, another type and a name in a zone within a zone.
func TestDNSTypes(t *testing.T) {
	for name, tc := range map[string]struct{ record, args, want string }{
		"several": {"shop.example. 60 IN A 192.0.2.1", `{"server":"primary","name":"Shop.Example.","from":["192.0.2.1"],"to":["192.0.2.3","192.0.2.2"],"ttl":"5m"}`,
			"shop.example A was 192.0.2.1 and is 192.0.2.2, 192.0.2.3 for 300 s"},
		"AAAA": {"api.shop.example. 60 IN AAAA 2001:db8::1", `{"server":"primary","name":"api.shop.example","type":"AAAA","from":["2001:DB8:0::1"],"to":["2001:db8::2"]}`,
			"api.shop.example AAAA was 2001:db8::1 and is 2001:db8::2"},
		"CNAME": {"api.shop.example. 60 IN CNAME a.shop.example.", `{"server":"primary","name":"api.shop.example","type":"CNAME","from":["A.shop.example"],"to":["b.other.example"]}`,
			"api.shop.example CNAME was a.shop.example and is b.other.example"},
	} {
		t.Run(name, func(t *testing.T) {
			a, p := newAPI(t), newPrimary(t, tc.record)
			actor := p.actor(t, a, nil)
			performed(t, actor, a.dnsPlan(t, tc.args), remediate.OK, tc.want)
			var args map[string]any
			if err := json.Unmarshal([]byte(tc.args), &args); err != nil {
				t.Fatal(err)
			}
			for _, k := range []string{"from", "to", "ttl"} {
				delete(args, k)
			}
			args["restore"] = true
			back, err := json.Marshal(args)
			if err != nil {
				t.Fatal(err)
			}
			performed(t, actor, a.dnsPlan(t, string(back)), remediate.OK, "was put back")
			rr, err := dns.NewRR(tc.record)
			if err != nil {
				t.Fatal(err)
			}
			p.has(rr.String())
		})
	}
}

// What somebody else did is left alone, and said.
func TestDNSRefuses(t *testing.T) {
	const other = "api.shop.example.	60	IN	A	203.0.113.9"
	undo := func(s *remediate.Started) { s.ID, s.Act.Undo = "j-i42-a1-u1", true }
	for name, tc := range map[string]struct {
		zone          []string
		args          string
		change        func(*remediate.Started)
		outcome, text string
	}{
		"somebody's change":     {[]string{other}, failover, nil, remediate.Refused, "is 203.0.113.9 and not 192.0.2.10, which it is to be changed from: somebody else changed it"},
		"one more address":      {[]string{oldRecord, other}, failover, nil, remediate.Refused, "is 192.0.2.10, 203.0.113.9 and not 192.0.2.10"},
		"no record":             {nil, failover, nil, remediate.Refused, "none is made where there was none"},
		"another word for one":  {[]string{"api.shop.example. 60 IN CNAME a.shop.example.", "a.shop.example. 60 IN A 192.0.2.10"}, failover, nil, remediate.Refused, "has no record at primary"},
		"already so":            {[]string{newRecord}, failover, nil, remediate.OK, "is 198.51.100.20 already; nothing was sent"},
		"somebody's mark":       {[]string{oldRecord, `_remediated-a.api.shop.example. 60 IN TXT "hello"`}, failover, nil, remediate.Refused, "is no mark of ours that can be read"},
		"a mark to elsewhere":   {[]string{newRecord, strings.Replace(ourMark, "from=192.0.2.10", "from=evil.example", 1)}, putBack, nil, remediate.Refused, "is no mark of ours"},
		"two marks":             {[]string{newRecord, ourMark, strings.Replace(ourMark, "a1", "a2", 1)}, putBack, nil, remediate.Refused, "is no mark of ours"},
		"our mark before":       {[]string{newRecord, ourMark}, failover, nil, remediate.Failed, "somebody else uses our IDs"},
		"changed since by hand": {[]string{other, ourMark}, failover, func(s *remediate.Started) { s.Again = true }, remediate.OK, "somebody else made it 203.0.113.9 since, and it stays so"},
		"not to be put back":    {[]string{other, ourMark}, putBack, nil, remediate.Refused, "somebody else changed api.shop.example A since j-i42-a1 made it 198.51.100.20: it is 203.0.113.9"},
		"undo of another's":     {[]string{newRecord, strings.Replace(ourMark, "i42", "i41", 1)}, putBack, undo, remediate.OK, "was set by j-i41-a1 before, and stays so"},
		"undo of a hand's":      {[]string{other, ourMark}, putBack, undo, remediate.Refused, "somebody else changed"},
		"undo of nothing":       {[]string{oldRecord}, putBack, undo, remediate.OK, "nothing of ours is set"},
		"made anew":             {[]string{oldRecord}, failover, func(s *remediate.Started) { s.Act.UID = "another" }, remediate.Refused, "made anew"},
		"another server":        {[]string{oldRecord}, strings.Replace(failover, "primary", "other", 1), nil, remediate.Refused, `no name server is called "other"`},
		"another zone":          {[]string{oldRecord}, strings.Replace(failover, "shop.example", "shop.test", 1), nil, remediate.Refused, "is in none of the zones that may be changed at primary: shop.example"},
		"a zone like it":        {[]string{oldRecord}, strings.Replace(failover, "api.shop", "workshop", 1), nil, remediate.Refused, "is in none of the zones"},
	} {
		t.Run(name, func(t *testing.T) {
			a, p := newAPI(t), newPrimary(t, tc.zone...)
			before := p.zone()
			s := a.dnsPlan(t, tc.args)
			if tc.change != nil {
				tc.change(&s)
			}
			performed(t, p.actor(t, a, nil), s, tc.outcome, tc.text)
			if p.has(before...); p.updates > 0 {
				t.Errorf("%d updates were sent", p.updates)
			}
		})
	}
}

// As undo it puts back what its own attempt did.
func TestDNSUndo(t *testing.T) {
	a, p := newAPI(t), newPrimary(t, oldRecord)
	actor := p.actor(t, a, nil)
	performed(t, actor, a.dnsPlan(t, failover), remediate.OK, "was 192.0.2.10")
	s := a.dnsPlan(t, putBack)
	s.ID, s.Act.Undo = "j-i42-a1-u1", true
	performed(t, actor, s, remediate.OK, "was put back")
	p.has(oldRecord)
}

// One that is not put back keeps what was before it.
func TestDNSTwice(t *testing.T) {
	a, p := newAPI(t), newPrimary(t, oldRecord)
	actor := p.actor(t, a, nil)
	performed(t, actor, a.dnsPlan(t, failover), remediate.OK, "was 192.0.2.10")
	s := a.dnsPlan(t, `{"server":"primary","name":"api.shop.example","from":["198.51.100.20"],"to":["203.0.113.9"]}`)
	s.ID, s.Act.Attempt = "j-i43-a1", "j-i43-a1"
	performed(t, actor, s, remediate.OK, "is 203.0.113.9")
	performed(t, actor, a.dnsPlan(t, putBack), remediate.OK, "from 203.0.113.9 to 192.0.2.10")
	p.has(oldRecord)
}

// A human changes the name between our look and our update: the server's own
// prerequisite keeps theirs.
func TestDNSIsChangedMeanwhile(t *testing.T) {
	for want, change := range map[string]func(*primary){
		"answers NXRRSET: it changed between being read and being written, and api.shop.example A is 203.0.113.9 now": func(p *primary) {
			p.set("api.shop.example.", "api.shop.example. 60 IN A 203.0.113.9")
		},
		"answers YXRRSET": func(p *primary) {
			p.set("_remediated-a.api.shop.example.", strings.Replace(ourMark, "i42", "i41", 1))
		},
	} {
		a, p := newAPI(t), newPrimary(t, oldRecord)
		p.fault = func(_ dns.ResponseWriter, m *dns.Msg) bool {
			if m.Opcode == dns.OpcodeUpdate {
				p.mu.Unlock()
				change(p)
				p.mu.Lock()
			}
			return false
		}
		performed(t, p.actor(t, a, nil), a.dnsPlan(t, failover), remediate.Refused, want)
		if zone := strings.Join(p.zone(), "\n"); strings.Contains(zone, "198.51.100.20\n") || strings.Contains(zone, "j-i42-a1") {
			t.Errorf("it was changed all the same:\n%s", zone)
		}
	}
}

// What the server says is told with what to do about it, and nothing is changed.
func TestDNSServerSaysNo(t *testing.T) {
	for name, tc := range map[string]struct {
		fault         func(dns.ResponseWriter, *dns.Msg) bool
		change        func(*NameServer)
		outcome, text string
	}{
		"not allowed":         {answering(dns.RcodeRefused, 0, false), nil, remediate.Failed, `answers REFUSED: the key "remediated" may not do that: grant it`},
		"may not even ask":    {answering(dns.RcodeRefused, 0, true), nil, remediate.Failed, "nothing was changed: primary answers REFUSED"},
		"not the primary":     {answering(dns.RcodeNotAuth, 0, false), nil, remediate.Failed, "answers NOTAUTH: it is not the primary of shop.example"},
		"another zone's":      {nil, func(s *NameServer) { s.Zones = []string{"example"} }, remediate.Failed, "answers NOTAUTH: it is not the primary of example"},
		"not the zone":        {answering(dns.RcodeNotZone, 0, false), nil, remediate.Failed, "answers NOTZONE"},
		"cannot":              {answering(dns.RcodeServerFailure, 0, false), nil, remediate.Failed, "answers SERVFAIL: it could not, and its log says why"},
		"cannot even tell":    {answering(dns.RcodeServerFailure, 0, true), nil, remediate.Later, "answers SERVFAIL"},
		"knows no updates":    {answering(dns.RcodeNotImplemented, 0, false), nil, remediate.Failed, "answers NOTIMP: it does not take dynamic updates"},
		"another key":         {nil, func(s *NameServer) { s.Key = "remedy" }, remediate.Failed, `answers BADKEY: it does not know the key "remedy" with hmac-sha256`},
		"another secret":      {nil, func(s *NameServer) { s.SecretFile = keep(t, encoded("another-secret-than-that")) }, remediate.Failed, "answers BADSIG: " + "/"},
		"another time":        {answering(dns.RcodeNotAuth, dns.RcodeBadTime, true), nil, remediate.Failed, "answers BADTIME: its clock and ours are more than 5m0s apart"},
		"no secret":           {nil, func(s *NameServer) { s.SecretFile += ".none" }, remediate.Failed, "no such file"},
		"no base64":           {nil, func(s *NameServer) { s.SecretFile = keep(t, "key { secret }") }, remediate.Failed, "is not base64: write what tsig-keygen prints"},
		"a short secret":      {nil, func(s *NameServer) { s.SecretFile = keep(t, encoded("short")) }, remediate.Failed, "has 5 bytes"},
		"nobody listens":      {nil, func(s *NameServer) { s.Address = "127.0.0.1:9" }, remediate.Later, "connection refused"},
		"unsigned":            {unsigned, nil, remediate.Failed, "answers without a signature"},
		"of who is no master": {notAuthoritative, nil, remediate.Failed, "answers NOTAUTH: it is not the primary of api.shop.example"},
	} {
		t.Run(name, func(t *testing.T) {
			a, p := newAPI(t), newPrimary(t, oldRecord)
			p.fault = tc.fault
			r := performed(t, p.actor(t, a, tc.change), a.dnsPlan(t, failover), tc.outcome, tc.text)
			if p.has(oldRecord); strings.Contains(r.Text, dnsSecret) || strings.Contains(r.Text, encoded(dnsSecret)) {
				t.Errorf("the secret is shown: %s", r.Text)
			}
		})
	}
}

// unsigned answers a question as somebody on the way could.
func unsigned(w dns.ResponseWriter, m *dns.Msg) bool {
	a := new(dns.Msg).SetReply(m)
	a.Authoritative = true
	w.WriteMsg(a)
	return true
}

// notAuthoritative answers as a resolver does that has the key.
func notAuthoritative(w dns.ResponseWriter, m *dns.Msg) bool {
	a := new(dns.Msg).SetReply(m)
	sig := m.IsTsig()
	a.SetTsig(sig.Hdr.Name, sig.Algorithm, sig.Fudge, time.Now().Unix())
	w.WriteMsg(a)
	return true
}

// An update without an answer is not sent again: it is looked whether it was
// carried out.
func TestDNSAnswerIsLost(t *testing.T) {
	breaks := func(w dns.ResponseWriter, m *dns.Msg) bool {
		if m.Opcode == dns.OpcodeUpdate {
			w.Close()
			return true
		}
		return false
	}
	t.Run("after it was done", func(t *testing.T) {
		a, p := newAPI(t), newPrimary(t, oldRecord)
		p.after = func(*dns.Msg) bool { return true }
		performed(t, p.actor(t, a, nil), a.dnsPlan(t, failover), remediate.OK, "its answer was another one")
		if p.has(newRecord, ourMark); p.updates != 1 {
			t.Errorf("%d updates were sent", p.updates)
		}
	})
	t.Run("before it was done", func(t *testing.T) {
		a, p := newAPI(t), newPrimary(t, oldRecord)
		p.fault = breaks
		performed(t, p.actor(t, a, nil), a.dnsPlan(t, failover), remediate.Unknown, "it was sent and no answer came")
		if p.has(oldRecord); p.updates != 1 {
			t.Errorf("%d updates were sent", p.updates)
		}
	})
	t.Run("and it cannot be asked", func(t *testing.T) {
		a, p := newAPI(t), newPrimary(t, oldRecord)
		p.fault = func(w dns.ResponseWriter, _ *dns.Msg) bool {
			if p.updates > 0 {
				w.Close()
			}
			return p.updates > 0
		}
		performed(t, p.actor(t, a, nil), a.dnsPlan(t, failover), remediate.Unknown, "no answer came")
	})
	t.Run("and what it said cannot be looked at", func(t *testing.T) {
		a, p := newAPI(t), newPrimary(t, oldRecord)
		p.fault = func(w dns.ResponseWriter, m *dns.Msg) bool {
			if p.updates > 0 {
				respond(w, m, dns.RcodeRefused, 0)
			}
			return p.updates > 0
		}
		performed(t, p.actor(t, a, nil), a.dnsPlan(t, failover), remediate.Unknown, "and it cannot be seen what came of it")
	})
	t.Run("putting back", func(t *testing.T) {
		a, p := newAPI(t), newPrimary(t, newRecord, ourMark)
		p.after = func(*dns.Msg) bool { return true }
		performed(t, p.actor(t, a, nil), a.dnsPlan(t, putBack), remediate.OK, "was put back")
		p.has(oldRecord)
	})
}

// A server that says it did, and did not, is not believed.
func TestDNSIsReadBack(t *testing.T) {
	a, p := newAPI(t), newPrimary(t, oldRecord)
	p.fault = answering(dns.RcodeSuccess, 0, false)
	performed(t, p.actor(t, a, nil), a.dnsPlan(t, failover), remediate.Failed, "took the update, and now says that api.shop.example A is 192.0.2.10")
	p = newPrimary(t, oldRecord)
	p.fault = func(w dns.ResponseWriter, m *dns.Msg) bool {
		if m.Opcode != dns.OpcodeUpdate && p.updates > 0 {
			respond(w, m, dns.RcodeServerFailure, 0)
			return true
		}
		return false
	}
	performed(t, p.actor(t, a, nil), a.dnsPlan(t, failover), remediate.Unknown, "could not be asked what came of it: primary answers SERVFAIL")
}

// One that fails again and again is left alone for a while.
func TestDNSServerIsLeftAlone(t *testing.T) {
	a, p := newAPI(t), newPrimary(t, oldRecord)
	p.fault = answering(dns.RcodeServerFailure, 0, true)
	actor, s := p.actor(t, a, nil), a.dnsPlan(t, failover)
	s.Deadline = time.Now().Add(time.Hour)
	for range 5 {
		performed(t, actor, s, remediate.Later, "SERVFAIL")
	}
	performed(t, actor, s, remediate.Later, "dns primary failed 5 times in a row")
}

func TestDNSArguments(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{`{"name":"a.b","restore":true}`, `"server" is missing`},
		{`{"server":"p","restore":true}`, `"name" is missing`},
		{`{"server":"p","name":"a b","restore":true}`, "want a name such as"},
		{`{"server":"p","name":"*.b","restore":true}`, "a wildcard"},
		{`{"server":"p","name":"$host.b","restore":true}`, "an alert must not choose"},
		{`{"server":"$p","name":"a.b","restore":true}`, "an alert must not choose"},
		{`{"server":"p","name":"a.b","from":["192.0.2.1"],"to":["$ip"]}`, "an alert must not choose"},
		{`{"server":"p","name":"a.b","type":"MX","restore":true}`, "want A, AAAA or CNAME"},
		{`{"server":"p","name":"a.b","restore":true,"ttl":"60s"}`, "takes neither"},
		{`{"server":"p","name":"a.b","restore":true,"to":["192.0.2.1"]}`, "takes neither"},
		{`{"server":"p","name":"a.b","to":["192.0.2.1"]}`, `"from" is missing`},
		{`{"server":"p","name":"a.b","from":["192.0.2.1"]}`, `"to" is missing`},
		{`{"server":"p","name":"a.b","from":["192.0.2.1"],"to":[]}`, "never left without any"},
		{`{"server":"p","name":"a.b","from":["192.0.2.1"],"to":["2001:db8::1"]}`, `"to": "2001:db8::1" is not an address of type A`},
		{`{"server":"p","name":"a.b","from":["a"],"to":["192.0.2.1"]}`, `"from": "a" is not an address`},
		{`{"server":"p","name":"a.b","from":["192.0.2.1"],"to":["192.0.2.2","192.0.2.2"]}`, "there twice"},
		{`{"server":"p","name":"a.b","type":"CNAME","from":["x.b"],"to":["y.b","z.b"]}`, "one CNAME at most"},
		{`{"server":"p","name":"a.b","from":["192.0.2.1"],"to":["192.0.2.1"]}`, "nothing would change"},
		{`{"server":"p","name":"a.b","from":["192.0.2.1"],"to":["192.0.2.2"],"ttl":"1500ms"}`, "want whole seconds"},
		{`{"server":"p","name":"a.b","from":["192.0.2.1"],"to":["192.0.2.2"],"ttl":"2d"}`, "up to 1d"},
		{`{"server":"p","name":"a.b","address":"192.0.2.1:53","restore":true}`, "unknown field"},
	} {
		if err := Validate("dns_update", []byte(tc.args)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.args, err, tc.want)
		}
	}
	if server, name := Names("dns_update", []byte(failover)); server != "primary" || name != "api.shop.example" {
		t.Errorf("it is about %q at %q", name, server)
	}
	for _, other := range []string{"restart", "none"} {
		if server, name := Names(other, []byte(`{}`)); server != "" || name != "" {
			t.Errorf("%s is about %q at %q", other, name, server)
		}
	}
}
