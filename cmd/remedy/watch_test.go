package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A watch that is written to a file has each change once. What goes wrong later
// is shown and does not end it.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := &cli{out: &printer{w: &out}}
		said := []string{"one", "one", "", "two", "two"}
		began, n := time.Now(), 0
		ctx, stop := context.WithCancel(t.Context())
		err := c.watch(ctx, func(ctx context.Context) error {
			if until, ok := ctx.Deadline(); !ok || time.Until(until) != within {
				t.Errorf("it may take until %s", until)
			}
			if n++; n > len(said) {
				stop()
				return ctx.Err()
			}
			if said[n-1] == "" {
				return errors.New("away\x1b[2J")
			}
			c.out.printf("%s\n", said[n-1])
			return nil
		})
		if want := "one\n\nremedy: away[2J\n\ntwo\n"; err != nil || out.String() != want {
			t.Errorf("shown %q (%v), want %q", out.String(), err, want)
		}
		if took := time.Since(began); took != 5*watchEvery {
			t.Errorf("it was asked six times in %s", took)
		}
	})
}

// What cannot be shown at all is not watched.
func TestAWatchThatCannotBegin(t *testing.T) {
	code, stdout, stderr := calls(t, "--url", serve(t, 404, `{"error": "there is no incident 9"}`), "incident", "explain", "--watch", "9")
	if code != exitFailed || stdout != "" || stderr != "remedy: there is no incident 9\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestBroken(t *testing.T) {
	long := strings.Repeat("x", 40)
	for _, tc := range []struct {
		text  string
		width int
		want  string
	}{
		{"one two three four five six seven", 0, "one two three four five six seven"},
		{"one two three four five six seven", 10, "one two three four five six seven"},
		{"one two three four five six seven", 24, "one two three four five|six seven"},
		{"one two three four five6 seven", 24, "one two three four five6|seven"},
		{"äöü äöü äöü äöü äöü äöü ä", 25, "äöü äöü äöü äöü äöü äöü ä"},
		{"a " + long + " b", 24, "a|" + long + "|b"},
		{"a  b " + long, 24, "a  b|" + long},
		{"", 24, ""},
	} {
		if got := strings.Join(broken(tc.text, tc.width), "|"); got != tc.want {
			t.Errorf("%q in %d: %q, want %q", tc.text, tc.width, got, tc.want)
		}
	}
}

func TestATableFitsItsTerminal(t *testing.T) {
	var out bytes.Buffer
	p := &printer{w: &out, width: 30}
	p.table([][]cell{{{text: "i1"}, {text: "one two three four five six seven eight"}}, {{text: "i22"}, {text: "nine"}}})
	if want := "i1   one two three four five\n     six seven eight\ni22  nine\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
