package httpapi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/testlevel"
)

// schemaOf is the part of a schema that random values need.
type schemaOf struct {
	Ref        string `json:"$ref"`
	Type       any    // a text, or a list of texts
	Properties map[string]schemaOf
	Items      *schemaOf
	Enum       []any
}

// operationOf is the part of an operation that random requests need.
type operationOf struct {
	Parameters []struct {
		Name, In string
		Schema   schemaOf
	}
	RequestBody struct {
		Content map[string]struct{ Schema schemaOf }
	}
}

// TestRandomRequests sends requests of random values, most of which fit the description: no
// answer is an error of the service, and the description has each.
func TestRandomRequests(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "TestAccess sends a request to each route")
	h := newFullHouse(t)
	described, schemas := described(t)
	var document struct {
		Paths      map[string]map[string]operationOf
		Components struct{ Schemas map[string]schemaOf }
	}
	_, raw := h.send(t, h.tokens[api.RoleAdmin], "GET", "/api/v1/openapi.json", "")
	if err := json.Unmarshal([]byte(raw), &document); err != nil {
		t.Fatal(err)
	}
	for seed := range testlevel.Of[uint64](1, 100, 2000) {
		m := maker{rand.New(rand.NewPCG(seed, 0)), document.Components.Schemas, h.names}
		for path, methods := range document.Paths {
			for method, op := range methods {
				method = strings.ToUpper(method)
				target, body := m.request(path, op)
				if seed%10 != 0 && logsIn(method, path) {
					continue // it takes long
				}
				status, answer, kind := h.exchange(t, method, target, body)
				what := fmt.Sprintf("seed %d: %s %s %.300s: %d %.300s", seed, method, target, body, status, answer)
				out, ok := described.Paths[path][strings.ToLower(method)].Responses[fmt.Sprint(status)]
				switch {
				case status == http.StatusInternalServerError:
					t.Errorf("an error of the service: %s", what)
				case !ok:
					t.Errorf("not described: %s", what)
				case kind != "text/event-stream" && kind != "application/octet-stream":
					conforms(t, schemas, what, &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: readCloser(answer)}, out.Content)
				}
			}
		}
	}
}

func logsIn(method, path string) bool {
	return method == http.MethodPost && (strings.HasSuffix(path, "/test") || strings.HasSuffix(path, "/plans"))
}

// maker makes random requests.
type maker struct {
	*rand.Rand
	schemas map[string]schemaOf
	names   *strings.Replacer
}

// pool has values of texts: names that there are, and others that somebody may try.
var pool = []string{"edge1", "x", "", "core", "ams", "JOB-edge1", "SNAPSHOT", "IMAGE", "PLAN", "backup", "restore", "viewer", "admin", "all", "15m", "1/30", "../../etc/passwd", "a b", "é\u202e",
	"<script>", "%00", "\x00", strings.Repeat("long", 500), "127.0.0.1", "2026-11-29T00:00:00Z", "-1", "flash:/x.bin", "ssh", "name'; DROP TABLE job; --"}

func (m maker) text() string { return m.names.Replace(pool[m.IntN(len(pool))]) }

// request makes a path with its query, and a body.
func (m maker) request(path string, op operationOf) (target, body string) {
	query := url.Values{}
	for _, p := range op.Parameters {
		switch {
		case p.In == "path":
			value := m.text()
			if value == "" {
				value = "x"
			}
			path = strings.Replace(path, "{"+p.Name+"}", url.PathEscape(value), 1)
		case p.In == "query" && m.IntN(2) == 0:
			query.Set(p.Name, fmt.Sprint(m.value(p.Schema, 0)))
		}
	}
	if content, ok := op.RequestBody.Content["application/json"]; ok {
		text, err := json.Marshal(m.value(content.Schema, 0))
		if err != nil {
			panic(err)
		}
		body = string(text)
	}
	return path + "?" + query.Encode(), body
}

// value makes a value of a schema; now and then one of another type.
func (m maker) value(s schemaOf, depth int) any {
	if s.Ref != "" {
		s = m.schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
	}
	if depth > 4 || depth > 0 && m.IntN(30) == 0 {
		return []any{nil, true, -1, "x", []any{}, map[string]any{}}[m.IntN(6)]
	}
	if len(s.Enum) > 0 && m.IntN(5) > 0 {
		return s.Enum[m.IntN(len(s.Enum))]
	}
	kind, _ := s.Type.(string)
	if several, ok := s.Type.([]any); ok {
		kind, _ = several[0].(string)
	}
	switch kind {
	case "object":
		return m.object(s, depth)
	case "array":
		list := []any{}
		for range m.IntN(3) {
			list = append(list, m.value(*s.Items, depth+1))
		}
		return list
	case "boolean":
		return m.IntN(2) == 0
	case "integer", "number":
		return []int64{0, 1, 2, 100, -1, 1 << 40, -1 << 62, 1<<63 - 1}[m.IntN(8)]
	}
	return m.text()
}

func (m maker) object(s schemaOf, depth int) map[string]any {
	object := map[string]any{}
	for name, of := range s.Properties {
		if m.IntN(3) > 0 {
			object[name] = m.value(of, depth+1)
		}
	}
	return object
}
