package action

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/common/model"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/rrset"
)

const (
	dnsDoc     = "replaces the records of one DNS name by a signed update of its primary, and notes what was there; restore: true puts that back"
	dnsExample = `dns_update: {server: primary, name: api.shop.example, from: [192.0.2.10], to: [198.51.100.20], ttl: 60s}`

	defaultTTL = model.Duration(time.Minute)
	maxTTL     = model.Duration(24 * time.Hour)
)

// dnsRecords replaces all records that a name has of one type, or puts back
// those that an earlier one replaced. What must be there before is written out,
// so that whoever approves the plan sees all of the change, and so that what
// somebody else made of the name meanwhile is not undone.
type dnsRecords struct {
	Server  string         `json:"server"`         // as the configuration calls it
	Name    string         `json:"name"`           // from the root: no domain is appended
	Type    string         `json:"type,omitempty"` // A, AAAA or CNAME; default A
	From    []string       `json:"from,omitempty"` // what must be there: these and no others
	To      []string       `json:"to,omitempty"`
	TTL     model.Duration `json:"ttl,omitempty"` // default 60s
	Restore bool           `json:"restore,omitempty"`
}

func (a *dnsRecords) validate() error {
	for name, value := range map[string]string{"server": a.Server, "name": a.Name, "from": strings.Join(a.From, ""), "to": strings.Join(a.To, "")} {
		if strings.Contains(value, "$") {
			return fmt.Errorf(`"%s": an alert must not choose what a name leads to: write it out`, name)
		}
	}
	if err := rrset.CheckName(a.Name); err != nil {
		return err
	}
	switch {
	case a.Server == "":
		return errors.New(`"server" is missing: want one of name_servers in remediated.yml`)
	case strings.Contains(a.Name, "*"):
		return fmt.Errorf(`"name" %q: the records of a wildcard are those of any name: write the one out that is meant`, a.Name)
	case rrset.Types[a.kind()] == 0:
		return fmt.Errorf(`"type" %q: want A, AAAA or CNAME`, a.Type)
	case a.Restore && (a.From != nil || a.To != nil || a.TTL != 0):
		return errors.New(`"restore" takes neither from, to nor ttl: it puts back what there was`)
	case a.Restore:
		return nil
	case len(a.From) == 0:
		return errors.New(`"from" is missing: want the records that are replaced, and nothing is done where there are others`)
	case len(a.To) == 0:
		return errors.New(`"to" is missing: want the records that the name shall have; a name is never left without any`)
	case a.TTL < 0 || a.TTL > maxTTL || a.TTL%model.Duration(time.Second) != 0:
		return fmt.Errorf(`"ttl" is %s: want whole seconds, up to %s`, a.TTL, maxTTL)
	}
	return a.validateRecords()
}

func (a *dnsRecords) validateRecords() error {
	for argument, list := range map[string][]string{"from": a.From, "to": a.To} {
		for _, value := range list {
			if err := rrset.Check(a.kind(), value); err != nil {
				return fmt.Errorf(`"%s": %w`, argument, err)
			}
		}
		switch plain := rrset.Plain(list...); {
		case len(plain) < len(list):
			return fmt.Errorf(`"%s": the same record is there twice`, argument)
		case a.kind() == "CNAME" && len(list) > 1:
			return fmt.Errorf(`"%s": a name has one CNAME at most`, argument)
		}
	}
	if slices.Equal(rrset.Plain(a.From...), rrset.Plain(a.To...)) {
		return errors.New(`"to" is what "from" is: nothing would change`)
	}
	return nil
}

func (a *dnsRecords) kind() string { return cmp.Or(a.Type, "A") }

// changes is the server and the name that it is about.
func (a *dnsRecords) changes() (server, name string) { return a.Server, a.Name }

// dnsRules are for the Event, and for seeing that the target is the one that was
// judged. What the key may change is up to the server.
func dnsRules(target string, _ json.RawMessage) []rbacv1.PolicyRule {
	return append(sameRules(target), eventRule)
}

func dnsWrites(target string, _ json.RawMessage) []Write {
	return eventWrites("dns_update", kindsOf(target)...)
}

func (a *dnsRecords) perform(ctx context.Context, t *attempt) remediate.Result {
	w, stop := t.same(ctx)
	if stop != nil {
		return *stop
	}
	s, zone, err := t.actor.primaryOf(a.Server, a.Name)
	if err != nil {
		return refused("%v", err)
	}
	r := (&renaming{attempt: t, dnsRecords: a, server: s, zone: zone}).change(ctx)
	if r.Outcome == remediate.Later {
		return r
	}
	return t.tell(ctx, w, r)
}

// renaming is a change of a name's records that is being carried out.
type renaming struct {
	*attempt
	*dnsRecords
	server *nameServer
	zone   string
}

// named is what a name has, and what our mark beside it says.
type named struct {
	records []dns.RR
	values  []string
	marks   []dns.RR
	mark    dnsMark
}

// replacement is what is to be written, and what there is to say of it then.
type replacement struct {
	values []string
	ttl    uint32
	mark   *dnsMark // nil: it goes
	done   string
}

func (c *renaming) change(ctx context.Context) remediate.Result {
	seen, err := c.look(ctx)
	if err != nil {
		return c.unasked(err)
	}
	next, r := c.judge(seen)
	if next == nil {
		return r
	}
	e := c.server.exchange(ctx, c.timeout, c.update(seen, next))
	switch {
	case e == nil:
		c.remember()
		return c.readBack(ctx, next)
	case !e.sent:
		return c.unasked(e.err)
	}
	return c.unanswered(ctx, next, e.err)
}

// look asks the primary for the records and the mark.
func (c *renaming) look(ctx context.Context) (*named, error) {
	kind := rrset.Types[c.kind()]
	records, err := c.server.ask(ctx, c.timeout, c.Name, kind)
	if err != nil {
		return nil, err
	}
	marks, err := c.server.ask(ctx, c.timeout, markName(c.Name, c.kind()), dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	return &named{records, rrset.Values(records, kind), marks, readMark(marks, c.kind())}, nil
}

// judge returns what is to be written, or the result where there is nothing to
// write.
func (c *renaming) judge(seen *named) (*replacement, remediate.Result) {
	switch {
	case seen.mark.err != nil:
		return nil, refused("%v", seen.mark.err)
	case c.Restore:
		return c.restoring(seen)
	}
	return c.replacing(seen)
}

// replacing is what sets the records that the policy says.
func (c *renaming) replacing(seen *named) (*replacement, remediate.Result) {
	was, want := seen.mark, rrset.Plain(c.To...)
	switch {
	case was.by == c.ID && c.again && !slices.Equal(seen.values, want):
		return nil, ok("%s was set by this attempt; somebody else made it %s since, and it stays so", c.what(), shown(seen.values))
	case was.by == c.ID && c.again:
		return nil, ok("%s is %s; the mark of this attempt was there already", c.what(), shown(want))
	case was.by == c.ID:
		return nil, failed("the mark of this attempt was at %s before it was sent: somebody else uses our IDs, or a journal was copied", markName(c.Name, c.kind()))
	case slices.Equal(seen.values, want):
		return nil, ok("%s is %s already; nothing was sent", c.what(), shown(want))
	case len(seen.values) == 0:
		return nil, refused("%s has no record at %s, and none is made where there was none", c.what(), c.server.name)
	case !slices.Equal(seen.values, rrset.Plain(c.From...)):
		return nil, refused("%s is %s and not %s, which it is to be changed from: somebody else changed it; write from as it is, or leave it to them", c.what(), shown(seen.values), shown(rrset.Plain(c.From...)))
	}
	next := &dnsMark{by: c.ID, from: seen.values, ttl: seen.records[0].Header().Ttl, to: want}
	if was.stands(seen.values) {
		next.from, next.ttl = was.from, was.ttl // ours was not put back: what was before it is what it shall be again
	}
	ttl := uint32(time.Duration(cmp.Or(c.TTL, defaultTTL)) / time.Second)
	return &replacement{want, ttl, next, fmt.Sprintf("%s was %s and is %s for %d s, says %s", c.what(), shown(seen.values), shown(want), ttl, c.server.name)}, remediate.Result{}
}

// restoring is what puts back the records that we replaced.
func (c *renaming) restoring(seen *named) (*replacement, remediate.Result) {
	was := seen.mark
	switch {
	case was.by == "" && (c.again || c.Act.Undo):
		return nil, ok("nothing of ours is set at %s, or no longer", c.Name)
	case was.by == "":
		return nil, refused("nothing of ours is set at %s: there is no TXT record at %s; say what there shall be by from and to", c.Name, markName(c.Name, c.kind()))
	case c.Act.Undo && !c.ofThisAttempt(was.by):
		return nil, ok("%s was set by %s before, and stays so", c.what(), was.by)
	case !was.stands(seen.values):
		return nil, refused("somebody else changed %s since %s made it %s: it is %s; set it by hand and remove the TXT record at %s",
			c.what(), was.by, shown(was.to), shown(seen.values), markName(c.Name, c.kind()))
	}
	return &replacement{was.from, was.ttl, nil, fmt.Sprintf("%s was put back from %s to %s, as it was before %s, says %s", c.what(), shown(was.to), shown(was.from), was.by, c.server.name)}, remediate.Result{}
}

// update is the message that changes records and mark at once, provided that
// both are as they were seen.
func (c *renaming) update(seen *named, next *replacement) *dns.Msg {
	m := new(dns.Msg).SetUpdate(c.zone)
	m.Used(copies(seen.records))
	at := &dns.TXT{Hdr: header(markName(c.Name, c.kind()), dns.TypeTXT, next.ttl)}
	if len(seen.marks) > 0 {
		m.Used(copies(seen.marks))
	} else {
		m.RRsetNotUsed([]dns.RR{at})
	}
	m.RemoveRRset(seen.records[:1])
	m.Insert(c.recordsOf(next))
	m.RemoveRRset([]dns.RR{at})
	if next.mark != nil {
		at.Txt = next.mark.texts()
		m.Insert([]dns.RR{at})
	}
	return m
}

// recordsOf are those that there shall be.
func (c *renaming) recordsOf(next *replacement) []dns.RR {
	var out []dns.RR
	for _, value := range next.values {
		h := header(c.Name, rrset.Types[c.kind()], next.ttl)
		switch c.kind() {
		case "A":
			out = append(out, &dns.A{Hdr: h, A: net.ParseIP(value)})
		case "AAAA":
			out = append(out, &dns.AAAA{Hdr: h, AAAA: net.ParseIP(value)})
		default:
			out = append(out, &dns.CNAME{Hdr: h, Target: dns.Fqdn(value)})
		}
	}
	return out
}

// readBack sees that what the primary says it did is there.
func (c *renaming) readBack(ctx context.Context, next *replacement) remediate.Result {
	switch done, is, err := c.isDone(ctx, next); {
	case err != nil:
		return unknown("%s took the update and could not be asked what came of it: %s", c.server.name, text(err))
	case !done:
		return failed("%s took the update, and now says that %s is %s: somebody else is changing it, or the server does not keep what it takes", c.server.name, c.what(), is)
	}
	return ok("%s", next.done)
}

// unanswered is the result of an update that was sent and not carried out, as
// far as was heard. It is not sent again: it is looked whether it was done.
func (c *renaming) unanswered(ctx context.Context, next *replacement, err error) remediate.Result {
	c.remember()
	done, is, unread := c.isDone(ctx, next)
	var said *answerError
	switch answered := errors.As(err, &said); {
	case unread == nil && done:
		return ok("%s; its answer was another one: %s", next.done, text(err))
	case !answered:
		return unknown("it was sent and no answer came: %s", text(err))
	case unread != nil:
		return unknown("%s; and it cannot be seen what came of it: %s", text(err), text(unread))
	case said.isPrerequisite():
		return refused("%s: it changed between being read and being written, and %s is %s now; nothing was done", text(err), c.what(), is)
	}
	return failed("%s", text(err))
}

// isDone tells whether records and mark are as they were to be, and what the
// records are.
func (c *renaming) isDone(ctx context.Context, next *replacement) (done bool, is string, err error) {
	seen, err := c.look(ctx)
	if err != nil {
		return false, "", err
	}
	by := ""
	if next.mark != nil {
		by = next.mark.by
	}
	return slices.Equal(seen.values, next.values) && seen.mark.err == nil && seen.mark.by == by, shown(seen.values), nil
}

// unasked is the result where nothing was sent.
func (c *renaming) unasked(err error) remediate.Result {
	var said *answerError
	if errors.As(err, &said) && !said.passes() || errors.Is(err, errKey) {
		return c.stopped("nothing was changed: %s", text(err))
	}
	return c.later(err)
}

// what is the name and the type, for people.
func (c *renaming) what() string { return rrset.PlainName(c.Name) + " " + c.kind() }

// shown are values for people.
func shown(values []string) string { return cmp.Or(strings.Join(values, ", "), "without a record") }
