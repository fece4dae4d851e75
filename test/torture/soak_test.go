package main

import (
	"bytes"
	"strings"
	"testing"
)

// A daemon lives for a moment while all that it deals with fails in turn. make soak
// is the long one.
func TestSoak(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), []string{"--daemon", built(t, ""), "--soak", "2s", "--senders", "2", "--dir", t.TempDir()}, &out)
	if err != nil || !strings.Contains(out.String(), ", twice 0\n") || !strings.Contains(out.String(), "\ngoroutines             first quarter") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// What grows is named, and what goes up and down, or by less than is noise, is not.
func TestFlat(t *testing.T) {
	line := func(from, to float64) (all [][]float64) {
		for n := range 100 {
			v := from + (to-from)*float64(n)/100
			all = append(all, []float64{v, 50, 30, 10})
		}
		return all
	}
	for want, samples := range map[string][][]float64{
		"":                                line(100, 110),
		"resident memory, MiB grew from ": line(100, 200),
		"only 3 samples":                  line(1, 1)[:3],
	} {
		var out bytes.Buffer
		err := flat(samples, &out)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	wavy := line(100, 100)
	for n := range wavy {
		wavy[n][0] += float64(50 * (n % 2))
	}
	var out bytes.Buffer
	if err := flat(wavy, &out); err != nil {
		t.Error(err)
	}
}

// A page without a metric that is watched is no page of a daemon.
func TestSample(t *testing.T) {
	page := "# HELP go_goroutines x\ngo_goroutines 41\nprocess_open_fds 12\nprocess_resident_memory_bytes 5.24288e+07\nremediated_journal_used_bytes 1.048576e+06\nother 3\n"
	got, err := sample(page)
	if err != nil || got[0] != 50 || got[1] != 41 || got[2] != 12 || got[3] != 1 {
		t.Errorf("%v, %v", got, err)
	}
	for _, page := range []string{strings.Replace(page, "go_goroutines 41", "", 1), strings.Replace(page, " 41", " many", 1)} {
		if got, err := sample(page); err == nil {
			t.Errorf("%v of\n%s", got, page)
		}
	}
}
