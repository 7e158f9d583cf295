package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/warden"
)

// browsers are the names of the programs that the test can use.
var browsers = []string{"chromium", "chromium-browser", "google-chrome"}

// TestBrowser looks at each view with a real browser: narrow and wide, light and dark, with and
// without JavaScript, and by keyboard alone. The console stays empty under the policy, nothing
// asks another host, axe finds nothing serious, and a transfer moves by itself.
func TestBrowser(t *testing.T) {
	testlevel.NeedFull(t, "starts a browser")
	dir := filepath.Join("..", "..", "e2e", "browser")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "playwright-core")); err != nil {
		testlevel.Missing(t, "playwright-core: type npm ci in e2e/browser")
	}
	program := ""
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil && program == "" {
			program = path
		}
	}
	if program == "" {
		testlevel.Missing(t, "no browser: install chromium")
	}
	s := httptest.NewServer(seen(morning()))
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{"check.mjs", program, s.URL, "/login", "/import"}, slices.DeleteFunc(slices.Clone(views), func(v string) bool { return v == "/live" })...)...)
	cmd.Dir, cmd.WaitDelay = dir, time.Minute
	if shots, err := filepath.Abs(os.Getenv("SHOTS")); err == nil && os.Getenv("SHOTS") != "" {
		cmd.Env = append(os.Environ(), "SHOTS="+shots)
	}
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// seen is a page whose transfer has moved on each time that somebody looks, with the stream of
// events that tells scripts so. Its form for the login is that of somebody who has not logged in.
func seen(a *answers) http.Handler {
	bytes := new(atomic.Int64)
	moving := &moves{a: a, bytes: bytes}
	known, stranger := pageWith(a, moving), page(a, "", false)
	mux := http.NewServeMux()
	mux.Handle("/", known)
	mux.Handle("/login", stranger)
	mux.HandleFunc("/api/v1/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			fmt.Fprint(w, "event: transfer\ndata: {}\n\n")
			if err := http.NewResponseController(w).Flush(); err != nil {
				return
			}
			select {
			case <-r.Context().Done():
			case <-time.After(300 * time.Millisecond):
			}
		}
	})
	return mux
}

// moves is a stream with a transfer that moves.
type moves struct {
	a     *answers
	bytes *atomic.Int64
}

func (m *moves) Follow(ctx context.Context, s api.LiveSelect) (warden.Stream, error) {
	f := &flow{}
	job := api.Job{ID: "j", Kind: api.JobBackup, Device: m.a.device.Name, State: api.JobRunning, Started: now.Add(-time.Minute)}
	err := f.put(api.LiveJob, api.JobEvent{Job: job})
	if err == nil {
		err = f.put(api.LiveTransfer, api.TransferEvent{Job: "j", Device: m.a.device.Name, Step: api.StepCopy, File: "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin",
			Bytes: m.bytes.Add(100_000) % 18_300_000, Size: 18_300_000, Rate: 250_000, Time: now})
	}
	return f, err
}

// morning is what a person sees on a usual day.
func morning() *answers {
	a := full("hq-core1")
	at := now.Add(-5 * time.Hour)
	a.status.Devices = append(a.status.Devices, api.DeviceStatus{Device: "hq-sw2", Protected: true, Site: "hq", Known: api.Known{Model: "WS-C3750G-24TS", Version: "15.0(2)SE8", LastBackup: &at}})
	a.status.Summary = api.StatusSummary{Devices: 2, Protected: 1, AtRisk: 1, Failed: 1, Running: 1}
	a.plan.Refusals = nil
	a.plan.Commands = []string{"copy tftp://192.0.2.1/TICKET flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin", "verify /md5 flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin"}
	return a
}
