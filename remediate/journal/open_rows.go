package journal

import "github.com/x0tta6bl4/remediated/remediate"

// openRows are rows of incidents that are not closed, as the table has them: to read
// one back for each round that tells of it takes twice as long as to write it. Whoever
// changes such rows otherwise than by [projection] clears this; a trim deletes only
// those of closed incidents, of which none is here.
type openRows map[uint64]IncidentRow

// maxOpenRows is how many are kept, of about half a kilobyte each.
const maxOpenRows = 4096

// put keeps a row that was stored.
func (o openRows) put(r IncidentRow) {
	if r.Status == remediate.StatusClosed {
		delete(o, r.ID)
		return
	}
	if _, ok := o[r.ID]; !ok && len(o) >= maxOpenRows {
		for other := range o {
			delete(o, other)
			break
		}
	}
	o[r.ID] = r
}
