package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/config"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/warden"
	"flashwarden/tftp"
)

// TestMain runs more tests side by side than there are processors: some wait for switches, some for
// streams to end.
func TestMain(m *testing.M) {
	testlevel.SideBySide()
	m.Run()
}

// route is what each role gets from one route.
type route struct {
	route string   // METHOD /path, as the description has it
	needs api.Role // of an actor that is not limited
	// own is the rest of a request about the device core1, foreign about edge1: a path and a
	// query for those of the route, and a body. Without own, a limited actor gets nothing.
	own, foreign [2]string
	any          [2]string // of an actor that is not limited; empty: own
	logsIn       bool      // to a device, and changes nothing: it takes a while, and leaves no line in the audit trail
}

// routes is who may do what, for every route of the description.
var routes = []route{
	{route: "GET /status", needs: "viewer", own: at("/status"), foreign: at("/status?device=edge1")},
	{route: "GET /days", needs: "viewer", any: at("/days?days=7")},
	{route: "GET /devices/{name}/history", needs: "viewer", own: at("/devices/core1/history"), foreign: at("/devices/edge1/history")},
	{route: "GET /devices", needs: "viewer", own: at("/devices"), foreign: at("/devices?device=edge1")},
	{route: "POST /devices", needs: "admin", any: at("/devices", `{"name":"new1","address":"127.0.0.1:1","transport":"telnet","username":"x"}`)},
	{route: "GET /devices/{name}", needs: "viewer", own: at("/devices/core1"), foreign: at("/devices/edge1")},
	{route: "PATCH /devices/{name}", needs: "admin", any: at("/devices/core1", `{"vrf":"Mgmt"}`)},
	{route: "DELETE /devices/{name}", needs: "admin", any: at("/devices/nobody")},
	{route: "POST /devices/{name}/test", needs: "operator", own: at("/devices/core1/test"), foreign: at("/devices/edge1/test"), logsIn: true},
	{route: "POST /jobs", needs: "operator", own: at("/jobs", `{"kind":"backup","devices":["core1"]}`), foreign: at("/jobs", `{"kind":"backup","devices":["edge1"]}`)},
	{route: "POST /jobs", needs: "operator", own: at("/jobs", `{"kind":"backup","all":true}`), foreign: at("/jobs", `{"kind":"backup","group":"edge"}`)},
	{route: "POST /jobs", needs: "operator", own: at("/jobs", `{"kind":"doctor","devices":["core1"]}`), foreign: at("/jobs", `{"kind":"doctor","devices":["edge1"]}`)},
	{route: "POST /jobs", needs: "operator", any: at("/jobs", `{"kind":"doctor"}`)},
	{route: "POST /jobs", needs: "operator", any: at("/jobs", `{"kind":"check"}`)},
	{route: "POST /jobs", needs: "operator", any: at("/jobs", `{"kind":"mirror","name":"x"}`)},
	{route: "POST /jobs", needs: "admin", any: at("/jobs", `{"kind":"prune"}`)},
	{route: "POST /jobs", needs: "admin", any: at("/jobs", `{"kind":"inventory","name":"x"}`)},
	{route: "POST /jobs", needs: "admin", any: at("/jobs", `{"kind":"restore","plan":"PLAN","digest":"x"}`), own: at("/jobs", `{"kind":"restore","plan":"PLAN","digest":"x"}`)},
	{route: "GET /jobs", needs: "viewer", own: at("/jobs?device=core1"), foreign: at("/jobs?device=edge1")},
	{route: "GET /jobs", needs: "viewer", any: at("/jobs")},
	{route: "GET /jobs/{id}", needs: "viewer", own: at("/jobs/JOB-core1"), foreign: at("/jobs/JOB-edge1")},
	{route: "GET /jobs/{id}/events", needs: "viewer", own: at("/jobs/JOB-core1/events"), foreign: at("/jobs/JOB-edge1/events")},
	{route: "POST /jobs/{id}/cancel", needs: "operator", own: at("/jobs/JOB-core1/cancel"), foreign: at("/jobs/JOB-edge1/cancel")},
	{route: "POST /jobs/{id}/retry", needs: "operator", own: at("/jobs/JOB-core1/retry"), foreign: at("/jobs/JOB-edge1/retry")},
	{route: "GET /events", needs: "viewer", own: at("/events")},
	{route: "POST /plans", needs: "operator", own: at("/plans", `{"kind":"restore","device":"core1"}`), foreign: at("/plans", `{"kind":"restore","device":"edge1","snapshot":"SNAPSHOT"}`), logsIn: true},
	{route: "GET /plans/{id}", needs: "operator", own: at("/plans/PLAN")},
	{route: "GET /snapshots", needs: "viewer", own: at("/snapshots?device=core1"), foreign: at("/snapshots?device=edge1")},
	{route: "GET /snapshots/{id}", needs: "viewer", own: at("/snapshots/SNAPSHOT"), foreign: at("/snapshots/edge1")},
	{route: "GET /snapshots/{id}/content", needs: "operator", own: at("/snapshots/SNAPSHOT/content?path=config.text"), foreign: at("/snapshots/edge1/content?path=config.text")},
	{route: "GET /diff", needs: "viewer", own: at("/diff?a=core1"), foreign: at("/diff?a=edge1")},
	{route: "GET /images", needs: "viewer", any: at("/images")},
	{route: "GET /images/{sha256}", needs: "viewer", any: at("/images/IMAGE")},
	{route: "GET /images/{sha256}/content", needs: "operator", any: at("/images/IMAGE/content")},
	{route: "GET /offers", needs: "viewer", any: at("/offers")},
	{route: "POST /offers", needs: "operator", any: at("/offers", `{"image":"IMAGE","to":"127.0.0.1"}`)},
	{route: "DELETE /offers/{id}", needs: "operator", any: at("/offers/OFFER")},
	{route: "GET /receptions", needs: "viewer", any: at("/receptions")},
	{route: "POST /receptions", needs: "operator", any: at("/receptions", `{"from":"127.0.0.1","name":"x"}`)},
	{route: "DELETE /receptions/{id}", needs: "operator", any: at("/receptions/FILE")},
	{route: "GET /users", needs: "admin", any: at("/users")},
	{route: "POST /users", needs: "admin", any: at("/users", `{"name":"eve","role":"admin","password":"pl4nted-Person"}`)},
	{route: "PATCH /users/{name}", needs: "admin", any: at("/users/ann", `{"password":"pl4nted-Person"}`)},
	{route: "DELETE /users/{name}", needs: "admin", any: at("/users/eve")},
	{route: "GET /tokens", needs: "admin", any: at("/tokens")},
	{route: "POST /tokens", needs: "admin", any: at("/tokens", `{"name":"more","role":"admin"}`)},
	{route: "DELETE /tokens/{name}", needs: "admin", any: at("/tokens/more")},
	{route: "GET /credentials", needs: "admin", any: at("/credentials")},
	{route: "POST /credentials", needs: "admin", any: at("/credentials", `{"name":"shared","username":"x","password":{"text":"pl4nted-Shared"}}`)},
	{route: "DELETE /credentials/{name}", needs: "admin", any: at("/credentials/shared")},
	{route: "GET /audit", needs: "admin", any: at("/audit")},
}

func at(path string, body ...string) [2]string { return [2]string{path, strings.Join(body, "")} }

// TestAccess sends every request as every role, over TCP and over the socket. Which ones are refused
// follows from the table alone, and no answer and no line of the log has a secret.
func TestAccess(t *testing.T) {
	t.Parallel()
	h := newFullHouse(t)
	d, _ := described(t)
	for path, methods := range d.Paths {
		for method := range methods {
			name := strings.ToUpper(method) + " " + strings.TrimPrefix(path, "/api/v1")
			if !slices.ContainsFunc(routes, func(r route) bool { return r.route == name }) {
				t.Errorf("%s is not in the table", name)
			}
		}
	}
	for _, r := range routes {
		if r.logsIn && testlevel.Of(true, false, false) {
			continue
		}
		r.any = cmpOr(r.any, r.own)
		for _, role := range []api.Role{"", api.RoleViewer, api.RoleOperator, api.RoleAdmin} {
			h.want(t, r, h.tokens[role], r.any, role.Includes(r.needs))
			if role == "" {
				continue
			}
			limited := h.tokens["limited "+role]
			h.want(t, r, limited, r.any, role.Includes(r.needs) && r.own != [2]string{} && r.any == r.own)
			h.want(t, r, limited, r.foreign, false)
		}
		h.want(t, r, "socket", r.any, true)
	}
	h.wantSealed(t)
}

func cmpOr(a, b [2]string) [2]string {
	if a == [2]string{} {
		return b
	}
	return a
}

// fullHouse is a house with a device that was backed up, jobs, a plan and secrets.
type fullHouse struct {
	house
	tokens map[api.Role]string // the secrets, also "limited viewer", …
	names  *strings.Replacer   // of what the table names in capitals
	log    *logText
	said   []string // every answer, except contents
	sealed []string // the secrets
	nobody int      // requests without a right token
}

// logText is a log that may be written side by side.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

const (
	plantedLogin, plantedEnable, plantedCommunity = "pl4nted-Login", "pl4nted-Enable", "pl4nted-Community"
	plantedPerson, plantedShared                  = "pl4nted-Person", "pl4nted-Shared"
)

func newFullHouse(t *testing.T) *fullHouse {
	t.Helper()
	h := &fullHouse{tokens: make(map[api.Role]string), log: &logText{}, sealed: []string{plantedLogin, plantedEnable, plantedCommunity, plantedPerson, plantedShared}}
	h.data, h.admin = sqlitetest.Data(t), warden.As(t.Context(), warden.Admin("ann", "terminal"))
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := config.Default()
	c.TFTP.PortRange, c.TFTP.Advertise = tftp.PortRange{}, netip.MustParseAddr("127.0.0.1")
	c.Retention.KeepLast = 10
	h.l = warden.New(warden.Options{Data: h.data, Config: c, Log: log, Conn: conn})
	t.Cleanup(func() { h.l.Close() })
	sw := h.device(t, uint16(conn.LocalAddr().(*net.UDPAddr).Port))
	h.backedUp(t, sw)
	if err := h.l.UseQueue(h.admin, false); err != nil {
		t.Fatal(err)
	}
	h.people(t)
	h.things(t)
	h.serve(t, log)
	return h
}

// device adds a simulated switch as core1, and edge1, which does not answer.
func (h *fullHouse) device(t *testing.T, port uint16) *iossim.Switch {
	t.Helper()
	sw, err := iossim.New("c3750", iossim.Options{Username: "backup", Password: plantedLogin, EnablePassword: plantedEnable, LargestImage: 20_000, TFTPPort: port})
	if err == nil {
		err = sw.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sw.Close() })
	login, enable := plantedLogin, plantedEnable
	for name, address := range map[string]string{"core1": sw.Addr().String(), "edge1": "127.0.0.1:1"} {
		d := api.Device{Name: name, Address: address, Transport: sw.Transport(), Username: "backup", LegacyCrypto: sw.LegacyCrypto(), Group: strings.TrimSuffix(name, "1"), Site: "ams"}
		if _, err := h.l.AddDevice(h.admin, api.DeviceChange{Device: d, Password: &login, EnablePassword: &enable}); err != nil {
			t.Fatal(err)
		}
	}
	return sw
}

// backedUp backs core1 up twice, with a community that is new in the second snapshot.
func (h *fullHouse) backedUp(t *testing.T, sw *iossim.Switch) {
	t.Helper()
	for _, more := range []string{"", "snmp-server community " + plantedCommunity + " RO\n"} {
		if err := sw.Write("flash:/config.text", []byte("version 15.0\nhostname core1\n"+more+"end\n")); err != nil {
			t.Fatal(err)
		}
		results, err := h.l.Backup(h.admin, api.Backup{Select: api.Select{Names: []string{"core1"}}}, nil)
		if err != nil || results[0].Snapshot == "" {
			t.Fatalf("%+v, error %v", results, err)
		}
	}
}

// people adds a user, a credential and the tokens.
func (h *fullHouse) people(t *testing.T) {
	t.Helper()
	if _, err := h.l.AddUser(h.admin, api.UserChange{Name: "ann", Role: api.RoleAdmin, Password: plantedPerson}); err != nil {
		t.Fatal(err)
	}
	for _, role := range api.Roles {
		h.tokens[role] = h.token(t, api.NewToken{Name: string(role), Role: role})
		h.tokens["limited "+role] = h.token(t, api.NewToken{Name: "limited-" + string(role), Role: role, Group: "core"})
	}
	for _, secret := range h.tokens {
		h.sealed = append(h.sealed, secret)
	}
	h.tokens[""] = "fw_NOBODY"
}

// things makes jobs of both devices, and a plan for core1.
func (h *fullHouse) things(t *testing.T) {
	t.Helper()
	names := []string{}
	for _, device := range []string{"core1", "edge1"} {
		added, err := h.l.AddJobs(h.admin, api.NewJobs{Kind: api.JobBackup, Backup: api.Backup{Select: api.Select{Names: []string{device}}}})
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, "JOB-"+device, added.Jobs[0].ID)
	}
	plan, err := h.l.AddPlan(h.admin, api.NewPlan{Kind: api.JobRestore, Restore: api.Restore{Device: "core1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	images, err := h.l.Images(h.admin)
	if err != nil || len(images) == 0 {
		t.Fatalf("%d images, error %v", len(images), err)
	}
	offer, err := h.l.Offer(h.admin, api.Offer{Image: images[0].SHA256, To: "127.0.0.1", Name: "x.bin", For: time.Hour, Times: 1})
	if err != nil {
		t.Fatal(err)
	}
	file, err := h.l.Receive(h.admin, api.Receive{From: "127.0.0.1", Name: "y", For: time.Hour, MaxSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	h.names = strings.NewReplacer(append(names, "OFFER", offer.ID, "FILE", file.ID, "PLAN", plan.ID, "SNAPSHOT", plan.Snapshot, "IMAGE", images[0].SHA256)...)
}

// want sends a request and compares the answer with the table.
func (h *fullHouse) want(t *testing.T, r route, secret string, request [2]string, allowed bool) {
	t.Helper()
	if request[0] == "" {
		return
	}
	method, _, _ := strings.Cut(r.route, " ")
	before := h.newestLine(t)
	status, body := h.send(t, secret, method, "/api/v1"+h.names.Replace(request[0]), h.names.Replace(request[1]))
	if !strings.Contains(request[0], "/content") {
		h.said = append(h.said, body)
	}
	what := fmt.Sprintf("%s %s %s as %s: %d %s", method, request[0], request[1], h.who(secret), status, body[:min(len(body), 200)])
	refused := status == http.StatusForbidden || status == http.StatusUnauthorized || request == r.foreign && status == http.StatusNotFound
	switch {
	case refused == allowed:
		t.Errorf("allowed must be %t: %s", allowed, what)
	case secret == h.tokens[""] && status != http.StatusUnauthorized:
		t.Errorf("nobody: %s", what)
	case status >= 500:
		t.Errorf("fails: %s", what)
	}
	line, want := h.newestLine(t), ""
	switch {
	case status == http.StatusForbidden:
		want = api.AuditRefused
	case status < 300 && method != http.MethodGet && !r.logsIn:
		want = api.AuditAllowed
	}
	if want != "" && (line.Number == before.Number || line.Result != want) {
		t.Errorf("no line in the audit trail says %s: %s", want, what)
	}
}

// newestLine is the newest line of the audit trail.
func (h *fullHouse) newestLine(t *testing.T) api.AuditLine {
	t.Helper()
	page, err := h.l.Audit(h.admin, api.AuditSelect{Limit: 1})
	if err != nil || len(page.Lines) != 1 {
		t.Fatalf("%+v, error %v", page, err)
	}
	return page.Lines[0]
}

func (h *fullHouse) who(secret string) string {
	for role, of := range h.tokens {
		if of == secret {
			return string(role) + "."
		}
	}
	return secret
}

// send sends a request, and returns the answer; of a stream, its first line.
func (h *fullHouse) send(t *testing.T, secret, method, path, body string) (status int, answer string) {
	t.Helper()
	status, answer, _ = h.exchangeAs(t, secret, method, path, body)
	return status, answer
}

// exchange sends a request over the socket, whose administrator no request can remove. It
// returns the answer and its type.
func (h *fullHouse) exchange(t *testing.T, method, path, body string) (status int, answer, kind string) {
	t.Helper()
	return h.exchangeAs(t, "socket", method, path, body)
}

func (h *fullHouse) exchangeAs(t *testing.T, secret, method, path, body string) (status int, answer, kind string) {
	t.Helper()
	transport, base := &http.Transport{DisableKeepAlives: true}, h.url
	switch secret {
	case "socket":
		base, transport.DialContext = "http://localhost", h.dialSocket
	case h.tokens[""]: // each time from another address: many wrong tokens would have to wait
		h.nobody++
		transport.DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(h.nobody))}}).DialContext
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+secret)
	if method == http.MethodPatch && strings.Contains(path, "/devices/") {
		r.Header.Set("If-Match", h.tag(t, path))
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	read := io.Reader(resp.Body)
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		read = io.LimitReader(read, 5)
	}
	text, err := io.ReadAll(read)
	if err != nil {
		t.Fatal(err)
	}
	kind, _, _ = strings.Cut(resp.Header.Get("Content-Type"), ";")
	return resp.StatusCode, string(text), kind
}

func readCloser(text string) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }

// tag is the version of a device.
func (h *fullHouse) tag(t *testing.T, path string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", h.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.tokens[api.RoleAdmin])
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Header.Get("ETag")
}

// wantSealed looks for the secrets in all answers and in the log.
func (h *fullHouse) wantSealed(t *testing.T) {
	t.Helper()
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	log := h.log.text.String()
	for _, secret := range h.sealed {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %s", secret)
		}
		for _, answer := range h.said {
			if strings.Contains(answer, secret) {
				t.Errorf("an answer has %s: %.300s", secret, answer)
			}
		}
	}
	if all := strings.Join(h.said, ""); !strings.Contains(all, "snmp-server community <secret") || !strings.Contains(log, "audit") {
		t.Error("the diff of the community was not seen, or the log is empty: the test proves nothing")
	}
}
