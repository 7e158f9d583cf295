package web

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// transfersPage is the files that a person on a device may fetch or send now, and what became of
// those of the last minutes.
type transfersPage struct {
	Offers, Receptions []api.PermitState
	Images             []api.Image // that can be offered; for operators only
	Image, Device      string      // that the forms begin with
	Live               *livePage
}

// Times are how long an offer or a reception may stay open.
func (transfersPage) Times() []string { return []string{"15m", "1h", "4h", "24h"} }

// OtherPort says what to do if the TFTP server listens on a port to which no device sends. Empty: nothing.
func (p transfersPage) OtherPort() string {
	for _, s := range slices.Concat(p.Offers, p.Receptions) {
		if s.State == api.PermitOpen && s.Port != 69 {
			return api.Say("The TFTP server listens on port %d, but devices send to port 69. ", s.Port).Do("firewall", "nft").Say(" prints a rule that redirects them.").String()
		}
	}
	return ""
}

func (p Page) transfers(r *http.Request) (string, any, error) {
	ctx := r.Context()
	page := transfersPage{Image: r.URL.Query().Get("image"), Device: r.URL.Query().Get("device")}
	var err error
	if page.Offers, err = newestFirst(p.Warden.Offers(ctx)); err != nil {
		return "", nil, err
	}
	if page.Receptions, err = newestFirst(p.Warden.Receptions(ctx)); err != nil {
		return "", nil, err
	}
	if warden.ActorOf(ctx).Role.Includes(api.RoleOperator) {
		if page.Images, err = p.offered(ctx); err != nil {
			return "", nil, err
		}
	}
	page.Live, err = p.running(ctx, "")
	return "Offers and receptions", page, err
}

// newestFirst sorts permits: those that end last come first.
func newestFirst(all []api.PermitState, err error) ([]api.PermitState, error) {
	slices.SortStableFunc(all, func(a, b api.PermitState) int { return b.Until.Compare(a.Until) })
	return all, err
}

// offered are the images that the vault has.
func (p Page) offered(ctx context.Context) ([]api.Image, error) {
	all, err := p.Warden.Images(ctx)
	return slices.DeleteFunc(all, func(i api.Image) bool { return !i.InVault || len(i.Names) == 0 }), err
}

// Host is our address as a device writes it in a URL.
func (p permitView) Host() string {
	if a, err := netip.ParseAddr(p.Server); err == nil && a.Is6() {
		return "[" + p.Server + "]"
	}
	return p.Server
}

// File is the name that a device sends.
func (p permitView) File() string { return cmp.Or(p.Name, "FILE") }

// permitView is an offer or a reception for the template.
type permitView struct {
	api.PermitState
	Reception, Operator bool
	Now                 time.Time
}

// permitOf returns the view of a permit.
func permitOf(s api.PermitState, reception bool, f frame) permitView {
	return permitView{s, reception, f.Operator(), f.Now}
}

// openFor is how long a permit of a form stays open.
func openFor(r *http.Request) (time.Duration, error) {
	d, err := time.ParseDuration(r.PostFormValue("for"))
	if err != nil {
		return 0, warden.Invalid("how long is it open? %q is not a time such as 15m", r.PostFormValue("for"))
	}
	return d, nil
}

// offer lets a device fetch an image.
func (p Page) offer(r *http.Request) (string, doneCode, error) {
	open, err := openFor(r)
	if err != nil {
		return "", "", err
	}
	times, err := strconv.Atoi(r.PostFormValue("times"))
	if err != nil {
		return "", "", warden.Invalid("how many times? %q is not a number", r.PostFormValue("times"))
	}
	_, err = p.Warden.Offer(r.Context(), api.Offer{Image: r.PostFormValue("image"), To: strings.TrimSpace(r.PostFormValue("to")), Name: strings.TrimSpace(r.PostFormValue("name")), For: open, Times: times})
	return "/transfers", doneOffer, err
}

// receive lets a device send a file.
func (p Page) receive(r *http.Request) (string, doneCode, error) {
	open, err := openFor(r)
	if err != nil {
		return "", "", err
	}
	_, err = p.Warden.Receive(r.Context(), api.Receive{From: strings.TrimSpace(r.PostFormValue("from")), Name: strings.TrimSpace(r.PostFormValue("name")), For: open, MaxSize: mostReceived,
		MD5: strings.TrimSpace(r.PostFormValue("md5"))})
	return "/transfers", doneReceive, err
}

// mostReceived is the largest file that a form lets a device send, in bytes: as the command line does.
const mostReceived = 2_000_000_000

func (p Page) endOffer(r *http.Request) (string, doneCode, error) {
	_, err := p.Warden.EndOffer(r.Context(), api.Named{Name: r.PathValue("id")})
	return "/transfers", doneEnd, err
}

func (p Page) endReception(r *http.Request) (string, doneCode, error) {
	_, err := p.Warden.EndReception(r.Context(), api.Named{Name: r.PathValue("id")})
	return "/transfers", doneEnd, err
}
