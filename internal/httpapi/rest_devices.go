package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// deviceList is a page of devices.
type deviceList struct {
	Devices []api.DeviceRow `json:"devices"`
	Next    string          `json:"next_cursor"`
}

// deviceSettings is a device as POST and PATCH take it. A secret that is not there stays
// as it is; an empty one is removed.
type deviceSettings struct {
	api.Device
	Password       *string `json:"password,omitempty"`
	EnablePassword *string `json:"enable_password,omitempty"`
	Identity       *string `json:"identity,omitempty" doc:"private key, as ssh-keygen writes it"`
	ViaPassword    *string `json:"via_password,omitempty"`
	ViaIdentity    *string `json:"via_identity,omitempty"`
	HostKeys       *string `json:"host_keys,omitempty" doc:"as ssh-keyscan prints them"`
	ViaHostKeys    *string `json:"via_host_keys,omitempty"`
}

func (s deviceSettings) change() api.DeviceChange {
	return api.DeviceChange{Device: s.Device, Password: s.Password, EnablePassword: s.EnablePassword, Identity: s.Identity, ViaPassword: s.ViaPassword, ViaIdentity: s.ViaIdentity,
		HostKeys: s.HostKeys, ViaHostKeys: s.ViaHostKeys}
}

// tagged is an answer with the version of its document.
type tagged[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

// tagOf is the version of a device's settings (RFC 9110 section 8.8.3).
func tagOf(d api.Device) string {
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // it has only texts
	}
	sum := sha256.Sum256(text)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

// Named names a device or a person in a path.
type Named struct {
	Name string `path:"name"`
}

func (r *resources) devices() {
	resource(r, http.MethodGet, "/devices", "The inventory, by name", func(ctx context.Context, in *struct {
		Selected
		Paged
	}) (*body[deviceList], error) {
		rows, err := r.warden.Devices(ctx, in.request())
		if err != nil {
			return nil, failed(err)
		}
		part, next := page(rows, in.Paged, func(d api.DeviceRow) string { return d.Name })
		return &body[deviceList]{deviceList{part, next}}, nil
	})
	resource(r, http.MethodPost, "/devices", "Add a device", func(ctx context.Context, in *struct{ Body deviceSettings }) (*tagged[api.Device], error) {
		d, err := r.warden.AddDevice(ctx, in.Body.change())
		if err != nil {
			return nil, failed(err)
		}
		return &tagged[api.Device]{tagOf(d), d}, nil
	}, answers(http.StatusCreated))
	resource(r, http.MethodGet, "/devices/{name}", "One device with its state and its last runs", func(ctx context.Context, in *Named) (*tagged[api.DeviceDetail], error) {
		d, err := r.warden.Device(ctx, api.Named{Name: in.Name})
		if err != nil {
			return nil, failed(err)
		}
		return &tagged[api.DeviceDetail]{tagOf(d.Device), d}, nil
	})
	resource(r, http.MethodGet, "/devices/{name}/history", "The flash and the runs of a device over time", func(ctx context.Context, in *Named) (*body[api.DeviceHistory], error) {
		h, err := r.warden.DeviceHistory(ctx, api.Named{Name: in.Name})
		h.FlashUse, h.Runs = append([]api.FlashUse{}, h.FlashUse...), append([]api.Run{}, h.Runs...)
		return bodyOf(h, err)
	})
	resource(r, http.MethodPatch, "/devices/{name}", "Change settings of a device; settings that the request does not contain stay", r.editDevice,
		also(http.StatusPreconditionFailed, http.StatusPreconditionRequired))
	resource(r, http.MethodDelete, "/devices/{name}", "Remove a device; its snapshots stay", func(ctx context.Context, in *Named) (*struct{}, error) {
		_, err := r.warden.RemoveDevices(ctx, api.Select{Names: []string{in.Name}})
		return nil, failed(err)
	})
	resource(r, http.MethodPost, "/devices/{name}/test", "Log in and read facts; nothing is changed", func(ctx context.Context, in *Named) (*body[api.TestResult], error) {
		results, err := r.warden.TestDevices(ctx, api.Select{Names: []string{in.Name}}, nil)
		if err == nil && len(results) != 1 {
			err = fmt.Errorf("there are %d results of one device", len(results))
		}
		if err != nil {
			return nil, failed(err)
		}
		return &body[api.TestResult]{results[0]}, nil
	})
}

// editDevice changes a device that is still as the client has seen it.
func (r *resources) editDevice(ctx context.Context, in *struct {
	Named
	IfMatch string `header:"If-Match" doc:"the ETag of the device as it was read"`
	RawBody []byte
	Body    deviceSettings
}) (*tagged[api.Device], error) {
	if in.IfMatch == "" {
		return nil, answerWith(http.StatusPreconditionRequired, warden.Invalid("a change needs If-Match with the ETag of the device"))
	}
	r.editing.Lock()
	defer r.editing.Unlock()
	was, err := r.warden.Device(ctx, api.Named{Name: in.Name})
	if err != nil {
		return nil, failed(err)
	}
	if in.IfMatch != tagOf(was.Device) {
		return nil, answerWith(http.StatusPreconditionFailed, warden.Invalid("%s was changed since it was read; read it again", in.Name))
	}
	now := deviceSettings{Device: was.Device}
	if err := json.NewDecoder(bytes.NewReader(in.RawBody)).Decode(&now); err != nil {
		return nil, failed(warden.Invalid("the settings: %w", err))
	}
	if now.Name != in.Name {
		return nil, failed(warden.Invalid("a device cannot be renamed: the name is %s in the path and %s in the settings", in.Name, now.Name))
	}
	d, err := r.warden.EditDevice(ctx, now.change())
	if err != nil {
		return nil, failed(err)
	}
	return &tagged[api.Device]{tagOf(d), d}, nil
}
