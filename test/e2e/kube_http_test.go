//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// A call is made once for the object that was judged, and needs no more rights
// than to see that it is that one and to say so.
func TestKubeHTTPCall(t *testing.T) {
	var keys []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
	}))
	defer server.Close()
	secret := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(secret, []byte("a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := func(s *shop, more string) remediate.Started {
		what := s.plan("http_call", s.target("deployment", "web"))
		what.Act.Args = fmt.Appendf(nil, `{"url":%q,"secret_file":%q,"allow_loopback":true%s}`, server.URL, secret, more)
		return what
	}
	idle := func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(0)) }

	s := openShop(t)
	d := s.deployment(idle)
	what := plan(s, "")
	s.perform(s.actor(nil), what, remediate.OK, "200 OK")
	what.Again = true // killed between sending and writing down
	s.perform(s.actor(nil), what, remediate.Unknown, "it may have been sent before")
	known := plan(s, `,"idempotent":true`)
	s.perform(s.actor(nil), known, remediate.OK, "200 OK")
	known.Again = true
	s.perform(s.actor(nil), known, remediate.OK, "200 OK")
	if !slices.Equal(keys, []string{what.ID, known.ID, known.ID}) {
		t.Errorf("it was called as %v", keys)
	}
	if notes := s.events(string(d.UID)); len(notes) != 2 {
		t.Errorf("events %q", notes)
	}

	keys = nil
	what = plan(s, "")
	what.Act.UID = "00000000-0000-0000-0000-000000000000"
	s.perform(s.actor(nil), what, remediate.Refused, "made anew")
	if len(keys) > 0 {
		t.Error("it was called for another object")
	}

	i := slices.IndexFunc(action.Kinds(), func(k action.Kind) bool { return k.Name == "http_call" })
	rules := action.MergeRules(action.Kinds()[i].Rules("deployment", nil)...)
	s.perform(s.may("remediated", rules), plan(s, ""), remediate.OK, "200 OK")
	for right, fewer := range without(rules) {
		s := openShop(t)
		s.deployment(idle)
		r := s.may("remediated", fewer).Perform(t.Context(), plan(s, ""))
		verb, resource, _ := strings.Cut(right, " ")
		if want := fmt.Sprintf("cannot %s resource %q", verb, resource); !strings.Contains(r.Text, want) {
			t.Errorf("without %s: %+v, want %q said", right, r, want)
		}
	}
}
