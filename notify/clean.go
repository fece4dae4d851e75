package notify

import (
	"strings"
	"unicode"
)

// Clean makes text from outside fit to be shown on one line: white space and
// line ends become single spaces; control characters, invisible ones and those
// that turn the direction of writing are dropped, because with them a text can
// be made to read as another one; invalid UTF-8 becomes U+FFFD. What is longer
// than limit characters is cut and ends in "…".
//
// It does not escape: that is up to each service's syntax.
func Clean(text string, limit int) string {
	var b strings.Builder
	n, gap := 0, false
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			gap = n > 0
			continue
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
			continue
		}
		if gap {
			b.WriteByte(' ')
			n, gap = n+1, false
		}
		b.WriteRune(r)
		if n++; n > limit {
			return Cut(b.String(), limit)
		}
	}
	return b.String()
}

// Cut shortens text to limit characters, the last of which is then "…".
func Cut(text string, limit int) string {
	if limit <= 0 {
		return ""
	}
	n, end := 0, 0 // end is where the first limit-1 characters end
	for i := range text {
		if n == limit-1 {
			end = i
		}
		if n++; n > limit {
			return text[:end] + "…"
		}
	}
	return text
}
