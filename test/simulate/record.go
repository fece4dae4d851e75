package simulate

import "github.com/x0tta6bl4/remediated/remediate"

// Record lives through a day and returns its journal, and the rulebooks that
// may govern in it.
func (c Case) Record() ([]remediate.Record, remediate.Rulebooks, error) {
	var records []remediate.Record
	var seq uint64
	var head remediate.Sum
	writing := Law{"writing", func(_ *story, f remediate.Fact) error {
		if f.Body == nil {
			return nil
		}
		r, err := remediate.Encode(seq, head, f.At, f.Body)
		if err == nil {
			seq, head = r.Seq, r.Sum
			records = append(records, r)
		}
		return err
	}}
	t := c.Run([]Law{writing})
	if t.Broken != nil {
		return nil, nil, t.Broken
	}
	books := remediate.Rulebooks{}
	for _, b := range diceFor(c.Seed, "rulebooks").rulebooks() {
		books[b.Digest()] = b
	}
	return records, books, nil
}
