package action

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	jobDoc     = "runs a Job made from a CronJob and waits for its end; a Job that fails is a failed act"
	jobExample = `job: {from: cronjob/shop/free-space, env: {NAMESPACE: $namespace}}`
)

// What tells a Job of ours from others, beside its name, which is the act's ID.
const (
	attemptLabel   = kube.AttemptAnnotation
	actAnnotation  = "remediated/act"  // a hash of what it was made for
	fromAnnotation = "remediated/from" // the CronJob that it was made from
)

// job makes a Job from a CronJob's template. The CronJob may be suspended: then
// nothing but this runs it.
type job struct {
	From           string            `json:"from"`                      // cronjob/namespace/name
	Env            map[string]string `json:"env,omitempty"`             // for its containers; the place for alert labels
	ServiceAccount string            `json:"service_account,omitempty"` // that the template names; default "default"
	Images         []string          `json:"images,omitempty"`          // that the template may use; none is any
	Host           bool              `json:"host,omitempty"`            // the template may reach its node
	Retries        int               `json:"retries,omitempty"`         // after a failure
}

var (
	envName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)
	// envRead are variables that shells, loaders and interpreters take for
	// something to run or to load.
	envRead = regexp.MustCompile(`^(PATH|ENV|BASH.*|IFS|PS4|SHELLOPTS|LD_.*|PYTHON.*|PERL.*|RUBY.*|NODE_.*|GIT_.*|JAVA_.*|JDK_JAVA.*|REMEDIATED_.*)$`)
)

func (a *job) validate() error {
	for name, value := range map[string]string{"from": a.From, "service_account": a.ServiceAccount, "images": strings.Join(a.Images, "")} {
		if strings.Contains(value, "$") {
			return fmt.Errorf(`"%s": an alert must not choose what is run: write it out`, name)
		}
	}
	if _, _, err := a.cronJob(); err != nil {
		return err
	}
	if a.ServiceAccount != "" {
		if err := remediate.CheckName(a.ServiceAccount); err != nil {
			return fmt.Errorf(`"service_account": %w`, err)
		}
	}
	if slices.Contains(a.Images, "") {
		return errors.New(`"images": one of them is empty`)
	}
	if a.Retries < 0 || a.Retries > 10 {
		return fmt.Errorf(`"retries" %d: want 0 to 10`, a.Retries)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		switch {
		case !envName.MatchString(name):
			return fmt.Errorf(`"env": %q is no name of a variable: want capital letters, digits and _`, name)
		case envRead.MatchString(name):
			return fmt.Errorf(`"env": %s is read by shells, loaders or ourselves: choose another name`, name)
		}
	}
	return nil
}

// cronJob returns which CronJob the Job is made from.
func (a *job) cronJob() (namespace, name string, err error) {
	p := strings.Split(a.From, "/")
	if len(p) != 3 || p[0] != "cronjob" {
		return "", "", fmt.Errorf(`"from" %q: want cronjob/namespace/name`, a.From)
	}
	for _, name := range p[1:] {
		if err := remediate.CheckName(name); err != nil {
			return "", "", fmt.Errorf(`"from" %q: %w`, a.From, err)
		}
	}
	return p[1], p[2], nil
}

func jobRules(target string, _ json.RawMessage) []rbacv1.PolicyRule {
	return append(sameRules(target), eventRule)
}

// jobElsewhere is what is needed where the CronJob is.
func jobElsewhere(raw json.RawMessage) (string, []rbacv1.PolicyRule) {
	var a job
	if args.Decode(raw, &a) != nil {
		return "", nil
	}
	namespace, name, err := a.cronJob()
	if err != nil {
		return "", nil
	}
	template := kube.Rule("batch", []string{"cronjobs"}, "get")
	template.ResourceNames = []string{name}
	return namespace, []rbacv1.PolicyRule{
		template,
		kube.Rule("batch", []string{"jobs"}, "get", "create"),
		kube.Rule("", []string{"pods"}, "list"),
		kube.Rule("", []string{"pods/log"}, "get"),
	}
}

func (a *job) perform(ctx context.Context, t *attempt) remediate.Result {
	namespace, name, err := a.cronJob()
	if err != nil {
		return refused("%v", err)
	}
	found, stop := t.job(ctx, namespace)
	switch {
	case stop != nil:
		return *stop
	case found != nil:
		return a.follow(ctx, t, found)
	case t.made:
		return unknown("somebody deleted the Job %s/%s before its end was seen", namespace, t.ID)
	}
	if _, stop := t.same(ctx); stop != nil {
		return *stop
	}
	from, stop := t.cronJob(ctx, namespace, name)
	if stop != nil {
		return *stop
	}
	if why := a.refuses(from); why != "" {
		return refused("%s: %s", a.From, why)
	}
	return a.create(ctx, t, a.made(from, t, time.Now()))
}

// job reads the Job of this act, nil when it is not there.
func (t *attempt) job(ctx context.Context, namespace string) (j *batchv1.Job, stop *remediate.Result) {
	return find(ctx, t, func(ctx context.Context) (*batchv1.Job, error) {
		return t.client.Jobs(namespace).Get(ctx, t.ID, metav1.GetOptions{})
	})
}

func (t *attempt) cronJob(ctx context.Context, namespace, name string) (c *batchv1.CronJob, stop *remediate.Result) {
	c, stop = find(ctx, t, func(ctx context.Context) (*batchv1.CronJob, error) { return t.reader.CronJob(ctx, namespace, name) })
	if c == nil && stop == nil {
		stop = new(refused("there is no CronJob %s/%s to make the Job from: make it, or name another one in the policy", namespace, name))
	}
	return c, stop
}

// create sends the Job. Its name is the act's: sent twice, it is there once.
func (a *job) create(ctx context.Context, t *attempt, j *batchv1.Job) remediate.Result {
	before := t.again
	e := t.send(ctx, t.client.BatchV1.Post().Namespace(j.Namespace).Resource("jobs").Body(j))
	if e == nil {
		t.made = true
		t.remember()
		return t.wait(j, "the Job %s/%s was made from %s", j.Namespace, j.Name, a.From)
	}
	exists := apierrors.IsAlreadyExists(e.err)
	if exists && !before {
		return notBegun(j)
	}
	r := t.unsent(e)
	if !exists && r.Outcome != remediate.Unknown {
		return r
	}
	if found, stop := t.job(ctx, j.Namespace); stop == nil && found != nil {
		return a.follow(ctx, t, found)
	}
	return r
}

// notBegun is the result where a Job of this name is there before we made one.
func notBegun(j *batchv1.Job) remediate.Result {
	return failed("a Job %s/%s was there before it was sent: somebody else uses our IDs, or a journal was copied", j.Namespace, j.Name)
}

// follow looks how far the Job is.
func (a *job) follow(ctx context.Context, t *attempt, j *batchv1.Job) remediate.Result {
	switch {
	case j.Labels[attemptLabel] != t.ID, j.Annotations[actAnnotation] != t.actHash():
		return failed("there is a Job %s/%s that was made for something else", j.Namespace, j.Name)
	case !t.again:
		return notBegun(j)
	}
	t.made = true
	t.remember()
	r, ended := t.ended(ctx, j)
	if !ended {
		r = t.wait(j, "the Job %s/%s %s", j.Namespace, j.Name, progress(j))
		if r.Outcome == remediate.Later {
			return r
		}
		if ending(j) != "" { // its pods take their time to end, and it has failed for certain
			r.Outcome = remediate.Failed
		}
	}
	return t.tellIfThere(ctx, r)
}

// actHash is a hash of what the act is to do. It is not that of the Job: its
// template may have changed since it was made, and it is ours all the same.
func (t *attempt) actHash() string {
	b, err := json.Marshal([]any{t.ID, t.Act.Kind, t.Act.Target, t.Act.UID, t.Act.Args})
	if err != nil {
		panic("action: an act is plain data: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12])
}

// How often a Job is looked at, and when for the last time.
const (
	lookFirst = 2 * time.Second
	lookMost  = 30 * time.Second
	lookLast  = 2 * time.Second // before the act's deadline
)

// wait asks to be performed again when it is worth to look: soon for a young
// Job, seldom for one that takes long.
func (t *attempt) wait(j *batchv1.Job, format string, args ...any) remediate.Result {
	text, now := fmt.Sprintf(format, args...), time.Now()
	until := now.Add(lookFirst)
	if !j.CreationTimestamp.IsZero() {
		until = now.Add(min(max(now.Sub(j.CreationTimestamp.Time)/4, lookFirst), lookMost))
	}
	if last := t.Deadline.Add(-lookLast); !t.Deadline.IsZero() && until.After(last) {
		if last.Sub(now) < time.Second {
			return unknown("%s; it has not ended by the act's deadline", text)
		}
		until = last
	}
	return remediate.Result{Outcome: remediate.Later, Until: until, Text: text}
}
