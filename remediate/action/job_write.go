package action

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/x0tta6bl4/remediated/remediate/internal/args"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

func jobWrites(target string, raw json.RawMessage) []Write {
	var a job
	if args.Decode(raw, &a) != nil {
		return nil
	}
	namespace, _, err := a.cronJob()
	if err != nil {
		return nil
	}
	out := eventWrites("job", kindsOf(target)...)
	return append(out, Write{
		Doc:       "to run a Job made from " + a.From,
		Operation: "CREATE", Group: "batch", Resource: "jobs",
		Where: within(namespace),
		As: every(slices.Concat([]string{
			`object.metadata.name.matches(` + strconv.Quote("^"+attemptIDs+"$") + `)`,
			keyed("object.metadata.labels", attemptLabel, "object.metadata.name"),
			keyed("object.metadata.annotations", fromAnnotation, strconv.Quote(a.From)),
			`!has(object.metadata.ownerReferences) && !has(object.metadata.finalizers)`,
			`!has(object.spec.ttlSecondsAfterFinished) && has(object.spec.activeDeadlineSeconds)`,
			`(!has(object.spec.manualSelector) || !object.spec.manualSelector)`,
			`(has(` + podSpec + `.serviceAccountName) ? ` + podSpec + `.serviceAccountName : "default") == ` + strconv.Quote(account(a.ServiceAccount)),
		}, a.heldImages(), a.heldNode())...),
	})
}

// kindsOf are the kinds that a target of this kind may turn out to be: an owner
// is no pod.
func kindsOf(target string) []string {
	if target == kube.Pod {
		return []string{target}
	}
	return restartable(target)
}

// keyed holds when the map at path has the key with this value.
func keyed(path, key, value string) string {
	return fmt.Sprintf(`has(%[1]s) && %[2]q in %[1]s && %[1]s[%[2]q] == %[3]s`, path, key, value)
}

const podSpec = "object.spec.template.spec"

// eachContainer holds when the condition holds for every container c.
func eachContainer(condition string) string {
	return fmt.Sprintf(`%[1]s.containers.all(c, %[2]s) && (!has(%[1]s.initContainers) || %[1]s.initContainers.all(c, %[2]s))`, podSpec, condition)
}

func (a *job) heldImages() []string {
	if len(a.Images) == 0 {
		return nil
	}
	return []string{eachContainer(`has(c.image) && c.image in ` + list(a.Images))}
}

// heldNode holds when the Job's pods do not reach their node, unless they may.
func (a *job) heldNode() []string {
	if a.Host {
		return nil
	}
	var out []string
	for _, f := range []string{"hostNetwork", "hostPID", "hostIPC"} {
		out = append(out, fmt.Sprintf(`(!has(%[1]s.%[2]s) || !%[1]s.%[2]s)`, podSpec, f))
	}
	return append(out,
		fmt.Sprintf(`(!has(%[1]s.volumes) || %[1]s.volumes.all(v, !has(v.hostPath)))`, podSpec),
		eachContainer(`!has(c.securityContext) || !has(c.securityContext.privileged) || !c.securityContext.privileged`),
		eachContainer(`!has(c.securityContext) || !has(c.securityContext.capabilities) || !has(c.securityContext.capabilities.add)`),
	)
}
