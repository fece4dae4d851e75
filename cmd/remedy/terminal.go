package main

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// coloured tells whether stdout is a terminal whose user wants colours.
func coloured(env func(string) string, stdout io.Writer) bool {
	return env("NO_COLOR") == "" && env("TERM") != "dumb" && isTerminal(stdout)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// widthOf is how many characters fit on a line of a terminal, 0 when w is none.
func widthOf(w io.Writer) int {
	width, _ := sizeOf(w)
	return width
}

// sizeOf is how many characters and lines fit on a terminal, 0 and 0 when w is none.
func sizeOf(w io.Writer) (width, height int) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, 0
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}

// narrowest is the least width in which text is broken into lines. In less the
// terminal does it, wherever that is.
const narrowest = 24

// broken breaks text between words into lines that fit a width; a word that is
// longer stands on a line of its own. 0 and what is less than narrowest is no limit.
func broken(text string, width int) []string {
	if width < narrowest || utf8.RuneCountInString(text) <= width {
		return []string{text}
	}
	var lines []string
	line, n := "", 0
	for word := range strings.SplitSeq(text, " ") {
		w := utf8.RuneCountInString(word)
		if n > 0 && n+1+w > width {
			lines, line, n = append(lines, line), "", 0
		}
		if n > 0 || line != "" {
			line, n = line+" ", n+1
		}
		line, n = line+word, n+w
	}
	return append(lines, line)
}
