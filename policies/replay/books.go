package replay

import (
	"fmt"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Books returns the rulebooks that were kept in a journal by their digests, each
// read once.
func Books(load func(digest string) ([]byte, error)) func(digest string) (*remediate.Rulebook, error) {
	read := map[string]*remediate.Rulebook{}
	return func(digest string) (*remediate.Rulebook, error) {
		if book := read[digest]; book != nil {
			return book, nil
		}
		text, err := load(digest)
		if err != nil {
			return nil, fmt.Errorf("rulebook %.12s: %w", digest, err)
		}
		book, err := remediate.DecodeRulebook(text)
		if err != nil {
			return nil, fmt.Errorf("rulebook %.12s: %w", digest, err)
		}
		read[digest] = book
		return book, nil
	}
}
