package leak

import (
	"strings"
	"testing"
)

// A goroutine that does not end is found, one that ends is not.
func TestLeft(t *testing.T) {
	end, ended := make(chan struct{}), make(chan struct{})
	go waits(end, ended)
	found := func() bool {
		for _, s := range stacks() {
			if strings.Contains(s, "leak.waits") {
				return true
			}
		}
		return false
	}
	for !found() { // until it runs
	}
	close(end)
	<-ended
	if left := Left(); len(left) > 0 {
		t.Errorf("left are\n%s", strings.Join(left, "\n\n"))
	}
}

func waits(end, ended chan struct{}) {
	<-end
	close(ended)
}
