package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// ours are the programs whose arguments are held to what they take.
var ours = []string{"remedy", "bin/remedy", "remediated", "bin/remediated", "make"}

// others are programs of other people that the pages name. What they do is not ours to
// test here: test/e2e runs the like of it against the real parts.
var others = []string{
	"age-keygen", "amtool", "awk", "cd", "chmod", "cosign", "cp", "curl", "cut", "export", "git", "go", "gunzip", "helm", "install", "jq", "kubectl", "man", "mkdir", "mv",
	"openssl", "promtool", "rm", "scp", "sha256sum", "source", "systemctl", "systemd-sysusers", "tar", "touch", "tsig-keygen", "userdel",
}

// amissInShell reads commands as a shell would, as far as the pages need it.
func amissInShell(text string) error {
	commands, err := shell(text)
	if err != nil {
		return err
	}
	if len(commands) == 0 {
		return errors.New("there is no command in it")
	}
	for _, words := range commands {
		if err := amissInCommand(words); err != nil {
			return err
		}
	}
	return nil
}

var assignment = regexp.MustCompile(`^[A-Za-z_]+=`)

func amissInCommand(words []string) error {
	if words[0] == "sudo" {
		words = words[1:]
	}
	for len(words) > 0 && assignment.MatchString(words[0]) {
		words = words[1:]
	}
	switch {
	case len(words) == 0:
		return nil
	case strings.TrimPrefix(words[0], "bin/") == "remedy":
		return parses(slices.DeleteFunc(slices.Clone(words[1:]), func(w string) bool { return w == "..." }))
	case strings.TrimPrefix(words[0], "bin/") == "remediated":
		return amissInDaemon(words[1:])
	case words[0] == "make":
		return amissInMake(words[1:])
	case slices.Contains(others, words[0]):
		return nil
	}
	return fmt.Errorf("%q is no program that is known: is it what is printed? then it is a `text`; else add it to others", words[0])
}

// amissInDaemon looks for flags that docs/flags.md, which the daemon itself writes,
// does not have.
func amissInDaemon(args []string) error {
	help, err := os.ReadFile("../../docs/flags.md")
	if err != nil {
		return err
	}
	for _, a := range args {
		name, _, _ := strings.Cut(strings.TrimPrefix(a, "--"), "=")
		if strings.HasPrefix(a, "--") && !regexp.MustCompile(`--(\[no-\])?`+regexp.QuoteMeta(name)+`\b`).Match(help) {
			return fmt.Errorf("remediated has no flag --%s", name)
		}
	}
	return nil
}

func amissInMake(args []string) error {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		return err
	}
	for _, a := range args {
		if !strings.Contains(a, "=") && !regexp.MustCompile("(?m)^"+regexp.QuoteMeta(a)+":").Match(makefile) {
			return fmt.Errorf("make has no target %s", a)
		}
	}
	return nil
}

// shell splits a text into commands, each into its words. What stands in $( ) or <( )
// is a command besides; where output goes is no word.
func shell(text string) (commands [][]string, err error) {
	var words []string
	var word strings.Builder
	inWord, redirected := false, false
	endWord := func() {
		if inWord && !redirected {
			words = append(words, word.String())
		}
		if inWord {
			redirected = false
		}
		inWord = false
		word.Reset()
	}
	endCommand := func() {
		endWord()
		if len(words) > 0 {
			commands = append(commands, words)
		}
		words = nil
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] != '\n' {
				word.WriteByte(text[i])
				inWord = true
			}
		case c == '\'' || c == '"':
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 {
				return nil, fmt.Errorf("the quote %c is not closed", c)
			}
			inWord = true
			inner, err := inQuotes(text[i+1 : i+1+end])
			if err != nil {
				return nil, err
			}
			if c == '"' {
				commands = append(commands, inner...)
			}
			word.WriteString(text[i+1 : i+1+end])
			i += end + 1
		case (c == '$' || c == '<') && i+1 < len(text) && text[i+1] == '(':
			end := strings.IndexByte(text[i:], ')')
			if end < 0 {
				return nil, errors.New("a bracket is not closed")
			}
			inner, err := shell(text[i+2 : i+end])
			if err != nil {
				return nil, err
			}
			commands = append(commands, inner...)
			word.WriteString("x")
			inWord = true
			i += end
		case c == '#' && !inWord:
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case c == '>' || c == '<':
			endWord()
			redirected = true
			for i+1 < len(text) && text[i+1] == '>' {
				i++
			}
		case c == '|' || c == ';' || c == '&' || c == '\n':
			endCommand()
		case c == ' ' || c == '\t':
			endWord()
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	endCommand()
	return commands, nil
}

// inQuotes are the commands that stand in $( ) inside of double quotes.
func inQuotes(quoted string) (commands [][]string, err error) {
	for _, m := range regexp.MustCompile(`\$\(([^)]*)\)`).FindAllStringSubmatch(quoted, -1) {
		inner, err := shell(m[1])
		if err != nil {
			return nil, err
		}
		commands = append(commands, inner...)
	}
	return commands, nil
}
