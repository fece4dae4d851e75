package remediate_test

import (
	"strings"
	"testing"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// The thread tells how each act of a procedure ended, and what takes it back.
func TestTheThreadTellsHowEachActEnded(t *testing.T) {
	w := newWorld(t)
	w.play(`rulebook
  policies: [{name: p, when: ['alertname="A"'], severity: P2, mode: act, target: deployment/shop/db, steps: [{name: s,
    do: [{kind: cordon}, {kind: drain}, {kind: restart}], undo: [{kind: uncordon}], verify: {all: [{kind: http}], within: 1m}}]}]
world act=ok act:drain=later act:restart=failed act:uncordon=refused
alert A
pass 1s
report i1-a1-2 ok drained
pass 1s`)
	var lines []string
	for _, f := range w.heard {
		if b, ok := f.Body.(Started); ok && b.Tell != nil && b.Tell.Destination == SlackThread {
			for _, l := range b.Tell.Notice.Lines {
				lines = append(lines, l.Text)
			}
		}
	}
	all := strings.Join(lines, "\n")
	for _, want := range []string{"-a1-2: ok: drained", "-a1-3: failed: forbidden", "-u1: refused: the object is another one by now"} {
		if strings.Count(all, want) != 1 {
			t.Errorf("%q is not told once:\n%s", want, all)
		}
	}
}
