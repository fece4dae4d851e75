//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

const scalingPolicies = `
policies:
- {name: calm, when: ['alertname="Calm"'], severity: P2, mode: act, target: deployment/HERE/web, steps: [{name: scale, do: [{scale: {replicas: 4}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}, {name: more, do: [{scale: {replicas: 6}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}, {name: back, do: [{scale: {restore: true}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]}
- {name: hung, when: ['alertname="Hung"'], severity: P2, mode: act, target: deployment/HERE/web, steps: [{name: restart, do: [{restart: {}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]}
- {name: db, when: ['alertname="Db"'], severity: P2, mode: act, target: statefulset/HERE/db, steps: [{name: scale, do: [{scale: {replicas: 4}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]}
`

// The fence lets pass what scales, and nothing like it, beside what restarts.
func TestFenceOfScale(t *testing.T) {
	f := openFenced(t)
	f.must(os.WriteFile(filepath.Join(filepath.Dir(f.config), "policies.yaml"), []byte(f.values.Replace(scalingPolicies)), 0o600))
	f.deployment(func(d *appsv1.Deployment) { d.Annotations = map[string]string{"team": "shop"} })
	f.there.deployment(nil)
	f.statefulSet()
	f.fence()
	f.widen()
	a, err := action.New(action.Options{Clusters: map[string]*rest.Config{"prod": f.whom}})
	f.must(err)
	web := f.target("deployment", "web")

	patch := func(name, path, body string, want bool) {
		t.Helper()
		err := f.send(request{name, "MERGE", "/apis/apps/v1/namespaces/" + path + "?fieldManager=remediated", body}, "dryRun=All")
		if want && err != nil || !want && !isFence(err) {
			t.Errorf("%s: %v, want it to pass: %v", name, err, want)
		}
	}
	noted := func(replicas int, from, to, by, more string) string {
		return fmt.Sprintf(`{"metadata":{"annotations":{"remediated/scaled-from":%q,"remediated/scaled-to":%q,"remediated/scaled-by":%q}%s},"spec":{"replicas":%d}}`, from, to, by, more, replicas)
	}
	const by, d = "q4m2x7kd-i2-a1", "HERE/deployments/web"
	patch("as we send it", d, noted(4, "1", "4", by, ""), true)
	patch("as we send it", "HERE/statefulsets/db", noted(4, "1", "4", by, ""), true)
	patch("other replicas", d, noted(5, "1", "5", by, ""), false)
	patch("none", d, noted(0, "1", "0", by, ""), false)
	patch("another number noted", d, noted(4, "1", "5", by, ""), false)
	patch("another number from", d, noted(4, "9", "4", by, ""), false)
	patch("by nobody", d, noted(4, "1", "4", "evil", ""), false)
	patch("the same number", d, noted(1, "1", "1", by, ""), false)
	patch("without notes", d, `{"spec":{"replicas":4}}`, false)
	patch("notes alone", d, noted(1, "4", "1", by, ""), false)
	patch("a label", d, noted(4, "1", "4", by, `,"labels":{"a":"b"}`), false)
	patch("a foreign annotation", d, strings.Replace(noted(4, "1", "4", by, ""), `"annotations":{`, `"annotations":{"evil":"x",`, 1), false)
	patch("a foreign annotation changed", d, strings.Replace(noted(4, "1", "4", by, ""), `"annotations":{`, `"annotations":{"team":"evil",`, 1), false)
	patch("a foreign annotation gone", d, strings.Replace(noted(4, "1", "4", by, ""), `"annotations":{`, `"annotations":{"team":null,`, 1), false)
	patch("paused", d, strings.Replace(noted(4, "1", "4", by, ""), `"spec":{`, `"spec":{"paused":true,`, 1), false)
	patch("an image", d, strings.Replace(noted(4, "1", "4", by, ""), `"spec":{`, `"spec":{"template":{"spec":{"containers":[{"name":"c","image":"evil"}]}},`, 1), false)
	patch("one of that name elsewhere", "THERE/deployments/web", noted(4, "1", "4", by, ""), false)
	const marked = `"template":{"metadata":{"annotations":{"remediated/attempt":"q4m2x7kd-i2-a1"}}}`
	patch("a restart", d, `{"spec":{`+marked+`}}`, true)
	patch("a restart on the way", d, strings.Replace(noted(4, "1", "4", by, ""), `"spec":{`, `"spec":{`+marked+`,`, 1), false)
	patch("the subresource", d+"/scale", `{"spec":{"replicas":4}}`, false)
	patch("back of nothing", d, `{"spec":{"replicas":2}}`, false)

	f.perform(a, f.scaling(web, `{"replicas":4}`), remediate.OK, "scaled from 1 to 4")
	const gone = `"metadata":{"annotations":{"remediated/scaled-from":null,"remediated/scaled-to":null,"remediated/scaled-by":null}}`
	patch("back", d, `{`+gone+`,"spec":{"replicas":1}}`, true)
	patch("back to another number", d, `{`+gone+`,"spec":{"replicas":2}}`, false)
	patch("back to none", d, `{`+gone+`,"spec":{"replicas":0}}`, false)
	patch("back with the notes", d, `{"spec":{"replicas":1}}`, false)
	patch("back with one of the notes", d, `{"metadata":{"annotations":{"remediated/scaled-from":null}},"spec":{"replicas":1}}`, false)
	patch("back with a foreign annotation", d, `{"metadata":{"annotations":{"team":null,"remediated/scaled-from":null,"remediated/scaled-to":null,"remediated/scaled-by":null}},"spec":{"replicas":1}}`, false)
	f.perform(a, f.scaling(f.target("statefulset", "db"), `{"replicas":4}`), remediate.OK, "scaled from 1 to 4")
	patch("back where no policy says so", "HERE/statefulsets/db", `{`+gone+`,"spec":{"replicas":1}}`, false)
	patch("more, with what was before", d, noted(6, "1", "6", by, ""), true)
	patch("more, with what was between", d, noted(6, "4", "6", by, ""), true)
	patch("more, with what never was", d, noted(6, "9", "6", by, ""), false)
	f.scaledByHand(5)
	patch("back after a human", d, `{`+gone+`,"spec":{"replicas":1}}`, false)
	patch("with the old note after a human", d, noted(4, "1", "4", by, ""), false)
	f.scaledByHand(4)
	f.perform(a, f.scaling(web, `{"restore":true}`), remediate.OK, "set back from 4 to 1")
	f.hasScaled(1, "", "", "")

	_, err = f.admin.AppsV1().Deployments(f.namespace).Patch(t.Context(), "web", types.MergePatchType, []byte(noted(1, "0", "1", by, "")), metav1.PatchOptions{})
	f.must(err)
	patch("back to none, as is noted", d, `{`+gone+`,"spec":{"replicas":0}}`, false)
}
