package slack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

func digestTell(id, title string, texts ...string) remediate.Started {
	n := remediate.Notice{Key: "q4m2x7kd", Action: "show", Summary: title}
	for _, text := range texts {
		n.Lines = append(n.Lines, remediate.Line{Text: text})
	}
	s := rootTell(id, "", n)
	s.Tell.Destination = remediate.SlackDigest
	return s
}

func TestADigestIsOneMessage(t *testing.T) {
	b := newBench(t, nil)
	s := digestTell("q-t1", "3 things of the night", "i1 cart restarted", "i2 <!channel> healed by itself", "")
	s.Tell.Notice.Lines[0].At = time.Date(2025, 11, 22, 3, 0, 0, 0, time.UTC)
	ref := b.perform(s, remediate.OK).Ref
	m := b.workspace.Messages()[0]
	if m.Text != "3 things of the night" || !strings.Contains(string(m.Blocks), `"03:00:00 UTC i1 cart restarted\ni2 \u0026lt;!channel\u0026gt; healed by itself"`) {
		t.Errorf("it shows %q, %s", m.Text, m.Blocks)
	}
	if ref != m.Channel+"/"+m.TS || m.Metadata.EventType != "remediated_digest" || m.Metadata.EventPayload["id"] != "q-t1" {
		t.Errorf("reference %q, metadata %+v", ref, m.Metadata)
	}
}

func TestADigestWhoseReplyWasLostIsAdopted(t *testing.T) {
	b := newBench(t, nil)
	b.perform(digestTell("q-t1", "yesterday", "x"), remediate.OK)
	b.faults(fault.LoseReply("chat.postMessage"))
	s := digestTell("q-t2", "today", "x")
	b.perform(s, remediate.Later)
	ref := b.perform(again(s), remediate.OK).Ref
	if ms := b.workspace.Messages(); len(ms) != 2 || !strings.HasSuffix(ref, ms[1].TS) {
		t.Errorf("reference %q, messages %+v; want the second of two", ref, ms)
	}
}

func TestALongDigestSaysWhatIsLeftOut(t *testing.T) {
	for name, tail := range map[string]string{"short": "", "long": strings.Repeat(" and more", 100), "hostile": strings.Repeat("&<\"\\", 500)} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			var texts []string
			for i := range 2000 {
				texts = append(texts, fmt.Sprintf("happening %d.", i)+tail)
			}
			b.perform(digestTell("q-t1", "much", texts...), remediate.OK)
			m := b.workspace.Messages()[0]
			inert(t, m.Content)
			shown, left := 0, 0
			for i := range texts {
				if strings.Contains(string(m.Blocks), fmt.Sprintf("happening %d.", i)) {
					shown++
				}
			}
			at := strings.Index(string(m.Blocks), " more are left out")
			if at < 0 {
				t.Fatalf("nothing is said of what is left out: %s", m.Blocks)
			}
			fmt.Sscan(string(m.Blocks[strings.LastIndexByte(string(m.Blocks[:at]), '"')+1:at]), &left)
			if shown+left != len(texts) || shown < 5 {
				t.Errorf("%d are shown and %d left out, of %d", shown, left, len(texts))
			}
		})
	}
}

func TestADigestWithoutATitleOrLinesIsShownAllTheSame(t *testing.T) {
	b := newBench(t, nil)
	b.perform(digestTell("q-t1", "\u202e"), remediate.OK)
	if m := b.workspace.Messages()[0]; m.Text != "Digest" {
		t.Errorf("it shows %q, %s", m.Text, m.Blocks)
	}
}
