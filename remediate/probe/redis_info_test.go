package probe

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

// telling is a Redis whose INFO is this; "" is one that does not allow to ask.
func telling(said string) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			words, err := command(r)
			switch {
			case err != nil:
				return
			case words[0] == "ping":
				fmt.Fprint(c, "+PONG\r\n")
			case words[0] == "info" && said != "":
				fmt.Fprintf(c, "$%d\r\n%s\r\n", len(said), said)
			default:
				fmt.Fprintf(c, "-NOPERM this user has no permissions to run the '%s' command\r\n", words[0])
			}
		}
	}
}

const wellKept = "# Persistence\r\nloading:0\r\nrdb_last_bgsave_status:ok\r\naof_last_write_status:ok\r\naof_last_bgrewrite_status:ok\r\n"

func TestRedisInfo(t *testing.T) {
	const (
		persistence = `"persistence":true`
		near        = `"replication":{"max_lag":"10s"}`
		two         = `"replication":{"max_lag":"10s","replicas":2}`
		memory      = `"memory":{"max":0.8}`
	)
	for name, tc := range map[string]struct {
		info, args string
		ok         bool
		text, err  string
	}{
		"kept":                       {wellKept, persistence, true, "PONG in", ""},
		"not saved":                  {strings.Replace(wellKept, "bgsave_status:ok", "bgsave_status:err", 1), persistence, false, "rdb_last_bgsave_status is err", ""},
		"not appended":               {strings.Replace(wellKept, "write_status:ok", "write_status:err", 1), persistence, false, "aof_last_write_status is err", ""},
		"loading":                    {strings.Replace(wellKept, "loading:0", "loading:1", 1), persistence, false, "loading is 1", ""},
		"says nothing of it":         {"loading:0\r\n", persistence, false, "not known", "INFO says nothing of rdb_last_bgsave_status"},
		"may not ask":                {"", persistence, false, "not known", "NOPERM"},
		"a near replica":             {"role:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:10\r\n", near, true, "heard of its master 10s ago", ""},
		"a far replica":              {"role:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:11\r\n", near, false, "11s ago, want at most 10s", ""},
		"a lone replica":             {"role:slave\r\nmaster_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\n", near, false, "link to its master is down", ""},
		"a replica that never heard": {"role:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:-1\r\n", near, false, "-1s ago", ""},
		"a replica says nothing":     {"role:slave\r\nmaster_link_status:up\r\n", near, false, "not known", "master_last_io_seconds_ago"},
		"a master":                   {"role:master\r\nconnected_slaves:1\r\nslave0:ip=10.0.0.1,port=6379,state=online,offset=1,lag=1\r\n", near, true, "1 of 1 replicas", ""},
		"a lone master":              {"role:master\r\nconnected_slaves:0\r\n", near, false, "0 of 0 replicas were heard within 10s, want 1", ""},
		"one is far": {
			"role:master\r\nconnected_slaves:2\r\nslave0:ip=a,port=1,state=online,offset=1,lag=1\r\nslave1:ip=b,port=1,state=online,offset=1,lag=11\r\n",
			two, false, "1 of 2 replicas were heard within 10s, want 2", "",
		},
		"one is not online": {"role:master\r\nconnected_slaves:1\r\nslave0:ip=a,port=1,state=wait_bgsave,offset=1,lag=0\r\n", near, false, "0 of 1", ""},
		"no role":           {"x:y\r\n", near, false, "not known", "says nothing of role"},
		"a strange role":    {"role:sentinel\r\n", near, false, "not known", `"sentinel"`},
		"room":              {"used_memory:80\r\nmaxmemory:100\r\n", memory, true, "80.0% of maxmemory used", ""},
		"no room":           {"used_memory:81\r\nmaxmemory:100\r\n", memory, false, "81.0% of maxmemory used, want at most 80%", ""},
		"no limit":          {"used_memory:81\r\nmaxmemory:0\r\n", memory, false, "not known", "set maxmemory"},
		"no number":         {"used_memory:81\r\nmaxmemory:x\r\n", memory, false, "not known", `maxmemory is "x"`},
		"no, and not known": {"used_memory:81\r\nmaxmemory:0\r\nrole:master\r\nconnected_slaves:0\r\n", memory + "," + near, false, "not known: maxmemory is 0", ""},
	} {
		a := patient(t).one(t, "redis", remediate.Target{}, here(fmt.Sprintf(`{"address":%q,%s}`, listen(t, telling(tc.info)), tc.args)))
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || !strings.Contains(a.Err, tc.err) || (tc.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
	}
}
