package main

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

// FuzzPauseFile reads anything at all as the pause file: it always pauses something,
// and says why in words that a fact may hold.
func FuzzPauseFile(f *testing.F) {
	for _, s := range []string{"", "all", "policy/db\nreason: x", "namespace/shop # why", "polcy/db", "\x00", "reason:\u202e\n\xff", "policy/a/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := parseOrder(text)
		if len(o.scopes) == 0 || oneLine(o.reason) != o.reason || utf8.RuneCountInString(o.reason) > maxReason {
			t.Errorf("%q: %+v", text, o)
		}
		for _, s := range o.scopes {
			if !isScope(s) {
				t.Errorf("%q pauses %q", text, s)
			}
		}
	})
}

// FuzzWebConfig reads anything at all as the web configuration file: nobody is
// believed for a file that cannot be read.
func FuzzWebConfig(f *testing.F) {
	for _, s := range []string{"basic_auth_users: {anna: x}", "tls_server_config: {client_auth_type: RequireAndVerifyClientCert}", "basic_auth_users: [a]", "a: &a [*a]", "\xff", "{"} {
		f.Add([]byte(s))
	}
	name := filepath.Join(f.TempDir(), "web.yml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if a, err := authenticationOf(name); err != nil && a != (authentication{}) {
			t.Errorf("%q: %+v, %v", text, a, err)
		}
	})
}
