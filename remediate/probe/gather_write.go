package probe

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// Bounds of what is written. Logs come last, so that a talkative one takes
// nothing from what is short.
const (
	maxBlob   = 512 << 10
	maxObject = 48 << 10 // one object
	maxNote   = 1 << 10  // the text of one event
)

// write returns what was found as one text for people, at most maxBlob long.
func (f *found) write(now time.Time) []byte {
	w := new(sections)
	t := f.target
	fmt.Fprintf(&w.out, "Evidence about %s, gathered %s.\n", t.Target, now.UTC().Format(time.RFC3339))
	w.object(fmt.Sprintf("%s %s: %s", t.Target.Kind, t.Target.Name, t.Text()), t.Object())
	if f.ownerErr != nil {
		w.section("its owner", nil, f.ownerErr)
	} else if f.owner != nil {
		w.object(fmt.Sprintf("its owner, %s %s: %s", f.owner.Target.Kind, f.owner.Target.Name, f.owner.Text()), f.owner.Object())
	}
	f.writePods(w)
	events := "events, the newest last"
	if f.older > 0 {
		events += fmt.Sprintf("; %d older ones are left out", f.older)
	}
	w.section(events, f.eventLines(), f.eventErr)
	for _, l := range f.logs {
		run := ""
		if l.previous {
			run = ", its previous run"
		}
		w.section(fmt.Sprintf("log of pod %s, container %s%s", l.pod.Name, l.container, run), l.text, l.err)
	}
	return w.bytes()
}

func (f *found) writePods(w *sections) {
	if f.podsErr != nil {
		w.section("its pods", nil, f.podsErr)
		return
	}
	if f.target.IsNode() {
		w.section("its pods", f.podLines(), nil)
	}
	for i := range f.pods {
		p := &f.pods[i]
		if p.UID == f.target.Meta.UID {
			continue // it is the target
		}
		stands := "ready"
		if !kube.Ready(p) {
			stands = "not ready"
		}
		w.object(fmt.Sprintf("pod %s: %s", p.Name, stands), p)
	}
	if f.more > 0 {
		w.section(fmt.Sprintf("%d more pods are left out", f.more), nil, nil)
	}
}

// podLines has a line for each pod of a node, so many as there is room for.
func (f *found) podLines() []byte {
	var b bytes.Buffer
	for i := range f.onNode {
		p := &f.onNode[i]
		if b.Len() > maxObject {
			fmt.Fprintf(&b, "(%s more are left out)\n", many(len(f.onNode)-i, "pod"))
			break
		}
		stands := "ready"
		switch {
		case p.DeletionTimestamp != nil:
			stands = "ending since " + p.DeletionTimestamp.UTC().Format(time.RFC3339)
		case !kube.Ready(p):
			stands = "not ready, " + strings.ToLower(string(p.Status.Phase))
		}
		owner := "nobody"
		if ref := metav1.GetControllerOf(p); ref != nil {
			owner = strings.ToLower(ref.Kind) + " " + ref.Name
		}
		fmt.Fprintf(&b, "%s/%s: %s, of %s\n", p.Namespace, p.Name, stands, owner)
	}
	return b.Bytes()
}

// eventLines has a line for each event.
func (f *found) eventLines() []byte {
	var b bytes.Buffer
	for i := range f.events {
		e := &f.events[i]
		note := strings.Join(strings.Fields(e.Message), " ")
		fmt.Fprintf(&b, "%s %s %s/%s %s%s: %.*s\n", kube.EventTime(e).UTC().Format(time.RFC3339), e.Type,
			strings.ToLower(e.InvolvedObject.Kind), e.InvolvedObject.Name, e.Reason, times(e), maxNote, note)
	}
	return b.Bytes()
}

// times says how often an event was seen, "" for once.
func times(e *corev1.Event) string {
	n := e.Count
	if e.Series != nil {
		n = max(n, e.Series.Count)
	}
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (%d times)", n)
}

// sections is a text of sections under headings, bounded as a whole.
type sections struct {
	out     bytes.Buffer
	omitted int // sections that had no room
}

// room is kept for what is said last.
const room = 200

// section adds what was had, and why no more of it was. There is no room for a
// part of one: a log that breaks off in the middle would be read as its end.
func (w *sections) section(heading string, body []byte, err error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n=== %s ===\n", heading)
	b.Write(body)
	if n := len(body); n > 0 && body[n-1] != '\n' {
		b.WriteByte('\n')
	}
	if err != nil {
		fmt.Fprintf(&b, "(could not be had: %v)\n", err)
	}
	if w.out.Len()+b.Len() > maxBlob-room {
		w.omitted++
		return
	}
	w.out.Write(b.Bytes())
}

// object adds an object as YAML.
func (w *sections) object(heading string, o runtime.Object) {
	text, err := kube.YAML(o)
	if n := len(text); n > maxObject {
		text = append(text[:maxObject:maxObject], fmt.Sprintf("\n(cut here: %s are left out)", bytesOf(n-maxObject))...)
	}
	w.section(heading, text, err)
}

func (w *sections) bytes() []byte {
	if w.omitted > 0 {
		fmt.Fprintf(&w.out, "\n=== no room for %s more ===\n", many(w.omitted, "section"))
	}
	return bytes.ToValidUTF8(w.out.Bytes(), []byte("?"))
}
