package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// policy lets the page load its style sheet, its script and its icon, ask us for
// what is new, and send its forms back to where it came from. There is nothing
// else on it.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// protect sets the headers that keep a browser from being used against its
// user, and refuses what comes from elsewhere.
func (s *server) protect(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setProtection(w.Header())
		if !s.knownHost(r) {
			s.refuse(w, r, problemf(http.StatusMisdirectedRequest,
				"this daemon listens on loopback and is not known as %q; if a proxy reaches it by this name, tell the daemon the name", r.Host))
			return
		}
		if err := origin.Check(r); err != nil {
			s.refuse(w, r, problemf(http.StatusForbidden, "refused: the request comes from another web site (%v)", err))
			return
		}
		by, err := s.admit(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), provenKey{}, by)))
	})
}

// setProtection sets the headers that every answer of ours has.
func setProtection(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // no-referrer would hide the origin of our own forms too
	h.Set("Cache-Control", "no-store")
}

// OpenPaths are those that are answered to anybody. They say only that the daemon
// runs, which whoever watches over processes must be able to ask.
var OpenPaths = []string{"/-/healthy", "/-/ready"}

func (s *server) admit(r *http.Request) (by string, err error) {
	if slices.Contains(OpenPaths, r.URL.Path) {
		return "", nil
	}
	by, err = s.opt.Admit(r)
	var no *NotAdmittedError
	if err != nil && !errors.As(err, &no) {
		err = &NotAdmittedError{http.StatusUnauthorized, err.Error()}
	}
	return by, err
}

// NotAdmittedError is why a request goes no further, and the status that says so.
type NotAdmittedError struct {
	Code int
	Why  string
}

func (e *NotAdmittedError) Error() string { return e.Why }

// provenKey is of the name that a request has proven, in its context.
type provenKey struct{}

// proven is whom a request is of, "" when nothing has proven that.
func proven(r *http.Request) string {
	by, _ := r.Context().Value(provenKey{}).(string)
	return by
}

// knownHost tells whether the request was sent to a name of ours. Off
// loopback a listener has authentication, which a foreign name does not get.
func (s *server) knownHost(r *http.Request) bool {
	if !onLoopback(r) {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	return strings.EqualFold(host, "localhost") ||
		slices.ContainsFunc(s.opt.Hosts, func(name string) bool { return strings.EqualFold(name, host) })
}

func onLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
