package bed

import (
	"os"
	"strings"
	"testing"
)

// The version that is linked into the server must be the one that is built.
func TestKubernetesVersionIsTheModules(t *testing.T) {
	text, err := os.ReadFile("../controlplane/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "k8s.io/kubernetes v"+kubernetesVersion+" ") &&
		!strings.Contains(string(text), "k8s.io/kubernetes v"+kubernetesVersion+"\n") {
		t.Errorf("test/controlplane/go.mod does not require k8s.io/kubernetes v%s", kubernetesVersion)
	}
}

func TestProgramsAreKeptUnderTheirOwnNames(t *testing.T) {
	for _, c := range []struct {
		program          program
		builtAs, command string
	}{
		{program{pkg: "k8s.io/kubernetes/cmd/kubectl"}, "kubectl", "kubectl"},
		{program{pkg: "go.etcd.io/etcd/server/v3", name: "etcd"}, "server", "etcd"},
		{program{pkg: "./nodeagent"}, "nodeagent", "nodeagent"},
	} {
		if got := c.program.builtAs(); got != c.builtAs {
			t.Errorf("go build calls %s %q, not %q", c.program.pkg, c.builtAs, got)
		}
		if got := c.program.command(); got != c.command {
			t.Errorf("%s is kept as %q, want %q", c.program.pkg, got, c.command)
		}
	}
}

func TestSourcesDecideTheKey(t *testing.T) {
	dir := t.TempDir()
	b := build{sources: []string{"go.mod"}}
	keys := map[string]bool{}
	for _, text := range []string{"module a\n", "module b\n", "module a\n"} {
		if err := os.WriteFile(dir+"/go.mod", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		key, err := b.key(dir)
		if err != nil {
			t.Fatal(err)
		}
		keys[key] = true
	}
	if len(keys) != 2 {
		t.Errorf("two different sources have %d keys, want 2", len(keys))
	}
}
