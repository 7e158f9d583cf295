package metrics_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"flashwarden/api"
	"flashwarden/internal/metrics"
	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
)

// source is a metrics.Source.
type source struct {
	measures api.Measures
	err      error
}

// Measures implements metrics.Source.
func (s *source) Measures(context.Context) (api.Measures, error) { return s.measures, s.err }

var at = time.Date(2026, 11, 22, 14, 15, 3, 0, time.UTC)

// fleet has everything that there is a metric for.
func fleet() *source {
	return &source{measures: api.Measures{Ready: true,
		Summary: api.StatusSummary{Devices: 3, Protected: 2, AtRisk: 1, Failed: 1, Running: 1},
		Devices: []api.DeviceMeasure{{Device: "sw1", Protected: true, LastSuccess: at}, {Device: "sw2"}},
		Care: []api.Care{{Task: api.JobCheck, LastSuccess: &at, Failed: true}, {Task: api.JobPrune, LateSince: &at},
			{Task: api.JobMirror, Name: "offsite", LastSuccess: &at}, {Task: api.JobMirror, Name: "usb"},
			{Task: api.JobInventory, Name: "/srv/router.db", LastSuccess: &at}},
		Jobs: map[string]int64{api.JobQueued: 7}, Snapshots: 5, Contents: 4, Bytes: 123456}}
}

func scrape(t *testing.T, m http.Handler) (status int, text string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	return w.Code, w.Body.String()
}

func newMetrics(s *source) *metrics.Metrics {
	return metrics.New(s, "1.2", slog.New(slog.DiscardHandler))
}

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
}

func TestState(t *testing.T) {
	_, text := scrape(t, newMetrics(fleet()))
	wantLines(t, text,
		`flashwarden_build_info{version="1.2"} 1`,
		`flashwarden_catalog_available 1`,
		`flashwarden_vault_available 1`,
		`flashwarden_devices 3`,
		`flashwarden_devices_protected 2`,
		`flashwarden_devices_failing 1`,
		`flashwarden_device_protected{device="sw1"} 1`,
		`flashwarden_device_protected{device="sw2"} 0`,
		`flashwarden_device_last_success_timestamp_seconds{device="sw1"} 1.795356903e+09`,
		`flashwarden_jobs{state="queued"} 7`,
		`flashwarden_jobs{state="running"} 0`,
		`flashwarden_vault_bytes 123456`,
		`flashwarden_vault_last_check_timestamp_seconds 1.795356903e+09`,
		`flashwarden_mirror_last_success_timestamp_seconds{mirror="offsite"} 1.795356903e+09`,
		`flashwarden_inventory_last_success_timestamp_seconds{source="/srv/router.db"} 1.795356903e+09`,
		`flashwarden_task_failed{name="",task="check"} 1`,
		`flashwarden_task_failed{name="usb",task="mirror"} 0`,
		`flashwarden_task_late{name="",task="prune"} 1`)
	for _, never := range []string{`last_success_timestamp_seconds{device="sw2"}`, `last_success_timestamp_seconds{mirror="usb"}`, "last_prune_timestamp"} {
		if strings.Contains(text, never) {
			t.Errorf("there is a time for %s", never)
		}
	}
}

// TestCounts counts what happens in the process. A transfer that ends with an ERROR counts once.
func TestCounts(t *testing.T) {
	m := newMetrics(fleet())
	m.Ended(api.RunBackup, api.StatusOK, "", 1000, 90*time.Second)
	m.Ended(api.RunBackup, api.StatusFailed, "auth_failed", 0, time.Second)
	m.Ended(api.RunRestore, api.StatusOK, "", 500, time.Minute)
	good, bad, stranger, runs := &tftp.Request{Op: tftp.Write}, &tftp.Request{Op: tftp.Write}, &tftp.Request{Op: tftp.Read}, &tftp.Request{Op: tftp.Read}
	for _, e := range []tftp.Event{
		{Kind: tftp.EventRequest, Request: good}, {Kind: tftp.EventRetransmit, Request: good}, {Kind: tftp.EventDone, Request: good, Bytes: 1000},
		{Kind: tftp.EventRequest, Request: bad}, {Kind: tftp.EventRefused, Request: bad}, {Kind: tftp.EventDone, Request: bad, Bytes: 24, Err: errors.New("too large")},
		{Kind: tftp.EventRefused, Request: stranger}, {Kind: tftp.EventRequest, Request: runs},
	} {
		m.Transfer(e)
	}
	_, text := scrape(t, m)
	wantLines(t, text,
		`flashwarden_backup_runs_total{cause="",status="ok"} 1`,
		`flashwarden_backup_runs_total{cause="auth_failed",status="failed"} 1`,
		`flashwarden_restore_runs_total{cause="",status="ok"} 1`,
		`flashwarden_backup_duration_seconds_bucket{le="60"} 1`,
		`flashwarden_backup_duration_seconds_bucket{le="120"} 2`,
		`flashwarden_backup_duration_seconds_count 2`,
		`flashwarden_transfer_bytes_total 1500`,
		`flashwarden_tftp_requests_total{kind="WRQ"} 2`,
		`flashwarden_tftp_transfers_total{kind="WRQ",outcome="ok"} 1`,
		`flashwarden_tftp_transfers_total{kind="WRQ",outcome="failed"} 1`,
		`flashwarden_tftp_transfers_total{kind="WRQ",outcome="refused"} 0`,
		`flashwarden_tftp_transfers_total{kind="RRQ",outcome="refused"} 1`,
		`flashwarden_tftp_bytes_total{kind="WRQ"} 1024`,
		`flashwarden_tftp_retransmits_total 1`,
		`flashwarden_tftp_transfers_active 1`)
}

// TestWithoutCatalog: the counters of the process remain, and nothing says that no device is at
// risk. Who may not read the metrics gets none.
func TestWithoutCatalog(t *testing.T) {
	s := fleet()
	s.err = errors.New("no connection")
	status, text := scrape(t, newMetrics(s))
	if status != http.StatusOK || strings.Contains(text, "flashwarden_device") || strings.Contains(text, "flashwarden_vault") {
		t.Errorf("status %d\n%s", status, text)
	}
	wantLines(t, text, "flashwarden_catalog_available 0", `flashwarden_tftp_requests_total{kind="RRQ"} 0`)
	s.err = &api.Problem{Detail: "may not", Exit: api.ExitRefused}
	if status, text := scrape(t, newMetrics(s)); status != http.StatusForbidden || strings.Contains(text, "flashwarden_") {
		t.Errorf("status %d\n%s", status, text)
	}
}

// TestConventions has the names and texts judged by the rules of Prometheus: by its library, and
// by promtool.
func TestConventions(t *testing.T) {
	m := newMetrics(fleet())
	m.Ended(api.RunBackup, api.StatusOK, "", 1000, 90*time.Second)
	m.Ended(api.RunRestore, api.StatusOK, "", 1000, 90*time.Second)
	_, text := scrape(t, m)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%+v, error %v", problems, err)
	}
	promtool(t, text, "check", "metrics")
}

// TestAlerts has the rules for alerts judged by promtool, also by what they do with example
// values, and wants that their metrics exist.
func TestAlerts(t *testing.T) {
	const rules = "../../docs/flashwarden-alerts.yml"
	metricsExist(t, rules)
	promtool(t, "", "check", "rules", rules)
	promtool(t, "", "test", "rules", "testdata/alerts-test.yml")
}

// TestDashboard wants that the metrics of the dashboard for Grafana exist, and has promtool
// read its expressions. Grafana replaces the variables of an expression.
func TestDashboard(t *testing.T) {
	const file = "../../docs/flashwarden-dashboard.json"
	metricsExist(t, file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", ".+")
	rules := "groups:\n- name: dashboard\n  rules:\n"
	for _, p := range dashboard.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("the panel %s shows nothing", p.Title)
		}
		for i, target := range p.Targets {
			rules += fmt.Sprintf("  - {record: %q, expr: %q}\n", regexp.MustCompile(`\W`).ReplaceAllString(p.Title, "_")+strconv.Itoa(i), variables.Replace(target.Expr))
		}
	}
	written := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(written, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", written)
}

// metricsExist wants that all our metrics that a file names exist.
func metricsExist(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	exist := everything(t)
	named := ours.FindAllString(string(text), -1)
	for _, name := range named {
		if !strings.Contains(exist, "# TYPE "+strings.TrimSuffix(name, "_bucket")+" ") {
			t.Errorf("%s: there is no metric %s", file, name)
		}
	}
	if len(named) == 0 {
		t.Errorf("%s names no metric", file)
	}
}

// everything returns the text of all metrics.
func everything(t *testing.T) string {
	t.Helper()
	m := newMetrics(fleet())
	m.Ended(api.RunBackup, api.StatusOK, "", 0, 0)
	m.Ended(api.RunRestore, api.StatusOK, "", 0, 0)
	s := fleet()
	s.measures.Care[1].LastSuccess = &at
	_, text := scrape(t, m)
	_, more := scrape(t, newMetrics(s))
	return text + more
}

var ours = regexp.MustCompile(`\bflashwarden_[a-z_]+`)

// TestDocs wants every metric in docs/api.md.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(everything(t), "\n") {
		if name, ok := strings.CutPrefix(line, "# TYPE flashwarden_"); ok && !strings.Contains(string(page), "`"+strings.Fields(name)[0]+"`") {
			t.Errorf("docs/api.md does not have %s", strings.Fields(name)[0])
		}
	}
}

// promtool runs promtool, which must find nothing wrong.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		testlevel.Missing(t, "promtool")
	}
	check := exec.CommandContext(t.Context(), path, args...)
	check.Stdin = strings.NewReader(input)
	out, err := check.CombinedOutput()
	if err != nil || args[1] == "metrics" && len(out) > 0 {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
