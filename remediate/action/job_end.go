package action

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Bounds of what is told of a failed Job's log. The whole of it stays where it
// is, as long as the Job does.
const (
	toldLines = 10
	toldBytes = 1000
)

// ended is the result of a Job that has ended.
func (t *attempt) ended(ctx context.Context, j *batchv1.Job) (remediate.Result, bool) {
	for _, c := range j.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			return ok("the Job %s/%s completed%s%s", j.Namespace, j.Name, took(j), t.podsOf(ctx, j, false)), true
		case c.Type == batchv1.JobFailed:
			return failed("the Job %s/%s failed: %s%s", j.Namespace, j.Name, plainText(c.Reason+": "+c.Message), t.podsOf(ctx, j, true)), true
		}
	}
	return remediate.Result{}, false
}

// took says for how long it ran, when that is known.
func took(j *batchv1.Job) string {
	if j.Status.StartTime == nil || j.Status.CompletionTime == nil {
		return ""
	}
	return fmt.Sprintf(" in %s", j.Status.CompletionTime.Sub(j.Status.StartTime.Time))
}

// ending is why a Job fails whose pods have not all ended, "" when it does not.
func ending(j *batchv1.Job) string {
	for _, c := range j.Status.Conditions {
		if c.Type == batchv1.JobFailureTarget && c.Status == corev1.ConditionTrue {
			return plainText(c.Reason + ": " + c.Message)
		}
	}
	return ""
}

// progress says how far a Job is that has not ended.
func progress(j *batchv1.Job) string {
	if why := ending(j); why != "" {
		return "is being ended: " + why
	}
	if j.Spec.Suspend != nil && *j.Spec.Suspend {
		return "is suspended"
	}
	text := fmt.Sprintf("runs: %d active", j.Status.Active)
	if j.Status.Failed > 0 {
		text += fmt.Sprintf(", %d failed", j.Status.Failed)
	}
	return text
}

// podsOf names the Job's pod, the last when it has several, and when it failed
// the end of its log. That it cannot be had is said, and changes nothing.
func (t *attempt) podsOf(ctx context.Context, j *batchv1.Job, withLog bool) string {
	var pods []corev1.Pod
	err := t.read(ctx, func(ctx context.Context) (err error) {
		pods, err = t.reader.Pods(ctx, j.Namespace, labels.Set{batchv1.ControllerUidLabel: string(j.UID)}.AsSelector())
		return err
	})
	if err != nil {
		return "; its pod is not known: " + text(err)
	}
	p := lastPod(pods)
	switch {
	case p == nil && withLog:
		return "; its pod is gone, and its log with it"
	case p == nil:
		return "; its pod is gone"
	case !withLog:
		return "; its pod is " + p.Name
	}
	return fmt.Sprintf("; its pod %s %s", p.Name, t.logOf(ctx, p))
}

// lastPod is the pod that failed last, or else the last one.
func lastPod(pods []corev1.Pod) *corev1.Pod {
	var last *corev1.Pod
	for i := range pods {
		p := &pods[i]
		switch {
		case last == nil:
		case (p.Status.Phase == corev1.PodFailed) != (last.Status.Phase == corev1.PodFailed):
			if last.Status.Phase == corev1.PodFailed {
				continue
			}
		case p.CreationTimestamp.Before(&last.CreationTimestamp):
			continue
		}
		last = p
	}
	return last
}

// logOf says how a pod's container ended and what it said last.
func (t *attempt) logOf(ctx context.Context, p *corev1.Pod) string {
	container, how := endedContainer(p)
	if container == "" {
		return "has no container that ran"
	}
	var log []byte
	err := t.read(ctx, func(ctx context.Context) (err error) {
		log, err = t.reader.Log(ctx, p, container, false)
		return err
	})
	lines := lastLines(string(log))
	switch {
	case lines == "" && err != nil:
		return how + "; its log could not be had: " + text(err)
	case lines == "":
		return how + ", and said nothing"
	}
	return how + ", and said last:\n" + lines
}

// endedContainer is the container whose end is the pod's, and how it ended.
func endedContainer(p *corev1.Pod) (name, how string) {
	for _, statuses := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for _, s := range statuses {
			end := s.State.Terminated
			if name == "" {
				name, how = s.Name, "has not ended"
			}
			if end != nil && end.ExitCode != 0 {
				return s.Name, fmt.Sprintf("ended with exit code %d (%s)", end.ExitCode, plainText(end.Reason))
			}
		}
	}
	return name, how
}

// lastLines are the last lines of a log, without its timestamps and without
// what a terminal or a chat would take for more than text.
func lastLines(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		stamp, rest, stamped := strings.Cut(line, " ")
		if _, err := time.Parse(time.RFC3339Nano, stamp); stamped && err == nil {
			line = rest
		}
		if line = plainText(line); line != "" {
			lines = append(lines, line)
		}
	}
	out := strings.Join(lines[max(0, len(lines)-toldLines):], "\n")
	if len(out) > toldBytes {
		out = "..." + strings.ToValidUTF8(out[len(out)-toldBytes:], "")
	}
	return out
}

// plainText is one line without control and other invisible characters.
func plainText(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s))
}
