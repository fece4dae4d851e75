package action

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
	"github.com/x0tta6bl4/remediated/remediate/internal/rrset"
)

// NameServer is the primary of some zones, and the key by which it knows us.
type NameServer struct {
	Address    string // host:port
	Key        string // its name
	Algorithm  string // such as hmac-sha256
	SecretFile string // with the key's secret in base64
	Zones      []string
}

const (
	// fudge is how far apart the clocks may be, as RFC 8945 has it.
	fudge = 5 * time.Minute
	// minSecret is how many bytes a key's secret has at least.
	minSecret = 16
)

// errKey is for a key that cannot be used.
var errKey = errors.New("the key of the name server")

// nameServer is one that we write to.
type nameServer struct {
	NameServer
	name    string
	breaker *outbound.Breaker
}

func newNameServers(all map[string]NameServer, changed outbound.Changed) map[string]*nameServer {
	out := map[string]*nameServer{}
	for name, s := range all {
		out[name] = &nameServer{s, name, outbound.NewBreaker("dns "+name, isNameServerFault, changed)}
	}
	return out
}

// isNameServerFault tells whether an error counts against the server.
func isNameServerFault(err error) bool {
	var said *answerError
	return !errors.Is(err, errKey) && (!errors.As(err, &said) || said.passes())
}

// primaryOf returns the server, and which of its zones a name is in.
func (a *Actor) primaryOf(server, name string) (*nameServer, string, error) {
	s := a.nameServers[server]
	if s == nil {
		return nil, "", fmt.Errorf("no name server is called %q: name it under name_servers in remediated.yml", server)
	}
	zone := s.zone(name)
	if zone == "" {
		return nil, "", fmt.Errorf("%s is in none of the zones that may be changed at %s: %s", rrset.PlainName(name), server, strings.Join(s.Zones, ", "))
	}
	return s, zone, nil
}

// zone is the innermost of the server's zones that a name is in, "" for none.
func (s *nameServer) zone(name string) string {
	in := ""
	for _, z := range s.Zones {
		if z = dns.CanonicalName(z); dns.IsSubDomain(z, dns.CanonicalName(name)) && len(z) > len(in) {
			in = z
		}
	}
	return in
}

// ask returns the records of a name itself of one type, none when there are
// none. It believes the primary only.
func (s *nameServer) ask(ctx context.Context, timeout time.Duration, name string, kind uint16) ([]dns.RR, error) {
	q := new(dns.Msg).SetQuestion(dns.CanonicalName(name), kind)
	q.RecursionDesired = false
	said, e := s.say(ctx, timeout, q)
	switch {
	case e != nil:
		return nil, e.err
	case !said.Authoritative:
		return nil, &answerError{server: s, name: name, rcode: dns.RcodeNotAuth}
	}
	return slices.DeleteFunc(said.Answer, func(r dns.RR) bool {
		return r.Header().Rrtype != kind || dns.CanonicalName(r.Header().Name) != dns.CanonicalName(name)
	}), nil
}

// exchange sends an update, once.
func (s *nameServer) exchange(ctx context.Context, timeout time.Duration, m *dns.Msg) *writeError {
	_, e := s.say(ctx, timeout, m)
	return e
}

// say sends a signed message and returns the answer, which is signed too and
// says that it went well, or that there is no such name.
func (s *nameServer) say(ctx context.Context, timeout time.Duration, m *dns.Msg) (said *dns.Msg, e *writeError) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	sent := false
	err := s.breaker.Do(func() (err error) {
		secret, err := s.secret()
		if err != nil {
			return err
		}
		key := dns.CanonicalName(s.Key)
		client := &dns.Client{Net: "tcp", Timeout: timeout, TsigSecret: map[string]string{key: secret}}
		conn, err := client.DialContext(ctx, s.Address)
		if err != nil {
			return fmt.Errorf("connect to %s, which is to be reached over TCP: %w", s.name, err)
		}
		defer conn.Close()
		m.SetTsig(key, dns.Fqdn(s.Algorithm), uint16(fudge/time.Second), time.Now().Unix())
		sent = true
		said, _, err = client.ExchangeWithConnContext(ctx, m, conn)
		return s.judge(m, said, err)
	})
	if err != nil {
		return nil, &writeError{err, sent}
	}
	return said, nil
}

// secret is read anew each time, so that a rotated one is used.
func (s *nameServer) secret() (string, error) {
	text, err := os.ReadFile(s.SecretFile)
	if err != nil {
		return "", fmt.Errorf("%w %s: %w", errKey, s.name, err)
	}
	secret := string(bytes.TrimSpace(text))
	switch raw, err := base64.StdEncoding.DecodeString(secret); {
	case err != nil:
		return "", fmt.Errorf("%w %s: %s is not base64: write what tsig-keygen prints as secret, and nothing else", errKey, s.name, s.SecretFile)
	case len(raw) < minSecret:
		return "", fmt.Errorf("%w %s: %s has %d bytes, and one of fewer than %d can be guessed: make one with tsig-keygen", errKey, s.name, s.SecretFile, len(raw), minSecret)
	}
	return secret, nil
}

// judge says why an answer is not one of success that can be believed.
func (s *nameServer) judge(m, said *dns.Msg, err error) error {
	e := &answerError{server: s, name: m.Question[0].Name, update: m.Opcode == dns.OpcodeUpdate}
	if said == nil {
		return fmt.Errorf("ask %s: %w", s.name, err)
	}
	e.rcode = said.Rcode
	switch sig := said.IsTsig(); {
	case sig != nil && sig.Error != 0:
		e.tsig = sig.Error // what it does not sign then, it cannot
	case errors.Is(err, dns.ErrAuth): // it says NOTAUTH, of which the signature is not looked at
	case err != nil:
		return fmt.Errorf("ask %s: its answer cannot be believed: %w", s.name, err)
	case sig == nil && (said.Rcode == dns.RcodeSuccess || said.Rcode == dns.RcodeNameError):
		e.unsigned = true
	case said.Rcode == dns.RcodeSuccess, said.Rcode == dns.RcodeNameError && !e.update:
		return nil
	}
	return e
}

// answerError is what a name server answered where that is no success.
type answerError struct {
	server   *nameServer
	name     string // that was asked for, or the zone that was to be changed
	update   bool
	rcode    int
	tsig     uint16 // why it did not take the signature
	unsigned bool
}

// passes tells whether the same may be answered otherwise a little later.
func (e *answerError) passes() bool { return e.tsig == 0 && e.rcode == dns.RcodeServerFailure }

// isPrerequisite tells whether what was seen is no longer so.
func (e *answerError) isPrerequisite() bool {
	return e.tsig == 0 && slices.Contains([]int{dns.RcodeNXRrset, dns.RcodeYXRrset, dns.RcodeNameError, dns.RcodeYXDomain}, e.rcode)
}

func (e *answerError) Error() string {
	is := cmp.Or(dns.RcodeToString[e.rcode], fmt.Sprint(e.rcode))
	if e.tsig != 0 {
		is = cmp.Or(dns.RcodeToString[int(e.tsig)], fmt.Sprint(e.tsig))
	}
	if e.unsigned {
		return fmt.Sprintf("%s answers without a signature, which cannot be believed: have it know the key %q", e.server.name, e.server.Key)
	}
	return strings.TrimSuffix(fmt.Sprintf("%s answers %s: %s", e.server.name, is, e.hint()), ": ")
}

// hint says what to do about it.
func (e *answerError) hint() string {
	s := e.server
	switch e.tsig {
	case dns.RcodeBadKey:
		return fmt.Sprintf("it does not know the key %q with %s: name it as its configuration does", s.Key, s.Algorithm)
	case dns.RcodeBadSig:
		return fmt.Sprintf("%s does not hold the secret that it has for the key %q", s.SecretFile, s.Key)
	case dns.RcodeBadTime:
		return fmt.Sprintf("its clock and ours are more than %s apart: have both set by NTP", fudge)
	}
	switch e.rcode {
	case dns.RcodeRefused:
		return fmt.Sprintf("the key %q may not do that: grant it the name and its mark in update-policy, see docs/rights.md", s.Key)
	case dns.RcodeNotAuth, dns.RcodeNotZone:
		return fmt.Sprintf("it is not the primary of %s: have address name the primary, and zones the zone that has a SOA record", rrset.PlainName(e.name))
	case dns.RcodeServerFailure:
		return "it could not, and its log says why: often it may not write the zone's journal"
	case dns.RcodeFormatError, dns.RcodeNotImplemented:
		return "it does not take dynamic updates (RFC 2136)"
	}
	return ""
}
