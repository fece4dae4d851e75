package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The pictures of how-it-decides.md have each guard, in the order in which they are
// judged, and each status, and nothing besides.
func TestThePicturesShowWhatThereIs(t *testing.T) {
	page := read(t, "how-it-decides.md")
	var drawn []string
	for _, m := range regexp.MustCompile(`\bG\d+\[(\w+)\]`).FindAllStringSubmatch(page, -1) {
		drawn = append(drawn, m[1])
	}
	var guards []string // those that are judged again with the answers are listed twice
	for _, m := range regexp.MustCompile(`\{"(\w+)", \w+\},`).FindAllStringSubmatch(read(t, "../remediate/guard.go"), -1) {
		if !slices.Contains(guards, m[1]) {
			guards = append(guards, m[1])
		}
	}
	guards = append(guards, "approval") // of the plan that all others let pass
	if !slices.Equal(drawn, guards) || len(guards) < 15 {
		t.Errorf("drawn are  %v\njudged are %v", drawn, guards)
	}

	life := regexp.MustCompile("(?s)stateDiagram-v2\n(.*?)```").FindStringSubmatch(page)[1]
	var states []string
	for _, m := range regexp.MustCompile(`\b([a-z]+) -->|--> ([a-z]+)\b`).FindAllStringSubmatch(life, -1) {
		states = append(states, m[1]+m[2])
	}
	var statuses []string
	for _, m := range regexp.MustCompile(`Status = "(\w+)"`).FindAllStringSubmatch(read(t, "../remediate/status.go"), -1) {
		statuses = append(statuses, m[1])
	}
	slices.Sort(states)
	slices.Sort(statuses)
	if states = slices.Compact(states); !slices.Equal(states, statuses) {
		t.Errorf("drawn are  %s\nthere are %s", strings.Join(states, " "), strings.Join(statuses, " "))
	}
}
