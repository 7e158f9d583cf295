package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// offerList is all offers.
type offerList struct {
	Offers []api.PermitState `json:"offers"`
}

// receptionList is all receptions.
type receptionList struct {
	Receptions []api.PermitState `json:"receptions"`
}

// newOffer asks for an offer. A client may omit fields that have a default.
type newOffer struct {
	Image string `json:"image" doc:"a SHA-256, an unambiguous prefix of at least 8 digits, or a unique name"`
	To    string `json:"to" doc:"the name of a device, or the IP address that may fetch it"`
	Name  string `json:"name,omitempty" doc:"on the TFTP server; default: the image's own"`
	For   string `json:"for,omitempty" doc:"how long it stays open, as 90s, 15m or 2h; default: 15m"`
	Times int    `json:"times,omitempty" doc:"complete transfers that end it; default: 1"`
}

// newReception asks for a reception.
type newReception struct {
	From    string `json:"from" doc:"the name of a device, or the IP address that may send"`
	Name    string `json:"name,omitempty" doc:"of the file; default: any"`
	For     string `json:"for,omitempty" doc:"how long it stays open, as 90s, 15m or 2h; default: 15m"`
	MaxSize int64  `json:"max_size,omitempty" doc:"bytes; default: 2000000000"`
	Device  string `json:"device,omitempty" doc:"to which the snapshot belongs; default: that with the address"`
	MD5     string `json:"md5,omitempty" doc:"as the device computed it"`
}

// Defaults of fields that a client may omit.
const (
	defaultFor     = 15 * time.Minute
	defaultMaxSize = 2_000_000_000
)

// openFor is how long a permission stays open.
func openFor(text string) (time.Duration, error) {
	if text == "" {
		return defaultFor, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		p := warden.Invalid("%q: want a time such as 15m", text)
		p.Field = "for"
		return 0, p
	}
	return d, nil
}

func (r *resources) permits() {
	type ByID struct {
		ID string `path:"id"`
	}
	resource(r, http.MethodGet, "/offers", "Offers: images that a device may fetch, and the state of each offer", func(ctx context.Context, _ *struct{}) (*body[offerList], error) {
		list, err := r.warden.Offers(ctx)
		return bodyOf(offerList{append([]api.PermitState{}, list...)}, err)
	})
	resource(r, http.MethodPost, "/offers", "Let a device fetch an image", func(ctx context.Context, in *struct{ Body newOffer }) (*body[api.Permit], error) {
		wait, err := openFor(in.Body.For)
		if err != nil {
			return nil, failed(err)
		}
		b := in.Body
		return bodyOf(r.warden.Offer(ctx, api.Offer{Image: b.Image, To: b.To, Name: b.Name, For: wait, Times: cmp.Or(b.Times, 1)}))
	}, answers(http.StatusCreated))
	resource(r, http.MethodDelete, "/offers/{id}", "End an offer", func(ctx context.Context, in *ByID) (*struct{}, error) {
		_, err := r.warden.EndOffer(ctx, api.Named{Name: in.ID})
		return nil, failed(err)
	})
	resource(r, http.MethodGet, "/receptions", "Receptions: files that a device may send, and the state of each reception", func(ctx context.Context, _ *struct{}) (*body[receptionList], error) {
		list, err := r.warden.Receptions(ctx)
		return bodyOf(receptionList{append([]api.PermitState{}, list...)}, err)
	})
	resource(r, http.MethodPost, "/receptions", "Let a device send a file", func(ctx context.Context, in *struct{ Body newReception }) (*body[api.Permit], error) {
		wait, err := openFor(in.Body.For)
		if err != nil {
			return nil, failed(err)
		}
		b := in.Body
		return bodyOf(r.warden.Receive(ctx, api.Receive{From: b.From, Name: b.Name, For: wait, MaxSize: cmp.Or(b.MaxSize, defaultMaxSize), Device: b.Device, MD5: b.MD5}))
	}, answers(http.StatusCreated))
	resource(r, http.MethodDelete, "/receptions/{id}", "End a reception", func(ctx context.Context, in *ByID) (*struct{}, error) {
		_, err := r.warden.EndReception(ctx, api.Named{Name: in.ID})
		return nil, failed(err)
	})
}
