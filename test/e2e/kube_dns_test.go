//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
	"github.com/x0tta6bl4/remediated/test/bed"
)

const (
	dnsZone   = "shop.test"
	dnsName   = "api.shop.test"
	dnsMark   = "_remediated-a.api.shop.test"
	toStandby = `{"server":"primary","name":"api.shop.test","from":["192.0.2.10"],"to":["198.51.100.20"],"ttl":"30s"}`
	putBack   = `{"server":"primary","name":"api.shop.test","restore":true}`
)

// renamed is a shop beside a real BIND, whose key may change one name of it.
type renamed struct {
	*shop
	*bed.NameServer
	server action.NameServer
	object *appsv1.Deployment
}

func openNameServer(t *testing.T) *renamed {
	t.Helper()
	b := connect(t)
	r := &renamed{shop: openShop(t)}
	var err error
	r.NameServer, err = b.StartNameServer(t.Context(), dnsZone,
		[]string{"api 300 A 192.0.2.10", "other 300 A 192.0.2.11", "marked 300 A 192.0.2.12"},
		[]string{
			"grant remediated name api.shop.test. A", "grant remediated name _remediated-a.api.shop.test. TXT",
			"grant remediated name marked.shop.test. A", // and its mark is not
		})
	r.must(err)
	r.server = action.NameServer{Address: bed.NameServerAddress, Key: bed.NameServerKey, Algorithm: "hmac-sha256", SecretFile: r.SecretFile, Zones: []string{dnsZone}}
	r.object = r.deployment(func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(0)) })
	return r
}

// by is an Actor that knows the name server, but for what change says.
func (r *renamed) by(cfg *rest.Config, change func(*action.NameServer)) *action.Actor {
	r.Helper()
	server := r.server
	if change != nil {
		change(&server)
	}
	a, err := action.New(action.Options{Clusters: map[string]*rest.Config{"prod": cfg}, NameServers: map[string]action.NameServer{"primary": server}, Instance: "e2e"})
	r.must(err)
	return a
}

func (r *renamed) act(args string) remediate.Started {
	r.Helper()
	s := r.plan("dns_update", r.target("deployment", "web"))
	s.Act.Args = []byte(args)
	return s
}

// is wants a name to have these records, with their times to live, and no others.
func (r *renamed) is(name string, kind uint16, want ...string) {
	r.Helper()
	found, err := r.Ask(r.Context(), name, kind)
	r.must(err)
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprint(f.Header().Ttl, " ", strings.TrimPrefix(f.String(), f.Header().String())))
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		r.Errorf("%s has %q, want %q", name, got, want)
	}
}

// A real BIND has one name lead elsewhere, notes what was there, and puts it back.
func TestKubeDNS(t *testing.T) {
	r := openNameServer(t)
	actor := r.by(r.config, nil)
	what := r.act(toStandby)
	r.perform(actor, what, remediate.OK, "api.shop.test A was 192.0.2.10 and is 198.51.100.20 for 30 s, says primary")
	r.is(dnsName, dns.TypeA, "30 198.51.100.20")
	r.is(dnsMark, dns.TypeTXT, fmt.Sprintf(`30 "remediated-by=%s" "from=192.0.2.10" "from-ttl=300" "to=198.51.100.20"`, what.ID))
	what.Again = true
	r.perform(r.by(r.config, nil), what, remediate.OK, "the mark of this attempt was there already")
	r.perform(actor, r.act(putBack), remediate.OK, "was put back from 198.51.100.20 to 192.0.2.10")
	r.is(dnsName, dns.TypeA, "300 192.0.2.10")
	r.is(dnsMark, dns.TypeTXT)
	r.perform(actor, r.act(putBack), remediate.Refused, "nothing of ours is set")
	if notes := r.events(string(r.object.UID)); len(notes) != 3 {
		t.Errorf("events %q", notes)
	}
}

// A human's change is kept, whether it came before our look or after it.
func TestKubeDNSKeepsOthersChanges(t *testing.T) {
	r := openNameServer(t)
	const theirs = "api.shop.test. 60 IN A 203.0.113.9"
	change := func() error { return r.Change(r.Context(), dnsName, dns.TypeA, theirs) }
	between := r.relayed(false, change)
	r.perform(r.by(r.config, between), r.act(toStandby), remediate.Refused, "answers NXRRSET: it changed between being read and being written, and api.shop.test A is 203.0.113.9 now")
	r.is(dnsName, dns.TypeA, "60 203.0.113.9")
	r.is(dnsMark, dns.TypeTXT)
	r.perform(r.by(r.config, nil), r.act(toStandby), remediate.Refused, "is 203.0.113.9 and not 192.0.2.10")

	r.must(r.Change(r.Context(), dnsName, dns.TypeA, "api.shop.test. 300 IN A 192.0.2.10"))
	r.perform(r.by(r.config, r.relayed(false, func() error {
		return r.Change(r.Context(), dnsMark, dns.TypeTXT, dnsMark+`. 60 IN TXT "mine"`)
	})), r.act(toStandby), remediate.Refused, "answers YXRRSET")
	r.perform(r.by(r.config, nil), r.act(toStandby), remediate.Refused, "is no mark of ours that can be read")
	r.must(r.Change(r.Context(), dnsMark, dns.TypeTXT))

	what := r.act(toStandby)
	r.perform(r.by(r.config, nil), what, remediate.OK, "is 198.51.100.20")
	r.must(change())
	r.perform(r.by(r.config, nil), r.act(putBack), remediate.Refused, "somebody else changed api.shop.test A since "+what.ID)
	r.is(dnsName, dns.TypeA, "60 203.0.113.9")
}

// An update whose answer is lost was carried out once, and is not sent again.
func TestKubeDNSAnswerIsLost(t *testing.T) {
	r := openNameServer(t)
	r.perform(r.by(r.config, r.relayed(true, func() error { return nil })), r.act(toStandby), remediate.OK, "its answer was another one")
	r.is(dnsName, dns.TypeA, "30 198.51.100.20")
}

// The key may change the one name and its mark, and nothing else; and what it is
// that the server does not take is said.
func TestKubeDNSRights(t *testing.T) {
	r := openNameServer(t)
	secret := filepath.Join(t.TempDir(), "secret")
	r.must(os.WriteFile(secret, []byte("YW5vdGhlciBzZWNyZXQgdGhhbiB0aGF0"), 0o600))
	for name, tc := range map[string]struct {
		args   string
		change func(*action.NameServer)
		want   string
	}{
		"another name":   {strings.ReplaceAll(strings.ReplaceAll(toStandby, "api.", "other."), "2.10", "2.11"), nil, `answers REFUSED: the key "remediated" may not do that`},
		"without a mark": {strings.ReplaceAll(strings.ReplaceAll(toStandby, "api.", "marked."), "2.10", "2.12"), nil, `answers REFUSED: the key "remediated" may not do that`},
		"another zone":   {toStandby, func(s *action.NameServer) { s.Zones = []string{"api.shop.test"} }, "answers NOTAUTH: it is not the primary of api.shop.test"},
		"another secret": {toStandby, func(s *action.NameServer) { s.SecretFile = secret }, "answers BADSIG: " + secret + " does not hold the secret"},
		"another key":    {toStandby, func(s *action.NameServer) { s.Key = "nobody" }, `answers BADKEY: it does not know the key "nobody"`},
		"another sum":    {toStandby, func(s *action.NameServer) { s.Algorithm = "hmac-sha512" }, `answers BADKEY: it does not know the key "remediated" with hmac-sha512`},
	} {
		t.Run(name, func(t *testing.T) {
			r.perform(r.by(r.config, tc.change), r.act(tc.args), remediate.Failed, tc.want)
			r.is(dnsName, dns.TypeA, "300 192.0.2.10")
			r.is("other.shop.test", dns.TypeA, "300 192.0.2.11")
			r.is("marked.shop.test", dns.TypeA, "300 192.0.2.12")
		})
	}
	r.End()
	r.perform(r.by(r.config, nil), r.act(toStandby), remediate.Later, "connection refused")
}

// In the cluster it may see that the target is the one that was judged, and say
// what it did.
func TestKubeDNSNeedsItsRules(t *testing.T) {
	r := openNameServer(t)
	i := slices.IndexFunc(action.Kinds(), func(k action.Kind) bool { return k.Name == "dns_update" })
	rules := action.MergeRules(action.Kinds()[i].Rules("deployment", nil)...)
	r.perform(r.by(r.user("remediated", rules), nil), r.act(toStandby), remediate.OK, "is 198.51.100.20")
	n := 0
	for right, fewer := range without(rules) {
		n++
		got := r.by(r.user(fmt.Sprint("fewer-", n), fewer), nil).Perform(t.Context(), r.act(toStandby))
		verb, resource, _ := strings.Cut(right, " ")
		if want := fmt.Sprintf("cannot %s resource %q", verb, resource); !strings.Contains(got.Text, want) {
			t.Errorf("without %s: %+v, want %q said", right, got, want)
		}
	}
}

// relayed has the name server reached through somebody who does something before
// the update, which is the third message, arrives; and who keeps its answer when
// it is to be lost.
func (r *renamed) relayed(lose bool, before func() error) func(*action.NameServer) {
	r.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	r.Cleanup(func() { l.Close() })
	var n atomic.Int32
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			update := n.Add(1) == 3
			if update {
				if err := before(); err != nil {
					r.Error(err)
				}
			}
			go r.pass(from, update && lose)
		}
	}()
	return func(s *action.NameServer) { s.Address = l.Addr().String() }
}

// pass hands one message and its answer on.
func (r *renamed) pass(from net.Conn, lose bool) {
	defer from.Close()
	to, err := net.DialTimeout("tcp", bed.NameServerAddress, 2*time.Second)
	if err != nil {
		r.Error(err)
		return
	}
	defer to.Close()
	go func() {
		io.Copy(to, from)
		to.Close() // a name server keeps the connection, and nobody waits for more
	}()
	if !lose {
		io.Copy(from, to)
		return
	}
	// The answer is there, and is not handed on.
	if _, err := to.Read(make([]byte, 512)); err != nil {
		r.Error(err)
	}
}
