package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// followed is one event of each kind.
type followed struct {
	Job      api.JobEvent
	Transfer api.TransferEvent
	Device   api.DeviceEvent
	Vault    api.VaultEvent
	Reset    api.ResetEvent
}

// Follow gives one event of each kind.
func (f *fake) Follow(ctx context.Context, r api.LiveSelect) (warden.Stream, error) {
	all, err := do[followed](ctx, f, "Follow", r, nil)
	if err != nil {
		return nil, err
	}
	return &once{all: all}, nil
}

type once struct {
	all  followed
	over bool
}

func (o *once) Next(context.Context) (list []api.LiveEvent, err error) {
	if o.over {
		return nil, io.EOF
	}
	o.over = true
	for _, e := range []struct {
		kind string
		data any
	}{
		{api.LiveJob, o.all.Job}, {api.LiveTransfer, o.all.Transfer}, {api.LiveDevice, o.all.Device}, {api.LiveVault, o.all.Vault}, {api.LiveReset, o.all.Reset},
	} {
		text, err := json.Marshal(e.data)
		if err != nil {
			return nil, err
		}
		list = append(list, api.LiveEvent{ID: "x-1", Kind: e.kind, Data: text})
	}
	return list, nil
}

func (o *once) Place() string { return "x-1" }
func (o *once) Close()        {}

// eventsConform compares a stream with its description: a list of events.
func eventsConform(t *testing.T, schemas *jsonschema.Compiler, what, stream string, schema json.RawMessage) {
	t.Helper()
	var list []map[string]any
	for text := range strings.SplitSeq(stream, "\n\n") {
		event := map[string]any{}
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			event[name] = value
			if name == "data" {
				data, err := jsonschema.UnmarshalJSON(strings.NewReader(value))
				if err != nil {
					t.Errorf("%s: %q: %v", what, value, err)
				}
				event[name] = data
			}
		}
		if event["event"] != nil {
			list = append(list, event)
		}
	}
	if len(list) != 5 {
		t.Errorf("%s: %d events of 5 kinds", what, len(list))
	}
	var described struct {
		Items struct{ OneOf []json.RawMessage }
	}
	if err := json.Unmarshal(schema, &described); err != nil {
		t.Fatal(err)
	}
	for _, event := range list {
		fits := false
		for _, one := range described.Items.OneOf {
			fits = fits || eventConforms(t, schemas, event, one)
		}
		if !fits {
			t.Errorf("%s: the event is not described: %v", what, event)
		}
	}
}

func eventConforms(t *testing.T, schemas *jsonschema.Compiler, event map[string]any, schema json.RawMessage) bool {
	t.Helper()
	var kind struct {
		Title      string
		Properties struct {
			Data struct {
				Ref string `json:"$ref"`
			}
		}
	}
	if err := json.Unmarshal(schema, &kind); err != nil {
		t.Fatal(err)
	}
	data, err := schemas.Compile("openapi.json" + kind.Properties.Data.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if kind.Title != event["event"] {
		return false
	}
	if err := data.Validate(event["data"]); err != nil {
		t.Errorf("%v", err)
	}
	return true
}
