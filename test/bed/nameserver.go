package bed

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// NameServerAddress is where a bed's own DNS server answers.
const NameServerAddress = "127.0.0.1:53"

// NameServerKey is the name of the one key that may change something there.
const NameServerKey = "remediated"

// NameServer is a BIND that is the primary of one zone. A test starts it with
// StartNameServer, and it goes with the bed's Stop.
type NameServer struct {
	Zone       string
	SecretFile string // with the key's secret in base64
	dir        string
	part       part
	proc       *process
}

// StartNameServer starts a primary of a zone with these records, in which the key
// may change what these rules of update-policy say.
func (b *Bed) StartNameServer(ctx context.Context, zone string, records, grants []string) (*NameServer, error) {
	dir, err := os.MkdirTemp(b.Dir, "named-")
	if err != nil {
		return nil, err
	}
	b.OnStop(func() error { return os.RemoveAll(dir) })
	s := &NameServer{Zone: zone, SecretFile: filepath.Join(dir, "secret"), dir: dir}
	if err := s.configure(records, grants); err != nil {
		return nil, err
	}
	s.part = part{
		name:    "named",
		command: []string{"named", "-g", "-n", "1", "-c", filepath.Join(dir, "named.conf")},
		ready:   s.ready,
	}
	if s.proc, err = startProcess(ctx, b.Dir, s.part); err != nil {
		return nil, err
	}
	b.OnStop(func() error { s.End(); return nil })
	return s, nil
}

// End ends it; what it was told stays in its files.
func (s *NameServer) End() { s.proc.end() }

// configure writes its files. Everybody in the namespace may ask, as the usual
// resolver of a zone does, and only the key may change.
func (s *NameServer) configure(records, grants []string) error {
	secret := make([]byte, 32)
	rand.Read(secret)
	encoded := base64.StdEncoding.EncodeToString(secret)
	conf := fmt.Sprintf(`options {
	directory %[1]q;
	listen-on { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	recursion no;
	dnssec-validation no;
	notify no;
};
controls {};
key %[2]q { algorithm hmac-sha256; secret %[3]q; };
zone %[4]q {
	type primary;
	file "zone";
	update-policy {
%[5]s	};
};
`, s.dir, NameServerKey, encoded, s.Zone, lines("\t\t", grants, ";"))
	zone := fmt.Sprintf("$ORIGIN %[1]s.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n%[2]s", s.Zone, lines("", records, ""))
	return errors.Join(
		os.WriteFile(s.SecretFile, []byte(encoded+"\n"), 0o600),
		os.WriteFile(filepath.Join(s.dir, "named.conf"), []byte(conf), 0o600),
		os.WriteFile(filepath.Join(s.dir, "zone"), []byte(zone), 0o644),
	)
}

// Resolve has everybody in the bed ask this name server, until the bed's Stop.
func (b *Bed) Resolve(s *NameServer) error {
	path := filepath.Join(s.dir, "resolv.conf")
	host, _, err := net.SplitHostPort(NameServerAddress)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte("nameserver "+host+"\n"), 0o644); err != nil {
		return err
	}
	const usual = "/etc/resolv.conf"
	if err := syscall.Mount(path, usual, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("have names resolved by %s: %w", NameServerAddress, err)
	}
	b.OnStop(func() error { return syscall.Unmount(usual, syscall.MNT_DETACH) })
	return nil
}

func lines(before string, all []string, after string) string {
	var out strings.Builder
	for _, l := range all {
		out.WriteString(before + l + after + "\n")
	}
	return out.String()
}

func (s *NameServer) ready(ctx context.Context) error {
	_, err := s.Ask(ctx, s.Zone, dns.TypeSOA)
	return err
}

// Ask returns the records of a name as it has them, as everybody may ask.
func (s *NameServer) Ask(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	client := &dns.Client{Timeout: 2 * time.Second}
	said, _, err := client.ExchangeContext(ctx, new(dns.Msg).SetQuestion(dns.Fqdn(name), kind), NameServerAddress)
	if err != nil {
		return nil, err
	}
	if said.Rcode != dns.RcodeSuccess && said.Rcode != dns.RcodeNameError || !said.Authoritative {
		return nil, fmt.Errorf("%s says %s of %s", NameServerAddress, dns.RcodeToString[said.Rcode], name)
	}
	return said.Answer, nil
}

// Change is what a human does to a name, with the key: all its records of a type
// become these.
func (s *NameServer) Change(ctx context.Context, name string, kind uint16, records ...string) error {
	secret, err := os.ReadFile(s.SecretFile)
	if err != nil {
		return err
	}
	m := new(dns.Msg).SetUpdate(dns.Fqdn(s.Zone))
	m.RemoveRRset([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: dns.Fqdn(name), Rrtype: kind}}})
	for _, text := range records {
		r, err := dns.NewRR(text)
		if err != nil {
			return err
		}
		m.Insert([]dns.RR{r})
	}
	m.SetTsig(dns.Fqdn(NameServerKey), dns.HmacSHA256, 300, time.Now().Unix())
	client := &dns.Client{Net: "tcp", Timeout: 2 * time.Second, TsigSecret: map[string]string{dns.Fqdn(NameServerKey): strings.TrimSpace(string(secret))}}
	said, _, err := client.ExchangeContext(ctx, m, NameServerAddress)
	if err == nil && said.Rcode != dns.RcodeSuccess {
		err = fmt.Errorf("change %s: %s", name, dns.RcodeToString[said.Rcode])
	}
	return err
}
