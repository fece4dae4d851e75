//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

// What a real PostgreSQL holds is judged by its newest row and by how many there
// are; what may not be looked at is not known.
func TestProbePostgresRows(t *testing.T) {
	s := primary(t)
	for _, tc := range []struct {
		user, args string
		ok         bool
		text, err  string
	}{
		{"postgres", `"newest":{"table":"shop.orders","column":"at","max_age":"5m"}`, true, "the newest row of shop.orders is", ""},
		{"postgres", `"newest":{"table":"shop.orders","column":"local","max_age":"5m"}`, true, "the newest row of shop.orders is", ""},
		{"postgres", `"newest":{"table":"shop.orders","column":"day","max_age":"48h"}`, true, "", ""},
		{"postgres", `"newest":{"table":"shop.empty","column":"at","max_age":"5m"}`, false, "shop.empty has no row", ""},
		{"postgres", `"newest":{"table":"shop.future","column":"at","max_age":"5m"}`, false, "not known", "in the future"},
		{"postgres", `"newest":{"table":"shop.gone","column":"at","max_age":"5m"}`, false, "shop.gone is not there", ""},
		{"postgres", `"newest":{"table":"nowhere.orders","column":"at","max_age":"5m"}`, false, "nowhere.orders is not there", ""},
		{"postgres", `"newest":{"table":"shop.orders","column":"gone","max_age":"5m"}`, false, "not known", "42703"},
		{"postgres", `"newest":{"table":"shop.orders","column":"id","max_age":"5m"}`, false, "not known", "cannot cast"},
		{"guest", `"newest":{"table":"shop.orders","column":"at","max_age":"5m"}`, false, "not known", "permission denied"},
		{"postgres", `"rows":{"table":"shop.orders","min":100}`, true, "shop.orders has at least 100 rows", ""},
		{"postgres", `"rows":{"table":"shop.orders","min":101}`, false, "shop.orders has 100 rows, want at least 101", ""},
		{"postgres", `"rows":{"table":"shop.orders","of_known":0.99,"known":"vector(101)"}`, true, "at least 100 rows", ""},
		{"postgres", `"rows":{"table":"shop.orders","of_known":0.99,"known":"vector(200)"}`, false, "100 rows, want at least 198", ""},
		{"postgres", `"rows":{"table":"shop.orders","of_known":0.99,"known":"nothing_knows"}`, false, "not known", "no series"},
		{"postgres", `"rows":{"table":"shop.gone","min":1}`, false, "shop.gone is not there", ""},
		{"guest", `"rows":{"table":"shop.orders","min":1}`, false, "not known", "permission denied"},
		// What one part cannot see does not keep the others from looking.
		{"postgres", `"newest":{"table":"shop.orders","column":"gone","max_age":"5m"},"rows":{"table":"shop.orders","min":101}`, false, "want at least 101; not known: ", ""},
		{"postgres", `"query":"SELECT false","newest":{"table":"shop.gone","column":"at","max_age":"5m"},"rows":{"table":"shop.orders","min":1}`, false, "answered no", ""},
	} {
		a := s.asks(tc.user, tc.args)
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || !strings.Contains(a.Err, tc.err) || (tc.err == "") != (a.Err == "") {
			t.Errorf("%s: %s: %+v", tc.user, tc.args, a)
		}
	}
	s.sql("UPDATE shop.orders SET at = now() - interval '1 hour'")
	if a := s.asks("postgres", `"newest":{"table":"shop.orders","column":"at","max_age":"5m"}`); a.OK || a.Err != "" || !strings.Contains(a.Text, "is 1h old, want at most 5m") {
		t.Errorf("old: %+v", a)
	}
	s.sql("DROP TABLE shop.orders")
	if a := s.asks("postgres", `"rows":{"table":"shop.orders","min":1}`); a.OK || a.Err != "" || !strings.Contains(a.Text, "is not there") {
		t.Errorf("dropped: %+v", a)
	}
}

// How far a real standby is behind is seen from both ends: while nothing is
// written, while it does not replay, and when its primary has died.
func TestProbePostgresReplication(t *testing.T) {
	const lag, one, other = `"replication_lag":{"max":"2s"}`, `"replication_lag":{"max":"2s","standby":"db_1"}`, `"replication_lag":{"max":"2s","standby":"db_2"}`
	above := primary(t)
	if a := above.asks("postgres", lag); a.OK || a.Err != "" || !strings.Contains(a.Text, "no standby is connected") {
		t.Errorf("without a standby: %+v", a)
	}
	below := above.standby("db_1")
	fromAbove := func() remediate.Answer { return above.asks("postgres", lag) }
	fromBelow := func() remediate.Answer { return below.asks("postgres", lag) }

	awaits(t, true, "standby db_1 has replayed all that is written", fromAbove)
	if a := above.asks("postgres", one); !a.OK {
		t.Errorf("by name: %+v", a)
	}
	if a := above.asks("postgres", other); a.OK || !strings.Contains(a.Text, "no standby db_2 is connected") {
		t.Errorf("by another name: %+v", a)
	}
	// Nothing is written, and what was replayed grows old.
	awaits(t, true, "it has replayed all that its primary wrote", fromBelow)
	for name, s := range map[string]*server{"above": above, "below": below} {
		if a := s.asks("guest", lag); a.OK || !strings.Contains(a.Err, "GRANT pg_monitor") {
			t.Errorf("as a guest, %s: %+v", name, a)
		}
	}

	below.sql("SELECT pg_wal_replay_pause()")
	above.sql("INSERT INTO shop.orders SELECT generate_series(1, 1000)")
	awaits(t, false, "it has not replayed all that it received", fromBelow)
	awaits(t, false, "behind, want at most 2s", fromAbove)
	below.sql("SELECT pg_wal_replay_resume()")
	awaits(t, true, "", fromBelow)
	awaits(t, true, "", fromAbove)

	above.end()
	awaits(t, false, "it receives from no primary", fromBelow)
}

// That a real Redis cannot write to its disk, is full, or has lost its replica is
// seen when it is asked, and it answers PING all the while.
func TestProbeRedis(t *testing.T) {
	s := redisAt(t, "--repl-ping-replica-period", "1")
	ask := func(s *server, args string) func() remediate.Answer {
		return func() remediate.Answer {
			return askOf(t, "redis", `{"allow_loopback":true,"address":"`+s.addr+`",`+args+`}`)
		}
	}
	const persistence, memory, near = `"persistence":true`, `"memory":{"max":0.8}`, `"replication":{"max_lag":"3s"}`
	awaits(t, true, "was written", ask(s, persistence))
	// A folder stands where the snapshot is to be.
	if err := os.MkdirAll(filepath.Join(s.dir, "dump.rdb", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.redisMust("BGSAVE")
	awaits(t, false, "rdb_last_bgsave_status is err", ask(s, persistence))
	if err := os.RemoveAll(filepath.Join(s.dir, "dump.rdb")); err != nil {
		t.Fatal(err)
	}
	s.redisMust("BGSAVE")
	awaits(t, true, "", ask(s, persistence))

	if a := ask(s, memory)(); a.OK || !strings.Contains(a.Err, "set maxmemory") {
		t.Errorf("without a limit: %+v", a)
	}
	s.redisMust("CONFIG", "SET", "maxmemory", "50mb")
	awaits(t, true, "of maxmemory used", ask(s, memory))
	s.redisMust("SETRANGE", "much", 44<<20, "x")
	awaits(t, false, "of maxmemory used, want at most 80%", ask(s, memory))
	s.redisMust("DEL", "much")

	if a := ask(s, near)(); a.OK || a.Err != "" || !strings.Contains(a.Text, "0 of 0 replicas") {
		t.Errorf("a master alone: %+v", a)
	}
	host, port, _ := strings.Cut(s.addr, ":")
	replica := redisAt(t, "--replicaof", host+" "+port)
	awaits(t, true, "1 of 1 replicas", ask(s, near))
	awaits(t, true, "a replica that heard of its master", ask(replica, near))
	replica.signal(syscall.SIGSTOP)
	awaits(t, false, "0 of 1 replicas were heard within 3s", ask(s, near))
	replica.signal(syscall.SIGCONT)
	awaits(t, true, "1 of 1 replicas", ask(s, near))
	s.signal(syscall.SIGSTOP)
	awaits(t, false, "want at most 3s", ask(replica, near))
	awaits(t, false, "does not answer after", ask(s, near))
	s.end()
	awaits(t, false, "link to its master is down", ask(replica, near))
}
