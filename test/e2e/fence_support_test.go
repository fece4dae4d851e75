//go:build e2e

package e2e

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// fencedPolicies may restart three workloads of one namespace and isolate one of
// them, and run a Job and remove any pod in another one.
const fencedPolicies = `
policies:
- {name: web, when: ['alertname="Web"'], severity: P2, mode: act, target: deployment/HERE/web, steps: [{name: restart, do: [{restart: {}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]}
- {name: db, when: ['alertname="Db"'], severity: P2, mode: act, target: statefulset/HERE/db, steps: [{name: restart, do: [{restart: {}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]}
- {name: agent, when: ['alertname="Agent"'], severity: P2, mode: approve, target: daemonset/HERE/agent, steps: [{name: restart, do: [{restart: {}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]}
- {name: watched, when: ['alertname="Watched"'], severity: P2, mode: observe, target: deployment/HERE/watched, steps: [{name: restart, do: [{restart: {}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]}
- {name: freed, when: ['alertname="Full"'], severity: P2, mode: act, target: deployment/HERE/web, steps: [{name: free, do: [{job: {from: cronjob/THERE/free, images: [none]}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]}
- {name: breached, when: ['alertname="Breached"'], severity: P2, mode: act, target: deployment/HERE/web, steps: [{name: isolate, do: [{isolate: {}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]}
- {name: calm, when: ['alertname="Calm"'], per: [set], severity: P2, mode: act, target: statefulset/HERE/$set, steps: [{name: lift it, do: [{lift_isolation: {}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]}
- name: pods
  when: ['alertname="Pod"']
  per: [pod]
  severity: P2
  mode: act
  target: pod/THERE/$pod
  steps:
  - {name: evict, do: [{evict_pod: {}}], verify: {all: [{http: {url: 'http://127.0.0.1:9/', allow_loopback: true}}], for: 1s, within: 1m}}
  - {name: delete, do: [{delete_pod: {bypass_pdb: true}}], verify: {all: [{http: {url: 'http://127.0.0.1:9/', allow_loopback: true}}], for: 1s, within: 1m}}
`

// fenced is what the daemon's account, fenced in, has around it: the namespace
// it acts in, and another one.
type fenced struct {
	*shop
	bed    *bed.Bed
	there  *shop
	config string       // the daemon's configuration
	whom   *rest.Config // how to connect as the account, by its own token
	client rest.Interface
	names  []string          // in tables and manifests, each with what it stands for
	values *strings.Replacer // of the names
}

// stands says what names in tables and manifests stand for.
func (f *fenced) stands(names ...string) {
	f.names = append(f.names, names...)
	f.values = strings.NewReplacer(f.names...)
}

func openFenced(t *testing.T) *fenced {
	t.Helper()
	return openFencedBy(t, fencedPolicies)
}

// openFencedBy is openFenced with other policies.
func openFencedBy(t *testing.T, policies string) *fenced {
	t.Helper()
	f := &fenced{shop: openShop(t), bed: connect(t), there: openShop(t)}
	f.stands("HERE", f.namespace, "THERE", f.there.namespace)
	f.config = filepath.Join(t.TempDir(), "remediated.yml")
	for name, text := range map[string]string{
		f.config: "cluster: prod\npolicies: [{files: [policies.yaml]}]\nalertmanagers: [{url: 'http://127.0.0.1:9'}]\n",
		filepath.Join(filepath.Dir(f.config), "policies.yaml"): f.values.Replace(policies),
	} {
		f.must(os.WriteFile(name, []byte(text), 0o600))
	}
	path, err := f.bed.Kubeconfig(t.Context(), f.namespace, account)
	f.must(err)
	f.whom, err = clientcmd.BuildConfigFromFlags("", path)
	f.must(err)
	f.whom.QPS = -1
	f.connects(f.whom)
	return f
}

// connects has what is sent from here on come from whom cfg is of.
func (f *fenced) connects(cfg *rest.Config) {
	f.whom, f.client = cfg, kubernetes.NewForConfigOrDie(cfg).CoreV1().RESTClient()
}

// applied applies what remedy prints for the configuration, and takes it away at
// the end.
func (f *fenced) applied(what string, flags ...string) {
	f.Helper()
	printed := remedy(f.T, append([]string{"policy", what, f.config, "--namespace=" + f.namespace, "--service-account=" + account}, flags...)...)
	apply(f.T, f.bed, printed)
	f.Cleanup(func() { f.kubectl(printed, "delete", "--ignore-not-found", "--filename=-") })
}

func (f *fenced) kubectl(stdin string, args ...string) {
	f.Helper()
	if _, err := f.bed.Kubectl(context.Background(), stdin, args...); err != nil {
		f.Error(err)
	}
}

// fence applies the fence and waits until it stands.
func (f *fenced) fence(flags ...string) {
	f.Helper()
	f.applied("fence", flags...)
	eventually(f.T, 20*time.Second, func() string {
		err := f.admin.CoreV1().RESTClient().Post().AbsPath("/api/v1/namespaces/"+f.namespace+"/configmaps").Param("dryRun", "All").
			SetHeader("Impersonate-User", "system:serviceaccount:"+f.namespace+":"+account).SetHeader("Impersonate-Group", "system:masters").
			Body([]byte(`{"metadata":{"name":"probe"}}`)).Do(f.Context()).Error()
		if isFence(err) || isUnheld(err) {
			return ""
		}
		return "it does not stand yet: " + said(err)
	})
}

func isFence(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'remediated'") &&
		strings.Contains(err.Error(), "denied request: fence of remediated: ")
}

// granted waits until the printed roles are in force.
func (f *fenced) granted() {
	f.Helper()
	user := "system:serviceaccount:" + f.namespace + ":" + account
	for _, r := range []rbacv1.PolicyRule{
		{APIGroups: []string{"apps"}, Resources: []string{"deployments", "statefulsets", "daemonsets"}, Verbs: []string{"get", "patch"}},
		{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create"}},
		{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"networkpolicies"}, Verbs: []string{"get", "create", "delete"}},
		{APIGroups: []string{""}, Resources: []string{"pods/eviction"}, Verbs: []string{"create"}},
		{APIGroups: []string{""}, Resources: []string{"pods/log"}, Verbs: []string{"get"}},
	} {
		eventually(f.T, 20*time.Second, func() string { return f.denied(user, r) })
	}
	for _, r := range []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "delete"}},
		{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"get", "create"}},
		{APIGroups: []string{""}, Resources: []string{"pods/log"}, Verbs: []string{"get"}},
	} {
		eventually(f.T, 20*time.Second, func() string { return f.there.denied(user, r) })
	}
}

// observeOnly lets the policies observe only, and applies their fence.
func (f *fenced) observeOnly() {
	f.Helper()
	observing := strings.NewReplacer("mode: act", "mode: observe", "mode: approve", "mode: observe").Replace(f.values.Replace(fencedPolicies))
	f.must(os.WriteFile(filepath.Join(filepath.Dir(f.config), "policies.yaml"), []byte(observing), 0o600))
	f.applied("fence")
	eventually(f.T, 20*time.Second, func() string {
		if !isFence(f.send(neighbours[0], "dryRun=All")) {
			return "the old fence still stands"
		}
		return ""
	})
}

// unfence takes the fence away and waits until it is gone.
func (f *fenced) unfence() {
	f.Helper()
	f.kubectl("", "delete", "validatingadmissionpolicybinding/remediated", "validatingadmissionpolicy/remediated")
	eventually(f.T, 20*time.Second, func() string {
		if isFence(f.send(attacks[0], "dryRun=All")) {
			return "the fence still stands"
		}
		return ""
	})
}

// as returns a shop whose questions are asked by the account.
func (f *fenced) as(s *shop) *shop {
	same := *s
	same.config = f.whom
	return &same
}

// daemonSet makes one that runs on the bed's node.
func (s *shop) daemonSet() {
	s.Helper()
	template := podTemplate()
	template.Spec.NodeSelector = nil
	template.Spec.Containers[0].Command = []string{"sleep", "3600"}
	d := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: "agent"}, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}}
	d.Spec.Template.Labels = map[string]string{"app": "agent"}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: d.Spec.Template.Labels}
	_, err := s.admin.AppsV1().DaemonSets(s.namespace).Create(s.Context(), d, metav1.CreateOptions{})
	s.must(err)
	eventually(s.T, 30*time.Second, func() string {
		d, err := s.admin.AppsV1().DaemonSets(s.namespace).Get(s.Context(), "agent", metav1.GetOptions{})
		s.must(err)
		if d.Status.NumberAvailable == 0 || d.Status.ObservedGeneration < d.Generation {
			return "it does not run"
		}
		return ""
	})
}

// send sends one request of a table as the account.
func (f *fenced) send(r request, query ...string) error {
	f.Helper()
	verb, kind := r.verb, ""
	switch verb {
	case "PATCH":
		kind = "application/strategic-merge-patch+json"
	case "MERGE":
		verb, kind = http.MethodPatch, "application/merge-patch+json"
	case "JSON":
		verb, kind = http.MethodPatch, "application/json-patch+json"
	case "APPLY":
		verb, kind = http.MethodPatch, "application/apply-patch+yaml"
	default:
		kind = "application/json"
	}
	path, own, _ := strings.Cut(f.values.Replace(r.path), "?")
	req := f.client.Verb(verb).AbsPath(path).SetHeader("Content-Type", kind).MaxRetries(0)
	for _, q := range append(strings.Split(own, "&"), query...) {
		if key, value, ok := strings.Cut(q, "="); ok {
			req.Param(key, value)
		}
	}
	if r.body != "" {
		req.Body([]byte(f.values.Replace(r.body)))
	}
	return req.Do(f.Context()).Error()
}

// widen gives the account every right that there is.
func (f *fenced) widen() {
	f.Helper()
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: f.namespace + "-wide"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: f.namespace, Name: account}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
	}
	_, err := f.admin.RbacV1().ClusterRoleBindings().Create(f.Context(), binding, metav1.CreateOptions{})
	f.must(err)
	f.Cleanup(func() { f.kubectl("", "delete", "clusterrolebinding", binding.Name) })
	user := "system:serviceaccount:" + f.namespace + ":" + account
	all := rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}
	eventually(f.T, 20*time.Second, func() string { return f.denied(user, all) })
}

// targets makes what the attacks are against.
func (f *fenced) targets() {
	f.Helper()
	apply(f.T, f.bed, f.values.Replace(targets))
	f.Cleanup(func() { f.kubectl("", "delete", "persistentvolume", f.namespace+"-volume", "--wait=false") })
	var running *corev1.Pod
	eventually(f.T, 30*time.Second, func() string {
		var err error
		running, err = f.admin.CoreV1().Pods(f.there.namespace).Get(f.Context(), "running", metav1.GetOptions{})
		f.must(err)
		if running.Status.Phase != corev1.PodRunning {
			return "the pod does not run"
		}
		return ""
	})
	waiting, err := f.admin.CoreV1().Pods(f.namespace).Get(f.Context(), "waiting", metav1.GetOptions{})
	f.must(err)
	f.stands("RUNNING", string(running.UID), "WAITING", string(waiting.UID), "DB-0", string(f.pod("db-0", "").UID))
	for name, stands := range map[string]string{"remediated-isolates-statefulset-db": "ISOLATION", "remediated-isolates-statefulset-byhand": "BY-HAND", "remediated-isolates-daemonset-agent": "OF-AGENT"} {
		p, err := f.admin.NetworkingV1().NetworkPolicies(f.namespace).Get(f.Context(), name, metav1.GetOptions{})
		f.must(err)
		f.stands(stands, string(p.UID))
	}
	f.settled("web")
}
