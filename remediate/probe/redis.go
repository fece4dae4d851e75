package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
)

const (
	redisDoc     = "Redis answers PING"
	redisExample = `redis: {address: "cache.shop:6379", password_file: /etc/remediated/redis}`
)

// The client would print to standard error, where nobody has looked at what a
// server said; all that matters is in the answer.
func init() { logging.Disable() }

// redisPing connects anew for each question.
type redisPing struct {
	Address      string `json:"address"` // host:port
	Username     string `json:"username,omitempty"`
	PasswordFile string `json:"password_file,omitempty"`
	TLS          bool   `json:"tls,omitempty"`
}

func (a *redisPing) validate() error {
	switch _, _, err := net.SplitHostPort(args.Sample(a.Address)); {
	case a.Address == "":
		return errors.New(`"address" is missing: want host:port`)
	case err != nil:
		return fmt.Errorf(`"address" %q: want host:port`, a.Address)
	case strings.Contains(a.PasswordFile, "$"):
		return errors.New(`"password_file": which file is read must not depend on a label`)
	case a.PasswordFile != "" && strings.Contains(a.Address, "$"):
		return errors.New(`"address": where a password is sent must not depend on a label`)
	}
	return nil
}

func (a *redisPing) dependency(remediate.Question) string { return "redis " + a.Address }

func (a *redisPing) put(ctx context.Context, p *Prober, _ remediate.Question) (remediate.Answer, error) {
	var password string
	if a.PasswordFile != "" {
		var err error
		if password, err = secret(a.PasswordFile); err != nil {
			return remediate.Answer{}, err
		}
	}
	began := time.Now()
	err := a.ping(ctx, p.timeout, password)
	took := time.Since(began).Round(time.Millisecond)
	if err != nil {
		return remediate.Answer{Text: fmt.Sprintf("does not answer after %s: %s", took, without(err, password))}, nil
	}
	return remediate.Answer{OK: true, Text: fmt.Sprintf("PONG in %s", took)}, nil
}

func (a *redisPing) ping(ctx context.Context, timeout time.Duration, password string) error {
	o := &redis.Options{
		Addr: a.Address, Username: a.Username, Password: password,
		DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, ContextTimeoutEnabled: true,
		MaxRetries: -1, DialerRetries: 1, PoolSize: 1, DisableIdentity: true, Protocol: 2,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if a.TLS {
		host, _, _ := net.SplitHostPort(a.Address)
		o.TLSConfig = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	}
	client := redis.NewClient(o)
	defer client.Close()
	return client.Ping(ctx).Err()
}
