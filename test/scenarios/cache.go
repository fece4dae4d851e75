package scenarios

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// cacheOutOfMemory has a cache that is up, and of no use. It is mended by the
// shipped policy.
var cacheOutOfMemory = Scenario{
	Name: "cache-out-of-memory", Fault: "The cache is full: it answers every PING and refuses what is written to it.",
	Policies: strings.Replace(acting("redis-full.yaml"), "x0tta6bl4-redis.x0tta6bl4.svc:6379", "REDIS", 1),
	Policy:   "redis-full", Objective: time.Minute, Untold: true,
	Strike: fillCache, Works: writeToCache,
}

// fillCache writes until it is refused.
func fillCache(ctx context.Context, b *bed.Bed) error {
	client := redis.NewClient(&redis.Options{Addr: b.Redis, DisableIdentity: true})
	defer client.Close()
	value := strings.Repeat("x", 1<<16)
	for n := range 10_000 {
		err := client.Set(ctx, fmt.Sprint("filler:", n), value, 0).Err()
		if err != nil && strings.HasPrefix(err.Error(), "OOM ") {
			return client.Ping(ctx).Err()
		}
		if err != nil {
			return fmt.Errorf("fill the cache: %w", err)
		}
	}
	return errors.New("the cache takes all that is written to it: a fault that hits nothing proves nothing")
}

func writeToCache(ctx context.Context, b *bed.Bed) error {
	client := redis.NewClient(&redis.Options{Addr: b.Redis, DisableIdentity: true})
	defer client.Close()
	return client.Set(ctx, "works", strings.Repeat("x", 1<<16), time.Second).Err()
}
