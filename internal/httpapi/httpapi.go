// Package httpapi is the face of the operations over HTTP: each operation of
// the warden has one route. It holds no logic of its own.
//
// Clients of ours use POST /api/v1/operations/NAME with the request as JSON. The
// answer is a stream of server-sent events (WHATWG HTML, section 9.2):
// "started" with the operation's ID, "progress" with an api.Event each, and at
// the end "result" or "problem". Other programs use resources such as /api/v1/devices,
// which OpenAPI describes.
package httpapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// maxRequest bounds a request, in bytes. The largest is a plan.
const maxRequest = 16 << 20

// handler routes requests to operations.
type handler struct {
	mux *http.ServeMux
	log *slog.Logger

	mu      sync.Mutex
	running map[string]running // by the operation's ID
}

// running is an operation that runs.
type running struct {
	name   string
	cancel context.CancelCauseFunc
}

// New returns the routes of w's operations, and of the resources.
func New(w warden.Warden, live Live, log *slog.Logger) http.Handler {
	return newHandler(w, live, log).mux
}

// newResourceHandler returns the routes of the resources alone. The operations are for
// our own command line on this machine: some of them name files of the machine.
func newResourceHandler(w warden.Warden, live Live, log *slog.Logger) *handler {
	h := &handler{mux: http.NewServeMux(), log: log, running: make(map[string]running)}
	h.mux.Handle(prefix+"/", later(func() http.Handler { return newResources(w, live, log) }))
	return h
}

func newHandler(w warden.Warden, live Live, log *slog.Logger) *handler {
	h := newResourceHandler(w, live, log)
	h.inventory(w)
	h.work(w)
	h.vault(w)
	h.transfers(w)
	h.people(w)
	route(h, "doctor", w.Doctor)
	route(h, "firewall", plain(w.Firewall))
	route(h, "test-notify", plain(w.TestNotify))
	route(h, "names", plain(w.Names))
	h.mux.HandleFunc("POST /api/v1/operations/{id}/cancel", h.end(nil))
	h.mux.HandleFunc("POST /api/v1/operations/{id}/leave", h.end(api.ErrLeft))
	h.mux.HandleFunc("GET /api/v1/operations/content/{sha256}", h.content(w))
	return h
}

// inventory adds the routes for the devices, and how to log in to them.
func (h *handler) inventory(w warden.Inventory) {
	route(h, "add-device", plain(w.AddDevice))
	route(h, "edit-device", plain(w.EditDevice))
	route(h, "remove-devices", plain(w.RemoveDevices))
	route(h, "import-devices", plain(w.ImportDevices))
	route(h, "set-credential", plain(w.SetCredential))
	route(h, "credentials", plain(empty(w.Credentials)))
	route(h, "test-credential", plain(w.TestCredential))
	route(h, "remove-credential", plain(w.RemoveCredential))
	route(h, "devices", plain(w.Devices))
	route(h, "device", plain(w.Device))
	route(h, "status", plain(w.Status))
	route(h, "days", plain(w.Days))
	route(h, "device-history", plain(w.DeviceHistory))
	route(h, "unknown-host-keys", plain(w.UnknownHostKeys))
	route(h, "trust-host-keys", plain(w.TrustHostKeys))
	route(h, "test-devices", w.TestDevices)
}

// work adds the routes for backups, restores and jobs.
func (h *handler) work(w warden.Work) {
	route(h, "backup", w.Backup)
	route(h, "plan-restore", w.PlanRestore)
	route(h, "apply-plan", w.ApplyPlan)
	route(h, "add-plan", w.AddPlan)
	route(h, "plan", plain(w.Plan))
	route(h, "add-jobs", plain(w.AddJobs))
	route(h, "jobs", plain(w.Jobs))
	route(h, "job", plain(w.Job))
	route(h, "cancel-job", plain(w.CancelJob))
	route(h, "retry-job", plain(w.RetryJob))
}

// vault adds the routes for the backups that are kept.
func (h *handler) vault(w warden.Vault) {
	route(h, "snapshots", plain(w.Snapshots))
	route(h, "snapshot", plain(w.Snapshot))
	route(h, "images", plain(empty(w.Images)))
	route(h, "find", plain(w.Find))
	route(h, "check", w.Check)
	route(h, "rebuild", w.Rebuild)
	route(h, "mirror", w.Mirror)
	route(h, "prune", plain(w.Prune))
	route(h, "diff", plain(w.Diff))
	route(h, "import", w.Import)
	route(h, "compare-images", plain(w.CompareImages))
}

// transfers adds the routes for files that a person on a device fetches or sends.
func (h *handler) transfers(w warden.Transfers) {
	route(h, "offer", plain(w.Offer))
	route(h, "await-offer", w.AwaitOffer)
	route(h, "receive", plain(w.Receive))
	route(h, "await-reception", w.AwaitReception)
	route(h, "offers", plain(empty(w.Offers)))
	route(h, "end-offer", plain(w.EndOffer))
	route(h, "receptions", plain(empty(w.Receptions)))
	route(h, "end-reception", plain(w.EndReception))
	route(h, "rules", plain(empty(w.Rules)))
	route(h, "await-rules", func(ctx context.Context, _ struct{}, events func(api.Event)) ([]api.BackupResult, error) {
		return w.AwaitRules(ctx, events)
	})
}

// people adds the routes for users, tokens and the audit trail.
func (h *handler) people(w warden.People) {
	route(h, "add-user", plain(w.AddUser))
	route(h, "edit-user", plain(w.EditUser))
	route(h, "remove-user", plain(w.RemoveUser))
	route(h, "users", plain(empty(w.Users)))
	route(h, "add-token", plain(w.AddToken))
	route(h, "remove-token", plain(w.RemoveToken))
	route(h, "tokens", plain(empty(w.Tokens)))
	route(h, "audit", plain(w.Audit))
	route(h, "verify-audit", plain(empty(w.VerifyAudit)))
}

// operation is one operation of the warden.
type operation[Req, Res any] func(ctx context.Context, r Req, events func(api.Event)) (Res, error)

// plain makes an operation of a method without events.
func plain[Req, Res any](op func(context.Context, Req) (Res, error)) operation[Req, Res] {
	return func(ctx context.Context, r Req, _ func(api.Event)) (Res, error) { return op(ctx, r) }
}

// empty gives a method without a request an empty one.
func empty[Res any](op func(context.Context) (Res, error)) func(context.Context, struct{}) (Res, error) {
	return func(ctx context.Context, _ struct{}) (Res, error) { return op(ctx) }
}

// route adds the route of one operation.
func route[Req, Res any](h *handler, name string, op operation[Req, Res]) {
	h.mux.HandleFunc("POST /api/v1/operations/"+name, func(w http.ResponseWriter, r *http.Request) {
		var req Req
		if err := h.read(w, r, &req); err != nil {
			h.problem(w, warden.Invalid("the request is no JSON of %s: %w", name, err))
			return
		}
		ctx, id, done := h.begin(r.Context(), name)
		defer done()
		s := newStream(w, h.log, started{ID: id})
		defer s.close() // also where the operation panics
		if res, err := op(ctx, req, s.event); err != nil {
			s.end("problem", warden.AsProblem(err))
		} else {
			s.end("result", res)
		}
	})
}

// requestWithin is how long a client may take to send its request.
const requestWithin = 10 * time.Second

// read reads the one JSON value of a request, to its end: only then does the
// server notice when the client goes.
func (h *handler) read(w http.ResponseWriter, r *http.Request, req any) error {
	c := http.NewResponseController(w)
	if err := c.SetReadDeadline(time.Now().Add(requestWithin)); err != nil {
		return err
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(req); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("there is text after the JSON value: %w", cmp.Or(err, errors.New("a second one")))
	}
	return c.SetReadDeadline(time.Time{})
}

type started struct {
	ID string `json:"id"`
}

// begin registers an operation, so that end finds it.
func (h *handler) begin(ctx context.Context, name string) (_ context.Context, id string, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	id = rand.Text()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running[id] = running{name, cancel}
	return ctx, id, func() {
		cancel(nil)
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.running, id)
	}
}

// operations lists the names of the operations that run.
func (h *handler) operations() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, op := range h.running {
		names = append(names, op.name)
	}
	slices.Sort(names)
	return names
}

// end ends an operation with a cause; nil cancels it. Its stream still gets the result.
// Only a backup has jobs that go on if the client leaves.
func (h *handler) end(why error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		op, ok := h.running[r.PathValue("id")]
		h.mu.Unlock()
		switch {
		case !ok:
			h.problem(w, &api.Problem{Detail: "no such operation runs", Exit: api.ExitUnknown})
		case why == api.ErrLeft && op.name != "backup":
			h.problem(w, warden.Invalid("%s cannot continue without its client", op.name))
		default:
			op.cancel(why)
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// content sends the bytes of one content of the vault.
func (h *handler) content(wd warden.Warden) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := wd.Open(r.Context(), api.Content{SHA256: r.PathValue("sha256")})
		if err != nil {
			h.problem(w, warden.AsProblem(err))
			return
		}
		defer body.Close()
		// When the daemon ends it must not wait for a client that reads nothing.
		defer context.AfterFunc(r.Context(), func() { hurry(w, h.log) })()
		w.Header().Set("Content-Type", "application/octet-stream")
		if _, err := io.Copy(w, body); err != nil {
			h.log.Info("content broke off", "err", err)
			panic(http.ErrAbortHandler) // the client must not take it for the whole
		}
	}
}

// problem answers with a problem (RFC 9457).
func (h *handler) problem(w http.ResponseWriter, p *api.Problem) { h.answer(w, status(p.Exit), p) }

// answer answers with a problem and an HTTP status.
func (h *handler) answer(w http.ResponseWriter, status int, p *api.Problem) {
	writeProblem(w, answerWith(status, p), h.log)
}

// writeProblem sends a problem.
func writeProblem(w http.ResponseWriter, p *problemDetails, log *slog.Logger) {
	hurry(w, log) // a client that does not read it must not keep the daemon
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.status)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		log.Info("answer broke off", "err", err)
	}
}

// status is the HTTP status of a problem.
func status(e api.Exit) int {
	switch e {
	case api.ExitUsage:
		return http.StatusBadRequest
	case api.ExitUnknown:
		return http.StatusNotFound
	case api.ExitRefused:
		return http.StatusForbidden
	case api.ExitFailed: // the device
		return http.StatusBadGateway
	}
	return http.StatusInternalServerError
}
