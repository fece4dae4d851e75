//go:build e2e

package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

const rollbackPolicies = `
policies:
- {name: calm, when: ['alertname="Calm"'], severity: P2, mode: act, target: deployment/HERE/web, steps: [{name: back, do: [{rollback: {}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]}
`

// The fence lets pass what rolls back, and nothing beside the template, nor one
// that lets its pods do more.
func TestFenceOfRollback(t *testing.T) {
	f := openFenced(t)
	f.must(os.WriteFile(filepath.Join(filepath.Dir(f.config), "policies.yaml"), []byte(f.values.Replace(rollbackPolicies)), 0o600))
	f.stuck(nil, "bad")
	f.there.deployment(nil)
	f.fence()
	f.widen()

	const d = "HERE/deployments/web"
	notes := func(by, from, to, more string) string {
		return `"metadata":{"annotations":{"remediated/rolled-back-by":"` + by + `","remediated/rolled-back-from":"` + from + `","remediated/rolled-back-to":"` + to + `"` + more + `}}`
	}
	const by, hash, print = "q4m2x7kd-i2-a1", "5d4f8c7b9", "0123456789abcdef01234567"
	noted := notes(by, hash, print, "")
	const good = `"containers":[{"name":"c","image":"good"}]`
	template := func(spec string) string { return `"template":{"spec":{` + spec + `}}` }
	patch := func(name, path, meta, spec string, want bool) {
		t.Helper()
		body := "{" + strings.Trim(meta+`,"spec":{`+spec+"}", ",") + "}"
		err := f.send(request{name, "MERGE", "/apis/apps/v1/namespaces/" + path + "?fieldManager=remediated", body}, "dryRun=All")
		if want && err != nil || !want && !isFence(err) {
			t.Errorf("%s: %v, want it to pass: %v", name, err, want)
		}
	}
	patch("as we send it", d, noted, template(good), true)
	patch("with the reason of the revision", d, notes(by, hash, print, `,"kubernetes.io/change-cause":"release none"`), template(good), true)
	patch("without notes", d, "", template(good), false)
	patch("notes alone", d, noted, `"minReadySeconds":0`, false)
	patch("by nobody", d, notes("evil", hash, print, ""), template(good), false)
	patch("from nowhere", d, notes(by, "Not a hash", print, ""), template(good), false)
	patch("to nowhere", d, notes(by, hash, "", ""), template(good), false)
	patch("a foreign annotation", d, notes(by, hash, print, `,"evil":"x"`), template(good), false)
	patch("a foreign annotation changed", d, notes(by, hash, print, `,"team":"evil"`), template(good), false)
	patch("a foreign annotation gone", d, notes(by, hash, print, `,"team":null`), template(good), false)
	patch("a label", d, strings.TrimSuffix(noted, "}")+`,"labels":{"a":"b"}}`, template(good), false)
	patch("more replicas", d, noted, template(good)+`,"replicas":9`, false)
	patch("paused", d, noted, template(good)+`,"paused":true`, false)
	patch("another strategy", d, noted, template(good)+`,"strategy":{"type":"Recreate","rollingUpdate":null}`, false)
	patch("another account", d, noted, template(good+`,"serviceAccountName":"admin","serviceAccount":"admin"`), false)
	patch("the node's network", d, noted, template(good+`,"hostNetwork":true`), false)
	patch("the node's processes", d, noted, template(good+`,"hostPID":true`), false)
	patch("the node's memory", d, noted, template(good+`,"hostIPC":true`), false)
	patch("a folder of the node", d, noted, template(good+`,"volumes":[{"name":"v","hostPath":{"path":"/"}}]`), false)
	patch("an empty folder", d, noted, template(good+`,"volumes":[{"name":"v","emptyDir":{}}]`), true)
	patch("privileged", d, noted, template(strings.Replace(good, `"image"`, `"securityContext":{"privileged":true},"image"`, 1)), false)
	patch("privileged at the beginning", d, noted, template(good+`,"initContainers":[{"name":"i","image":"x","securityContext":{"privileged":true}}]`), false)
	patch("a capability", d, noted, template(strings.Replace(good, `"image"`, `"securityContext":{"capabilities":{"add":["SYS_ADMIN"]}},"image"`, 1)), false)
	patch("a capability at the beginning", d, noted, template(good+`,"initContainers":[{"name":"i","image":"x","securityContext":{"capabilities":{"add":["NET_ADMIN"]}}}]`), false)
	patch("a capability less", d, noted, template(strings.Replace(good, `"image"`, `"securityContext":{"capabilities":{"drop":["ALL"]}},"image"`, 1)), true)
	patch("one of that name elsewhere", "THERE/deployments/web", noted, template(good), false)
	patch("the subresource", d+"/status", noted, template(good), false)

	a, err := action.New(action.Options{Clusters: map[string]*rest.Config{"prod": f.whom}})
	f.must(err)
	what := f.plan("rollback", f.target("deployment", "web"))
	f.perform(a, what, remediate.OK, "rolled back from revision 2 ")
	now := f.has("none", what.ID)
	said := map[string]string{}
	maps.Copy(said, now.Annotations)
	again, err := json.Marshal(map[string]any{"annotations": said})
	f.must(err)
	patch("by the same attempt once more", d, `"metadata":`+string(again), template(good), false)
}
