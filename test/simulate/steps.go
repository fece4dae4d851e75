package simulate

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// happenings are what a step can be, and how often it is.
var happenings = []struct {
	weight int
	name   string
	do     func(*day, dice)
}{
	{24, "time passes", func(*day, dice) {}},
	{12, "a service breaks", breaks},
	{6, "a service heals", heals},
	{3, "a service flaps", flaps},
	{2, "an object is another", replaced},
	{3, "an alert of nothing", stray},
	{3, "people practise", practises},
	{3, "people break something on purpose", announces},
	{6, "a human silences", silences},
	{3, "the Alertmanagers part or meet", parts},
	{3, "an Alertmanager restarts or is away", restarts},
	{3, "an Alertmanager is not reached, by us or by Prometheus", hides},
	{8, "the weather changes", weather},
	{22, "a human commands", commands},
	{7, "a human pauses or restricts", scopes},
	{4, "another rulebook governs", reloads},
	{3, "the daemon crashes", func(y *day, d dice) { y.crash(away(d)) }},
	{5, "the daemon crashes at its next write", func(y *day, d dice) {
		y.fault = fault{pick(d, crashBefore, crashAfter), away(d), d.chance(60)}
	}},
	{3, "the journal cannot be written", func(y *day, d dice) { y.fault = fault{writeFails, d.between(time.Second, 5*time.Minute), d.chance(30)} }},
	{2, "the clock is set", func(y *day, d dice) {
		y.turn(pick(d, -5*time.Minute, -30*time.Second, -2*time.Second, 0, 0, 0, 20*time.Second, 10*time.Minute))
	}},
	{3, "an answer comes unasked", unasked},
	{4, "another release decides, or may act", upgrades},
}

var weights = func() (sum int) {
	for _, h := range happenings {
		sum += h.weight
	}
	return sum
}()

// step lets one thing happen, and then some time go by.
func (y *day) step(n int) {
	d := diceFor(y.seed, stepName(n))
	k := d.IntN(weights)
	for _, h := range happenings {
		if k -= h.weight; k < 0 {
			y.names[h.name]++
			h.do(y, d)
			break
		}
	}
	y.pass(duration(d))
}

func duration(d dice) time.Duration {
	switch k := d.IntN(100); {
	case k < 30:
		return d.between(0, 3*time.Second)
	case k < 75:
		return d.between(3*time.Second, 40*time.Second)
	case k < 95:
		return d.between(40*time.Second, 4*time.Minute)
	}
	return d.between(4*time.Minute, 25*time.Minute)
}

func away(d dice) time.Duration {
	return pick(d, time.Second, 5*time.Second, 30*time.Second, 3*time.Minute, 30*time.Minute)
}

func breaks(y *day, d dice) {
	s := pick(d, y.services...)
	if s.trouble != nil {
		return
	}
	y.breakDown(s, trouble{cure: pick(d, "restart", "restart", "restart", "rollback", "rollback", ""), after: pick(d, 1, 1, 1, 2)})
	if t := s.trouble; d.chance(30) {
		y.in(d.between(30*time.Second, 20*time.Minute), func() { y.heal(s, t) })
	}
}

func heals(y *day, d dice) {
	if s := pick(d, y.services...); s.trouble != nil {
		y.heal(s, s.trouble)
	}
}

// flaps: it breaks and heals a few times.
func flaps(y *day, d dice) {
	s := pick(d, y.services...)
	every := d.between(20*time.Second, 4*time.Minute)
	for n := range 2 + d.IntN(4) {
		y.in(time.Duration(2*n)*every, func() {
			if s.trouble == nil {
				y.breakDown(s, trouble{cure: "restart", after: 1})
			}
		})
		y.in(time.Duration(2*n+1)*every, func() { y.heal(s, s.trouble) })
	}
}

// replaced: somebody deleted or changed the object, or it is one that may not
// be acted on for a while, by its nature or by what its team says.
func replaced(y *day, d dice) {
	s := pick(d, y.services...)
	switch d.IntN(4) {
	case 3:
		s.mode = pick(d, "observe", "approve", "act", "perhaps")
		y.in(d.between(time.Minute, 20*time.Minute), func() { s.mode = "" })
	case 0:
		s.uid++
		s.attempt = ""
	case 1:
		s.template++
	case 2:
		s.refused = pick(d, remediate.RefusedGone, "it is owned by a custom resource")
		y.in(d.between(time.Minute, 10*time.Minute), func() { s.refused = "" })
	}
}

// stray raises an alert whose labels fit badly, or nothing.
func stray(y *day, d dice) {
	labels := map[string]string{
		"alertname": pick(d, "RootDown", "LeafDown", "Slow", "Watchdog"),
		"namespace": pick(d, "shop", "web", "B!", ""),
		"service":   pick(d, "cart", "gone", "$(rm)", ""),
		"pod":       pick(d, "x", ""),
	}
	r := newRule(labels)
	r.until = y.world.now.Add(d.between(time.Minute, 15*time.Minute))
	y.strays = append(y.strays, r)
}

// practises raises an alert that says of itself that it is a drill.
func practises(y *day, d dice) {
	s := pick(d, y.services...)
	r := newRule(map[string]string{
		"alertname": pick(d, "RootDown", "LeafDown", "Slow"), "namespace": s.namespace, "service": s.name, "pod": s.name,
		remediate.DrillLabel: pick(d, "d1", "d2"),
	})
	r.until = y.world.now.Add(d.between(time.Minute, 40*time.Minute))
	y.strays = append(y.strays, r)
}

// announces says that something is broken on purpose, which may be so or not, or
// that it is over.
func announces(y *day, d dice) {
	if !y.up || y.degraded {
		return
	}
	c := remediate.Command{By: pick(d, people...), Command: remediate.LiveDrill, Scope: "policy/" + pick(d, "root-down", "leaf-down", "slow")}
	if len(y.state.Live) > 0 && d.chance(40) {
		c.Command = remediate.EndDrill
	} else {
		labels := map[string]string{remediate.DrillLabel: pick(d, "l1", "l2")}
		if d.chance(50) {
			labels["namespace"] = pick(d, y.services...).namespace
		}
		c.Labels, c.Page = remediate.LabelsOf(labels), d.chance(30)
		c.Value = model.Duration(d.between(time.Minute, 40*time.Minute).Truncate(time.Second)).String()
	}
	_ = y.hear(c) // one that does not fit is refused
}

func silences(y *day, d dice) {
	s := pick(d, y.services...)
	y.silence(d, silence{s.namespace, pick(d, s.name, s.name, ""), y.world.now.Add(d.between(30*time.Second, 10*time.Minute))})
}

func parts(y *day, d dice) {
	if y.split = !y.split; !y.split { // they tell each other what is silenced
		for _, p := range y.peers {
			for _, other := range y.peers {
				maps.Copy(p.silences, other.silences)
			}
		}
	}
}

func restarts(y *day, d dice) {
	p := pick(d, y.peers...)
	if !p.up {
		return
	}
	p.up = false
	y.in(d.between(time.Second, 3*time.Minute), func() {
		p.up = true
		y.world.restart(p)
	})
}

func hides(y *day, d dice) {
	p := pick(d, y.peers...)
	from := pick(d, &p.hidden, &p.hidden, &p.deaf)
	*from = true
	y.in(d.between(5*time.Second, 12*time.Minute), func() { *from = false })
}

// weather changes how often dealings go wrong.
func weather(y *day, d dice) {
	clear(y.foul)
	for range d.IntN(3) {
		y.foul[pick(d, "ask", "act", "verify", "tell", "webhook")] = pick(d, 10, 30, 70, 95)
	}
}

func reloads(y *day, d dice) { y.load(pick(d, y.rulebooks...)) }

var people = []string{"anna", "bob", "carl"}

// commands gives a human's word on an incident, mostly one that is open and
// that the word fits.
func commands(y *day, d dice) {
	if !y.up || y.degraded || y.state.Last == 0 {
		return
	}
	i := y.whose(d)
	c := remediate.Command{By: pick(d, people...), Incident: 1 + d.Uint64N(y.state.Last+1)}
	c.Command = pick(d, remediate.Ack, remediate.Unack, remediate.TakeOver, remediate.Deny, remediate.Run, remediate.Run, remediate.Close, remediate.Override, remediate.Override, remediate.Rate, remediate.Note)
	c.Guard = pick(d, AllGuards...)
	c.Value = pick(d, string(remediate.P1), string(remediate.P2), string(remediate.P3))
	c.Reason = "it is " + y.world.now.Format(time.Kitchen)
	if i != nil {
		c.Incident, c.Plan = i.ID, i.Hash
		if i.Status == remediate.StatusApproval && d.chance(80) {
			c.Command = pick(d, remediate.Approve, remediate.Approve, remediate.Approve, remediate.Deny)
		}
		if y.plans[i.ID] != "" && d.chance(15) {
			c.Plan = y.plans[i.ID] // one that was shown before
		}
		y.plans[i.ID] = i.Hash
		if s := y.serviceOf(i.Target); s != nil && c.Command == remediate.Approve && d.chance(20) {
			s.template++ // somebody else is at it too
		}
	}
	_ = y.hear(c) // one that does not fit is refused
}

// whose is an incident that a human looks at: mostly one that is open, and
// rather one at which something is done. It may be nil.
func (y *day) whose(d dice) *remediate.Incident {
	open := y.state.Incidents.Numbers()
	if len(open) == 0 || d.chance(10) {
		return nil
	}
	busy := slices.DeleteFunc(slices.Clone(open), func(n uint64) bool { return y.state.Incidents.Get(n).Status != remediate.StatusActing })
	if len(busy) > 0 && d.chance(50) {
		open = busy
	}
	return y.state.Incidents.Get(pick(d, open...))
}

// scopes gives a human's word on a part of all that there is.
func scopes(y *day, d dice) {
	if !y.up || y.degraded {
		return
	}
	c := remediate.Command{By: pick(d, people...), Command: pick(d, remediate.Pause, remediate.SetMode)}
	c.Scope = pick(d, "all", "policy/root-down", "policy/leaf-down", "namespace/shop", "namespace/web")
	c.Value = pick(d, string(remediate.ModeObserve), string(remediate.ModeApprove), string(remediate.ModeAct))
	if c.Command == remediate.Pause {
		c.Value = pick(d, "", "30s", "5m", "1h")
	}
	if len(y.state.Paused) > 0 && d.chance(70) {
		c.Command, c.Scope = remediate.Resume, pick(d, slices.Sorted(maps.Keys(y.state.Paused))...)
	}
	_ = y.hear(c)
}

// upgrades has another release decide, in a daemon that is started anew, or lets
// the one act that is held: as nothing is found that it decides otherwise, or as a
// human says.
func upgrades(y *day, d dice) {
	if !y.up || y.degraded {
		return
	}
	held := y.state.Release
	switch {
	case held.Held && d.chance(30):
		_ = y.hear(remediate.Command{
			By: pick(d, people...), Command: remediate.Accept, Value: pick(d, held.Name, held.Name, "1.0"), Reason: "it is " + y.world.now.Format(time.Kitchen),
		})
	case d.chance(60):
		_ = y.hear(remediate.Comparison{
			Release: pick(d, held.Name, held.Name, "1.0"), Facts: held.Seq, Changed: pick(d, 0, 0, 3), Why: pick(d, "", "", "a rulebook is lost"),
		})
	default:
		y.lead(pick(d, "1.4", "1.5", "1.6"), d.chance(70))
	}
}

// unasked is a result that nobody waits for, or one that came before, or one
// that is still waited for; each as its performer would report it.
func unasked(y *day, d dice) {
	if !y.up || len(y.ids) == 0 {
		return
	}
	b := pick(d, y.ids...)
	r := remediate.Result{Outcome: pick(d, remediate.OK, remediate.Failed, remediate.Unknown, remediate.Later)}
	if r.Outcome == remediate.OK {
		r.Ref = refOf(b)
	}
	_ = y.hear(remediate.Reported{ID: b.ID, Incident: b.Incident, At: y.now(), Result: r})
}
