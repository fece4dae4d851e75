package probe

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/x0tta6bl4/remediated/remediate"
)

// listen serves each connection on a loopback port with serve, until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); serve(c) }()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// quick waits for an answer that does not come, for a short while only.
func quick(t *testing.T) *Prober { t.Helper(); return waiting(t, 300*time.Millisecond) }

// patient waits for one that comes, however busy the machine is.
func patient(t *testing.T) *Prober { t.Helper(); return waiting(t, time.Minute) }

func waiting(t *testing.T, within time.Duration) *Prober {
	t.Helper()
	p, err := New(Options{Timeout: within})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const password = `p@ss w0rd/%&?"'\`

// shown fails the test when an answer shows the password in any spelling.
func shown(t *testing.T, a remediate.Answer) {
	t.Helper()
	all := fmt.Sprintf("%+v", a)
	for _, s := range []string{password, "w0rd"} {
		if strings.Contains(all, s) {
			t.Errorf("the password is shown: %s", all)
		}
	}
}

// indiscreet is a PostgreSQL server that asks for the password in clear text
// and refuses it by quoting it.
func indiscreet(c net.Conn) {
	b := pgproto3.NewBackend(c, c)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return
	}
	b.Send(&pgproto3.AuthenticationCleartextPassword{})
	if b.Flush() != nil || b.SetAuthType(pgproto3.AuthTypeCleartextPassword) != nil {
		return
	}
	m, err := b.Receive()
	if err != nil {
		return
	}
	b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "wrong password " + m.(*pgproto3.PasswordMessage).Password})
	b.Flush()
}

func TestPostgresShowsNoSecret(t *testing.T) {
	addr := listen(t, indiscreet)
	hung := listen(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)
	encoded := "p%40ss%20w0rd%2F%25%26%3F%22%27%5C"
	for name, tc := range map[string]struct{ dsn, text, err string }{
		"refused, as key=value": {fmt.Sprintf("host=127.0.0.1 port=%s user=u password='%s' sslmode=disable", addr[strings.LastIndex(addr, ":")+1:], quoted), "28P01", ""},
		"refused, as a URL":     {"postgres://u:" + encoded + "@" + addr + "/d?sslmode=disable", "wrong password ***", ""},
		"hung":                  {"postgres://u:" + encoded + "@" + hung + "/d?sslmode=disable", "does not answer after", ""},
		"nobody listens":        {"postgres://u:" + encoded + "@127.0.0.1:1/d?sslmode=disable", "does not answer after", ""},
		"not a URL":             {"postgres://u:w0rd%zz@127.0.0.1:1/d", "not known", "does not hold a connection string"},
		"not a number":          {"postgres://u:" + encoded + "@127.0.0.1:w0rd/d", "not known", "does not hold a connection string"},
		"empty":                 {"\n", "not known", "is empty"},
	} {
		a := quick(t).one(t, "postgres", remediate.Target{}, fmt.Sprintf(`{"dsn_file":%q}`, file(t, tc.dsn)))
		if a.OK || !strings.Contains(a.Text, tc.text) || !strings.Contains(a.Err, tc.err) {
			t.Errorf("%s: %+v", name, a)
		}
		shown(t, a)
	}
	if a := quick(t).one(t, "postgres", remediate.Target{}, `{"dsn_file":"/nonexistent/dsn"}`); a.OK || !strings.Contains(a.Err, "read secret") {
		t.Errorf("no file: %+v", a)
	}
}

// redisServer answers as Redis does; it wants the password and quotes a wrong one.
func redisServer(want, pong string) func(net.Conn) {
	return func(c net.Conn) {
		r, in := bufio.NewReader(c), false
		for {
			words, err := command(r)
			if err != nil {
				return
			}
			switch words[0] {
			case "auth":
				if in = words[len(words)-1] == want; in {
					fmt.Fprint(c, "+OK\r\n")
				} else {
					fmt.Fprintf(c, "-WRONGPASS %s\r\n", words[len(words)-1])
				}
			case "ping":
				if !in {
					fmt.Fprint(c, "-NOAUTH Authentication required.\r\n")
				} else {
					fmt.Fprint(c, pong)
				}
			default:
				fmt.Fprintf(c, "-ERR unknown command %s\r\n", words[0])
			}
		}
	}
}

func command(r *bufio.Reader) ([]string, error) {
	var n, size int
	if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
		return nil, err
	}
	words := make([]string, n)
	for i := range words {
		if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		words[i] = strings.ToLower(string(b[:size]))
	}
	return words, nil
}

func TestRedis(t *testing.T) {
	good := listen(t, redisServer(strings.ToLower(password), "+PONG\r\n"))
	strict := listen(t, redisServer("another", "+PONG\r\n"))
	loading := listen(t, redisServer(strings.ToLower(password), "-LOADING Redis is loading the dataset in memory\r\n"))
	hung := listen(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	secretFile := file(t, password+"\n")
	for name, tc := range map[string]struct {
		addr, file string
		ok         bool
		text       string
	}{
		"up":             {good, secretFile, true, "PONG in"},
		"wrong password": {strict, secretFile, false, "WRONGPASS"},
		"no password":    {good, "", false, "NOAUTH"},
		"loading":        {loading, secretFile, false, "LOADING"},
		"hung":           {hung, secretFile, false, "does not answer after"},
		"down":           {"127.0.0.1:1", secretFile, false, "refused"},
	} {
		began := time.Now()
		a := quick(t).one(t, "redis", remediate.Target{}, here(fmt.Sprintf(`{"address":%q,"password_file":%q}`, tc.addr, tc.file)))
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || a.Err != "" {
			t.Errorf("%s: %+v", name, a)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
		shown(t, a)
	}
}

func TestASecretIsReadAnew(t *testing.T) {
	addr := listen(t, redisServer("second", "+PONG\r\n"))
	name := file(t, "first")
	p, args := patient(t), here(fmt.Sprintf(`{"address":%q,"password_file":%q}`, addr, name))
	if a := p.one(t, "redis", remediate.Target{}, args); a.OK {
		t.Fatalf("got %+v", a)
	}
	if err := os.WriteFile(name, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := p.one(t, "redis", remediate.Target{}, args); !a.OK {
		t.Errorf("after the rotation: %+v", a)
	}
}
