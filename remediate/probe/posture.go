package probe

import (
	"context"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/posture"
)

// World is what is asked for the posture of targets, a [posture.World], and for
// nothing else.
type World struct{ of *clients }

// NewWorld returns the World of the clusters and of the Prometheus of the
// options. It connects to nothing yet.
func NewWorld(o Options) (World, error) {
	c, err := newClients(o)
	return World{c}, err
}

// Posture reads what a target has against the loss of a pod or a node, within
// the time for one look.
func (w World) Posture(ctx context.Context, t remediate.Target) (found posture.Workload, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.of.timeout)
	defer cancel()
	err = w.of.read(t, func(r kube.Reader) error {
		found, err = r.Posture(ctx, t)
		return err
	})
	return found, err
}

// Number asks Prometheus for the one number that a query has now. Several, none
// and one that is not finite are an error.
func (w World) Number(ctx context.Context, query string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, w.of.timeout)
	defer cancel()
	return w.of.number(ctx, query)
}
