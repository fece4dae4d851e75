package slack

import (
	"context"
	"fmt"

	"github.com/x0tta6bl4/remediated/test/doubles/steer"
)

// What another process sends to steer the workspace, and Warning, what it gets for a press.
type (
	// RequestURL is where presses are delivered; see [Workspace.SetRequestURL].
	RequestURL struct {
		URL string `json:"url"`
	}
	// Disconnect ends all sockets: [Workspace.Refresh] with a reason, [Workspace.Cut] without.
	Disconnect struct {
		Reason string `json:"reason,omitempty"`
	}
	// Archive is [Workspace.Archive].
	Archive struct {
		Channel  string `json:"channel"`
		Archived bool   `json:"archived"`
	}
	// Warning is what [Workspace.Press] returns.
	Warning struct {
		Warning string `json:"warning"`
	}
)

// panel is the steering interface: the views messages, channels, ephemerals and sockets, and the actions press,
// request-url, disconnect and archive.
func (w *Workspace) panel() steer.Panel {
	return steer.Panel{
		Script: w.Faults, Changes: &w.changes, Reset: w.forget,
		Views: map[string]func() any{
			"messages":   func() any { return w.Messages() },
			"channels":   func() any { return w.Channels() },
			"ephemerals": func() any { return w.Ephemerals() },
			"sockets":    func() any { return w.Sockets() },
		},
		Actions: map[string]func(context.Context, []byte) (any, error){
			"press": steer.Action(func(ctx context.Context, p Press) (any, error) {
				warning, err := w.Press(ctx, p)
				return Warning{warning}, err
			}),
			"request-url": steer.Action(func(_ context.Context, to RequestURL) (any, error) {
				w.SetRequestURL(to.URL)
				return to, nil
			}),
			"disconnect": steer.Action(w.disconnect),
			"archive": steer.Action(func(_ context.Context, a Archive) (any, error) {
				if !w.Archive(a.Channel, a.Archived) {
					return nil, fmt.Errorf("slack double: no channel %s", a.Channel)
				}
				return a, nil
			}),
		},
	}
}

func (w *Workspace) disconnect(_ context.Context, d Disconnect) (any, error) {
	if d.Reason == "" {
		w.Cut()
	} else {
		w.Refresh(d.Reason)
	}
	return d, nil
}
