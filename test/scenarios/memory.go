package scenarios

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// memoryHog has a pod that would be killed, and is evicted before. It is mended
// by the shipped policy.
var memoryHog = Scenario{
	Name: "memory-hog", Fault: "One pod of the API takes more memory with each request, up to nearly its limit.",
	Policies: acting("memory-hog.yaml"), Policy: "memory-hog", Objective: 10 * time.Minute, Untold: true,
	Strike: one(API, (*bed.Bed).LeakPod), Works: haveRoom,
}

// haveRoom looks whether all pods of the API that there are now are seen, and are
// well below their limit.
func haveRoom(ctx context.Context, b *bed.Bed) error {
	pods, err := b.Pods(ctx, bed.Namespace, API)
	if err != nil {
		return err
	}
	shares, err := b.Query(ctx, `pod_container:memory_of_limit:ratio{namespace="`+bed.Namespace+`", container="api"}`)
	if err != nil {
		return err
	}
	taken := map[string]float64{}
	for _, s := range shares {
		taken[string(s.Metric["pod"])] = float64(s.Value)
	}
	for _, p := range pods {
		share, seen := taken[p.Name]
		switch {
		case !seen:
			err = errors.Join(err, fmt.Errorf("what %s takes is not seen", p.Name))
		case share > 0.5:
			err = errors.Join(err, fmt.Errorf("%s takes %.0f %% of its limit", p.Name, 100*share))
		}
	}
	return err
}
