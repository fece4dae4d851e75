package alertmanager

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func tokenFile(t *testing.T, token string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// knock posts a good webhook with these headers from another machine.
func knock(h http.Handler, from string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(webhook(goodAlert)))
	r.RemoteAddr = from
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const elsewhere = "192.0.2.7:40000"

func TestTokens(t *testing.T) {
	var d desk
	o := d.options()
	o.TokenFiles = []string{tokenFile(t, "old-secret\n"), tokenFile(t, "new-secret")}
	in := intake(t, o)
	for authorization, want := range map[string]int{
		"Bearer old-secret":             http.StatusOK,
		"Bearer new-secret":             http.StatusOK,
		"bearer new-secret":             http.StatusOK,
		"Bearer new-secre":              http.StatusUnauthorized,
		"Bearer new-secret2":            http.StatusUnauthorized,
		"Bearer old-secret, new-secret": http.StatusUnauthorized,
		"Bearer ":                       http.StatusUnauthorized,
		"Bearer":                        http.StatusUnauthorized,
		"Basic new-secret":              http.StatusUnauthorized,
		"new-secret":                    http.StatusUnauthorized,
		"":                              http.StatusUnauthorized,
	} {
		if w := knock(in, elsewhere, "Authorization", authorization); w.Code != want {
			t.Errorf("%q: answered %d, want %d", authorization, w.Code, want)
		}
	}
	// With tokens, being on this machine is not enough.
	if w := knock(in, "127.0.0.1:40000"); w.Code != http.StatusUnauthorized {
		t.Errorf("from this machine: answered %d", w.Code)
	}
}

func TestStrangersAreNotReadNorKept(t *testing.T) {
	var d desk
	o := d.options()
	o.TokenFiles = []string{tokenFile(t, "secret")}
	r := httptest.NewRequest(http.MethodPost, "/", unreadable{t})
	r.Header.Set("Authorization", "Bearer wrong")
	w := httptest.NewRecorder()
	intake(t, o).ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" || w.Header().Get("Connection") != "close" {
		t.Errorf("answered %d %v", w.Code, w.Header())
	}
	if len(d.batches)+len(d.quarantined)+d.pulls > 0 || d.deliveries[0].Outcome != Unauthorized {
		t.Errorf("kept %v, in quarantine %v, %d pulls, observed %+v", d.batches, d.quarantined, d.pulls, d.deliveries)
	}
	if strings.Contains(w.Body.String(), "wrong") || strings.Contains(d.deliveries[0].Why, "secret") {
		t.Errorf("a token is shown: %q, %q", w.Body, d.deliveries[0].Why)
	}
}

func TestRotation(t *testing.T) {
	var d desk
	o := d.options()
	name := tokenFile(t, "first")
	o.TokenFiles = []string{name}
	in := intake(t, o)
	if err := os.WriteFile(name, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]int{"first": http.StatusUnauthorized, "second": http.StatusOK} {
		if w := knock(in, elsewhere, "Authorization", "Bearer "+token); w.Code != want {
			t.Errorf("%s: answered %d, want %d", token, w.Code, want)
		}
	}
}

// A 401 would have Alertmanager give up for something that is our fault.
func TestLostTokenFileIsOurFault(t *testing.T) {
	for name, lose := range map[string]func(string) error{
		"gone":  os.Remove,
		"empty": func(name string) error { return os.WriteFile(name, []byte(" \n"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			var d desk
			o := d.options()
			file := tokenFile(t, "lost")
			o.TokenFiles = []string{file, tokenFile(t, "kept")}
			in := intake(t, o)
			if err := lose(file); err != nil {
				t.Fatal(err)
			}
			for token, want := range map[string]int{
				"Bearer kept": http.StatusOK, "Bearer lost": http.StatusServiceUnavailable, "Bearer ": http.StatusUnauthorized,
			} {
				w := knock(in, elsewhere, "Authorization", token)
				if w.Code != want {
					t.Errorf("%s: answered %d, want %d", token, w.Code, want)
				}
				if strings.Contains(w.Body.String(), file) {
					t.Errorf("a stranger is told where our tokens are: %s", w.Body)
				}
			}
		})
	}
}

func TestWithoutTokensOnlyThisMachine(t *testing.T) {
	for name, c := range map[string]struct {
		from    string
		headers []string
		want    int
	}{
		"IPv4":          {"127.0.0.1:40000", nil, http.StatusOK},
		"IPv6":          {"[::1]:40000", nil, http.StatusOK},
		"IPv4 in IPv6":  {"[::ffff:127.0.0.1]:40000", nil, http.StatusOK},
		"elsewhere":     {elsewhere, nil, http.StatusUnauthorized},
		"private":       {"10.0.0.1:40000", nil, http.StatusUnauthorized},
		"unknown":       {"@", nil, http.StatusUnauthorized},
		"with a token":  {elsewhere, []string{"Authorization", "Bearer x"}, http.StatusUnauthorized},
		"pretending":    {elsewhere, []string{"X-Forwarded-For", "127.0.0.1"}, http.StatusUnauthorized},
		"through proxy": {"127.0.0.1:40000", []string{"X-Forwarded-For", "192.0.2.7"}, http.StatusUnauthorized},
		"RFC 7239":      {"127.0.0.1:40000", []string{"Forwarded", "for=192.0.2.7"}, http.StatusUnauthorized},
		"browser":       {"127.0.0.1:40000", []string{"Origin", "http://127.0.0.1:9096"}, http.StatusUnauthorized},
		"other browser": {"127.0.0.1:40000", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			var d desk
			if w := knock(intake(t, d.options()), c.from, c.headers...); w.Code != c.want {
				t.Errorf("answered %d, want %d: %s", w.Code, c.want, w.Body)
			}
			if kept := len(d.batches) > 0; kept != (c.want == http.StatusOK) {
				t.Errorf("kept: %v", kept)
			}
		})
	}
}

func TestClientCertificate(t *testing.T) {
	for name, c := range map[string]struct {
		state *tls.ConnectionState
		want  int
	}{
		"verified": {&tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{}}}}, http.StatusOK},
		"shown":    {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}, http.StatusUnauthorized},
		"none":     {&tls.ConnectionState{}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			var d desk
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(webhook(goodAlert)))
			r.RemoteAddr, r.TLS = elsewhere, c.state
			w := httptest.NewRecorder()
			intake(t, d.options()).ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("answered %d, want %d", w.Code, c.want)
			}
		})
	}
}

// Who may guess no more is told to try again, and no token is compared: it may be
// Alertmanager, which has the same address. Who shows no token does not guess.
func TestGuessesOfTheIntake(t *testing.T) {
	var d desk
	o := d.options()
	o.TokenFiles = []string{tokenFile(t, "right")}
	left, told := 3, []bool{}
	o.Guess = func(*http.Request) func(bool) {
		if left == 0 {
			return nil
		}
		left--
		return func(right bool) { told = append(told, right) }
	}
	in := intake(t, o)
	for n, c := range []struct {
		authorization string
		want          int
		outcome       Outcome
	}{
		{"", http.StatusUnauthorized, Unauthorized},
		{"Bearer wrong", http.StatusUnauthorized, Unauthorized},
		{"Bearer right", http.StatusOK, Accepted},
		{"Bearer wrong", http.StatusUnauthorized, Unauthorized},
		{"Bearer right", http.StatusServiceUnavailable, Guessed},
		{"", http.StatusUnauthorized, Unauthorized},
	} {
		w := knock(in, elsewhere, "Authorization", c.authorization)
		if got := d.deliveries[n].Outcome; w.Code != c.want || got != c.outcome || c.outcome == Guessed && w.Header().Get("Retry-After") == "" {
			t.Errorf("%d, %q: answered %d, %s, want %d, %s", n, c.authorization, w.Code, got, c.want, c.outcome)
		}
	}
	left, o.TokenFiles = 1, append(o.TokenFiles, tokenFile(t, "")+"-lost")
	in.gate.tokenFiles = o.TokenFiles
	if w := knock(in, elsewhere, "Authorization", "Bearer wrong"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("while a token is lost: %d", w.Code)
	}
	if !slices.Equal(told, []bool{false, true, false, false}) {
		t.Errorf("told of each guess: %v", told)
	}
	if len(d.quarantined) > 0 {
		t.Error("what a stranger sent was kept")
	}
}

// Who may post has the next one take it, unread; everybody else is answered as at
// an intake, and heard of.
func TestGuard(t *testing.T) {
	var d desk
	o := d.options()
	o.TokenFiles = []string{tokenFile(t, "right")}
	left := 2
	o.Guess = func(*http.Request) func(bool) {
		if left--; left < 0 {
			return nil
		}
		return func(bool) {}
	}
	passed := 0
	h, err := Guard(o, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || string(b) != webhook(goodAlert) || r.Header.Get("Authorization") != "Bearer right" {
			t.Errorf("passed on: %q, %v, %v", b, err, r.Header)
		}
		passed++
		w.WriteHeader(http.StatusTeapot)
	}))
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []Outcome
	for authorization, want := range map[string]int{"Bearer right": http.StatusTeapot, "Bearer wrong": http.StatusUnauthorized, "": http.StatusUnauthorized} {
		if w := knock(h, elsewhere, "Authorization", authorization); w.Code != want {
			t.Errorf("%q: answered %d, want %d", authorization, w.Code, want)
		}
	}
	if w := knock(h, elsewhere, "Authorization", "Bearer right"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("after too many guesses: %d", w.Code)
	}
	for _, delivery := range d.deliveries {
		outcomes = append(outcomes, delivery.Outcome)
	}
	if passed != 1 || !slices.Equal(outcomes, []Outcome{Unauthorized, Unauthorized, Guessed}) {
		t.Errorf("%d were passed on, and of the others was heard: %v", passed, outcomes)
	}
	o.TokenFiles[0] += "-lost"
	if _, err := Guard(o, h); err == nil || !strings.Contains(err.Error(), "-lost") {
		t.Errorf("without its token: %v", err)
	}
}
