package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/remediate/web"
)

// completions are scripts that have a shell ask this program how a line may go on.
var completions = map[string]string{
	"bash": `_remedy() {
    local IFS=$'\n'
    COMPREPLY=( $(compgen -W "$(remedy --completion-bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}") )
}
complete -o default -F _remedy remedy
`,
	"zsh": `#compdef remedy
_remedy() {
    local -a matches
    matches=("${(@f)$(remedy --completion-bash "${(@)words[2,$CURRENT]}" 2>/dev/null)}")
    compadd -a matches
    if [[ $compstate[nmatches] -eq 0 && $words[$CURRENT] != -* ]]; then
        _files
    fi
}
compdef _remedy remedy
`,
	"fish": `function __remedy_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (remedy --completion-bash $words[2..-1] 2>/dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c remedy -f -a '(__remedy_complete)'
`,
}

// completionWithin is how long a shell waits for the daemon.
const completionWithin = time.Second

func (c *cli) completionCommand(app *kingpin.Application) {
	cmd := app.Command("completion", "Print a script by which a shell completes commands, flags and open incidents, for example: source <(remedy completion bash)")
	var shell string
	oneOf(cmd.Arg("shell", "bash, zsh or fish."), &shell, "bash", "zsh", "fish")
	c.commands[cmd.FullCommand()] = func(context.Context) error {
		_, err := fmt.Fprint(c.out.w, completions[shell])
		return err
	}
}

// oneOf has an argument be one of some words, to which a shell completes it.
func oneOf(arg *kingpin.ArgClause, to *string, words ...string) {
	arg.Required().HintOptions(words...).EnumVar(to, words...)
}

// incidentArg is the argument of a command that says which incident it is about.
// A shell completes it to those that are open.
func (c *cli) incidentArg(cmd *kingpin.CmdClause) *string {
	return cmd.Arg("id", "42 or i42.").Required().HintAction(c.openIncidents).String()
}

// openIncidents names those that are open; none when the daemon does not say.
func (c *cli) openIncidents() (all []string) {
	ctx, cancel := context.WithTimeout(context.Background(), completionWithin)
	defer cancel()
	var l web.IncidentList
	if _, err := c.get(ctx, "/api/v1/incidents", url.Values{"status": {web.Open}, "limit": {"1000"}}, &l); err != nil {
		return nil // a shell has nowhere to say why
	}
	for _, i := range l.Incidents {
		all = append(all, fmt.Sprintf("i%d", i.Number))
	}
	return all
}
