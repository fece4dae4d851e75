package policies

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

const minute = model.Duration(time.Minute)

// TestLoadMeansWhatItSays holds every key of the two kinds of files against
// what the core decides by.
func TestLoadMeansWhatItSays(t *testing.T) {
	inFolder(t, map[string]string{"etc/remediated.yml": wholeConfig, "etc/policies/p.yml": wholePolicy})
	l, problems := Load("etc/remediated.yml", testCatalogue())
	if len(problems) > 0 {
		t.Fatalf("problems:\n%s", render(t, problems))
	}
	dir, err := filepath.Abs("etc")
	if err != nil {
		t.Fatal(err)
	}
	wantRulebook(t, l.Rulebook, filepath.Join(dir, "db.dsn"))
	sameAfterKeeping(t, l.Rulebook)
	wantConfig(t, l.Config, dir)
	if got := string(l.Sources["policies/p.yml"]); got != wholePolicy {
		t.Errorf("the source of the policies is not kept as it was: %q", got)
	}
}

func wantRulebook(t *testing.T, rb *remediate.Rulebook, dsn string) {
	t.Helper()
	want := wholeRulebook(dsn)
	if err := want.Compile(); err != nil {
		t.Fatal(err)
	}
	if rb.Digest() != want.Digest() || rb.Digest() == "" {
		got, _ := json.MarshalIndent(rb, "", " ")
		expected, _ := json.MarshalIndent(want, "", " ")
		t.Errorf("the rulebook is\n%s\nwant\n%s", got, expected)
	}
}

func wantConfig(t *testing.T, c *Config, dir string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	if a := c.Alertmanagers[0]; a.URL != "http://localhost:9093/am" || a.HTTP.BasicAuth.PasswordFile != in("am.password") || !a.HTTP.FollowRedirects {
		t.Errorf("the Alertmanager is %+v", a)
	}
	if want := []Cluster{{"prod", in("kube/config"), "admin"}}; !slices.Equal(c.Clusters, want) {
		t.Errorf("the clusters are %v, want %v", c.Clusters, want)
	}
	if want := []Person{{"anna", "U1", "P1", "/etc/anna", "", []string{"operator", "approver"}}}; !reflect.DeepEqual(c.People, want) {
		t.Errorf("the people are %v, want %v", c.People, want)
	}
	if want := (Watchdog{[]string{`alertname="Watchdog"`}, 5 * time.Minute}); !reflect.DeepEqual(*c.Watchdog, want) || !c.Raise {
		t.Errorf("the watchdog is %v, want %v; raised: %v", *c.Watchdog, want, c.Raise)
	}
	if h := c.Heartbeat; h.URLFile != "/etc/beat" || h.Every != time.Minute || h.Method != "POST" || h.HTTP.TLSConfig.CAFile != in("ca") {
		t.Errorf("the heartbeat is %+v", h)
	}
	if want := []string{in("words/*.tmpl")}; !slices.Equal(c.Templates, want) {
		t.Errorf("the templates are %v, want %v", c.Templates, want)
	}
	if want := (Slack{
		TokenFile: in("slack"), SigningSecretFile: "/etc/sign", Channel: "#incidents", APIURL: "http://localhost:1/api",
		Mentions: map[string][]string{"oncall": {"S0ONCALL", "U0ANNA000"}}, Bridge: &Bridge{Invite: []string{"U0BEN0000"}},
	}); !reflect.DeepEqual(*c.Slack, want) {
		t.Errorf("Slack is %v, want %v", *c.Slack, want)
	}
	if want := (PagerDuty{
		RoutingKeys: map[string]string{"oncall": in("oncall"), "boss": "/etc/boss"}, EventsURL: "http://localhost:2",
		APITokenFile: in("api"), WebhookSecretFiles: []string{in("hook")}, ChangesRung: "oncall", From: "ops@example.org", EscalationPolicy: "P7", MergePages: true,
	}); !reflect.DeepEqual(*c.PagerDuty, want) {
		t.Errorf("PagerDuty is %v, want %v", *c.PagerDuty, want)
	}
}

// A policy without steps has nothing to observe: it tells, without a word of mode.
func TestDefaults(t *testing.T) {
	inFolder(t, map[string]string{
		"remediated.yml": "cluster: prod\npolicies: [{files: [p.yml]}]\nalertmanagers: [{url: http://localhost:9093}]\n",
		"p.yml":          "policies: [{name: told, severity: P3, when: ['alertname=\"Told\"']}]\n",
	})
	l, problems := Load("remediated.yml", testCatalogue())
	if HasErrors(problems) {
		t.Fatal(render(t, problems))
	}
	p := l.Rulebook.Policy("told")
	g := remediate.Guards{
		Breaker: remediate.DefaultBreaker(), Settle: remediate.DefaultSettle,
		Attempts: remediate.DefaultAttempts, Flapping: remediate.DefaultFlapping(),
	}
	if p.Mode != remediate.ModeAct || !reflect.DeepEqual(p.Guards, g) {
		t.Errorf("the policy's defaults are %+v", p)
	}
	if want := (remediate.Storm{Incidents: 20, Per: 5 * minute, Calm: 5 * minute}); l.Rulebook.Storm == nil || *l.Rulebook.Storm != want {
		t.Errorf("the storm is %v, want %v", l.Rulebook.Storm, want)
	}
	if len(l.Rulebook.Destinations) != 0 || l.Config.Prometheus != nil || l.Config.Slack != nil || l.Config.PagerDuty != nil {
		t.Errorf("something is told or asked that nobody configured: %+v", l.Config)
	}
	if want := []Cluster{{Name: "prod"}}; !slices.Equal(l.Config.Clusters, want) {
		t.Errorf("the clusters are %v, want %v", l.Config.Clusters, want)
	}
}

func TestLoadWithoutConfiguration(t *testing.T) {
	inFolder(t, nil)
	l, problems := Load("remediated.yml", testCatalogue())
	if l != nil || len(problems) != 1 || !strings.Contains(problems[0].String(), "remediated.yml: error: the file cannot be read") {
		t.Errorf("Load = %v, %v", l, problems)
	}
}

// TestFirstStartShowsEverything: whoever sets up the daemon sees the problems
// of the configuration and of the policies in one go.
func TestFirstStartShowsEverything(t *testing.T) {
	inFolder(t, map[string]string{"remediated.yml": strings.Replace(goodConfig, "channel", "chanel", 1), "policies/p.yml": "policies: []\n"})
	l, problems := Load("remediated.yml", testCatalogue())
	var files []string
	for _, p := range problems {
		files = append(files, p.File)
	}
	if l != nil || !slices.Contains(files, "remediated.yml") || !slices.Contains(files, "policies/p.yml") {
		t.Errorf("loaded: %v, problems:\n%s", l != nil, render(t, problems))
	}
}

func TestOrderAndHiddenFiles(t *testing.T) {
	inFolder(t, map[string]string{
		"remediated.yml":      strings.Replace(goodConfig, "[policies/*.yml]", "[policies/z.yml, policies/*.yml]", 1),
		"policies/a.yml":      named("a"),
		"policies/z.yml":      named("z"),
		"policies/.swap.yml":  "half a fi",
		"policies/readme.txt": "not a policy",
		"team/t.yml":          named("t"),
	})
	l, problems := Load("remediated.yml", testCatalogue())
	if len(problems) > 0 {
		t.Fatal(render(t, problems))
	}
	if got, want := names(l), "z a t"; got != want {
		t.Errorf("the policies are in the order %q, want %q", got, want)
	}
}

func names(l *Loaded) string {
	var out []string
	for _, p := range l.Rulebook.Policies {
		out = append(out, p.Name)
	}
	return strings.Join(out, " ")
}

func TestProblemAsJSON(t *testing.T) {
	_, problems := loadCase(t, "policy-x", strings.Replace(named("x"), "severity: P3", "severity: P9", 1))
	b, err := json.Marshal(problems)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"file":"policies/p.yml","line":5,"column":15,"field":"policies[0].severity","severity":"error",` +
		`"message":"\"P9\" is not a severity","hint":"known here: P1, P2, P3","source":"    severity: P9","length":2}]`
	if string(b) != want {
		t.Errorf("JSON is\n%s\nwant\n%s", b, want)
	}
	if got, want := problems[0].String(), `policies/p.yml:5:15: error: "P9" is not a severity: known here: P1, P2, P3`; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

func TestUnreadableFile(t *testing.T) {
	inFolder(t, map[string]string{"remediated.yml": goodConfig, "team/t.yml": named("t")})
	if err := os.MkdirAll("policies/folder.yml", 0o755); err != nil { // a folder cannot be read as a file, not even by root
		t.Fatal(err)
	}
	if l, problems := Load("remediated.yml", testCatalogue()); l != nil || !HasErrors(problems) {
		t.Errorf("a file that cannot be read was taken for none: %v", problems)
	}
}

// The names of our own incidents are refused, each, and the page says so.
func TestNamesOfOurOwnIncidents(t *testing.T) {
	text := read(t, page) // before the test moves into a folder of its own
	row := regexp.MustCompile("(?m)^\\| `name` \\|.*$").FindString(text)
	for _, name := range []string{remediate.StormPolicy, remediate.WatchdogPolicy, remediate.UntoldPolicy} {
		l, problems := loadCase(t, "policy-own", named(name))
		if l != nil || !strings.Contains(render(t, problems), "is the name of incidents of remediated's own") {
			t.Errorf("a policy is called %s: %s", name, render(t, problems))
		}
		if !strings.Contains(row, "`"+name+"`") {
			t.Errorf("the page does not say that %s is not possible: %s", name, row)
		}
	}
}
