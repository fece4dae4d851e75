package remediate

import (
	"maps"
	"slices"
)

// Blob is something that is kept beside the journal, under a digest that a fact
// names.
type Blob struct {
	Digest string // SHA-256, in hexadecimal
	Is     string // BlobRulebook, BlobEvidence or BlobComparison
}

// What a blob is.
const (
	BlobRulebook   = "rulebook"   // what policies there were, see [DecodeRulebook]
	BlobEvidence   = "evidence"   // what was gathered before an act
	BlobComparison = "comparison" // what a release decides otherwise than the one before
)

// BlobsOf returns the blobs that a fact names.
func BlobsOf(b Body) []Blob {
	var all []Blob
	name := func(digest, is string) {
		if digest != "" {
			all = append(all, Blob{digest, is})
		}
	}
	switch b := b.(type) {
	case RulebookLoaded:
		name(b.Digest, BlobRulebook)
	case Opened:
		name(b.Rulebook, BlobRulebook)
	case Compared:
		name(b.Details, BlobComparison)
	case Finished:
		for _, a := range b.Answers {
			if a.Kind == BlobEvidence {
				name(a.Values[ValueDigest], BlobEvidence)
			}
		}
	}
	return all
}

// Blobs returns the blobs without which nobody can go on from the state, in the
// order of their digests: the rulebooks that something is decided by, and the
// evidence of what is about to be done.
func (s *State) Blobs() []Blob {
	need := map[string]string{s.Rulebook: BlobRulebook}
	for _, i := range s.Incidents.All() {
		need[i.Rulebook], need[i.Evidence] = BlobRulebook, BlobEvidence
	}
	delete(need, "")
	var all []Blob
	for _, digest := range slices.Sorted(maps.Keys(need)) {
		all = append(all, Blob{digest, need[digest]})
	}
	return all
}
