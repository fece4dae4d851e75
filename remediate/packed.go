package remediate

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"
)

// A packed state stands, compressed, in an object that says of itself that it is of a
// format which no release before this packing reads, so that such a one passes it over.
// It consists of parts, each behind its length: the layout that it was written by, the
// state without its incidents and what is known of alerts, and these one by one. An
// incident is written as it rests, so that none is woken to be written or read.
const (
	packedFormat = 12
	packedBegins = `{"format":12,"packed":"`
	packedEnds   = `"}`
)

// What a part is, its first byte.
const (
	partModel   = 'm' // an incident that those after it are written like
	partAwake   = 'a' // an incident
	partResting = 'r' // one that rests
	partKnown   = 'k' // what is known of an alert
	partEnd     = 'e'
)

var (
	ofBrief = differOf(reflect.TypeFor[Brief]())
	ofKnown = differOf(reflect.TypeFor[Known]())
	// layout is what parts are written by. What this release wrote no other one reads
	// whose incidents have other fields: it folds the records, as without a snapshot.
	layout = layoutOf(reflect.TypeFor[Incident](), reflect.TypeFor[Brief](), reflect.TypeFor[Known]())
)

// packed is s as it was packed, see [State.unpack].
func (s *State) packed() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(packedBegins)
	text := base64.NewEncoder(base64.StdEncoding, &b)
	compressed, err := flate.NewWriter(text, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	p := packer{to: compressed, models: map[*Incident]int{}, ofPolicy: map[string]*Incident{}}
	p.state(s)
	for _, c := range []io.Closer{compressed, text} {
		if err := c.Close(); p.err == nil {
			p.err = err
		}
	}
	b.WriteString(packedEnds)
	return bytes.Clone(b.Bytes()), p.err
}

// packer writes the parts of a packed state. The first error ends it.
type packer struct {
	to       io.Writer
	part     []byte // the one that is being made
	models   map[*Incident]int
	ofPolicy map[string]*Incident // the model of those that are awake
	err      error
}

func (p *packer) state(s *State) {
	rest := *s
	rest.Incidents, rest.Known = newIncidents(), map[AlertID]*Known{}
	p.part = append(p.part[:0], layout...)
	p.write()
	if p.part, p.err = json.Marshal(&rest); p.err == nil {
		p.write()
	}
	for n, r := range s.Incidents.resting {
		p.incident(partResting, n, r)
	}
	for n, i := range s.Incidents.awake {
		like := p.ofPolicy[i.Policy]
		if like == nil {
			like = i
		}
		p.incident(partAwake, n, restingLike(i, like))
	}
	for id, k := range s.Known {
		p.part = append(append(p.part[:0], partKnown), id[:]...)
		p.part = ofKnown.write(p.part, reflect.ValueOf(k).Elem(), reflect.ValueOf(new(Known)).Elem())
		p.write()
	}
	p.part = append(p.part[:0], partEnd)
	p.write()
}

// incident writes one, and its model if no other was written like it.
func (p *packer) incident(kind byte, n uint64, r resting) {
	at, there := p.models[r.like]
	if !there {
		at = len(p.models)
		p.models[r.like], p.ofPolicy[r.like.Policy] = at, r.like
		p.part = append(p.part[:0], partModel)
		p.part = ofIncident.write(p.part, reflect.ValueOf(r.like).Elem(), reflect.ValueOf(new(Incident)).Elem())
		p.write()
	}
	p.part = binary.AppendUvarint(binary.AppendUvarint(append(p.part[:0], kind), n), uint64(at))
	like := r.like.brief()
	p.part = ofBrief.write(p.part, reflect.ValueOf(&r.brief).Elem(), reflect.ValueOf(&like).Elem())
	p.part = append(p.part, r.differs...)
	p.write()
}

// write writes the part.
func (p *packer) write() {
	for _, b := range [][]byte{binary.BigEndian.AppendUint32(nil, uint32(len(p.part))), p.part} {
		if p.err == nil {
			_, p.err = p.to.Write(b)
		}
	}
}

// layoutOf says by what values of these types are written: the same only for types
// with the same fields in the same order.
func layoutOf(types ...reflect.Type) string {
	sum := sha256.New()
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		fmt.Fprint(sum, t.Kind(), ";")
		switch t.Kind() {
		case reflect.Struct:
			if t == reflect.TypeFor[time.Time]() {
				return
			}
			for k := range t.NumField() {
				fmt.Fprint(sum, t.Field(k).Name, " ")
				add(t.Field(k).Type)
			}
		case reflect.Map:
			add(t.Key())
			add(t.Elem())
		case reflect.Array:
			fmt.Fprint(sum, t.Len(), " ")
			add(t.Elem())
		case reflect.Pointer, reflect.Slice:
			add(t.Elem())
		}
		fmt.Fprint(sum, ".")
	}
	for _, t := range types {
		add(t)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// packedIn is the packed state in b that begins so, false when b is none.
func packedIn(b []byte, begin string) ([]byte, bool) {
	b, begins := bytes.CutPrefix(b, []byte(begin))
	b, ends := bytes.CutSuffix(b, []byte(packedEnds))
	return b, begins && ends
}

// unpacker reads the parts of a packed state. The first error ends it.
type unpacker struct {
	from   io.Reader
	room   []byte
	models []*Incident
	err    error
}

// unpack reads what packed wrote, whose checksum was verified. It returns
// [ErrOtherFormat] for what was written by another layout.
func (s *State) unpack(packed []byte) error {
	text := base64.NewDecoder(base64.StdEncoding, bytes.NewReader(packed))
	u := unpacker{from: flate.NewReader(text)}
	if by := string(u.part()); u.err == nil && by != layout {
		return fmt.Errorf("%w: its incidents have other fields", ErrOtherFormat)
	}
	if part := u.part(); u.err == nil {
		u.err = json.Unmarshal(part, s)
	}
	for u.err == nil {
		part := u.part()
		if u.err != nil || part[0] == partEnd {
			break
		}
		u.take(s, part[0], part[1:])
	}
	if u.err != nil {
		return fmt.Errorf("after %d incidents and %d known alerts: %w", s.Incidents.Len(), len(s.Known), u.err)
	}
	return nil
}

// take adds a part to s.
func (u *unpacker) take(s *State, kind byte, part []byte) {
	switch kind {
	case partModel:
		i := new(Incident)
		ofIncident.read(&differences{string(part)}, reflect.ValueOf(i).Elem())
		u.models = append(u.models, i)
	case partResting:
		n, r := u.incident(part)
		s.Incidents.resting[n] = r
		if s.Incidents.patterns[r.like.Policy] == nil {
			s.Incidents.patterns[r.like.Policy] = &pattern{like: r.like}
		}
	case partAwake:
		_, r := u.incident(part)
		s.Incidents.Put(r.incident())
	case partKnown:
		k := new(Known)
		id := AlertID(part)
		ofKnown.read(&differences{string(part[len(id):])}, reflect.ValueOf(k).Elem())
		s.Known[id] = k
	}
}

// incident reads what packer.incident wrote.
func (u *unpacker) incident(part []byte) (uint64, resting) {
	d := &differences{string(part)}
	n, like := d.uvarint(), u.models[d.uvarint()]
	r := resting{like: like, brief: like.brief()}
	ofBrief.read(d, reflect.ValueOf(&r.brief).Elem())
	r.differs = d.rest
	return n, r
}

// part is the next part, until the one after it is read.
func (u *unpacker) part() []byte {
	if u.err != nil {
		return nil
	}
	var size [4]byte
	if _, u.err = io.ReadFull(u.from, size[:]); u.err != nil {
		return nil
	}
	length := int(binary.BigEndian.Uint32(size[:]))
	u.room = slices.Grow(u.room[:0], length)[:length]
	if _, u.err = io.ReadFull(u.from, u.room); u.err != nil {
		return nil
	}
	return u.room
}
