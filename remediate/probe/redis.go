package probe

import (
	"cmp"
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
)

const (
	redisDoc     = "Redis answers PING, and where they are asked for its persistence works, its replication is close and its memory is not full"
	redisExample = `redis: {address: "cache.shop:6379", password_file: /etc/remediated/redis}`
)

// The client would print to standard error, where nobody has looked at what a
// server said; all that matters is in the answer.
func init() { logging.Disable() }

// redisInstance connects anew for each question.
type redisInstance struct {
	Address      string `json:"address"` // host:port
	Username     string `json:"username,omitempty"`
	PasswordFile string `json:"password_file,omitempty"`
	TLS          bool   `json:"tls,omitempty"`
	// Persistence asks whether what was last written to the disk was written.
	Persistence bool              `json:"persistence,omitempty"`
	Replication *redisReplication `json:"replication,omitempty"`
	Memory      *redisMemory      `json:"memory,omitempty"`
	// AllowLoopback has this machine be asked.
	AllowLoopback bool `json:"allow_loopback,omitempty"`
}

func (a *redisInstance) validate() error {
	if err := hostPort("address", a.Address, a.AllowLoopback); err != nil {
		return err
	}
	switch {
	case strings.Contains(a.PasswordFile, "$"):
		return errors.New(`"password_file": which file is read must not depend on a label`)
	case a.PasswordFile != "" && strings.Contains(a.Address, "$"):
		return errors.New(`"address": where a password is sent must not depend on a label`)
	}
	return cmp.Or(a.Replication.validate(), a.Memory.validate())
}

func (a *redisInstance) dependency(remediate.Question) string { return "redis " + a.Address }

func (a *redisInstance) put(ctx context.Context, p *clients, _ remediate.Question) (remediate.Answer, error) {
	var password string
	if a.PasswordFile != "" {
		var err error
		if password, err = secret(a.PasswordFile); err != nil {
			return remediate.Answer{}, err
		}
	}
	client := a.client(p.timeout, password)
	defer client.Close()
	began := time.Now()
	err := client.Ping(ctx).Err()
	took := time.Since(began).Round(time.Millisecond)
	switch {
	case notDialled(err):
		return remediate.Answer{}, err
	case err != nil:
		return remediate.Answer{Text: fmt.Sprintf("does not answer after %s: %s", took, without(err, password))}, nil
	}
	var f findings
	f.add(true, fmt.Sprintf("PONG in %s", took), nil)
	if a.Persistence || a.Replication != nil || a.Memory != nil {
		text, err := client.Info(ctx).Result()
		if err != nil {
			return remediate.Answer{}, fmt.Errorf("ask Redis for INFO: %s", without(err, password))
		}
		a.judge(&f, redisInfo(text))
	}
	return f.answer()
}

func (a *redisInstance) client(timeout time.Duration, password string) *redis.Client {
	o := &redis.Options{
		Addr: a.Address, Username: a.Username, Password: password,
		DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, ContextTimeoutEnabled: true,
		MaxRetries: -1, DialerRetries: 1, PoolSize: 1, DisableIdentity: true, Protocol: 2,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	var secure *tls.Config
	if a.TLS {
		host, _, _ := net.SplitHostPort(a.Address)
		secure = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	}
	// The library's own TLS goes with its own dialling.
	o.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialTLS(ctx, dialer(a.AllowLoopback).DialContext, network, address, secure)
	}
	return redis.NewClient(o)
}
