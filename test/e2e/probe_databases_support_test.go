//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/probe"
	"github.com/x0tta6bl4/remediated/test/bed"
)

// server is a database of a test's own, which may break it.
type server struct {
	*testing.T
	addr string
	dir  string
	cmd  *exec.Cmd
	done chan struct{}
}

// launch starts a server; it is killed at the end of the test.
func launch(t *testing.T, as *syscall.Credential, addr, dir, name string, args ...string) *server {
	t.Helper()
	s := &server{T: t, addr: addr, dir: dir, cmd: exec.Command(name, args...), done: make(chan struct{})}
	var out bytes.Buffer
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = "/", &out, &out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait() // it was killed
	}()
	t.Cleanup(func() {
		s.end()
		if t.Failed() {
			t.Logf("%s of %s said:\n%s", filepath.Base(name), addr, out.String())
		}
	})
	return s
}

// end kills the server, and waits until it has ended.
func (s *server) end() {
	s.signal(syscall.SIGCONT)
	s.signal(syscall.SIGQUIT) // at once, with all that PostgreSQL started
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		s.signal(syscall.SIGKILL)
		<-s.done
	}
}

func (s *server) signal(sig syscall.Signal) {
	_ = s.cmd.Process.Signal(sig) // it may have ended
}

// postgresUser is whom PostgreSQL runs as, nil for who we are: it refuses to be
// root.
func postgresUser(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func postgresBinary(t *testing.T, name string) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		t.Fatalf("PostgreSQL's %s is missing: %v", name, err)
	}
	return slices.Max(found)
}

// postgresDir makes a data folder by a command that takes it last.
func postgresDir(t *testing.T, command string, args ...string) string {
	t.Helper()
	as := postgresUser(t)
	dir, err := os.MkdirTemp("/tmp", "remediated-e2e-") // whose parents are open to all
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(postgresBinary(t, command), append(args, "-D", dir)...)
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: as}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return dir
}

// postgresOf starts PostgreSQL in a folder.
func postgresOf(t *testing.T, dir string) *server {
	t.Helper()
	addr := freeAddress(t)
	_, port, _ := net.SplitHostPort(addr)
	s := launch(t, postgresUser(t), addr, dir, postgresBinary(t, "postgres"), "-D", dir, "-p", port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "wal_receiver_status_interval=1s", "-c", "wal_receiver_timeout=10s", "-c", "wal_retrieve_retry_interval=200ms")
	eventually(t, 30*time.Second, func() string {
		if err := s.try("SELECT 1"); err != nil {
			return err.Error()
		}
		return ""
	})
	return s
}

// primary starts a PostgreSQL with a shop in it.
func primary(t *testing.T) *server {
	t.Helper()
	s := postgresOf(t, postgresDir(t, "initdb", "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"))
	s.sql(`CREATE SCHEMA shop;
		CREATE TABLE shop.orders (id int, at timestamptz DEFAULT now(), local timestamp DEFAULT (now() AT TIME ZONE 'UTC'), day date DEFAULT current_date);
		INSERT INTO shop.orders SELECT generate_series(1, 100);
		CREATE TABLE shop.empty (at timestamptz);
		CREATE TABLE shop.future AS SELECT now() + interval '1 day' AS at;
		CREATE ROLE guest LOGIN;
		ALTER DATABASE postgres SET timezone = 'Asia/Tokyo'`)
	return s
}

// standby starts a standby of s, as the application of that name.
func (s *server) standby(name string) *server {
	s.Helper()
	host, port, _ := net.SplitHostPort(s.addr)
	from := fmt.Sprintf("host=%s port=%s user=postgres application_name=%s", host, port, name)
	return postgresOf(s.T, postgresDir(s.T, "pg_basebackup", "-R", "-X", "stream", "--checkpoint=fast", "--no-sync", "-d", from))
}

func (s *server) dsn(user string) string {
	return fmt.Sprintf("postgres://%s@%s/postgres?sslmode=disable", user, s.addr)
}

// try runs statements without arguments.
func (s *server) try(statements string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.dsn("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.PgConn().Exec(ctx, statements).ReadAll()
	return err
}

func (s *server) sql(statements string) {
	s.Helper()
	if err := s.try(statements); err != nil {
		s.Fatal(err)
	}
}

// asks puts the question of a database as a user, with arguments as they stand
// in a policy.
func (s *server) asks(user, args string) remediate.Answer {
	s.Helper()
	file := filepath.Join(s.TempDir(), "dsn")
	if err := os.WriteFile(file, []byte(s.dsn(user)), 0o600); err != nil {
		s.Fatal(err)
	}
	return askOf(s.T, "postgres", fmt.Sprintf(`{"dsn_file":%q,%s}`, file, args))
}

// askOf puts a question that asks no cluster.
func askOf(t *testing.T, kind, args string) remediate.Answer {
	t.Helper()
	b, err := bed.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	p, err := probe.New(probe.Options{Timeout: 2 * time.Second, Prometheus: b.Prometheus})
	if err != nil {
		t.Fatal(err)
	}
	r := p.Perform(t.Context(), remediate.Started{Ask: &remediate.Ask{Purpose: remediate.ForGuards, Questions: []remediate.Question{{Kind: kind, Args: json.RawMessage(args)}}}})
	return r.Answers[0]
}

// awaits asks until the answer is as wanted, and says it.
func awaits(t *testing.T, ok bool, text string, ask func() remediate.Answer) {
	t.Helper()
	eventually(t, 20*time.Second, func() string {
		if a := ask(); a.OK != ok || a.Err != "" || !strings.Contains(a.Text, text) {
			return fmt.Sprintf("want %v, %q: %+v", ok, text, a)
		}
		return ""
	})
}

// redisAt starts a Redis that keeps nothing by itself.
func redisAt(t *testing.T, args ...string) *server {
	t.Helper()
	addr, dir := freeAddress(t), t.TempDir()
	_, port, _ := net.SplitHostPort(addr)
	s := launch(t, nil, addr, dir, "redis-server", append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", ""}, args...)...)
	eventually(t, 20*time.Second, func() string {
		if err := s.redis("PING").Err(); err != nil {
			return err.Error()
		}
		return ""
	})
	return s
}

// redis has a Redis do something.
func (s *server) redis(words ...any) *redis.Cmd {
	client := redis.NewClient(&redis.Options{Addr: s.addr, Protocol: 2, DisableIdentity: true, MaxRetries: -1})
	defer client.Close()
	return client.Do(context.Background(), words...)
}

func (s *server) redisMust(words ...any) {
	s.Helper()
	if err := s.redis(words...).Err(); err != nil {
		s.Fatal(err)
	}
}
