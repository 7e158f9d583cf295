package warden

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
)

// rand32 returns a name that nobody can guess.
func rand32() string { return strings.ToLower(rand.Text()) }

// Offer lets one address fetch one image of the vault, which is proved first.
func (l *transfers) Offer(ctx context.Context, r api.Offer) (api.Permit, error) {
	if err := checkOffer(r); err != nil {
		return api.Permit{}, err
	}
	n, err := l.begin(ctx, working, "offer", r.Image, r.To)
	if err != nil {
		return api.Permit{}, err
	}
	peer, err := peerAddress(ctx, n, "to", r.To)
	if err != nil {
		return api.Permit{}, err
	}
	image, err := findImage(ctx, n, r.Image)
	if err != nil {
		return api.Permit{}, err
	}
	name, err := offerName(r, image)
	if err != nil {
		return api.Permit{}, err
	}
	m, err := meet(ctx, n, peer, "")
	if err != nil {
		return api.Permit{}, err
	}
	if n, err = l.servedVault(ctx); err != nil {
		return api.Permit{}, err
	}
	p := &permit{meeting: m, began: time.Now(), times: r.Times, by: actorOf(ctx).Name}
	until := p.began.Add(r.For)
	if p.ticket, err = n.Offer(ctx, spool.Offer{Device: peer, Name: name, SHA256: image.SHA256, Deadline: until, Times: r.Times}); err != nil {
		return api.Permit{}, err
	}
	p.Permit = m.permit(n, p.ticket, name, until)
	p.Image, p.Ways = &image, ways(m, image, name)
	p.unwatch = l.watch.add(p.only(transferEvents(l.live.permit(p), image.Size)))
	l.permits.add(p, l.log())
	return p.Permit, nil
}

func checkOffer(r api.Offer) error {
	switch {
	case r.To == "":
		return Invalid("which device may fetch it? Give its name or IP address")
	case r.Times < 1:
		return wrongField("times", "%d: want 1 or more", r.Times)
	}
	return checkPermit(r.Name, r.For)
}

// offerName is the name under which an image is offered: the one asked for,
// else the image's own.
func offerName(r api.Offer, image api.Image) (string, error) {
	if r.Name != "" {
		return r.Name, nil
	}
	name := image.Names[0]
	if slices.Contains(image.Names, r.Image) {
		name = r.Image
	}
	if err := checkName(name); err != nil {
		p := Invalid("the image's own name cannot be used: %w", err)
		p.Fix = api.Say("give another with ").Option("name", "NAME")
		return "", p
	}
	return name, nil
}

// ways are the lines to type, at each prompt that the device may show.
func ways(m meeting, image api.Image, name string) []api.Way {
	platform, names := ios.UnknownPlatform, append(slices.Clone(image.Names), name)
	if image.Image != nil {
		names = slices.Insert(names, 0, image.Image.Family) // the file's own label comes first
	}
	for _, candidate := range names {
		if platform == ios.UnknownPlatform {
			platform = ios.PlatformOf(candidate)
		}
	}
	fetch := ios.Fetch{Server: m.server, Name: name, Device: m.network, MD5: image.MD5}
	var out []api.Way
	for _, w := range fetch.Ways(platform) {
		out = append(out, api.Way{Where: w.Where, Lines: w.Lines, Note: w.Note})
	}
	return out
}

// AwaitOffer waits until an offer is used up or its time is over, and ends it
// when ctx does.
func (l *transfers) AwaitOffer(ctx context.Context, open api.Permit, events func(api.Event)) (api.OfferResult, error) {
	if err := l.allow(ctx, looking, "await an offer", open.ID); err != nil {
		return api.OfferResult{}, err
	}
	n, err := l.served(ctx)
	if err != nil {
		return api.OfferResult{}, err
	}
	p, err := l.permits.take(open.ID, false)
	if err != nil {
		return api.OfferResult{}, err
	}
	defer l.permits.drop(p)
	defer l.watch.add(p.only(transferEvents(events, p.Image.Size)))()
	err = errors.Join(p.wait(ctx, n, l.ending), p.end())
	res := api.OfferResult{Device: p.Device, Address: p.Peer, Status: api.StatusOK, Name: p.Name,
		Size: p.Image.Size, MD5: p.Image.MD5, SHA256: p.Image.SHA256, Times: p.times, Fetched: p.ticket.Evidence().Complete,
		Started: p.began.UTC().Truncate(time.Second), Seconds: tenths(time.Since(p.began))}
	res.BytesCopied = int64(res.Fetched) * res.Size
	if err != nil {
		failed := p.diagnose(err, n, transfer.Witness{Size: res.Size, Stall: p.Until.Sub(p.began), Download: true})
		res.Status, res.Cause, res.Message, res.Hint = api.StatusFailed, cause.Of(failed), cause.Text(failed), cause.Hint(failed)
	}
	return res, nil
}
