package alertmanager

import (
	"context"
	"errors"
	"sync"

	"github.com/prometheus/alertmanager/api/v2/client/general"
)

// Configurations asks all Alertmanagers how they are configured: the YAML that
// each has loaded, less its secrets, by the Alertmanager's name. It is an error
// when one of them does not say.
func (c *Client) Configurations(ctx context.Context) (map[string]string, error) {
	texts, errs := make([]string, len(c.peers)), make([]error, len(c.peers))
	var wg sync.WaitGroup
	for i, p := range c.peers {
		wg.Go(func() { texts[i], errs[i] = p.configuration(ctx) })
	}
	wg.Wait()
	out := map[string]string{}
	for i, p := range c.peers {
		out[p.name] = texts[i]
	}
	return out, errors.Join(errs...)
}

// configuration asks one Alertmanager.
func (p *peer) configuration(ctx context.Context) (text string, err error) {
	err = p.do(ctx, "status", func(ctx context.Context) error {
		ok, err := p.api.General.GetStatus(general.NewGetStatusParamsWithContext(ctx).WithTimeout(p.o.Timeout))
		if err != nil {
			return err
		}
		if ok.Payload == nil || ok.Payload.Config == nil || ok.Payload.Config.Original == nil {
			return errors.New("the answer lacks config.original: is this an Alertmanager?")
		}
		text = *ok.Payload.Config.Original
		return nil
	})
	return text, err
}
