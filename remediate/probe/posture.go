package probe

import (
	"context"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/posture"
)

// Posture reads what a target has against the loss of a pod or a node, within
// the time for one look. With [Prober.Number] it is a [posture.World].
func (p *Prober) Posture(ctx context.Context, t remediate.Target) (w posture.Workload, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	err = p.read(t, func(r kube.Reader) error {
		w, err = r.Posture(ctx, t)
		return err
	})
	return w, err
}

// Number asks Prometheus for the one number that a query has now. Several, none
// and one that is not finite are an error.
func (p *Prober) Number(ctx context.Context, query string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	return p.number(ctx, query)
}
