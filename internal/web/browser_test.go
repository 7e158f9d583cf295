package web_test

import (
	"context"
	"fmt"
	"log/slog"
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
	"flashwarden/internal/oidc"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/warden"
	"flashwarden/internal/web"
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
// events that tells scripts so, until it is interrupted. Its form for the login is that of somebody who has not logged in.
func seen(a *answers) http.Handler {
	bytes := new(atomic.Int64)
	moving := &moves{a: a, bytes: bytes}
	provider := &web.Provider{Client: &oidc.Client{Issuer: "https://login.example.net/corp"}} // nobody asks it
	known, stranger := pageWith(a, moving), by("", web.Page{Warden: a, Provider: provider, Log: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	mux.Handle("/", known)
	mux.Handle("/login", stranger)
	interruptions := new(atomic.Int64)
	mux.HandleFunc("POST /interrupt", func(http.ResponseWriter, *http.Request) { interruptions.Add(1) })
	mux.HandleFunc("/api/v1/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for began := interruptions.Load(); r.Context().Err() == nil && interruptions.Load() == began; {
			fmt.Fprint(w, "event: transfer\ndata: {}\n\nevent: device\ndata: {}\n\n")
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

// quarter is 90 days of a fleet that grows.
func quarter() (days []api.Day) {
	for i := range int64(90) {
		days = append(days, api.Day{Date: now.AddDate(0, 0, int(i)-89).Format(time.DateOnly), Devices: 40 + i/10, Protected: 38 + i/10 - i%7/6, Bytes: 5e9 + i*i*2e6})
	}
	return days
}

// year is a device over a year: two file systems, of which one gets a second image, and backups
// with packets that were sent again.
func year() (h api.DeviceHistory) {
	for _, fs := range []string{"flash-2:", "flash:"} {
		for month := range 12 {
			use := api.FlashUse{FileSystem: fs, At: now.AddDate(0, month-12, 0), Total: 32e6, Free: 12e6}
			if fs == "flash:" && month > 7 {
				use.Free = 1e6
			}
			h.FlashUse = append(h.FlashUse, use)
		}
	}
	for i := range 12 {
		at := now.AddDate(0, -i, 0)
		h.Runs = append(h.Runs, api.Run{Kind: api.RunBackup, Status: api.StatusOK, Started: at, Ended: at.Add(time.Minute), BytesCopied: 18e6 + int64(i)*1e6, Retransmits: i % 5})
	}
	return h
}

// morning is what a person sees on a usual day.
func morning() *answers {
	a := full("hq-core1")
	at := now.Add(-5 * time.Hour)
	a.status.Devices = append(a.status.Devices, api.DeviceStatus{Device: "hq-sw2", Protected: true, Site: "hq", Known: api.Known{Model: "WS-C3750G-24TS", Version: "15.0(2)SE8", LastBackup: &at}})
	a.status.Summary = api.StatusSummary{Devices: 2, Protected: 1, AtRisk: 1, Failed: 1, Running: 1}
	a.days, a.history = quarter(), year()
	a.plan.Refusals = nil
	a.plan.Commands = []string{"copy tftp://192.0.2.1/TICKET flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin", "verify /md5 flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin"}
	return a
}
