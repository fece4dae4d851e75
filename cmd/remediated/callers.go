package main

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// minToken is how long a token is at least, in characters: a shorter one could be
// guessed by many who guess from many addresses.
const minToken = 16

// callers finds out whom a request for the page or the API is of. There are four
// ways to prove that: to be somebody whom the listener has let in by name and
// password, a token, a client certificate, and the word of a proxy that is
// trusted. Where none of them is set up everybody on this machine is believed.
type callers struct {
	people    []policies.Person
	proxy     *policies.Proxy // nil: none is believed
	webConfig string          // the web configuration file, by which the listener sees to it itself
	guesses   *guesses
}

// newCallers returns the callers of a configuration, or why it would let in
// whoever comes.
func (d *daemon) newCallers(c *policies.Config) (*callers, error) {
	who := &callers{c.People, c.Proxy, *d.options.web.WebConfigFile, &d.guesses}
	listener, err := authenticationOf(who.webConfig)
	if err != nil {
		return nil, err
	}
	if err := who.checkTokens(); err != nil {
		return nil, err
	}
	if d.options.replica.several() && c.Proxy != nil && len(c.Proxy.Certificates) > 0 {
		return nil, fmt.Errorf("proxy.certificates in %s: one replica cannot show another the certificate of who came to it; say by proxy.addresses where the proxy and the replicas are", d.options.config)
	}
	for _, a := range *d.options.web.WebListenAddresses {
		if !loopback(a) && !who.prove(listener) {
			return nil, fmt.Errorf("--web.listen-address=%s is open to others: give people a token_file in %s, or give --web.config.file with basic_auth_users or client_auth_type: RequireAndVerifyClientCert, or listen on 127.0.0.1", a, d.options.config)
		}
	}
	return who, nil
}

// checkTokens reads each token once: one that cannot be used is to be heard of
// now, and not by who needs it at night.
func (c *callers) checkTokens() error {
	whose := map[[sha256.Size]byte]string{}
	for _, p := range c.people {
		if p.TokenFile == "" {
			continue
		}
		sum, err := tokenOf(p)
		if err != nil {
			return err
		}
		if other, taken := whose[sum]; taken {
			return fmt.Errorf("%s and %s have the same token: a decision must be traced to one human", other, p.Name)
		}
		whose[sum] = p.Name
	}
	return nil
}

// tokenOf reads a person's token and returns its hash: that is compared, so that
// the time it takes does not depend on the length.
func tokenOf(p policies.Person) (sum [sha256.Size]byte, err error) {
	secret, err := notify.SecretFile(p.TokenFile).Read()
	if err != nil {
		return sum, fmt.Errorf("the token of %s: %w", p.Name, err)
	}
	if token := secret.Reveal(); len(token) >= minToken {
		return sha256.Sum256([]byte(token)), nil
	}
	return sum, fmt.Errorf("the token of %s in %s is shorter than %d characters: make one with openssl rand -hex 32", p.Name, p.TokenFile, minToken)
}

// prove tells whether there is a way to prove who one is. Then everybody must.
func (c *callers) prove(listener authentication) bool {
	return listener.users || listener.certificates || c.proxy != nil || c.tokens() ||
		slices.ContainsFunc(c.people, func(p policies.Person) bool { return p.Certificate != "" })
}

func (c *callers) tokens() bool {
	return slices.ContainsFunc(c.people, func(p policies.Person) bool { return p.TokenFile != "" })
}

// admit returns whom a request is of, "" when nobody need prove that. The listener
// reads its file anew for each request, and lets everybody in once no users stand
// in it any more: so it is read here, too, before a name is believed.
func (c *callers) admit(r *http.Request) (by string, err error) {
	listener, err := authenticationOf(c.webConfig)
	if err != nil {
		return "", keepOut(http.StatusServiceUnavailable, "the web configuration file cannot be read just now: try again")
	}
	by, err = c.prover(r, listener)
	switch {
	case err != nil:
		return "", err
	case by != strings.Join(strings.Fields(by), " "): // it would be taken for another name once it is written down
		return "", keepOut(http.StatusUnauthorized, "the name %q has spaces that cannot be seen", by)
	case by != "":
		return by, nil
	case !c.prove(listener) && reachedOnLoopback(r):
		return "", nil
	}
	return "", keepOut(http.StatusUnauthorized, "say who you are: by a token (as a bearer token, or as the password beside your name), a client certificate, or whatever else this daemon is set up to know people by")
}

// prover returns who has proven themselves, "" when nobody tried to.
func (c *callers) prover(r *http.Request, listener authentication) (by string, err error) {
	if by, err := c.vouched(r); by != "" || err != nil {
		return by, err
	}
	if listener.users {
		by, _, _ := r.BasicAuth() // the listener has looked at the password
		return by, nil
	}
	if c.tokens() && r.Header.Get("Authorization") != "" {
		return c.byToken(r)
	}
	return c.certified(r)
}

// vouched is whom a trusted proxy says that it is, "" when it does not say. The
// header means nothing from anybody else.
func (c *callers) vouched(r *http.Request) (string, error) {
	if c.proxy == nil || !c.trusts(r) {
		return "", nil
	}
	said := r.Header.Values(c.proxy.Header)
	if len(said) > 1 { // the proxy's and somebody else's: which is which is not known
		return "", keepOut(http.StatusUnauthorized, "the header %s is there %d times: have the proxy take away what others sent in it", c.proxy.Header, len(said))
	}
	return strings.Join(said, ""), nil
}

// trusts tells whether a request comes from the proxy.
func (c *callers) trusts(r *http.Request) bool {
	from := addressOf(r)
	near := func(n netip.Prefix) bool { return n.Contains(from) }
	shown := func(name string) bool { return slices.Contains(c.proxy.Certificates, name) }
	return (len(c.proxy.Addresses) == 0 || slices.ContainsFunc(c.proxy.Addresses, near)) &&
		(len(c.proxy.Certificates) == 0 || slices.ContainsFunc(namesIn(certificateOf(r)), shown))
}

// portable returns a request that another replica can decide about as we did, or why
// there is none: what is known by the connection alone is not known there.
func (c *callers) portable(r *http.Request) (*http.Request, error) {
	claimed := c.proxy != nil && r.Header.Get(c.proxy.Header) != ""
	switch {
	case claimed && c.trusts(r):
		return r, nil
	case certificateOf(r) != nil && r.Header.Get("Authorization") == "":
		return nil, keepOut(http.StatusForbidden, "a client certificate cannot be shown to the replica that leads: come with a token, or to that replica")
	case claimed: // there it would come from a trusted address: ours
		r = r.Clone(r.Context())
		r.Header.Del(c.proxy.Header)
	}
	return r, nil
}

// byToken is whose token a request carries.
func (c *callers) byToken(r *http.Request) (string, error) {
	done := c.guesses.begin(r)
	if done == nil {
		return "", keepOut(http.StatusTooManyRequests, "too many wrong tokens came from your address: try again later")
	}
	name, token := tokenIn(r)
	by, err := c.owner(token)
	right := err == nil && by != "" && (name == "" || name == by)
	done(right)
	switch {
	case err != nil:
		return "", err
	case !right:
		return "", keepOut(http.StatusUnauthorized, "this token is not valid, or another's")
	}
	return by, nil
}

// owner returns whose token it is. It compares with all of them, however soon one
// fits.
func (c *callers) owner(token string) (by string, err error) {
	given := sha256.Sum256([]byte(token))
	for _, p := range c.people {
		if p.TokenFile == "" {
			continue
		}
		valid, unread := tokenOf(p)
		if unread != nil {
			err = errors.Join(err, unread)
		} else if subtle.ConstantTimeCompare(valid[:], given[:]) == 1 {
			by = p.Name
		}
	}
	if by == "" && err != nil {
		return "", keepOut(http.StatusServiceUnavailable, "a token cannot be read just now, and it may be yours: try again")
	}
	return by, nil
}

// tokenIn is the token of a request, and the name beside it, "" for a bearer
// token. There is no valid token that is empty.
func tokenIn(r *http.Request) (name, token string) {
	if name, token, ok := r.BasicAuth(); ok {
		return cmp.Or(name, "nobody by name"), token
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ""
	}
	return "", strings.TrimSpace(token)
}

// certified is whose client certificate a request shows: the person who is said
// to have it, or whoever its common name says. That of a person who has another
// one is nobody's.
func (c *callers) certified(r *http.Request) (string, error) {
	cert := certificateOf(r)
	if cert == nil {
		return "", nil
	}
	names := namesIn(cert)
	for _, p := range c.people {
		if slices.Contains(names, cmp.Or(p.Certificate, p.Name)) && (p.Certificate != "" || p.Name == cert.Subject.CommonName) {
			return p.Name, nil
		}
	}
	name := cert.Subject.CommonName
	if slices.ContainsFunc(c.people, func(p policies.Person) bool { return p.Name == name }) {
		return "", keepOut(http.StatusForbidden, "this is not the certificate of %s", name)
	}
	return name, nil
}

// certificateOf is the client certificate that the listener has verified, nil
// when there is none.
func certificateOf(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	return r.TLS.VerifiedChains[0][0]
}

// namesIn are the names that a certificate says.
func namesIn(c *x509.Certificate) []string {
	if c == nil {
		return nil
	}
	names := slices.Concat(c.DNSNames, c.EmailAddresses)
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	if c.Subject.CommonName != "" {
		names = append(names, c.Subject.CommonName)
	}
	return names
}

// addressOf is where a request comes from.
func addressOf(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return from.Addr().Unmap().WithZone("")
}

// reachedOnLoopback tells whether a request came to an address that only this
// machine reaches.
func reachedOnLoopback(r *http.Request) bool {
	to, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && to.IP.IsLoopback()
}

func keepOut(code int, format string, args ...any) error {
	return &web.NotAdmittedError{Code: code, Why: fmt.Sprintf(format, args...)}
}

// mayReload says why somebody may not have the configuration read anew, nil when
// they may. Who is believed without proof always may: they could restart us.
func (d *daemon) mayReload(by string) error {
	if by == "" {
		return nil
	}
	err := may(d.people(), remediate.Command{Command: "reload", By: by}, []string{policies.RoleOperator, policies.RoleApprover})
	if err != nil {
		d.log.Warn("refused a reload", "by", by, "why", err)
	}
	return err
}
