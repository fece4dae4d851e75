package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

const (
	annasToken = "token-of-anna-0123456789"
	bensToken  = "token-of-ben-0123456789"
)

// crew are people with tokens, one with a certificate and one with neither.
func crew(t *testing.T) []policies.Person {
	return []policies.Person{
		{Name: "anna", TokenFile: file(t, "anna", annasToken+"\n"), Roles: []string{policies.RoleApprover}},
		{Name: "ben", TokenFile: file(t, "ben", bensToken), Roles: []string{policies.RoleViewer}},
		{Name: "carl", Certificate: "carl@example.org"},
		{Name: "dora"},
	}
}

// from is a request from an address to the listener at another.
func from(remote, local string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/v1/pause", nil)
	r.RemoteAddr = net.JoinHostPort(remote, "40000")
	addr := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(local), 9095))
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(addr)))
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func basic(name, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

// showing has the listener have verified a certificate.
func showing(c *x509.Certificate) func(*http.Request) {
	return func(r *http.Request) {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}, VerifiedChains: [][]*x509.Certificate{{c}}}
	}
}

func common(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}}
}

func forwarded(names ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header["X-Forwarded-User"] = names }
}

func TestWhoProvesWhat(t *testing.T) {
	proxy := &policies.Proxy{Header: "X-Forwarded-User", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.7/32"), netip.MustParsePrefix("fd00:7::/64")}}
	byCertificate := &policies.Proxy{Header: "X-Forwarded-User", Certificates: []string{"proxy.example.org"}}
	both := &policies.Proxy{Header: "X-Forwarded-User", Addresses: proxy.Addresses, Certificates: byCertificate.Certificates}
	uri, err := url.Parse("spiffe://example.org/proxy")
	if err != nil {
		t.Fatal(err)
	}
	carl := &x509.Certificate{Subject: pkix.Name{CommonName: "c-1234"}, EmailAddresses: []string{"carl@example.org"}, URIs: []*url.URL{uri}}
	proxys := &x509.Certificate{DNSNames: []string{"proxy.example.org"}}
	for name, c := range map[string]struct {
		remote string // default 10.0.0.9
		proxy  *policies.Proxy
		with   func(*http.Request)
		by     string
		code   int // of the refusal
	}{
		"a bearer token":                {with: bearer(annasToken), by: "anna"},
		"another scheme's case":         {with: func(r *http.Request) { r.Header.Set("Authorization", "bearer  "+bensToken) }, by: "ben"},
		"a token as the password":       {with: basic("ben", bensToken), by: "ben"},
		"another's token":               {with: basic("anna", bensToken), code: 401},
		"a token beside no name":        {with: basic("", bensToken), code: 401},
		"a wrong token":                 {with: bearer("token-of-mallory-012345"), code: 401},
		"the beginning of a token":      {with: bearer(annasToken[:len(annasToken)-1]), code: 401},
		"no token":                      {with: bearer(""), code: 401},
		"a password that is none":       {with: basic("dora", ""), code: 401},
		"another scheme":                {with: func(r *http.Request) { r.Header.Set("Authorization", "Digest "+annasToken) }, code: 401},
		"nothing":                       {with: func(*http.Request) {}, code: 401},
		"nothing, on loopback":          {remote: "127.0.0.1", with: func(*http.Request) {}, code: 401},
		"the daemon's own name":         {with: basic("remediated", annasToken), code: 401},
		"a person's certificate":        {with: showing(carl), by: "carl"},
		"a name as the common name":     {with: showing(common("dora")), by: "dora"},
		"nobody that we know":           {with: showing(common("prometheus")), by: "prometheus"},
		"a name with another's blank":   {with: showing(common("dora ")), code: 401},
		"the name of who has another":   {with: showing(common("carl")), code: 403},
		"a name only as a DNS name":     {with: showing(&x509.Certificate{DNSNames: []string{"dora"}}), code: 401},
		"a certificate without a name":  {with: showing(&x509.Certificate{}), code: 401},
		"one that was not verified":     {with: func(r *http.Request) { showing(carl)(r); r.TLS.VerifiedChains = nil }, code: 401},
		"a wrong token beside one":      {with: func(r *http.Request) { showing(carl)(r); bearer("wrong")(r) }, code: 401},
		"a header, and no proxy":        {with: forwarded("anna"), code: 401},
		"the proxy":                     {remote: "10.0.0.7", proxy: proxy, with: forwarded("anna"), by: "anna"},
		"the proxy, over IPv6":          {remote: "fd00:7::9", proxy: proxy, with: forwarded("anna"), by: "anna"},
		"the proxy, mapped":             {remote: "::ffff:10.0.0.7", proxy: proxy, with: forwarded("anna"), by: "anna"},
		"a header from elsewhere":       {proxy: proxy, with: forwarded("anna"), code: 401},
		"from elsewhere, with a token":  {proxy: proxy, with: func(r *http.Request) { forwarded("anna")(r); bearer(bensToken)(r) }, by: "ben"},
		"the proxy says two":            {remote: "10.0.0.7", proxy: proxy, with: forwarded("anna", "ben"), code: 401},
		"the proxy says nobody":         {remote: "10.0.0.7", proxy: proxy, with: forwarded(""), code: 401},
		"the proxy says nothing":        {remote: "10.0.0.7", proxy: proxy, with: func(*http.Request) {}, code: 401},
		"a token through the proxy":     {remote: "10.0.0.7", proxy: proxy, with: bearer(annasToken), by: "anna"},
		"the proxy's certificate":       {proxy: byCertificate, with: func(r *http.Request) { showing(proxys)(r); forwarded("anna")(r) }, by: "anna"},
		"another's certificate":         {proxy: byCertificate, with: func(r *http.Request) { showing(carl)(r); forwarded("anna")(r) }, by: "carl"},
		"its address, no certificate":   {remote: "10.0.0.7", proxy: both, with: forwarded("anna"), code: 401},
		"its certificate, from nowhere": {proxy: both, with: func(r *http.Request) { showing(proxys)(r); forwarded("anna")(r) }, code: 401},
		"its certificate and address":   {remote: "10.0.0.7", proxy: both, with: func(r *http.Request) { showing(proxys)(r); forwarded("anna")(r) }, by: "anna"},
	} {
		t.Run(name, func(t *testing.T) {
			who := &callers{people: crew(t), proxy: c.proxy, guesses: new(guesses)}
			if c.remote == "" {
				c.remote = "10.0.0.9"
			}
			r := from(c.remote, "127.0.0.1")
			c.with(r)
			by, err := who.admit(r)
			if by != c.by || codeOf(err) != c.code {
				t.Errorf("it is %q: %v, want %q and %d", by, err, c.by, c.code)
			}
		})
	}
}

// codeOf is the status of a refusal, 0 when there is none.
func codeOf(err error) int {
	var no *web.NotAdmittedError
	if errors.As(err, &no) {
		return no.Code
	}
	return 0
}

// Where nobody can prove anything this machine is believed, and nobody else.
func TestWithoutProof(t *testing.T) {
	who := &callers{people: []policies.Person{{Name: "anna"}}, guesses: new(guesses)}
	if by, err := who.admit(from("127.0.0.1", "127.0.0.1")); by != "" || err != nil {
		t.Errorf("on loopback: %q, %v", by, err)
	}
	if _, err := who.admit(from("10.0.0.9", "10.0.0.1")); codeOf(err) != http.StatusUnauthorized {
		t.Errorf("from elsewhere: %v", err)
	}
	who.webConfig = file(t, "web.yml", "basic_auth_users: {anna: $2y$10$hash}\n")
	r := from("10.0.0.9", "10.0.0.1")
	r.SetBasicAuth("anna", "the listener has looked at it")
	if by, err := who.admit(r); by != "anna" || err != nil {
		t.Errorf("whom the listener let in: %q, %v", by, err)
	}
	// It reads the file anew for each request, and looks at no password any more.
	for text, want := range map[string]int{"{}": http.StatusUnauthorized, "[": http.StatusServiceUnavailable} {
		if err := os.WriteFile(who.webConfig, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if by, err := who.admit(r); by != "" || codeOf(err) != want {
			t.Errorf("a password that nobody has looked at, by %s: %q, %v", text, by, err)
		}
	}
}

// A token that is replaced needs no reload. While it cannot be read nobody is
// told that theirs is wrong.
func TestTokensAreReadAnew(t *testing.T) {
	people := crew(t)
	who := &callers{people: people, guesses: new(guesses)}
	try := func(token string) (string, int) {
		r := from("10.0.0.9", "127.0.0.1")
		bearer(token)(r)
		by, err := who.admit(r)
		return by, codeOf(err)
	}
	next := "token-of-anna-9876543210"
	if err := os.WriteFile(people[0].TokenFile, []byte(next), 0o600); err != nil {
		t.Fatal(err)
	}
	if by, _ := try(next); by != "anna" {
		t.Errorf("the new token is %q's", by)
	}
	if by, code := try(annasToken); by != "" || code != http.StatusUnauthorized {
		t.Errorf("the old token is %q's, %d", by, code)
	}
	for _, useless := range []string{"", "short"} {
		if err := os.WriteFile(people[0].TokenFile, []byte(useless), 0o600); err != nil {
			t.Fatal(err)
		}
		if by, code := try(useless); by != "" || code != http.StatusServiceUnavailable {
			t.Errorf("the token %q is %q's, %d", useless, by, code)
		}
		if by, code := try(bensToken); by != "ben" || code != 0 {
			t.Errorf("ben's meanwhile: %q, %d", by, code)
		}
	}
}

func TestTokensThatCannotBeUsed(t *testing.T) {
	for name, c := range map[string]struct {
		people []policies.Person
		want   string
	}{
		"too short": {[]policies.Person{{Name: "anna", TokenFile: file(t, "anna", "hunter2")}}, "the token of anna in "},
		"not there": {[]policies.Person{{Name: "anna", TokenFile: file(t, "anna", "") + "-lost"}}, "the token of anna: read the secret"},
		"the same":  {[]policies.Person{{Name: "anna", TokenFile: file(t, "a", annasToken)}, {Name: "ben", TokenFile: file(t, "b", annasToken+"\n")}}, "anna and ben have the same token"},
	} {
		err := (&callers{people: c.people}).checkTokens()
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), annasToken) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := (&callers{people: crew(t)}).checkTokens(); err != nil {
		t.Error(err)
	}
}

// Who guesses is not answered any more, with the right token either, until time
// has passed. Others are.
func TestGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		who := &callers{people: crew(t), guesses: new(guesses)}
		try := func(remote, token string) int {
			r := from(remote, "127.0.0.1")
			bearer(token)(r)
			_, err := who.admit(r)
			return codeOf(err)
		}
		for range 100 {
			if code := try("10.0.0.9", annasToken); code != 0 {
				t.Fatalf("the right token, many times: %d", code)
			}
		}
		for n := range guessesAtOnce {
			if code := try("10.0.0.9", "wrong"); code != http.StatusUnauthorized {
				t.Fatalf("guess %d: %d", n, code)
			}
		}
		for remote, want := range map[string]int{"10.0.0.9": 429, "10.0.0.8": 0} {
			if code := try(remote, annasToken); code != want {
				t.Errorf("the right token from %s: %d, want %d", remote, code, want)
			}
		}
		lost := &callers{people: append(crew(t), policies.Person{Name: "erik", TokenFile: "lost"}), guesses: new(guesses)}
		r := from("10.0.0.9", "127.0.0.1")
		bearer("wrong")(r)
		for range guessesAtOnce {
			if _, err := lost.admit(r); codeOf(err) != http.StatusServiceUnavailable {
				t.Fatalf("it may be erik's: %v", err)
			}
		}
		if _, err := lost.admit(r); codeOf(err) != http.StatusTooManyRequests {
			t.Errorf("guessing while a token is lost: %v", err)
		}
		if _, err := who.admit(from("10.0.0.9", "127.0.0.1")); codeOf(err) != http.StatusUnauthorized {
			t.Errorf("no token at all is no guess: %v", err)
		}
		time.Sleep(guessEvery)
		if code := try("10.0.0.9", annasToken); code != 0 {
			t.Errorf("later: %d", code)
		}
		for n := range guessesAtOnce { // one network of IPv6
			try("2001:db8::"+string(rune('a'+n%6)), "wrong")
		}
		if code := try("2001:db8::f00d", annasToken); code != 429 {
			t.Errorf("from the same network: %d", code)
		}
		if code := try("2001:db8:0:1::f00d", annasToken); code != 0 {
			t.Errorf("from another network: %d", code)
		}
	})
}

// However many guess, no more are kept in mind than there is room for.
func TestGuessersAreForgotten(t *testing.T) {
	var g guesses
	addr := netip.MustParseAddr("10.0.0.0")
	for range 3 * guessesAddresses {
		g.take(addr)
		addr = addr.Next()
		if n := len(g.of); n > guessesAddresses {
			t.Fatalf("%d are kept in mind", n)
		}
	}
}

// Another replica knows who it is by what they send along, and by nothing that anybody
// could say; what only the connection shows is refused.
func TestWhatAnotherReplicaCanKnow(t *testing.T) {
	proxied := &callers{people: crew(t), guesses: new(guesses), proxy: &policies.Proxy{Header: "X-User", Addresses: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}}
	says := func(r *http.Request) { r.Header.Set("X-User", "anna") }
	carl := showing(&x509.Certificate{EmailAddresses: []string{"carl@example.org"}})
	for what, c := range map[string]struct {
		who    *callers
		remote string
		with   []func(*http.Request)
		user   string // what is passed on in the header
		code   int
	}{
		"a token":                           {proxied, "10.0.0.1", []func(*http.Request){bearer(annasToken)}, "", 0},
		"a token, and the proxy's header":   {proxied, "10.0.0.1", []func(*http.Request){bearer(bensToken), says}, "", 0},
		"the proxy":                         {proxied, "10.9.0.1", []func(*http.Request){says}, "anna", 0},
		"the proxy, with a certificate":     {proxied, "10.9.0.1", []func(*http.Request){says, carl}, "anna", 0},
		"a certificate":                     {proxied, "10.0.0.1", []func(*http.Request){carl}, "", http.StatusForbidden},
		"a certificate, and proxy's header": {proxied, "10.0.0.1", []func(*http.Request){carl, says}, "", http.StatusForbidden},
		"a certificate and a token":         {proxied, "10.0.0.1", []func(*http.Request){carl, bearer(annasToken)}, "", 0},
		"a header, where there is no proxy": {&callers{}, "127.0.0.1", []func(*http.Request){says}, "anna", 0},
		"nothing, where nothing is asked":   {&callers{}, "127.0.0.1", nil, "", 0},
	} {
		r := from(c.remote, "10.0.0.2")
		for _, with := range c.with {
			with(r)
		}
		before := r.Header.Clone()
		passed, err := c.who.portable(r)
		if codeOf(err) != c.code || err == nil && passed.Header.Get("X-User") != c.user {
			t.Errorf("%s: %v, %v", what, passed, err)
		}
		if err == nil && passed.Header.Get("Authorization") != before.Get("Authorization") {
			t.Errorf("%s: the credential is not passed on", what)
		}
	}
}

// A proxy that is known by its certificate is not known to another replica.
func TestAProxysCertificateAmongReplicas(t *testing.T) {
	none, loopback := "", []string{"127.0.0.1:0"}
	for _, c := range []struct {
		proxy   policies.Proxy
		several []string
		refused bool
	}{
		{policies.Proxy{Header: "X-User", Certificates: []string{"proxy"}}, nil, false},
		{policies.Proxy{Header: "X-User", Certificates: []string{"proxy"}}, []string{"http://e:2379"}, true},
		{policies.Proxy{Header: "X-User", Addresses: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}, []string{"http://e:2379"}, false},
	} {
		d := &daemon{options: options{config: "remediated.yml", replica: replicaOptions{endpoints: c.several}, web: toolkit.FlagConfig{WebListenAddresses: &loopback, WebConfigFile: &none}}}
		_, err := d.newCallers(&policies.Config{Proxy: &c.proxy})
		if (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "proxy.certificates in remediated.yml") {
			t.Errorf("%+v among %v: %v", c.proxy, c.several, err)
		}
	}
}
