package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/vault"
)

// Thief has a password that was stolen, and is connected by it from elsewhere.
type Thief struct {
	Role     string
	password string
	session  *exec.Cmd
	ended    chan error
}

// Steal takes the credential that the tellers use now, connects by it, and
// changes a transfer.
func (t *Thief) Steal(ctx context.Context, b *bed.Bed) error {
	s, err := b.Client().CoreV1().Secrets(BankNamespace).Get(ctx, TellerSecret, metav1.GetOptions{})
	if err != nil {
		return err
	}
	t.Role, t.password = string(s.Data["username"]), string(s.Data["password"])
	t.session = t.psql("--set=ON_ERROR_STOP=1")
	in, err := t.session.StdinPipe() // it stays open, and so does the session
	if err != nil {
		return err
	}
	out, err := t.session.StdoutPipe()
	if err != nil {
		return err
	}
	if err := t.session.Start(); err != nil {
		return err
	}
	t.ended = make(chan error, 1)
	b.OnStop(func() error { t.End(); return nil })
	// It is long at one statement, and so hears at once that it is ended; and when
	// the thief goes, the server notices it.
	const deeds = "SET client_connection_check_interval = '200ms'; UPDATE transfers SET amount = 1000000 WHERE id = 1 RETURNING 'changed'; SELECT pg_sleep(3600);\n"
	const done = "changed"
	_, refused := io.WriteString(in, deeds)
	first := make([]byte, len(done))
	_, silent := io.ReadFull(out, first)
	go func() { t.ended <- t.session.Wait() }()
	if err := errors.Join(refused, silent); err != nil {
		return fmt.Errorf("the thief is not let in: %w", err)
	}
	if string(first) != done {
		return fmt.Errorf("the thief is told %q", first)
	}
	return nil
}

func (t *Thief) psql(args ...string) *exec.Cmd {
	cmd := exec.Command("psql", append([]string{"--no-psqlrc", "--quiet", "--tuples-only", "--no-align"}, args...)...)
	cmd.Env = append(cmd.Environ(), "PGHOST="+vault.IP, "PGDATABASE="+vault.Database, "PGUSER="+t.Role, "PGPASSWORD="+t.password, "PGCONNECT_TIMEOUT=5")
	return cmd
}

// LockedOut says whether the thief is still there, or can come back: nil when
// neither is so.
func (t *Thief) LockedOut(ctx context.Context) error {
	select {
	case err := <-t.ended:
		t.ended <- err
		if err == nil {
			return errors.New("the thief left, and was not thrown out")
		}
	default:
		return errors.New("the thief is still connected")
	}
	out, err := t.psql("--command=SELECT 1").CombinedOutput()
	if err == nil {
		return errors.New("the stolen password is still taken")
	}
	if !bytes.Contains(out, []byte("authentication failed")) && !strings.Contains(string(out), "not permitted to log in") {
		return fmt.Errorf("the stolen password was not refused, but something else went wrong: %s", out)
	}
	return nil
}

// End has the thief leave, if he is still there.
func (t *Thief) End() {
	if t.session != nil {
		_ = t.session.Process.Kill() // it may have ended
		err := <-t.ended
		t.ended <- err
	}
}

// securityBreach is the scenario. Its thief is made when it begins.
func securityBreach() Scenario {
	t := new(Thief)
	return Scenario{
		Name: "security-breach", Fault: "Somebody has the password of the tellers, connects by it from elsewhere, and changes a transfer.",
		Policy: "security-breach", Objective: 2 * time.Hour, Paged: true, Strike: t.Steal,
		Policies: SecurityBreachPolicies, Setup: openBank, Approvers: []string{"anna"},
		Works: func(ctx context.Context, _ *bed.Bed) error { return t.LockedOut(ctx) },
	}
}

func openBank(ctx context.Context, b *bed.Bed) error {
	k, err := OpenBank(ctx, b)
	if err == nil {
		b.OnStop(k.Close)
	}
	return err
}
