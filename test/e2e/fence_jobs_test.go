//go:build e2e

package e2e

import "strings"

const (
	jobs = "/apis/batch/v1/namespaces/THERE/jobs"
	// aJob is what the policy that runs a Job sends.
	aJob = `{"metadata":{"name":"q4m2x7kd-i2-a1","labels":{"remediated/attempt":"q4m2x7kd-i2-a1"},"annotations":{"remediated/act":"0","remediated/from":"cronjob/THERE/free"}},` +
		`"spec":{"backoffLimit":0,"activeDeadlineSeconds":100,"template":{"spec":{"restartPolicy":"Never","initContainers":[{"name":"i","image":"none"}],"containers":[{"name":"c","image":"none"}]}}}}`
)

// likeJobs are like that, and never sent.
func likeJobs() []request {
	out := []request{{"a Job where none may be run", "POST", strings.Replace(jobs, "THERE", "HERE", 1), aJob}}
	for _, c := range [][3]string{
		{"under another name", `{"name":"q4m2x7kd-i2-a1","labels":{"remediated/attempt":"q4m2x7kd-i2-a1"`, `{"name":"evil","labels":{"remediated/attempt":"evil"`},
		{"without its label", `"labels":{"remediated/attempt":"q4m2x7kd-i2-a1"},`, ``},
		{"of another attempt", `"remediated/attempt":"q4m2x7kd-i2-a1"`, `"remediated/attempt":"q4m2x7kd-i2-a2"`},
		{"from another CronJob", "/free", "/other"},
		{"with an owner", `"annotations"`, `"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"c","uid":"1"}],"annotations"`},
		{"with a finalizer", `"annotations"`, `"finalizers":["evil.example/stay"],"annotations"`},
		{"that is removed", `"backoffLimit":0`, `"ttlSecondsAfterFinished":0`},
		{"without a deadline", `"activeDeadlineSeconds":100,`, ``},
		{"that takes pods over", `"template":{`, `"manualSelector":true,"selector":{"matchLabels":{"app":"evil"}},"template":{"metadata":{"labels":{"app":"evil"}},`},
		{"as another ServiceAccount", `"restartPolicy"`, `"serviceAccountName":"admin","restartPolicy"`},
		{"as another ServiceAccount by the old name", `"restartPolicy"`, `"serviceAccount":"admin","restartPolicy"`},
		{"with another image", `"c","image":"none"`, `"c","image":"evil"`},
		{"with another image to begin with", `"i","image":"none"`, `"i","image":"evil"`},
		{"in the node's network", `"restartPolicy"`, `"hostNetwork":true,"restartPolicy"`},
		{"among the node's processes", `"restartPolicy"`, `"hostPID":true,"restartPolicy"`},
		{"with the node's IPC", `"restartPolicy"`, `"hostIPC":true,"restartPolicy"`},
		{"with a folder of the node", `"restartPolicy"`, `"volumes":[{"name":"root","hostPath":{"path":"/"}}],"restartPolicy"`},
		{"with privileges", `"c","image":"none"`, `"c","image":"none","securityContext":{"privileged":true}`},
		{"with privileges to begin with", `"i","image":"none"`, `"i","image":"none","securityContext":{"privileged":true}`},
		{"with capabilities", `"c","image":"none"`, `"c","image":"none","securityContext":{"capabilities":{"add":["SYS_ADMIN"]}}`},
	} {
		out = append(out, request{"a Job " + c[0], "POST", jobs, strings.Replace(aJob, c[1], c[2], 1)})
	}
	return out
}
