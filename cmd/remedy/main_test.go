package main

import (
	"bytes"
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate/web"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

// TestScripts runs testdata/script. Each script has a world of its own, in
// virtual time, and a daemon's page over it at $REMEDY_URL. Beside the
// commands of testscript there are:
//
//	world LINE...       what happens there: see webtest.World.Do
//	remedy ARGS...      this program; it must exit with 0, with ! in front with 1
//	exit 2 ARGS...      this program; it must exit with this code
//	serve NAME PATH FILE...  another program that answers these paths, at $NAME
//	past FILE FOLDER  what happens in a file's first policy test has happened: its
//		journal is in the folder
//
// Run with -update to write the output anew, and read the difference as code.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup:         begin,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"world":  happens,
			"remedy": remedy,
			"exit":   exits,
			"serve":  serves,
			"past":   lived,
		},
	})
}

type worldKey struct{}

func begin(env *testscript.Env) error {
	w, err := webtest.New()
	if err != nil {
		return err
	}
	book, err := webtest.Rulebook(webtest.Postgres)
	if err != nil {
		return err
	}
	if err := w.Load(book); err != nil {
		return err
	}
	server := httptest.NewServer(web.New(web.Options{Live: w, History: w, Now: w.Now, Version: "1.2.3"}))
	env.Defer(server.Close)
	env.Setenv("REMEDY_URL", server.URL)
	env.Setenv("USER", "anna")
	env.Values[worldKey{}] = w
	return nil
}

func happens(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("the world does not refuse")
	}
	ts.Check(ts.Value(worldKey{}).(*webtest.World).Do(strings.Join(args, " ")))
}

func remedy(ts *testscript.TestScript, neg bool, args []string) {
	want := exitOK
	if neg {
		want = exitFailed
	}
	expect(ts, want, args)
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	expect(ts, want, args[1:])
}

// serves has a server answer each path with a file. What is no path of it is not
// found.
func serves(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args)%2 != 1 {
		ts.Fatalf("usage: serve NAME PATH FILE [PATH FILE]...")
	}
	mux := http.NewServeMux()
	for i := 1; i < len(args); i += 2 {
		body := ts.ReadFile(args[i+1])
		mux.HandleFunc(args[i], func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
	}
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
}

// lived lives through the first test of a file, and keeps what became of it.
func lived(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: past FILE FOLDER")
	}
	suite, problems := policies.LoadSuite(ts.MkAbs(args[0]), catalogue.New())
	if suite == nil {
		ts.Fatalf("%v", problems)
	}
	o := replay.Run(suite.Rulebook, suite.Cases[0])
	ts.Check(o.Err)
	ts.Check(keep(ts.MkAbs(args[1]), o))
}

// expect runs the command as its users do, but in this process.
func expect(ts *testscript.TestScript, want int, args []string) {
	for k, a := range args {
		if name, is := strings.CutPrefix(a, "file:"); is {
			args[k] = ts.MkAbs(name)
		}
	}
	var stderr bytes.Buffer
	code := run(context.Background(), args, ts.Getenv, ts.Stdout(), &stderr)
	_, err := ts.Stderr().Write(stderr.Bytes())
	ts.Check(err)
	if code != want {
		ts.Fatalf("remedy %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, stderr.String())
	}
}

// serve answers everything with one status and body.
func serve(t *testing.T, code int, body string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// calls runs the command and returns its exit code and output.
func calls(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, func(string) string { return "" }, &out, &errs)
	return code, out.String(), errs.String()
}

func TestAnAnswerThatIsNotOurs(t *testing.T) {
	for _, c := range []struct {
		name, body, want string
		code             int
	}{
		{"another program", "<html>", "is --url right?", http.StatusOK},
		{"not found elsewhere", "404 page not found", "is --url right?", http.StatusNotFound},
		{"a password is wanted", "Unauthorized", "--http.config.file", http.StatusUnauthorized},
		{"a token is wanted", `{"error": "say who you are"}`, "remedy: say who you are. Give remedy your token in a file that --http.config.file names", http.StatusUnauthorized},
		{"words of ours", `{"error": "look again"}`, "remedy: look again\n", http.StatusConflict},
		{"words that a terminal would obey", `{"error": "a\u001b]0;owned\u0007b\nc\u202e"}`, "remedy: a]0;ownedb c\n", http.StatusConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := calls(t, "--url", serve(t, c.code, c.body), "status")
			if code != exitFailed || stdout != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d, nothing, and %q", code, stdout, stderr, exitFailed, c.want)
			}
		})
	}
}

func TestJSONKeepsItsMeaningAndIsNoTerminalCode(t *testing.T) {
	const body = `{"journal": "a` + "\u009b31m\u202e\U000e0041" + `ß"}`
	code, stdout, stderr := calls(t, "--url", serve(t, http.StatusOK, body), "-o", "json", "status")
	want := `{"journal": "a\u009b31m\u202e\udb40\udc41ß"}`
	if code != exitOK || stdout != want {
		t.Errorf("exit code %d, stdout %q, stderr %q; want %q", code, stdout, stderr, want)
	}
}

func TestColours(t *testing.T) {
	var out bytes.Buffer
	p := &printer{w: &out, colours: true}
	p.printf("%s %s\n", p.tone(web.Bad, "denied\x1b[0m"), "x\x1b[31m")
	if want := "\x1b[31mdenied[0m\x1b[0m x[31m\n"; out.String() != want {
		t.Errorf("coloured: %q, want %q", out.String(), want)
	}
	env := func(name string) string { return map[string]string{"NO_COLOR": "1"}[name] }
	if coloured(env, &out) || coloured(func(string) string { return "" }, &out) {
		t.Error("what is no terminal is coloured")
	}
}
