package slack

import (
	"encoding/json"
	"unicode/utf8"

	api "github.com/slack-go/slack"
)

// Of a long list, each line is shown up to maxSeen characters, and all sections
// together take up to maxPacked characters of JSON: what is around them has room.
const (
	maxSeen   = 500
	maxPacked = 10000
	maxPacks  = 40 // sections
)

// pack puts lines from outside into as few sections as they take, each line cut
// to each characters, and returns how many lines found no room.
func pack(all []string, each, room int) (blocks []api.Block, left int) {
	var texts []string
	last := 0 // characters of the last of texts
	for i, line := range all {
		line = escape(line, each)
		if line == "" {
			continue
		}
		n := utf8.RuneCountInString(line)
		room -= jsonLength(line)
		fresh := len(texts) == 0 || last+1+n > maxSection
		if fresh {
			room -= sectionLength
		}
		if room < 0 || (fresh && len(texts) == maxPacks) {
			left = len(all) - i
			break
		}
		if fresh {
			texts, last = append(texts, line), n
			continue
		}
		texts[len(texts)-1] += "\n" + line
		last += 1 + n
	}
	for _, text := range texts {
		blocks = append(blocks, api.NewSectionBlock(api.NewTextBlockObject(api.PlainTextType, text, false, false), nil, nil))
	}
	return blocks, left
}

// sectionLength is of a section without its text, in JSON and rounded up.
const sectionLength = 120

// jsonLength is how many characters a line takes in JSON. Marshalling writes
// "&" as six; the quotes stand for the line's end, which takes two.
func jsonLength(line string) int {
	b, err := json.Marshal(line)
	if err != nil {
		return len(line) * 6
	}
	return utf8.RuneCount(b)
}
