package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"flashwarden/api"
	"flashwarden/internal/httpapi"
)

// ask sends a request to the resources of f.
func ask(t *testing.T, f *fake, method, path, body string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	httpapi.New(f, f, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	all, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// description is the part of an OpenAPI document that the tests read.
type description struct {
	Paths map[string]map[string]struct {
		Parameters []struct {
			Name, In string
			Required bool
		}
		RequestBody *struct{}
		Responses   map[string]struct {
			Content map[string]struct{ Schema json.RawMessage }
		}
	}
}

// described returns the description, and a compiler of the schemas in it.
func described(t *testing.T) (description, *jsonschema.Compiler) {
	t.Helper()
	raw := text(t, ask(t, &fake{}, "GET", "/api/v1/openapi.json", ""))
	var d description
	if err := json.Unmarshal([]byte(raw), &d); err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	return d, c
}

// TestDescription asks each resource for a full and an empty answer and for a problem. An
// independent reader of the description finds what it says: the status, the type, and each
// field.
func TestDescription(t *testing.T) {
	d, schemas := described(t)
	sha := strings.Repeat("ab", 32)
	image := func(result any) {
		if list, ok := result.(*[]api.Image); ok && len(*list) > 0 {
			(*list)[0].SHA256 = sha
		}
		if found, ok := result.(*api.Found); ok {
			found.Files = []api.Content{{Name: "a/x.bin", SHA256: sha, Size: 4}}
		}
		if tests, ok := result.(*[]api.TestResult); ok {
			*tests = append(*tests, api.TestResult{})[:1]
		}
	}
	answers := map[string]func(any) error{
		"full":   func(result any) error { full(reflect.ValueOf(result).Elem()); image(result); return nil },
		"hollow": func(result any) error { hollow(reflect.ValueOf(result).Elem()); image(result); return nil },
		"zero":   func(result any) error { image(result); return nil },
		"problem": func(any) error {
			return &api.Problem{Cause: "timeout", Field: "x", Detail: "d", Fix: api.Say("do it"), Exit: api.ExitUnknown}
		},
	}
	seen := 0
	for path, methods := range d.Paths {
		for method, op := range methods {
			for name, answer := range answers {
				f := &fake{answer: func(_ context.Context, _ string, result any, _ func(api.Event)) error { return answer(result) }}
				f.open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("data")), nil }
				url, body := strings.NewReplacer("{name}", "sw1", "{id}", "x", "{sha256}", sha).Replace(path), ""
				query := "?"
				for _, p := range op.Parameters {
					if p.In == "query" && p.Required {
						query += p.Name + "=x&"
					}
				}
				if op.RequestBody != nil {
					body = "{}"
				}
				resp := ask(t, f, strings.ToUpper(method), url+query, body, "If-Match", `"x"`)
				what := fmt.Sprintf("%s: %s %s: %s", name, method, path, resp.Status)
				out, ok := op.Responses[fmt.Sprint(resp.StatusCode)]
				if !ok {
					t.Errorf("%s is not described; %s", what, text(t, resp))
					continue
				}
				seen++
				conforms(t, schemas, what, resp, out.Content)
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d answers were compared", seen)
	}
}

// conforms compares an answer with its description.
func conforms(t *testing.T, schemas *jsonschema.Compiler, what string, resp *http.Response, content map[string]struct{ Schema json.RawMessage }) {
	t.Helper()
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	got := text(t, resp)
	if kind == "text/event-stream" && resp.StatusCode == http.StatusOK {
		eventsConform(t, schemas, what, got, content[kind].Schema)
		return
	}
	if kind == "application/octet-stream" && content[kind].Schema == nil && content != nil || got == "" {
		return
	}
	media, ok := content[kind]
	if !ok {
		t.Errorf("%s: the type %q is not described", what, kind)
		return
	}
	var ref struct {
		Ref string `json:"$ref"`
	}
	if err := json.Unmarshal(media.Schema, &ref); err != nil || ref.Ref == "" {
		t.Errorf("%s: schema %s, error %v", what, media.Schema, err)
		return
	}
	schema, err := schemas.Compile("openapi.json" + ref.Ref)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(got))
	if err == nil {
		err = schema.Validate(document)
	}
	if err != nil {
		t.Errorf("%s: %v\n%s", what, err, got)
	}
}

// TestEditDevice changes only the fields that are sent, and only a device that is as it was read.
func TestEditDevice(t *testing.T) {
	was := api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Username: "backup", Group: "core", Site: "ams"}
	f := &fake{answer: func(_ context.Context, op string, result any, _ func(api.Event)) error {
		if d, ok := result.(*api.DeviceDetail); ok {
			d.Device = was
		}
		return nil
	}}
	tag := ask(t, f, "GET", "/api/v1/devices/sw1", "").Header.Get("ETag")
	for _, c := range []struct {
		tag, body string
		status    int
	}{
		{"", `{"group":"edge"}`, 428}, {`"old"`, `{"group":"edge"}`, 412}, {tag, `{"group":"edge","password":"s3cret-Word"}`, 200},
		{tag, `{"nonsense":"s3cret-Word"}`, 422}, {tag, `{"password":["s3cret-Word"]}`, 422}, {tag, `{"name":"sw2"}`, 400}, {tag, `{"group":`, 400}, {tag, `{"legacy_crypto":"s3cret-Word"}`, 422},
	} {
		f.asked()
		header := []string{"If-Match", c.tag}
		if c.tag == "" {
			header = nil
		}
		resp := ask(t, f, "PATCH", "/api/v1/devices/sw1", c.body, header...)
		if got := text(t, resp); resp.StatusCode != c.status || strings.Contains(got, "s3cret") {
			t.Errorf("%s with %s: %s %s, want %d", c.body, c.tag, resp.Status, got, c.status)
		}
		i := slices.IndexFunc(f.asked(), func(r any) bool { _, ok := r.(api.DeviceChange); return ok })
		if (i >= 0) != (c.status == 200) {
			t.Errorf("%s: changed: %t", c.body, i >= 0)
		}
	}
	resp := ask(t, f, "PATCH", "/api/v1/devices/sw1", `{"group":"edge","password":"s3cret-Word"}`, "If-Match", tag)
	text(t, resp)
	requests := f.asked()
	change, _ := requests[len(requests)-1].(api.DeviceChange)
	want := was
	want.Group = "edge"
	if change.Device != want || change.Password == nil || *change.Password != "s3cret-Word" || change.EnablePassword != nil {
		t.Errorf("the change is %+v", change)
	}
}

// TestPages gives every device once, in pages.
func TestPages(t *testing.T) {
	f := &fake{answer: func(_ context.Context, _ string, result any, _ func(api.Event)) error {
		if rows, ok := result.(*[]api.DeviceRow); ok {
			for _, name := range []string{"a", "b", "c", "d", "e"} {
				*rows = append(*rows, api.DeviceRow{Device: api.Device{Name: name}})
			}
		}
		return nil
	}}
	var pages []string
	for cursor := ""; ; {
		var page struct {
			Devices []api.DeviceRow
			Next    string `json:"next_cursor"`
		}
		if err := json.NewDecoder(ask(t, f, "GET", "/api/v1/devices?limit=2&cursor="+cursor, "").Body).Decode(&page); err != nil {
			t.Fatal(err)
		}
		names := ""
		for _, d := range page.Devices {
			names += d.Name
		}
		pages = append(pages, names)
		if cursor = page.Next; cursor == "" || len(pages) > 5 {
			break
		}
	}
	if got := strings.Join(pages, " "); got != "ab cd e" {
		t.Errorf("pages %q", got)
	}
	for query, status := range map[string]int{"limit=0": 422, "limit=1001": 422, "limit=x": 422, "nonsense=1": 422, "cursor=zz": 200, "group=core": 200} {
		if resp := ask(t, f, "GET", "/api/v1/devices?"+query, ""); resp.StatusCode != status {
			t.Errorf("%s: %s %s", query, resp.Status, text(t, resp))
		}
	}
}

// TestDownload sends a content whole and in parts.
func TestDownload(t *testing.T) {
	sha, data := strings.Repeat("ab", 32), bytes.Repeat([]byte("0123456789"), 10_000)
	f := &fake{
		answer: func(_ context.Context, _ string, result any, _ func(api.Event)) error {
			if list, ok := result.(*[]api.Image); ok {
				*list = []api.Image{{SHA256: sha, Size: int64(len(data)), Names: []string{"flash:/d/x\".bin"}}}
			}
			return nil
		},
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
	for rng, want := range map[string]struct {
		status int
		body   string
	}{
		"": {200, string(data)}, "bytes=3-5": {206, "345"}, "bytes=99990-": {206, string(data[99990:])}, "bytes=-5": {206, "56789"}, "bytes=100000-": {416, ""},
		"bytes=0-,0-,0-,0-": {200, string(data)}, "bytes=90000-,0-5": {200, string(data)}, // each range would read the content again
	} {
		header := []string{"Range", rng}
		if rng == "" {
			header = nil
		}
		resp := ask(t, f, "GET", "/api/v1/images/"+sha+"/content", "", header...)
		got := text(t, resp)
		if resp.StatusCode != want.status || want.body != "" && got != want.body {
			t.Errorf("range %q: %s, %d bytes", rng, resp.Status, len(got))
		}
		if resp.StatusCode == 200 && (resp.Header.Get("Content-Disposition") != `attachment; filename="x\".bin"` || resp.Header.Get("ETag") != `"`+sha+`"`) {
			t.Errorf("headers %v", resp.Header)
		}
	}
	f.open = func() (io.ReadCloser, error) { return nil, &api.Problem{Detail: "damaged", Exit: api.ExitError} }
	if resp := ask(t, f, "GET", "/api/v1/images/"+sha+"/content", ""); resp.StatusCode != 500 || !strings.Contains(text(t, resp), "damaged") {
		t.Errorf("a content that cannot be opened: %s", resp.Status)
	}
}
