package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"
)

// The page has each command and flag, and no line that man(1) would obey but ours.
func TestManPage(t *testing.T) {
	code, page, stderr := calls(t, "man")
	if code != exitOK {
		t.Fatalf("exit code %d, %q", code, stderr)
	}
	for _, want := range []string{
		".TH REMEDY 1 ", "\n.SS \"incident explain id\"\n", "\n.SS \"pause [scope]\"\n", "\n.TP\n\\fB\\-o, \\-\\-output\\fR=\\fIOUTPUT\\fR\n",
		"\n.TP\n\\fB\\-w, \\-\\-watch\\fR\n", "\n.TP\n\\fIid\\fR\n42 or i42.\n", "\n.SH EXIT STATUS\n", "REMEDY_URL",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if strings.Contains(page, "completion\\-bash") {
		t.Error("the page has what is hidden")
	}
	for line := range strings.Lines(page) {
		if name, ours := strings.CutPrefix(line, "."); ours && !strings.Contains("TH SH SS TP nf fi", strings.Fields(name)[0]) {
			t.Errorf("man(1) is told %q", line)
		}
	}
}

func TestRoff(t *testing.T) {
	app := kingpin.New("x", ".SH evil \\fB \"a\" b-c\nd")
	app.Command("do", "'x")
	if page := manPage(app.Model()); !strings.Contains(page, `x \- \&.SH evil \efB \(dqa\(dq b\-c d`) || !strings.Contains(page, "\n\\&'x\n") {
		t.Errorf("written as %q", page)
	}
}
