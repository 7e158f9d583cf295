package warden

import (
	"cmp"
	"context"
	"time"

	"flashwarden/api"
	"flashwarden/internal/config"
)

// Mirror brings a copy of the vault to another place, and removes nothing there.
// An operator may bring one of the configuration up to date.
func (l *upkeep) Mirror(ctx context.Context, r api.Mirror, events func(api.Event)) (api.MirrorResult, error) {
	needs := working
	if r != (api.Mirror{Name: r.Name, Rate: r.Rate}) {
		needs = directing // the whole vault goes where this actor wants
	}
	n, err := l.begin(ctx, needs, "mirror", r.Name, r.Target)
	if err != nil {
		return api.MirrorResult{}, err
	}
	if r = configured(r, l.config()); r.Target == "" {
		return api.MirrorResult{}, wrongField("target", "where to?")
	}
	if r.Rate < 0 {
		return api.MirrorResult{}, wrongField("rate", "%d: want 0 or more", r.Rate)
	}
	began := time.Now()
	res, err := n.Mirror(ctx, r, events)
	if _, found := l.config().Mirror(r.Name); found {
		l.recordCare(ctx, n, api.JobMirror, r.Name, began, res.Problems, err)
	}
	return res, err
}

// configured returns a request with what the configuration says of the mirror.
func configured(r api.Mirror, c config.Config) api.Mirror {
	m, found := c.Mirror(r.Name)
	if !found {
		return r
	}
	r.Target = m.Target
	r.EncryptTo, r.Rate = cmp.Or(r.EncryptTo, m.EncryptTo), cmp.Or(r.Rate, m.Bandwidth)
	return r
}
