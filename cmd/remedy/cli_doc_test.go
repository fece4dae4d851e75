package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"
)

// commandLine is the whole of the command line, of nobody in particular.
func commandLine() *kingpin.ApplicationModel {
	c := &cli{out: &printer{w: io.Discard}, errs: io.Discard}
	app, _ := c.app(settings{}, io.Discard, io.Discard)
	return app.Model()
}

// docs/cli.md is written from the commands that there are: run with -update after
// changing one.
func TestCLIPage(t *testing.T) {
	const page = "../../docs/cli.md"
	want := cliPage(commandLine())
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(page); err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/cli.md is not what the commands say (%v): go test ./cmd/remedy -run TestCLIPage -update", err)
	}
	for _, said := range []string{"\n### `remedy incident explain ID`\n", "\n### `remedy policy lint ", "| `--reason=REASON` |", "| `-o`, `--output=OUTPUT` |"} {
		if !bytes.Contains(want, []byte(said)) {
			t.Errorf("the page lacks %q", said)
		}
	}
}

// cliPage writes the command line as Markdown.
func cliPage(app *kingpin.ApplicationModel) []byte {
	var b bytes.Buffer
	b.WriteString(`# The command line

Written from the commands of ` + "`remedy`" + `; the manual page ` + "(`remedy man | man -l -`)" + ` has the same. [steering.md](steering.md) and
[workbench.md](workbench.md) say what they are for. The daemon's own flags are in [flags.md](flags.md).

The exit code is 0 when it is done, 1 when it was refused, not found or not reachable, or when what was looked at is amiss; 2 when it was
not told right what to do; 3 when there are warnings that are to fail.

## For every command

`)
	cliTable(&b, app.FlagGroupModel, nil)
	b.WriteString("\n## Commands\n")
	for _, cmd := range app.FlattenedCommands() {
		if cmd.Hidden {
			continue
		}
		fmt.Fprintf(&b, "\n### `remedy %s`\n\n%s\n\n", strings.Join(append([]string{cmd.FullCommand}, argNames(cmd.Args)...), " "), cliText(cmd.Help))
		cliTable(&b, cmd.FlagGroupModel, cmd.Args)
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

func argNames(args []*kingpin.ArgModel) (names []string) {
	for _, a := range args {
		name := strings.ToUpper(a.Name)
		if !a.Required {
			name = "[" + name + "]"
		}
		names = append(names, name)
	}
	return names
}

// cliTable writes what may stand behind a command, nothing when nothing may.
func cliTable(b *bytes.Buffer, flags *kingpin.FlagGroupModel, args []*kingpin.ArgModel) {
	var rows []string
	for _, a := range args {
		rows = append(rows, fmt.Sprintf("| `%s` | %s |\n", strings.ToUpper(a.Name), cliText(a.Help)))
	}
	for _, f := range flags.Flags {
		if f.Hidden || strings.HasPrefix(f.Name, "help") && f.Name != "help" {
			continue
		}
		name := "--" + f.Name
		if !f.IsBoolFlag() {
			name += "=" + strings.ToUpper(f.Name[strings.LastIndexAny(f.Name, ".-")+1:])
		}
		short := ""
		if f.Short != 0 {
			short = fmt.Sprintf("`-%c`, ", f.Short)
		}
		rows = append(rows, fmt.Sprintf("| %s`%s` | %s%s |\n", short, name, cliText(f.Help), cliDefault(f)))
	}
	if len(rows) > 0 {
		fmt.Fprintf(b, "| | |\n|---|---|\n%s", strings.Join(rows, ""))
	}
}

// cliDefault says a default that the help does not say itself.
func cliDefault(f *kingpin.FlagModel) string {
	value := strings.Join(f.Default, ", ")
	if f.IsBoolFlag() || value == "" || strings.Contains(f.Help, "efault") {
		return ""
	}
	return fmt.Sprintf(" Default: `%s`.", value)
}

// cliText is a text that stands in a table.
func cliText(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(text)
}
