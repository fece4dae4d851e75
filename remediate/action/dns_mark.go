package action

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/x0tta6bl4/remediated/remediate/internal/rrset"
)

// What we changed is noted in the zone itself, beside the name, in the same
// update: there it is as durable as the change, and whoever looks at the zone
// sees who made it.

// dnsMark is the TXT record of what we changed.
type dnsMark struct {
	by   string   // which act did it last
	from []string // what there was before we changed it first
	ttl  uint32   // of those
	to   []string // what we wanted last: other records are somebody else's
	err  error    // something is there that cannot be read as a mark
}

// The keys of a mark's texts.
const (
	markBy   = "remediated-by"
	markFrom = "from"
	markTTL  = "from-ttl"
	markTo   = "to"
)

// markName is where the mark of a name's records of a type is.
func markName(name, kind string) string {
	return "_remediated-" + strings.ToLower(kind) + "." + dns.CanonicalName(name)
}

func (m *dnsMark) texts() []string {
	out := []string{markBy + "=" + m.by}
	for _, v := range m.from {
		out = append(out, markFrom+"="+v)
	}
	out = append(out, markTTL+"="+strconv.FormatUint(uint64(m.ttl), 10))
	for _, v := range m.to {
		out = append(out, markTo+"="+v)
	}
	return out
}

// readMark reads the mark of records of a type, if there is one.
func readMark(records []dns.RR, kind string) dnsMark {
	if len(records) == 0 {
		return dnsMark{}
	}
	var m dnsMark
	at, isText := records[0].(*dns.TXT)
	good := isText && len(records) == 1
	for i := 0; good && i < len(at.Txt); i++ {
		key, value, _ := strings.Cut(at.Txt[i], "=")
		good = m.take(kind, key, value)
	}
	if !good || m.by == "" || len(m.from) == 0 || len(m.to) == 0 {
		return dnsMark{err: fmt.Errorf("what is at %s is no mark of ours that can be read: see who wrote it, set the name by hand and remove it", records[0].Header().Name)}
	}
	return m
}

// take reads one of the texts and tells whether it is one of a mark.
func (m *dnsMark) take(kind, key, value string) bool {
	switch key {
	case markBy:
		m.by = value
	case markFrom:
		m.from = append(m.from, value)
		return rrset.Check(kind, value) == nil
	case markTo:
		m.to = append(m.to, value)
		return rrset.Check(kind, value) == nil
	case markTTL:
		n, err := strconv.ParseUint(value, 10, 32)
		m.ttl = uint32(n)
		return err == nil
	default:
		return false
	}
	return true
}

// stands tells whether the records are those that we set.
func (m *dnsMark) stands(values []string) bool {
	return m.by != "" && strings.Join(m.to, " ") == strings.Join(values, " ")
}

func header(name string, kind uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: dns.CanonicalName(name), Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

// copies are for a message that changes the records that it is made of.
func copies(records []dns.RR) []dns.RR {
	var out []dns.RR
	for _, r := range records {
		out = append(out, dns.Copy(r))
	}
	return out
}
