package remediate_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// allowedImports are the libraries of values that the core may use, beside the
// parts of the standard library that compute and do nothing else.
var allowedImports = map[string]bool{
	"bytes": true, "cmp": true, "compress/flate": true, "container/heap": true, "crypto/sha256": true, "encoding/base64": true, "encoding/binary": true,
	"encoding/hex": true, "encoding/json": true, "errors": true, "fmt": true, "io": true, "iter": true, "maps": true, "math": true,
	"reflect": true, "regexp": true, "regexp/syntax": true, "slices": true, "strconv": true, "strings": true, "time": true,
	"unicode/utf8":                                  true,
	"github.com/prometheus/common/model":            true,
	"github.com/prometheus/alertmanager/pkg/labels": true, "github.com/prometheus/alertmanager/timeinterval": true,
}

// clocks are the functions of package time that look at a clock or wait for one.
var clocks = map[string]bool{
	"Now": true, "Since": true, "Until": true, "After": true, "AfterFunc": true, "Sleep": true,
	"Tick": true, "NewTimer": true, "NewTicker": true,
}

// TestFloor keeps the core a function: no clock, no goroutine, no randomness,
// no network, and of our own packages none.
func TestFloor(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("source of the core: %d files, %v", len(files), err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, why := range unfit(t, name, nil) {
			t.Error(why)
		}
	}
}

// TestFloorRefuses shows that the floor finds what it is there to find.
func TestFloorRefuses(t *testing.T) {
	for _, c := range []struct{ want, source string }{
		{`imports "net/http"`, `import "net/http"; var _ = http.Get`},
		{`imports "sync"`, `import "sync"; var _ sync.Mutex`},
		{`imports "math/rand/v2"`, `import "math/rand/v2"; var _ = rand.Int`},
		{`imports "github.com/x0tta6bl4/remediated/notify"`, `import "github.com/x0tta6bl4/remediated/notify"; var _ = notify.X`},
		{`imports "github.com/sony/gobreaker/v2"`, `import "github.com/sony/gobreaker/v2"; var _ gobreaker.Counts`},
		{"time.Now", `import "time"; var _ = time.Now`},
		{"time.Since", `import clock "time"; var _ = clock.Since`},
		{"go statement", `func f() { go f() }`},
		{"select statement", `func f() { select {} }`},
		{"dot import", `import . "time"; var _ = Now`},
	} {
		if got := strings.Join(unfit(t, "bad.go", "package remediate\n"+c.source), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s\nis found to be %q, want %q", c.source, got, c.want)
		}
	}
}

// unfit returns what a file of the core has and must not have.
func unfit(t *testing.T, name string, source any) []string {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var bad []string
	clock := "time"
	for _, i := range f.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		if !allowedImports[path] && (name != "breaker.go" || path != "github.com/sony/gobreaker/v2") {
			bad = append(bad, name+" imports "+i.Path.Value)
		}
		if i.Name != nil && i.Name.Name == "." {
			bad = append(bad, name+" has a dot import")
		}
		if i.Name != nil && path == "time" {
			clock = i.Name.Name
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		where := func(what string) { bad = append(bad, set.Position(n.Pos()).String()+": "+what) }
		switch n := n.(type) {
		case *ast.GoStmt:
			where("go statement")
		case *ast.SelectStmt:
			where("select statement")
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == clock && clocks[n.Sel.Name] {
				where("time." + n.Sel.Name)
			}
		}
		return true
	})
	return bad
}
