// Command remedy is the operator's command line. It asks the daemon over HTTP
// and hands it a human's word. Policies are checked without a daemon. It holds no
// credentials of a cluster but for check posture, which only reads; what drill live
// breaks, a command of its user breaks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // a window's time zone must load on a machine that has none

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // refused, not found, not reachable
	exitUsage  = 2 // not told right what to do
	exitWarned = 3 // there are warnings, and they are to fail: promtool's code for that
)

// within is how long a command may take that does not read a whole journal.
const within = 30 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main with its surroundings as arguments. It returns the exit code.
func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	c := &cli{out: &printer{w: stdout, colours: coloured(env, stdout), width: widthOf(stdout)}, errs: stderr}
	beforehand, unsettled := settle(env)
	app, ended := c.app(beforehand, stdout, stderr)
	command, err := app.Parse(args)
	switch {
	case *ended: // --help and --version have said all there is
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "remedy: %v; try remedy --help\n", err)
		return exitUsage
	case unsettled != nil:
		fmt.Fprintf(stderr, "remedy: %v\n", clean(unsettled.Error()))
		return exitUsage
	}
	if !c.reads[command] {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	err = c.commands[command](ctx)
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "remedy: %v\n", clean(err.Error()))
		return exitUsage
	case errors.Is(err, errWarned):
		return exitWarned
	case err != nil:
		if !errors.Is(err, errShown) {
			fmt.Fprintf(stderr, "remedy: %v\n", clean(err.Error()))
		}
		return exitFailed
	}
	return exitOK
}

// usageError says that the command was not told right what to do.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// errShown says that what is wrong was shown already; errWarned, that there were
// only warnings.
var (
	errShown  = errors.New("shown")
	errWarned = errors.New("warned")
)

// cli is one call of the command: its flags and what it can do.
type cli struct {
	out      *printer
	errs     io.Writer // what is to be known beside what was asked for
	url      string
	by       string
	output   string
	config   string
	http     *http.Client // once the daemon was asked
	commands map[string]func(context.Context) error
	reads    map[string]bool // commands that read a whole journal, however long that takes
}

// app describes the command line. The bool is set when the app has answered by
// itself.
func (c *cli) app(beforehand settings, stdout, stderr io.Writer) (*kingpin.Application, *bool) {
	ended := false
	app := kingpin.New("remedy", "Look at what remediated does, and give it your word.")
	app.UsageWriter(stdout).ErrorWriter(stderr).Terminate(func(int) { ended = true })
	app.Version(version.Print("remedy"))
	app.HelpFlag.Short('h')
	app.Flag("url", "Where the daemon's page is. Default: $REMEDY_URL, else what ~/.config/remedy/config.yml says (or the file that $REMEDY_CONFIG names), else http://127.0.0.1:9095. That file may say by, output and http.config.file, too.").
		Default(beforehand.url).StringVar(&c.url)
	app.Flag("by", "Who gives the word. Default: $USER. A daemon that asks for a password takes that user instead.").
		Default(beforehand.by).StringVar(&c.by)
	app.Flag("output", "text, or json as the API gives it, or the same as yaml.").Short('o').Default(beforehand.output).EnumVar(&c.output, outputs...)
	app.Flag("http.config.file", "TLS and authentication towards the daemon, in Prometheus's format of HTTP client configuration.").
		Default(beforehand.config).StringVar(&c.config)
	c.commands, c.reads = map[string]func(context.Context) error{}, map[string]bool{}
	c.incidentCommands(app.Command("incident", "Incidents: what is broken and what is done about it."))
	c.scopeCommands(app)
	c.drillCommands(app.Command("drill", "Drills: practise on the table, when nothing is broken, or break something on purpose."))
	c.policyCommands(app.Command("policy", "Policies: what may be done about what."))
	c.journalCommands(app.Command("journal", "The daemon's journal."))
	c.upgradeCommands(app.Command("upgrade", "A new release of the daemon: what it decides otherwise, and whether it may act."))
	c.reportCommands(app.Command("report", "Reports on what happened."))
	c.completionCommand(app)
	c.manCommand(app)
	return app, &ended
}
