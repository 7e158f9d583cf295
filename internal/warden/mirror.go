package warden

import (
	"context"

	"flashwarden/api"
)

// Mirror brings a copy of the vault to another place, and removes nothing there.
func (l *Local) Mirror(ctx context.Context, r api.Mirror, events func(api.Event)) (api.MirrorResult, error) {
	n, err := l.begin(ctx, operator, "mirror")
	if err != nil {
		return api.MirrorResult{}, err
	}
	if r.Target == "" {
		return api.MirrorResult{}, wrongField("target", "where to?")
	}
	if r.Rate < 0 {
		return api.MirrorResult{}, wrongField("rate", "%d: want 0 or more", r.Rate)
	}
	return n.Mirror(ctx, r, events)
}
