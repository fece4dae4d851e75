// Package leak fails the tests of a package when goroutines are left that they, or
// what they tried, have started.
package leak

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long goroutines have that are about to end.
const patience = 10 * time.Second

// others are functions of goroutines that are nobody's of ours: they are started
// once for all by what a program links.
var others = []string{
	"testing.(*M).", "testing.(*T).", "testing.(*F).", "testing.runFuzz", "os/signal.", "runtime.", "k8s.io/klog/v2.", "created by runtime",
	"internal/fuzz.", "github.com/golang/glog.",
}

// Main is for a TestMain: it runs the tests, ends what they shared, and fails when they are
// over and goroutines are left.
func Main(m *testing.M, ends ...func()) {
	code := m.Run()
	for _, end := range ends {
		end()
	}
	if left := Left(); code == 0 && len(left) > 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines are left when the tests are over:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// Left returns the stacks of the goroutines that are left, after they had the time
// to end.
func Left() []string {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		left := stacks()
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

// stacks are those of all goroutines but this one and those of others.
func stacks() []string {
	b := make([]byte, 1<<20)
	for n := runtime.Stack(b, true); ; n = runtime.Stack(b, true) {
		if n < len(b) {
			b = b[:n]
			break
		}
		b = make([]byte, 2*len(b))
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n\n")
	return slices.DeleteFunc(all[1:], func(stack string) bool { // the first is ours
		lines := strings.SplitN(stack, "\n", 3)
		return slices.ContainsFunc(others, func(f string) bool { return len(lines) > 1 && strings.HasPrefix(lines[1], f) })
	})
}
