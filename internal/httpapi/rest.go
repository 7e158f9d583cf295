package httpapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// prefix is the path of the resources.
const prefix = "/api/v1"

// resources are the operations as resources, for programs in any language. OpenAPI
// describes them.
type resources struct {
	warden warden.Warden
	live   Live
	api    huma.API
	log    *slog.Logger

	editing sync.Mutex // a PATCH of a device reads it and writes it
}

// later makes a handler with its first request: the description of all resources takes
// longer than the start of the service.
func later(make func() http.Handler) http.Handler {
	made := sync.OnceValue(make)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { made().ServeHTTP(w, r) })
}

// newResources returns the routes of the resources.
func newResources(w warden.Warden, live Live, log *slog.Logger) http.Handler {
	problemsInPlace()
	c := huma.DefaultConfig("flashwarden", "1")
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = prefix+"/openapi", "", ""
	c.CreateHooks = nil // no "$schema" in answers
	c.FieldsOptionalByDefault = true
	c.RejectUnknownQueryParameters = true
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "the secret of a token: fw_..."},
	}
	c.Security = []map[string][]string{{"token": {}}}
	mux := http.NewServeMux()
	r := &resources{warden: w, live: live, log: log, api: humago.New(mux, c)}
	r.status()
	r.devices()
	r.jobs()
	r.events()
	r.permits()
	r.snapshots()
	r.images()
	r.people()
	r.mayBeNull("DeviceStatus", "last_failure")
	r.mayBeNull("DeviceRow", "last_failure")
	return mux
}

// mayBeNull describes that a field with an object may be null. The library cannot say so.
func (r *resources) mayBeNull(schema, field string) {
	properties := r.api.OpenAPI().Components.Schemas.Map()[schema].Properties
	properties[field] = &huma.Schema{OneOf: []*huma.Schema{properties[field], {Type: "null"}}}
}

// problemsInPlace has the library answer with an api.Problem where a request does not
// match its description.
var problemsInPlace = sync.OnceFunc(func() {
	huma.NewError = func(status int, text string, errs ...error) huma.StatusError {
		p := answerWith(status, &api.Problem{Detail: text, Exit: api.ExitUsage})
		for i, err := range errs {
			if d, ok := err.(huma.ErrorDetailer); ok { // its value stays out: it may be a password
				err = errors.New(strings.TrimPrefix(d.ErrorDetail().Location+": ", ": ") + d.ErrorDetail().Message)
			}
			p.Detail += []string{": ", "; "}[min(i, 1)] + err.Error()
		}
		if status >= http.StatusInternalServerError {
			p.Exit = api.ExitError
		}
		return p
	}
})

// problemDetails is an api.Problem as an answer (RFC 9457). Type, title and status are the fields
// of the standard; the others are ours.
type problemDetails struct {
	api.Problem
	Hint   string `json:"hint"` // the next step in words, as the command line prints it
	Status int    `json:"status"`
	Title  string `json:"title"`

	status int
}

// Error returns the observation.
func (p *problemDetails) Error() string { return p.Problem.Error() }

// GetStatus returns the HTTP status.
func (p *problemDetails) GetStatus() int { return p.status }

// ContentType makes the answer one of the standard.
func (p *problemDetails) ContentType(string) string { return "application/problem+json" }

// failed is the answer to an operation that failed.
func failed(err error) error {
	if err == nil {
		return nil
	}
	p := warden.AsProblem(err)
	if errors.Is(err, warden.ErrConflict) {
		return answerWith(http.StatusConflict, p)
	}
	return answerWith(status(p.Exit), p)
}

func answerWith(status int, p *api.Problem) *problemDetails {
	return &problemDetails{Problem: *p, Hint: p.Fix.String(), Status: status, Title: http.StatusText(status), status: status}
}

// resource adds one route. The errors are those that it answers beside those of all.
func resource[In, Out any](r *resources, method, path, summary string, do func(context.Context, *In) (*Out, error), more ...func(*huma.Operation)) {
	o := huma.Operation{
		OperationID: operationID(method, path), Method: method, Path: prefix + path, Summary: summary, Tags: []string{strings.Split(path, "/")[1]},
		Errors:       []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusBadGateway},
		MaxBodyBytes: maxResource, BodyReadTimeout: -1, // see whole
	}
	for _, change := range more {
		change(&o)
	}
	huma.Register(r.api, o, do)
}

// maxResource bounds the body of a request, in bytes.
const maxResource = 1 << 20

// operationID names an operation: get-devices-name.
func operationID(method, path string) string {
	words := strings.FieldsFunc(strings.ToLower(method)+path, func(c rune) bool { return strings.ContainsRune("/{}", c) })
	return strings.Join(words, "-")
}

// answers sets the status of success.
func answers(status int) func(*huma.Operation) {
	return func(o *huma.Operation) { o.DefaultStatus = status }
}

// also adds statuses of errors.
func also(statuses ...int) func(*huma.Operation) {
	return func(o *huma.Operation) { o.Errors = append(o.Errors, statuses...) }
}

// body is an answer with a document.
type body[T any] struct{ Body T }

// bodyOf answers with a document, or with a problem.
func bodyOf[T any](document T, err error) (*body[T], error) {
	if err != nil {
		return nil, failed(err)
	}
	return &body[T]{document}, nil
}

// Selected are the parameters that choose devices. Like all parts of requests, it is
// exported because the library reads its fields.
type Selected struct {
	Device []string `query:"device,explode" doc:"names of devices; none: all"`
	Group  string   `query:"group"`
	Site   string   `query:"site"`
}

func (s Selected) request() api.Select {
	return api.Select{Names: s.Device, Group: s.Group, Site: s.Site}
}

// Paged are the parameters of a list.
type Paged struct {
	Cursor string `query:"cursor" doc:"next_cursor of the page before; empty: the first page"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"at most so many; 100 if it is not there"`
}

// limit is the length of a page.
func (p Paged) limit() int { return cmp.Or(p.Limit, 100) }

// page returns the part of a list that a request asks for, and the cursor of the next
// one. The list is sorted by its keys; a cursor is the last key of the page before.
func page[T any](list []T, p Paged, key func(T) string) (part []T, next string) {
	from := 0
	if p.Cursor != "" {
		from = slices.IndexFunc(list, func(one T) bool { return key(one) > p.Cursor })
		if from < 0 {
			return []T{}, ""
		}
	}
	part = list[from:min(from+p.limit(), len(list))]
	if from+len(part) < len(list) {
		next = key(part[len(part)-1])
	}
	return slices.Concat([]T{}, part), next
}

// dayList is the answer of GET /days.
type dayList struct {
	Days []api.Day `json:"days"` // the oldest first
}

func (r *resources) status() {
	resource(r, http.MethodGet, "/status", "Which devices are protected, and why the others are not", func(ctx context.Context, in *Selected) (*body[api.Status], error) {
		return bodyOf(r.warden.Status(ctx, api.StatusQuery{Select: in.request()}))
	})
	type newest struct {
		Days int `query:"days" minimum:"1" maximum:"1098" default:"90" doc:"how many days, the newest ones"`
	}
	resource(r, http.MethodGet, "/days", "The fleet and the vault in numbers, for each day that the service ran", func(ctx context.Context, in *newest) (*body[dayList], error) {
		days, err := r.warden.Days(ctx, api.DaySelect{Days: in.Days})
		return bodyOf(dayList{append([]api.Day{}, days...)}, err)
	})
}
