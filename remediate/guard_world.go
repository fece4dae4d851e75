package remediate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The guards that judge by what the world answered.

// firing asks Alertmanager itself: a webhook may be minutes old.
func firing(v *view) Verdict {
	switch state := v.alert.Values[ValueState]; {
	case v.alert.Err != "":
		return wait(v.soon(askAgain), "it is not known whether the alert still fires: %s", v.alert.Err)
	case state == AlertStateSuppressed && v.override("silenced") != nil:
		return allow("the alert fires; that it is suppressed is overridden")
	case state == AlertStateSuppressed:
		h := hold("the alert is silenced or inhibited: %s", v.alert.Values[ValueSuppressedBy])
		h.Until = v.soon(askAgain)
		return h
	case state != AlertStateFiring:
		return wait(v.soon(askAgain), "the alert no longer fires at Alertmanager: waiting for its end")
	}
	return allow("%s", v.alert.Text)
}

// target looks whether what would be acted on is there and may be acted on.
func target(v *view) Verdict {
	all := v.all()
	for _, s := range all {
		if verdict := v.actionable(s); verdict.Decision != Allowed {
			return verdict
		}
	}
	text := all[0].Text
	for _, s := range all[1:] {
		text += fmt.Sprintf("; %s: %s", s.Target, s.Text)
	}
	return allow("%s", text)
}

// actionable looks whether one object is there and may be acted on.
func (v *view) actionable(s sight) Verdict {
	next := fmt.Sprintf("%s-a%d", v.h.s.Wire(v.i.ID), v.i.Tries+1)
	switch {
	case s.Values[ValueRefused] != "":
		return deny(v.soon(4*askAgain), "%s: %s", s.Target, s.Values[ValueRefused])
	case s.Err != "":
		return wait(v.soon(askAgain), "it is not known how %s is: %s", s.Target, s.Err)
	case s.Values[ValueUID] == "":
		return wait(v.soon(askAgain), "it is not known which object %s is", s.Target)
	case s.Target.Kind == "owner":
		return deny(time.Time{}, "the owner of pod %s/%s was not found", s.Namespace, s.Name)
	case s.Values[ValueAttempt] == next:
		return deny(time.Time{}, "the attempt %s is on the object before it was made: another daemon with this journal is at work", next)
	}
	return allow("%s", s.Text)
}

// moved looks whether somebody else changed the target since it was last
// judged. Then what was planned is off, and it is seen first whether that
// helped. Replicas are not looked at: autoscalers move them.
func moved(v *view) Verdict {
	before, now := v.i.Seen, v.seen()
	by := ""
	if who := v.own().Values[ValueChangedBy]; who != "" {
		by = ", by " + who
	}
	switch {
	case before.UID == "" || now.UID == "":
		return allow("not looked at before")
	case before.UID != now.UID:
		return wait(v.soon(0), "%s was made anew since it was last looked at: it is seen whether that helps", v.targetNow())
	case restartedOnly(before.Template, now.Template):
		return wait(v.soon(0), "somebody restarted it meanwhile%s: it is seen whether that helps", by)
	case before.Template != now.Template:
		return wait(v.soon(0), "its pods were changed meanwhile%s: it is seen whether that helps", by)
	}
	return allow("it is as it was when it was last looked at")
}

// seen is what the target was when it was asked about.
func (v *view) seen() Object {
	return Object{v.own().Values[ValueUID], v.own().Values[ValueTemplate]}
}

// restartedOnly tells whether two fingerprints of a pod template differ by a
// restart and nothing else: that part stands behind a dot.
func restartedOnly(before, now string) bool {
	was, _, _ := strings.Cut(before, ".")
	is, restart, _ := strings.Cut(now, ".")
	return before != now && was == is && restart != ""
}

// healthy is the floor under which we do not add to the trouble.
func healthy(v *view) Verdict {
	g := v.p.Guards.Healthy
	if g == nil {
		return allow("no floor is set")
	}
	for _, floor := range []func(*view, *Healthy) Verdict{queryFloor, replicaFloor, headroomFloor, clusterFloor} {
		if verdict := floor(v, g); verdict.Decision != Allowed {
			return verdict
		}
	}
	return allow("above the floor")
}

func queryFloor(v *view, g *Healthy) Verdict {
	if g.Query == "" {
		return allow("")
	}
	value, err := v.number(g.Query)
	switch {
	case err != nil:
		return wait(v.soon(askAgain), "%s is not known: %v", g.Query, err)
	case value < g.Min:
		return deny(v.soon(4*askAgain), "%s is %v, at least %v is needed", g.Query, value, g.Min)
	}
	return allow("")
}

// number is what was answered to a PromQL query with one value.
func (v *view) number(query string) (float64, error) {
	a := v.answer("promql", queryArgs(query))
	value, err := strconv.ParseFloat(a.Values[ValueNumber], 64)
	switch {
	case a.Err != "":
		return 0, errors.New(a.Err)
	case err != nil || math.IsNaN(value): // no number is above no floor
		return 0, errors.New("it has no number")
	}
	return value, nil
}

// count is a whole number among the values of an answer.
func count(a Answer, value string) (int, error) {
	n, err := strconv.Atoi(a.Values[value])
	if a.Err != "" {
		return 0, errors.New(a.Err)
	}
	return n, err
}

func replicaFloor(v *view, g *Healthy) Verdict {
	if g.Available == 0 && g.Ready == 0 {
		return allow("")
	}
	available, err := count(v.own().Answer, ValueAvailable)
	wanted, err2 := count(v.own().Answer, ValueReplicas)
	switch {
	case err != nil || err2 != nil:
		return wait(v.soon(askAgain), "how many replicas are available is not known")
	case available < g.Available:
		return deny(v.soon(4*askAgain), "%d replicas are available, at least %d are needed", available, g.Available)
	case float64(available) < g.Ready*float64(wanted):
		return deny(v.soon(4*askAgain), "%d of %d replicas are available, at least %.0f %% are needed", available, wanted, 100*g.Ready)
	}
	return allow("")
}

func headroomFloor(v *view, g *Healthy) Verdict {
	if !g.Headroom {
		return allow("")
	}
	if _, there := v.own().Values[ValueHeadroom]; !there && v.own().Err == "" {
		return allow("no disruption budget") // it was asked for, and there is none
	}
	n, err := count(v.own().Answer, ValueHeadroom)
	switch {
	case err != nil:
		return wait(v.soon(askAgain), "what its disruption budget allows is not known: %v", err)
	case n < 1:
		return deny(v.soon(4*askAgain), "disruption budget %s allows %d more disruptions, at least 1 is needed", v.own().Values[ValueBudget], n)
	}
	return allow("")
}

// clusterArgs are the arguments of the question about the cluster: it is asked
// for no more than is needed, and so needs no more rights.
func (g *Healthy) clusterArgs() json.RawMessage {
	args, _ := json.Marshal(struct { // two truths
		Nodes        bool `json:"nodes,omitempty"`
		ControlPlane bool `json:"control_plane,omitempty"`
	}{g.Nodes > 0, g.ControlPlane})
	return args
}

func clusterFloor(v *view, g *Healthy) Verdict {
	if g.Nodes == 0 && !g.ControlPlane {
		return allow("")
	}
	a := v.answer("cluster", g.clusterArgs())
	nodes, err := count(a, ValueNodes)
	ready, err2 := count(a, ValueNodesReady)
	state := a.Values[ValueControlPlane]
	switch {
	case a.Err != "" || g.Nodes > 0 && cmp.Or(err, err2) != nil || g.ControlPlane && state == "":
		return wait(v.soon(askAgain), "how the cluster is is not known: %s", cmp.Or(a.Err, "the answer lacks it"))
	case g.ControlPlane && state != ControlPlaneReady:
		return deny(v.soon(4*askAgain), "the control plane is not ready: %s", state)
	case g.Nodes > 0 && (nodes == 0 || float64(ready) < g.Nodes*float64(nodes)):
		return deny(v.soon(4*askAgain), "%d of %d nodes are ready, at least %.0f %% are needed", ready, nodes, 100*g.Nodes)
	}
	return allow("")
}

// backup says how old the newest good backup may be.
func backup(v *view) Verdict {
	g := v.p.Guards.Backup
	if g == nil {
		return allow("none is needed")
	}
	value, err := v.number(g.Newest)
	if err != nil || math.IsInf(value, 0) || value < 0 {
		return wait(v.soon(askAgain), "when the newest good backup was made is not known: %v", cmp.Or(err, errors.New("it is no time")))
	}
	enough, why := g.Enough(value, v.h.now)
	if !enough {
		return deny(v.soon(4*askAgain), "%s", why)
	}
	return allow("%s", why)
}

// Enough tells whether the newest good backup, made at a Unix time in seconds,
// can be counted on now, and says its age. One from the future is a clock that
// cannot be trusted.
func (g *Backup) Enough(newest float64, now time.Time) (bool, string) {
	age := now.Sub(time.UnixMilli(int64(1000 * newest))).Round(time.Second)
	switch {
	case age > time.Duration(g.Max):
		return false, fmt.Sprintf("the newest good backup is %s old, at most %s are allowed", age, g.Max)
	case age < -time.Minute:
		return false, fmt.Sprintf("the newest good backup is said to be made %s from now", -age)
	}
	return true, fmt.Sprintf("the newest good backup is %s old, at most %s are allowed", age, g.Max)
}
