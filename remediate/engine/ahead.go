package engine

import (
	"iter"
	"runtime"

	"github.com/x0tta6bl4/remediated/remediate"
)

// aChunk is how many records are decoded at a time.
const aChunk = 256

// decoded is a record and its fact, or why it is none.
type decoded struct {
	remediate.Record
	fact remediate.Fact
	err  error
}

// foldInto is s.Fold(d.Record).
func (d decoded) foldInto(s *remediate.State) error {
	if d.err != nil {
		return s.Fold(d.Record) // it may be damaged besides, which is to be said first
	}
	return s.FoldFact(d.Record, d.fact)
}

// chunk is some records that are decoded, or about to be.
type chunk struct {
	records []decoded
	err     error // of reading, after the records
	done    chan struct{}
}

func (c *chunk) decode() {
	defer close(c.done)
	for k := range c.records {
		d := &c.records[k]
		d.fact, d.err = d.Decode()
	}
}

// ahead yields the records with their facts. It reads and decodes ahead, on every
// processor that there is: decoding is most of what a start has to do, and folding
// is not.
func ahead(records iter.Seq2[remediate.Record, error]) iter.Seq2[decoded, error] {
	return func(yield func(decoded, error) bool) {
		chunks, stop := make(chan *chunk, runtime.GOMAXPROCS(0)), make(chan struct{})
		go func() {
			defer close(chunks)
			inChunks(records, func(c *chunk) bool {
				go c.decode()
				select {
				case chunks <- c:
					return true
				case <-stop:
					<-c.done
					return false
				}
			})
		}()
		defer func() { // who begins something waits for its end
			close(stop)
			for c := range chunks {
				<-c.done
			}
		}()
		for c := range chunks {
			<-c.done
			for _, d := range c.records {
				if !yield(d, nil) {
					return
				}
			}
			if c.err != nil {
				yield(decoded{}, c.err)
				return
			}
		}
	}
}

// inChunks yields records in chunks, the last with the error that ended them.
func inChunks(records iter.Seq2[remediate.Record, error], yield func(*chunk) bool) {
	next := func() *chunk {
		return &chunk{records: make([]decoded, 0, aChunk), done: make(chan struct{})}
	}
	c := next()
	for r, err := range records {
		if err != nil {
			c.err = err
			break
		}
		if c.records = append(c.records, decoded{Record: r}); len(c.records) == aChunk {
			if !yield(c) {
				return
			}
			c = next()
		}
	}
	yield(c)
}
