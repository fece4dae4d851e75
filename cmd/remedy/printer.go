package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/x0tta6bl4/remediated/remediate/web"
)

// printer writes text for a terminal. The first error in writing is kept, and
// nothing is written after it.
type printer struct {
	w       io.Writer
	colours bool
	width   int // of the terminal in characters; 0: it is none, and a line is as long as it is
	err     error
}

// painted is text that was cleaned and may hold escape sequences of ours.
type painted string

// colours of a tone, as parameters of SGR.
var colours = map[web.Tone]string{web.Good: "32", web.Busy: "34", web.Wait: "33", web.Bad: "31", web.Quiet: "2"}

// bold is a tone of ours.
const bold web.Tone = "bold"

// tone paints text.
func (p *printer) tone(t web.Tone, text string) painted {
	text = clean(text)
	code := colours[t]
	if t == bold {
		code = "1"
	}
	if !p.colours || code == "" || text == "" {
		return painted(text)
	}
	return painted("\x1b[" + code + "m" + text + "\x1b[0m")
}

// printf writes. Strings that were not painted are cleaned: they may come
// from outside, and what a terminal obeys must not.
func (p *printer) printf(format string, args ...any) {
	if p.err != nil {
		return
	}
	for k, a := range args {
		if s, ok := a.(string); ok {
			args[k] = clean(s)
		}
	}
	_, p.err = fmt.Fprintf(p.w, format, args...)
}

// shown are the ways in which something is shown to people.
type shown struct {
	text, markdown func()
	html           func() error
}

// show shows what was found in a format. A program asks for its own by --output, too.
func (c *cli) show(format string, found any, as shown) error {
	if c.forProgram() {
		format = c.output
	}
	switch format {
	case "json", "yaml":
		return c.showData(found)
	case "html":
		return as.html()
	case "markdown":
		as.markdown()
	default:
		as.text()
	}
	return c.out.err
}

// text writes what was kept line by line, without what a terminal obeys.
func (p *printer) text(b []byte) error {
	for line := range strings.Lines(string(b)) {
		words, ended := strings.CutSuffix(line, "\n")
		for k, word := range strings.Split(words, "\t") {
			if k > 0 {
				p.printf("\t")
			}
			p.printf("%s", word)
		}
		if ended {
			p.printf("\n")
		}
	}
	return p.err
}

// clean keeps text on its line and takes from it what a terminal obeys or what
// makes it read as another text.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
}

// pad fills text up to a width in characters, before it is painted.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// cell is one field of a table.
type cell struct {
	text string
	tone web.Tone
}

// table writes rows in columns. What does not fit into the last one goes on
// below it.
func (p *printer) table(rows [][]cell) {
	var widths []int
	for _, row := range rows {
		for k, c := range row {
			if k == len(widths) {
				widths = append(widths, 0)
			}
			widths[k] = max(widths[k], utf8.RuneCountInString(clean(c.text)))
		}
	}
	for _, row := range rows {
		column := 0
		for k, c := range row {
			if k == len(row)-1 {
				p.rest(column, c.tone, c.text)
				break
			}
			p.printf("%s", p.tone(c.tone, pad(clean(c.text), widths[k]+2)))
			column += widths[k] + 2
		}
	}
}

// rest writes text to the end of a line, of which so many characters are written.
// What does not fit goes on in the same column below.
func (p *printer) rest(column int, t web.Tone, text string) {
	for k, line := range broken(clean(text), p.width-column) {
		if k > 0 {
			p.printf("%s", strings.Repeat(" ", column))
		}
		p.printf("%s\n", p.tone(t, line))
	}
}

// columns writes rows of text below their headings.
func (p *printer) columns(headings []string, rows [][]string) {
	var head []cell
	for _, h := range headings {
		head = append(head, cell{strings.ToUpper(h), bold})
	}
	p.table(append([][]cell{head}, rowsOf(rows, func(row []string) (cells []cell) {
		for _, text := range row {
			cells = append(cells, cell{text: text})
		}
		return cells
	})...))
}

// markdownTable writes them as a table of Markdown.
func (p *printer) markdownTable(headings []string, rows [][]string) {
	p.printf("| %s |\n|%s\n", strings.Join(headings, " | "), strings.Repeat("---|", len(headings)))
	for _, row := range rows {
		p.printf("| %s |\n", strings.Join(inMarkdown(row), " | "))
	}
}

// rowsOf is what each of them has in a table.
func rowsOf[T, C any](all []T, cells func(T) []C) (rows [][]C) {
	for _, one := range all {
		rows = append(rows, cells(one))
	}
	return rows
}
