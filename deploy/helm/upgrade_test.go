package helm_test

import (
	"crypto/sha256"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
)

const upgradeScript = "scripts/helm-upgrade.sh"

// packed is what stands for a packed chart; staged is its sum.
const packed = "a chart"

var staged = fmt.Sprintf("%x", sha256.Sum256([]byte(packed)))

// upgradable is a release with web-1.0.1 staged for it.
func upgradable(t *testing.T, revisions ...revision) *release {
	t.Helper()
	r := releaseOf(t, revisions...)
	r.put("web-1.0.1.tgz", packed)
	r.put("chart", "apiVersion: v2\ndependencies:\n- name: db\n  version: 3.0.0\nname: web\nversion: 1.0.1\n")
	return r
}

// upgrade runs the script as an attempt, with arguments in place of some of the
// usual ones, and returns what was done so far.
func (r *release) upgrade(attempt string, other ...string) (said, did string, err error) {
	r.Helper()
	args := []string{"shop", "shop", "web-1.0.0", filepath.Join(r.dir, "web-1.0.1.tgz"), staged}
	for k, a := range other {
		if a != "" {
			args[k] = strings.ReplaceAll(a, "DIR", r.dir)
		}
	}
	said, err = r.execute(exec.Command(upgradeScript, args...), "TIMEOUT=4m", "REMEDIATED_ATTEMPT="+attempt)
	return said, r.did(), err
}

func TestUpgrades(t *testing.T) {
	of := func(n int, status string) revision {
		return revision{Revision: n, Status: status, Description: "Upgrade " + status}
	}
	fixed := func(n int, status string) revision { v := of(n, status); v.Chart = "web-1.0.1"; return v }
	up := func(v revision, mark string) revision { v.up = mark; return v }
	back := func(n, to int, status string) revision {
		return revision{Revision: n, Status: status, Description: fmt.Sprint("Rollback to ", to)}
	}
	did := func(n int, options string) string {
		return fmt.Sprintf("label sh.helm.release.v1.shop.v%d remediated/upgraded=%[1]d.j-i1-a1; upgrade shop ./web-1.0.1.tgz --namespace=shop --reset-then-reuse-values --wait%s --timeout=4m --history-max=0", n, options)
	}
	const atomic = " --rollback-on-failure"
	for name, tc := range map[string]struct {
		revisions []revision
		did, said string
		refused   bool
	}{
		"a release that is stuck":       {[]revision{of(1, "superseded"), of(2, "deployed")}, did(2, atomic), "shop is at web-1.0.1", false},
		"the first":                     {[]revision{of(1, "deployed")}, did(1, atomic), "from revision 1, web-1.0.0, to web-1.0.1", false},
		"one that failed":               {[]revision{of(1, "deployed"), of(2, "failed")}, did(2, ""), "from revision 2", false}, // Helm would put back revision 1
		"a mark that Helm has given on": {[]revision{of(1, "superseded"), up(of(2, "deployed"), "1.j-i0-a1")}, did(2, atomic), "shop is at web-1.0.1", false},

		"it is at it already":         {[]revision{up(of(1, "superseded"), "1.j-i0-a1"), fixed(2, "deployed")}, "", "shop is at web-1.0.1 already, since revision 2: nothing is done", false},
		"somebody was at it":          {[]revision{of(1, "deployed"), fixed(2, "failed")}, "", "shop is web-1.0.1, and web-1.0.1 was staged for web-1.0.0", true},
		"a later version":             {[]revision{of(1, "superseded"), {Revision: 2, Status: "deployed", Chart: "web-1.1.0"}}, "", "shop is web-1.1.0, and web-1.0.1 was staged for web-1.0.0: stage what is meant for it now", true},
		"another chart":               {[]revision{{Revision: 1, Status: "deployed", Chart: "db-1.0.0"}}, "", "shop is db-1.0.0", true},
		"none at all":                 {nil, "", "there is nothing to roll back or to upgrade", true},
		"it is uninstalled":           {[]revision{of(1, "uninstalled")}, "", `revision 1 is "uninstalled"`, true},
		"it is installed":             {[]revision{of(1, "pending-install")}, "", "revision 1 is pending-install: somebody is at work on it, or was broken off: see with helm status, and end it with helm rollback", true},
		"an upgrade is under way":     {[]revision{of(1, "deployed"), of(2, "pending-upgrade")}, "", "revision 2 is pending-upgrade: somebody is at work on it", true},
		"a rollback is under way":     {[]revision{of(1, "superseded"), of(2, "deployed"), back(3, 1, "pending-rollback")}, "", "revision 3 is pending-rollback", true},
		"another attempt is at it":    {[]revision{up(of(1, "deployed"), "1.j-i0-a1")}, "", "being rolled back or upgraded by j-i0-a1, or was to be", true},
		"it is rolled back":           {[]revision{of(1, "superseded"), {Revision: 2, Status: "deployed", mark: "2.j-i0-a1"}}, "", "being rolled back or upgraded by j-i0-a1", true},
		"it was in vain before":       {[]revision{up(of(1, "deployed"), "1.j-i0-a1"), fixed(2, "failed"), back(3, 1, "deployed")}, "", "j-i0-a1 has upgraded to web-1.0.1 in vain", true},
		"another version was in vain": {[]revision{up(of(1, "deployed"), "1.j-i0-a1"), {Revision: 2, Status: "failed", Chart: "web-1.0.2"}, back(3, 1, "deployed")}, did(3, atomic), "shop is at web-1.0.1", false},

		"it was done":                       {[]revision{up(of(1, "superseded"), "1.j-i1-a1"), fixed(2, "deployed")}, "", "was upgraded to web-1.0.1 by this attempt already", false},
		"it was not begun":                  {[]revision{up(of(1, "deployed"), "1.j-i1-a1")}, strings.SplitAfter(did(1, atomic), "; ")[1], "shop is at web-1.0.1", false},
		"it was broken off":                 {[]revision{up(of(1, "deployed"), "1.j-i1-a1"), fixed(2, "pending-upgrade")}, "", "broken off while Helm was at it: revision 2 is pending-upgrade; see with helm status", true},
		"it failed":                         {[]revision{up(of(1, "failed"), "1.j-i1-a1"), fixed(2, "failed")}, "", "has upgraded revision 1 already, and that is failed", true},
		"it failed, and Helm went back":     {[]revision{up(of(1, "deployed"), "1.j-i1-a1"), fixed(2, "failed"), back(3, 1, "deployed")}, "", `that failed, and Helm has put it back: "Rollback to 1"`, true},
		"it failed, and Helm is going back": {[]revision{up(of(1, "deployed"), "1.j-i1-a1"), fixed(2, "failed"), back(3, 1, "pending-rollback")}, "", "putting it back is pending-rollback", true},
		"it failed, and so did that":        {[]revision{up(of(1, "deployed"), "1.j-i1-a1"), fixed(2, "failed"), {Revision: 3, Status: "failed", Description: "Rollback failed"}}, "", "putting it back is failed", true},
		"somebody released meanwhile":       {[]revision{up(of(1, "superseded"), "1.j-i1-a1"), of(2, "deployed")}, "", "somebody else has changed the release since: it is at 2", true},
		"somebody released after it":        {[]revision{up(of(1, "superseded"), "1.j-i1-a1"), fixed(2, "superseded"), of(3, "deployed")}, "", "somebody else has changed the release since: it is at 3", true},
		"somebody did more":                 {[]revision{up(of(1, "superseded"), "1.j-i1-a1"), fixed(2, "failed"), back(3, 1, "superseded"), of(4, "deployed")}, "", "somebody else has changed the release since: it is at 4", true},
	} {
		said, did, err := upgradable(t, tc.revisions...).upgrade("j-i1-a1")
		if (err != nil) != tc.refused || did != tc.did || !strings.Contains(said, tc.said) || tc.refused != strings.Contains(said, "refused: ") {
			t.Errorf("%s: %v, did %q\n%s", name, err, did, said)
		}
	}
}

// However often it is run, and wherever it was killed, it upgrades once.
func TestUpgradesOnce(t *testing.T) {
	r := upgradable(t, revision{Revision: 1, Status: "deployed"})
	r.killedAndOften(func(attempt string) (string, string, error) { return r.upgrade(attempt) })
	said, did, err := r.upgrade("j-i2-a1")
	if err != nil || !strings.Contains(said, "already, since revision 2: nothing is done") {
		t.Errorf("the next attempt: %v\n%s", err, said)
	}
	if n, marks := strings.Count(did, "upgrade shop"), strings.Count(did, "label "); n != 2 || marks != 1 {
		t.Errorf("did %s: want it begun once in vain, and once", did)
	}
}

// One that does not come up is put back, and not tried again, by no attempt.
func TestUpgradesInVain(t *testing.T) {
	r := upgradable(t, revision{Revision: 1, Status: "deployed"})
	r.put("ends", "failed")
	for k, attempt := range []string{"j-i1-a1", "j-i1-a1", "j-i2-a1"} {
		said, did, err := r.upgrade(attempt)
		if err == nil || strings.Count(did, "upgrade shop") != 1 || (k > 0) != strings.Contains(said, "refused: ") {
			t.Errorf("%s: %v, did %s\n%s", attempt, err, did, said)
		}
	}
}

// What was set wrong, or is not what was staged, is refused before anything is asked.
func TestUpgradeRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no release":       {[]string{"--install"}, "which is no name"},
		"no namespace":     {[]string{"", "a b"}, `NAMESPACE is "a b"`},
		"no version":       {[]string{"", "", "web"}, `FROM is "web": want a chart and its version`},
		"the newest":       {[]string{"", "", "web-latest"}, `FROM is "web-latest"`},
		"no chart":         {[]string{"", "", "", "DIR/web-1.0.2.tgz"}, "there is no "},
		"no chart's name":  {[]string{"", "", "", "DIR/web.tgz"}, `TO is "web": want a chart and its version`},
		"a folder":         {[]string{"", "", "", "DIR/web-1.0.1"}, "want the file of a packed chart"},
		"a chart far away": {[]string{"", "", "", "oci://registry.example.com/web-1.0.1.tgz"}, "want the file of a packed chart"},
		"no sum":           {[]string{"", "", "", "", "latest"}, `SHA256 is "latest"`},
		"another sum":      {[]string{"", "", "", "", strings.Repeat("0", 64)}, "it is not what was staged"},
		"another chart":    {[]string{"", "", "", "DIR/web-2.0.0.tgz"}, "web-2.0.0.tgz is web-1.0.1: name it so"},
	} {
		r := upgradable(t, revision{Revision: 1, Status: "deployed"})
		r.put("web-2.0.0.tgz", packed)
		r.put("kubectl", "#!/bin/sh\necho asked")
		said, did, err := r.upgrade("j-i1-a1", tc.args...)
		if err == nil || did != "" || !strings.Contains(said, "refused: ") || !strings.Contains(said, tc.want) || strings.Contains(said, "asked") {
			t.Errorf("%s: %v, did %q\n%s", name, err, did, said)
		}
	}
	// The template as it is shipped, before anything was staged.
	c := documents[batchv1.CronJob](t, "upgrade.yaml", "CronJob")[0].Spec.JobTemplate.Spec.Template.Spec.Containers[0]
	r := upgradable(t)
	for _, tc := range []struct{ env, want string }{
		{"TIMEOUT=4m REMEDIATED_ATTEMPT=a", `SHA256 is ""`},
		{"TIMEOUT=4m", "REMEDIATED_ATTEMPT is not set"},
		{"TIMEOUT=latest REMEDIATED_ATTEMPT=a", "TIMEOUT is"},
	} {
		if said, err := r.execute(exec.Command(upgradeScript, c.Args...), strings.Fields(tc.env)...); err == nil || !strings.Contains(said, tc.want) {
			t.Errorf("%s: %v\n%s", tc.env, err, said)
		}
	}
	if said, err := r.execute(exec.Command(upgradeScript, "shop"), "TIMEOUT=4m", "REMEDIATED_ATTEMPT=a"); err == nil || !strings.Contains(said, "want RELEASE NAMESPACE FROM CHART SHA256") {
		t.Errorf("one argument: %v\n%s", err, said)
	}
	// What cannot be read is no history that is empty.
	for _, broken := range []string{"helm", "kubectl"} {
		r := upgradable(t, revision{Revision: 1, Status: "deployed"})
		r.put(broken, "#!/bin/sh\n[ $1 != show ] || { echo name: web; echo version: 1.0.1; exit 0; }\necho forbidden >&2; exit 1")
		if said, did, err := r.upgrade("j-i1-a1"); err == nil || did != "" || !strings.Contains(said, "forbidden") {
			t.Errorf("%s fails: %v, did %q\n%s", broken, err, did, said)
		}
	}
}
