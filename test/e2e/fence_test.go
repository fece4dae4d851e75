//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
	"github.com/x0tta6bl4/remediated/test/bed"
)

var update = flag.Bool("update", false, "write the golden files")

// fenced is a ServiceAccount that has been given all rights, and what remedy
// prints for policies that act in its namespace.
type fenced struct {
	*shop
	other  *shop // where no policy acts
	bed    *bed.Bed
	node   string
	path   string // of the account's kubeconfig
	rest   *rest.Config
	client kubernetes.Interface
	roles  string // as printed
	fence  string // as printed
}

// A stolen token of the daemon's account can do what the policies do, and
// nothing else: what the roles do not refuse, the fence does.
func TestFence(t *testing.T) {
	f := openFenced(t, fencedPolicies)
	attacks := f.attacks()

	f.setWide(true)
	f.setFence(true)
	for _, a := range attacks {
		if a.unfenced {
			continue
		}
		if err := f.send(a, false); !byFence(err) {
			t.Errorf("%s: the fence did not refuse it: %v", a.name, err)
		}
	}

	f.setWide(false)
	f.setRoles()
	f.everyActPasses()
	f.checkRights()
	for _, a := range attacks {
		if err := f.send(a, false); !apierrors.IsForbidden(err) && !byFence(err) {
			t.Errorf("%s: roles and fence did not refuse it: %v", a.name, err)
		} else if strings.HasPrefix(a.name, "role: ") && byFence(err) {
			t.Errorf("%s: the roles let it through to the fence", a.name)
		}
	}

	// Without the fence each of them succeeds, so it was the fence.
	f.setWide(true)
	f.setFence(false)
	for _, a := range attacks {
		if err := f.send(a, true); err != nil && !a.connect {
			t.Errorf("%s: it fails without the fence, too: %v", a.name, err)
		}
	}
}

// Where an alert says which namespace is meant, any is, but for the cluster's own.
func TestFenceOfAnyNamespace(t *testing.T) {
	f := openFenced(t, ownerPolicies)
	f.setWide(true)
	f.setFence(true)
	restart := attack{method: "PATCH", path: "/apis/apps/v1/namespaces/OTHER/deployments/web", body: legalMark}
	f.must(f.send(restart, false))
	restart.path = "/apis/apps/v1/namespaces/kube-system/deployments/NS"
	if err := f.send(restart, false); !byFence(err) {
		t.Errorf("a restart in kube-system was not refused by the fence: %v", err)
	}
	f.setFence(false)
	f.must(f.send(restart, true))
}

func openFenced(t *testing.T, policies string) *fenced {
	t.Helper()
	f := &fenced{shop: openShop(t), other: openShop(t), bed: connect(t)}
	nodes, err := f.admin.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{Limit: 1})
	f.must(err)
	f.node = nodes.Items[0].Name
	f.path, err = f.bed.Kubeconfig(t.Context(), f.namespace, account)
	f.must(err)
	f.rest, err = clientcmd.BuildConfigFromFlags("", f.path)
	f.must(err)
	f.rest.QPS = -1
	f.client = kubernetes.NewForConfigOrDie(f.rest)
	dir := t.TempDir()
	f.must(os.WriteFile(filepath.Join(dir, "remediated.yml"), []byte(fencedConfig), 0o600))
	f.must(os.WriteFile(filepath.Join(dir, "p.yaml"), []byte(f.fill(policies)), 0o600))
	args := []string{"policy", "rbac", "--namespace=" + f.namespace, "--service-account=" + account, filepath.Join(dir, "remediated.yml")}
	f.roles, f.fence = remedy(t, args...), remedy(t, append(args, "--fence")...)
	t.Cleanup(func() { // the fence and the wide binding belong to no namespace
		for _, manifest := range []string{f.fill(wide), f.fence, f.fill(bystanders)} {
			if _, err := f.bed.Kubectl(context.Background(), manifest, "delete", "--ignore-not-found", "--wait=false", "--filename=-"); err != nil {
				t.Error(err)
			}
		}
	})
	f.deployment(func(d *appsv1.Deployment) {
		d.Labels, d.Annotations = map[string]string{"keep": "it"}, map[string]string{"keep": "it"}
	})
	f.statefulSet()
	f.daemonSet()
	f.other.deployment(nil)
	f.other.statefulSet()
	apply(t, f.bed, f.fill(bystanders))
	return f
}

func (f *fenced) daemonSet() {
	f.Helper()
	template := podTemplate()
	template.Labels = map[string]string{"app": "agent"}
	_, err := f.admin.AppsV1().DaemonSets(f.namespace).Create(f.Context(), &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agent"},
		Spec:       appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template},
	}, metav1.CreateOptions{})
	f.must(err)
}

// fill puts the names of the namespaces and of the account into a text.
func (f *fenced) fill(text string) string {
	return strings.NewReplacer("NS", f.namespace, "OTHER", f.other.namespace, "ACCOUNT", account, "NODE", f.node).Replace(text)
}

// setFence puts the fence up or takes it down, and waits until that is so.
func (f *fenced) setFence(up bool) {
	f.Helper()
	if up {
		apply(f.T, f.bed, f.fence)
	} else {
		_, err := f.bed.Kubectl(f.Context(), f.fence, "delete", "--filename=-")
		f.must(err)
	}
	probe := attack{name: "probe", method: "POST", path: "/api/v1/namespaces/NS/configmaps", body: `{"metadata":{"name":"probe"}}`}
	eventually(f.T, 30*time.Second, func() string {
		if err := f.send(probe, true); byFence(err) != up {
			return fmt.Sprintf("the fence is to be up: %v; got %v", up, err)
		}
		return ""
	})
}

// setWide gives the account all rights, or takes them.
func (f *fenced) setWide(all bool) {
	f.Helper()
	want := "yes"
	if all {
		apply(f.T, f.bed, f.fill(wide))
	} else {
		_, err := f.bed.Kubectl(f.Context(), f.fill(wide), "delete", "--filename=-")
		f.must(err)
		want = "no"
	}
	awaitRight(f.T, f.bed, f.path, want, "create", "configmaps")
}

// setRoles gives the account the roles that were printed.
func (f *fenced) setRoles() {
	f.Helper()
	apply(f.T, f.bed, f.roles)
	awaitRight(f.T, f.bed, f.path, "yes", "patch", "deployments.apps", "--namespace="+f.namespace)
	awaitRight(f.T, f.bed, f.path, "yes", "delete", "pods", "--namespace="+f.namespace)
}

// everyActPasses performs every kind of act that the policies have.
func (f *fenced) everyActPasses() {
	f.Helper()
	actor, err := action.New(action.Options{Clusters: map[string]*rest.Config{"prod": f.rest}})
	f.must(err)
	admin := f.config
	f.config = f.rest // it looks with its own rights as well
	defer func() { f.config = admin }()
	f.perform(actor, f.plan("restart", f.target("deployment", "web")), remediate.OK, "restarted")
	f.must(f.send(attack{ // no node wants its pods, so the actor would refuse
		method: "APPLY", path: "/apis/apps/v1/namespaces/NS/daemonsets/agent",
		body: `{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"agent"},` + strings.TrimPrefix(legalMark, "{"),
	}, false))
	p := f.pod("db-0", "")
	awaitNextSecond(f.T, p.CreationTimestamp.Time)
	f.perform(actor, f.plan("restart", f.target("statefulset", "db")), remediate.OK, "evicted db-0")
	p = f.pod("db-0", string(p.UID))
	f.perform(actor, f.plan("evict_pod", f.target("pod", "db-0")), remediate.OK, "evicted")
	f.pod("db-0", string(p.UID))
	what := f.plan("delete_pod", f.target("pod", "db-0"))
	what.Act.Args = json.RawMessage(`{"bypass_pdb":true}`)
	f.perform(actor, what, remediate.OK, "deleted")
}

// checkRights compares what the API server says of the account's rights with
// the golden file.
func (f *fenced) checkRights() {
	f.Helper()
	out, err := f.bed.Kubectl(f.Context(), "", "--kubeconfig", f.path, "auth", "can-i", "--list", "--namespace", f.namespace)
	f.must(err)
	out = rightsToResources(out)
	const golden = "testdata/rights.golden"
	if *update {
		f.must(os.MkdirAll("testdata", 0o755))
		f.must(os.WriteFile(golden, []byte(out), 0o600))
	}
	want, err := os.ReadFile(golden)
	f.must(err)
	if out != string(want) {
		f.Errorf("the account's rights are\n%s\nwant (%s, -update)\n%s", out, golden, want)
	}
}

// rightsToResources leaves out what every account may see of the API itself, and
// sorts the rest, for it comes in any order.
func rightsToResources(list string) string {
	var out []string
	for line := range strings.Lines(list) {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "Resources ") {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

// byFence tells whether it was the fence that refused.
func byFence(err error) bool {
	return err != nil && strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'remediated-fence'") &&
		strings.Contains(err.Error(), "no policy of remediated needs this write")
}

// send sends an attack with the account's token.
func (f *fenced) send(a attack, dry bool) error {
	verb, body := a.method, f.fill(a.body)
	if verb == "APPLY" {
		verb = "PATCH"
	}
	r := f.client.CoreV1().RESTClient().Verb(verb).AbsPath(f.fill(a.path))
	switch a.method {
	case "PATCH":
		kind := types.StrategicMergePatchType
		if strings.HasPrefix(body, "[") {
			kind = types.JSONPatchType
		} else if a.merge {
			kind = types.MergePatchType
		}
		manager := "remediated"
		if a.manager != "" {
			manager = a.manager
		}
		r.SetHeader("Content-Type", string(kind)).Param("fieldManager", manager)
	case "APPLY":
		r.SetHeader("Content-Type", string(types.ApplyYAMLPatchType)).Param("fieldManager", "remediated").Param("force", "true")
	default:
		r.SetHeader("Content-Type", "application/json")
	}
	for key, value := range a.params {
		r.Param(key, value)
	}
	if dry {
		r.Param("dryRun", "All")
	}
	if body != "" {
		r.Body([]byte(body))
	}
	return r.MaxRetries(0).Do(f.Context()).Error()
}
