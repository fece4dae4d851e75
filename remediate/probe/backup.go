package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	batchv1 "k8s.io/api/batch/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	backupDoc     = "the newest backup is young enough: a file in a folder or an object in an S3 bucket, whose size and checksum are looked at too, a CronJob's last success, or a time that PromQL knows"
	backupExample = `backup: {dir: /var/backups/db, pattern: "*.dump", max_age: 25h, min_size: 10Mi, checksum: true}`

	// backupWithin bounds a question for which a bucket is listed or a checksum
	// is made.
	backupWithin = time.Minute
)

// backup looks for the newest backup in one of four places.
type backup struct {
	MaxAge model.Duration `json:"max_age"`

	Dir     string  `json:"dir,omitempty"` // a folder that the daemon can read
	S3      *bucket `json:"s3,omitempty"`
	CronJob string  `json:"cron_job,omitempty"` // of the target's namespace
	Query   string  `json:"query,omitempty"`    // PromQL: when the newest was made, in seconds since 1970

	// Of a folder and of a bucket.
	Pattern            string  `json:"pattern,omitempty"` // of the names, of objects what follows the last slash, such as *.dump
	MinSize            *size   `json:"min_size,omitempty"`
	MinShareOfPrevious float64 `json:"min_share_of_previous,omitempty"`
	// Checksum holds the file against the one beside it with .sha256 after its name.
	Checksum bool `json:"checksum,omitempty"`
}

func backupRules(_ string, raw json.RawMessage) []rbacv1.PolicyRule {
	var a backup
	if args.Decode(raw, &a) != nil || a.CronJob == "" {
		return nil
	}
	return []rbacv1.PolicyRule{kube.Named(kube.Rule("batch", []string{"cronjobs"}, "get"), a.CronJob)}
}

func (a *backup) validate() error {
	if a.MaxAge <= 0 {
		return errors.New(`"max_age" is missing: want how old the newest backup may be, such as 25h`)
	}
	places := 0
	for _, there := range []bool{a.Dir != "", a.S3 != nil, a.CronJob != "", a.Query != ""} {
		if there {
			places++
		}
	}
	if places != 1 {
		return errors.New(`want one of "dir", "s3", "cron_job" and "query": where the newest backup is looked for`)
	}
	if a.CronJob != "" {
		if err := named("cron_job", a.CronJob); err != nil {
			return err
		}
	}
	return cmp.Or(a.S3.validate(), a.validateFiles())
}

// validateFiles looks at what is said of files.
func (a *backup) validateFiles() error {
	if a.Dir == "" && a.S3 == nil {
		if a.Pattern != "" || a.MinSize != nil || a.MinShareOfPrevious != 0 || a.Checksum {
			return errors.New(`"pattern", "min_size", "min_share_of_previous" and "checksum" are of files: they want "dir" or "s3"`)
		}
		return nil
	}
	_, err := filepath.Match(args.Sample(a.Pattern), "")
	switch {
	case strings.Contains(a.Dir, "$"):
		return errors.New(`"dir": which folder is read must not depend on a label`)
	case a.Pattern == "":
		return errors.New(`"pattern" is missing: want what the backups' names look like, such as *.dump`)
	case err != nil || strings.ContainsRune(a.Pattern, '/'):
		return fmt.Errorf(`"pattern" %q: want names without a folder, such as *.dump`, a.Pattern)
	case a.MinShareOfPrevious < 0:
		return fmt.Errorf(`"min_share_of_previous" is %v: want a share such as 0.5`, a.MinShareOfPrevious)
	}
	return nil
}

func (a *backup) queries() []string { return []string{a.Query} }

func (a *backup) dependency(q remediate.Question) string {
	switch {
	case a.Dir != "":
		return "folder " + a.Dir
	case a.S3 != nil:
		return a.S3.dependency()
	case a.CronJob != "":
		return kubernetesName(q)
	}
	return "prometheus"
}

// within is longer where a bucket is listed, or a file is read from end to end.
func (a *backup) within() time.Duration {
	if a.Checksum || a.S3 != nil {
		return backupWithin
	}
	return 0
}

func (a *backup) put(ctx context.Context, p *clients, q remediate.Question) (remediate.Answer, error) {
	switch {
	case a.Dir != "":
		return a.judge(ctx, folder(a.Dir), time.Now())
	case a.S3 != nil:
		objects, err := a.S3.open(p)
		if err != nil {
			return remediate.Answer{}, err
		}
		defer objects.close()
		return a.judge(ctx, objects, time.Now())
	case a.CronJob != "":
		return a.lastSuccess(ctx, p, q.Target)
	}
	at, err := p.number(ctx, a.Query)
	if err != nil {
		return remediate.Answer{}, err
	}
	ok, text, err := a.young("the newest backup", time.Since(time.Unix(0, 0).Add(secondsOf(at))))
	return remediate.Answer{OK: ok, Text: text}, err
}

// young judges an age. One in the future is not known: clocks differ, but not
// by that much.
func (a *backup) young(what string, age time.Duration) (ok bool, text string, err error) {
	const clocksDiffer = 5 * time.Minute
	if age < -clocksDiffer {
		return false, "", fmt.Errorf("%s is dated %s in the future: how old it is is not known", what, rough(-age))
	}
	return age <= time.Duration(a.MaxAge), fmt.Sprintf("%s is %s old, want at most %s", what, rough(max(age, 0)), a.MaxAge), nil
}

// lastSuccess asks when a CronJob last succeeded.
func (a *backup) lastSuccess(ctx context.Context, p *clients, t remediate.Target) (remediate.Answer, error) {
	if t.Namespace == "" {
		return remediate.Answer{}, errors.New("the target is in no namespace: it is not known where the CronJob is")
	}
	var job *batchv1.CronJob
	err := p.read(t, func(r kube.Reader) (err error) {
		job, err = r.CronJob(ctx, t.Namespace, a.CronJob)
		return err
	})
	if kube.IsGone(err) {
		return remediate.Answer{Text: "cronjob " + a.CronJob + " is not there"}, nil
	}
	if err != nil {
		return remediate.Answer{}, err
	}
	what := "cronjob " + a.CronJob
	if job.Spec.Suspend != nil && *job.Spec.Suspend {
		what += " (suspended)"
	}
	if job.Status.LastSuccessfulTime == nil {
		return remediate.Answer{Text: what + " has never succeeded"}, nil
	}
	ok, text, err := a.young("the last success of "+what, time.Since(job.Status.LastSuccessfulTime.Time))
	return remediate.Answer{OK: ok, Text: text}, err
}
