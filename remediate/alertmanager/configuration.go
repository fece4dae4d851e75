package alertmanager

import (
	"context"
	"errors"
	"sync"

	"github.com/prometheus/alertmanager/api/v2/models"
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
func (p *peer) configuration(ctx context.Context) (string, error) {
	status, err := p.status(ctx, func(s *models.AlertmanagerStatus) error {
		if s.Config == nil || s.Config.Original == nil {
			return errors.New("the answer lacks config.original: is this an Alertmanager?")
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return *status.Config.Original, nil
}
