package probe

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// redisReplication is how far a replica may be behind: the one that is asked,
// or those of the master that is asked.
type redisReplication struct {
	// MaxLag is for how long a replica may not have heard of its master, or a
	// master of its replica. A master that nobody writes to is heard of every
	// repl-ping-replica-period, 10s by default.
	MaxLag   model.Duration `json:"max_lag"`
	Replicas *int           `json:"replicas,omitempty"` // that a master must have; default 1
}

// redisMemory is which share of its memory may be used.
type redisMemory struct {
	Max float64 `json:"max"`
}

func (r *redisReplication) validate() error {
	switch {
	case r == nil:
		return nil
	case r.MaxLag <= 0:
		return errors.New(`"max_lag" is missing: want for how long nothing may be heard, such as 15s`)
	case r.Replicas != nil && *r.Replicas < 1:
		return fmt.Errorf(`"replicas" is %d: want at least 1`, *r.Replicas)
	}
	return nil
}

func (m *redisMemory) validate() error {
	if m != nil && (m.Max <= 0 || m.Max > 1) {
		return fmt.Errorf(`"max" is %v: want a share of maxmemory of more than 0 and at most 1, such as 0.8`, m.Max)
	}
	return nil
}

// info is what Redis tells of itself.
type info map[string]string

func redisInfo(text string) info {
	out := info{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && !strings.HasPrefix(name, "#") {
			out[name] = value
		}
	}
	return out
}

func (i info) text(name string) (string, error) {
	if v, ok := i[name]; ok {
		return v, nil
	}
	return "", fmt.Errorf("INFO says nothing of %s", name)
}

func (i info) number(name string) (int64, error) {
	v, err := i.text(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("INFO says that %s is %q: want a number", name, v)
	}
	return n, nil
}

func (a *redisInstance) judge(f *findings, i info) {
	if a.Persistence {
		f.add(i.persistence())
	}
	if a.Replication != nil {
		f.add(a.Replication.judge(i))
	}
	if a.Memory != nil {
		f.add(a.Memory.judge(i))
	}
}

// persistence is well when what was last tried has worked and the data are
// loaded. That nothing is set to be kept is no fault: it was never tried.
func (i info) persistence() (ok bool, text string, err error) {
	var bad []string
	for _, want := range []struct{ name, value string }{
		{"loading", "0"}, {"rdb_last_bgsave_status", "ok"}, {"aof_last_write_status", "ok"}, {"aof_last_bgrewrite_status", "ok"},
	} {
		v, err := i.text(want.name)
		if err != nil {
			return false, "", err
		}
		if v != want.value {
			bad = append(bad, want.name+" is "+v)
		}
	}
	if len(bad) > 0 {
		return false, strings.Join(bad, ", "), nil
	}
	return true, "what was last written to the disk was written", nil
}

func (r *redisReplication) judge(i info) (ok bool, text string, err error) {
	role, err := i.text("role")
	if err != nil {
		return false, "", err
	}
	switch role {
	case "master":
		return r.ofMaster(i)
	case "slave":
		return r.ofReplica(i)
	}
	return false, "", fmt.Errorf("INFO says that its role is %q: want master or slave", role)
}

func (r *redisReplication) ofReplica(i info) (ok bool, text string, err error) {
	link, err := i.text("master_link_status")
	if err != nil {
		return false, "", err
	}
	if link != "up" {
		return false, "a replica whose link to its master is " + link, nil
	}
	heard, err := i.number("master_last_io_seconds_ago")
	if err != nil {
		return false, "", err
	}
	// It is -1 where nothing was ever heard.
	ok = heard >= 0 && secondsOf(float64(heard)) <= time.Duration(r.MaxLag)
	return ok, fmt.Sprintf("a replica that heard of its master %ds ago, want at most %s", heard, r.MaxLag), nil
}

// ofMaster counts the replicas that are online and heard of.
func (r *redisReplication) ofMaster(i info) (ok bool, text string, err error) {
	want := 1
	if r.Replicas != nil {
		want = *r.Replicas
	}
	connected, err := i.number("connected_slaves")
	if err != nil {
		return false, "", err
	}
	near := 0
	for n := range connected {
		replica, err := i.text(fmt.Sprintf("slave%d", n))
		if err != nil {
			return false, "", err
		}
		if r.near(replica) {
			near++
		}
	}
	return near >= want, fmt.Sprintf("a master of which %d of %d replicas were heard within %s, want %d", near, connected, r.MaxLag, want), nil
}

// near judges a line such as "ip=10.0.0.1,port=6379,state=online,offset=1,lag=0".
func (r *redisReplication) near(replica string) bool {
	has := map[string]string{}
	for field := range strings.SplitSeq(replica, ",") {
		name, value, _ := strings.Cut(field, "=")
		has[name] = value
	}
	lag, err := strconv.ParseInt(has["lag"], 10, 64)
	return err == nil && has["state"] == "online" && lag >= 0 && secondsOf(float64(lag)) <= time.Duration(r.MaxLag)
}

func (m *redisMemory) judge(i info) (ok bool, text string, err error) {
	used, err := i.number("used_memory")
	if err != nil {
		return false, "", err
	}
	limit, err := i.number("maxmemory")
	if err != nil {
		return false, "", err
	}
	if limit <= 0 {
		return false, "", errors.New("maxmemory is 0, and of no limit no share is known: set maxmemory, or ask promql for the memory of its container")
	}
	share := float64(used) / float64(limit)
	return share <= m.Max, fmt.Sprintf("%.1f%% of maxmemory used, want at most %s%%", share*100, written(m.Max*100)), nil
}
