package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
)

func (c *cli) manCommand(app *kingpin.Application) {
	cmd := app.Command("man", "Print the manual page, for example: remedy man | man -l -")
	c.commands[cmd.FullCommand()] = func(context.Context) error {
		_, err := fmt.Fprint(c.out.w, manPage(app.Model()))
		return err
	}
}

// afterwards is what the manual page says behind the commands.
const afterwards = `.SH ENVIRONMENT
.TP
\fBREMEDY_URL\fR
Where the daemon's page is.
.TP
\fBREMEDY_CONFIG\fR
The file with the user's settings.
.TP
\fBNO_COLOR\fR
When it is not empty, no colours are used.
.SH FILES
.TP
\fI~/.config/remedy/config.yml\fR
What is not to be said each time:
.nf
    url: https://remediated.example.org
    by: anna
    output: text
    http.config.file: token.yml
.fi
.SH EXIT STATUS
0 when it is done, 1 when it was refused, not found or not reachable, or when what was looked at is amiss; 2 when it was not told right what to do; 3 when there are warnings that are to fail.
`

// manPage writes the command line as a page for man(1).
func manPage(app *kingpin.ApplicationModel) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"%[2]s %[3]s\"\n.SH NAME\n%[2]s \\- %[4]s\n", strings.ToUpper(app.Name), app.Name, roff(cmp.Or(version.Version, "(unknown)")), roff(app.Help))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n\\fB%s\\fR [\\fIflags\\fR] \\fIcommand\\fR [\\fIargs\\fR]\n.SH OPTIONS\n", app.Name)
	manFlags(&b, app.FlagGroupModel)
	b.WriteString(".SH COMMANDS\n")
	for _, cmd := range app.FlattenedCommands() {
		fmt.Fprintf(&b, ".SS \"%s", roff(cmd.FullCommand))
		for _, a := range cmd.Args {
			name := a.Name
			if !a.Required {
				name = "[" + name + "]"
			}
			b.WriteString(" " + roff(name))
		}
		fmt.Fprintf(&b, "\"\n%s\n", roff(cmd.Help))
		for _, a := range cmd.Args {
			fmt.Fprintf(&b, ".TP\n\\fI%s\\fR\n%s\n", roff(a.Name), roff(a.Help))
		}
		manFlags(&b, cmd.FlagGroupModel)
	}
	return b.String() + afterwards
}

func manFlags(b *strings.Builder, flags *kingpin.FlagGroupModel) {
	for _, f := range flags.Flags {
		if f.Hidden {
			continue
		}
		name := "--" + f.Name
		if f.Short != 0 {
			name = fmt.Sprintf("-%c, %s", f.Short, name)
		}
		fmt.Fprintf(b, ".TP\n\\fB%s\\fR", roff(name))
		if !f.IsBoolFlag() {
			fmt.Fprintf(b, "=\\fI%s\\fR", roff(strings.ToUpper(f.Name[strings.LastIndexAny(f.Name, ".-")+1:])))
		}
		fmt.Fprintf(b, "\n%s\n", roff(f.Help))
	}
}

// roff writes text so that man(1) shows it as it is.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`, "\n", " ").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}
