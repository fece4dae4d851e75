// Package docs keeps the documentation true.
package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/x0tta6bl4/remediated/"

// adapters carry out what the core decides. They know the core and not each
// other.
var adapters = []string{
	"remediate/alertmanager", "remediate/probe", "remediate/action", "remediate/web",
	"remediate/journal", "notify", "policies",
}

// Every fact, status and guard that the design names is in the code, and every
// one of the code's is named.
func TestTheDesignNamesWhatThereIs(t *testing.T) {
	design := read(t, "design.md")
	fact := read(t, "../remediate/fact.go")
	for _, m := range regexp.MustCompile(`func \((?:b )?(\w+)\) kind\(\)`).FindAllStringSubmatch(fact, -1) {
		if !strings.Contains(design, "`"+m[1]+"`") {
			t.Errorf("design.md does not name the fact %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`Status = "(\w+)"`).FindAllStringSubmatch(read(t, "../remediate/status.go"), -1) {
		if !strings.Contains(design, "`"+m[1]+"`") {
			t.Errorf("design.md does not name the status %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`\{"(\w+)", \w+\},`).FindAllStringSubmatch(read(t, "../remediate/guard.go"), -1) {
		if !regexp.MustCompile(`\b` + m[1] + `\b`).MatchString(design) {
			t.Errorf("design.md does not name the guard %s", m[1])
		}
	}
}

// Every package that the design names is there.
func TestTheDesignsPackagesAreThere(t *testing.T) {
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\|").FindAllStringSubmatch(read(t, "design.md"), -1) {
		if info, err := os.Stat(filepath.Join("..", m[1])); err != nil || !info.IsDir() {
			t.Errorf("design.md names %s, which is not there", m[1])
		}
	}
}

// The core imports none of ours, and adapters never each other.
func TestFloors(t *testing.T) {
	out, err := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		words := strings.Fields(strings.ReplaceAll(line, module, "./"))
		for _, to := range words[1:] {
			if why := trespass(words[0], to); why != "" {
				t.Errorf("%s imports %s: %s", words[0], to, why)
			}
			seen++
		}
	}
	if seen < 100 {
		t.Errorf("only %d imports were looked at", seen)
	}
}

// trespass says why one package may not import the other, "" when it may. Ours
// begin with "./".
func trespass(from, to string) string {
	a, b := floor(from), floor(to)
	switch {
	case from == "./remediate" && strings.HasPrefix(to, "./"):
		return "the core imports none of ours"
	case a != "" && to == "./remediate/engine":
		return "adapters do not know the loop"
	case a != "" && b != "" && a != b:
		return "adapters meet in cmd only"
	case to == "./policies/promql" && from != "./cmd/remedy":
		return "the parser of PromQL is for lint alone, and the daemon does not carry it"
	case strings.HasPrefix(to, "github.com/prometheus/prometheus/") && from != "./policies/promql":
		return "PromQL is read in policies/promql"
	case wholeAPI(to) && !strings.HasPrefix(from, "./test/") && !strings.HasSuffix(from, "test"):
		return "it brings every type of Kubernetes into each program: kube.Client has what we need"
	}
	return ""
}

// wholeAPI tells whether a package of client-go has all groups of the API.
func wholeAPI(path string) bool {
	for _, of := range []string{"kubernetes", "applyconfigurations", "gentype", "informers", "listers"} {
		if rest, ok := strings.CutPrefix(path, "k8s.io/client-go/"+of); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

func TestTrespass(t *testing.T) {
	for _, c := range []struct {
		from, to string
		may      bool
	}{
		{"./remediate", "slices", true},
		{"./remediate", "./policies", false},
		{"./remediate", "./remediate/internal/kube", false},
		{"./remediate/probe", "./remediate", true},
		{"./remediate/probe", "./remediate/internal/kube", true},
		{"./remediate/probe", "./remediate/action", false},
		{"./notify/slack", "./notify", true},
		{"./notify/slack", "./remediate/web", false},
		{"./remediate/web", "./remediate/engine", false},
		{"./remediate/engine", "./remediate/journal", true},
		{"./cmd/remediated", "./remediate/action", true},
		{"./cmd/remedy", "./policies/promql", true},
		{"./cmd/remediated", "./policies/promql", false},
		{"./policies/promql", "github.com/prometheus/prometheus/promql/parser", true},
		{"./policies/lint", "github.com/prometheus/prometheus/promql/parser", false},
		{"./remediate/action", "k8s.io/client-go/kubernetes/scheme", false},
		{"./remediate/internal/kube", "k8s.io/client-go/kubernetes", false},
		{"./remediate/internal/kube", "k8s.io/client-go/rest", true},
		{"./remediate/internal/kube/kubetest", "k8s.io/client-go/kubernetes", true},
		{"./test/bed", "k8s.io/client-go/kubernetes", true},
	} {
		if why := trespass(c.from, c.to); (why == "") != c.may {
			t.Errorf("%s imports %s: %q", c.from, c.to, why)
		}
	}
}

// floor is the adapter that a package belongs to, "" for none.
func floor(path string) string {
	for _, a := range adapters {
		if path == "./"+a || strings.HasPrefix(path, "./"+a+"/") {
			return a
		}
	}
	return ""
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
