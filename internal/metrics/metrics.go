// Package metrics writes the state of a service as Prometheus text. It counts what happens in
// its process, and asks for the rest with each request.
//
// Every label has few values: kinds, states and causes, and the names of mirrors and lists in
// the configuration. Only devices are many; their series can be switched off.
package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"flashwarden/api"
	"flashwarden/tftp"
)

// Source is asked with each request.
type Source interface {
	Measures(ctx context.Context) (api.Measures, error)
}

// Metrics are the metrics of one process. It implements warden.Watcher.
type Metrics struct {
	source   Source
	log      *slog.Logger
	registry *prometheus.Registry // of what happens in this process

	runs, restores *prometheus.CounterVec
	duration       prometheus.Histogram
	copied         prometheus.Counter

	requests, outcomes, payload *prometheus.CounterVec
	retransmits                 prometheus.Counter
	active                      prometheus.Gauge

	mu      sync.Mutex
	running map[*tftp.Request]bool
}

// seconds are the buckets of the duration of a backup: a look takes seconds, a large image on
// a slow line an hour.
var seconds = []float64{1, 2, 5, 10, 20, 60, 120, 300, 600, 1200, 1800, 3600, 7200}

// New returns the metrics of this process and of a source.
func New(source Source, version string, log *slog.Logger) *Metrics {
	m := &Metrics{source: source, log: log, registry: prometheus.NewRegistry(), running: make(map[*tftp.Request]bool),
		runs:     counters("flashwarden_backup_runs_total", "Backups and looks of devices that ended in this process.", "status", "cause"),
		restores: counters("flashwarden_restore_runs_total", "Restores of devices that ended in this process.", "status", "cause"),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "flashwarden_backup_duration_seconds", Buckets: seconds,
			Help: "How long backups and looks of a device took."}),
		copied:   counter("flashwarden_transfer_bytes_total", "Bytes of files that backups and restores copied."),
		requests: counters("flashwarden_tftp_requests_total", "Requests to the TFTP server.", "kind"),
		outcomes: counters("flashwarden_tftp_transfers_total", "Transfers that ended (ok, failed), and refused requests (refused).", "kind", "outcome"),
		payload:  counters("flashwarden_tftp_bytes_total", "Payload of ended transfers.", "kind"),
		retransmits: counter("flashwarden_tftp_retransmits_total",
			"Packets that were sent again after a timeout."),
		active: prometheus.NewGauge(prometheus.GaugeOpts{Name: "flashwarden_tftp_transfers_active", Help: "Requests whose transfer has not ended."}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "flashwarden_build_info", Help: "Always 1; the version of this process."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.runs, m.restores, m.duration, m.copied, m.requests, m.outcomes, m.payload, m.retransmits, m.active, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, kind := range []tftp.Op{tftp.Read, tftp.Write} { // a rate needs a series that begins at 0
		m.requests.WithLabelValues(kind.String())
		m.payload.WithLabelValues(kind.String())
		for _, outcome := range []string{ok, failed, refused} {
			m.outcomes.WithLabelValues(kind.String(), outcome)
		}
	}
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Ended counts a backup or a restore.
func (m *Metrics) Ended(operation, status string, c api.Cause, bytes int64, took time.Duration) {
	m.copied.Add(float64(bytes))
	if operation != api.RunBackup {
		m.restores.WithLabelValues(status, string(c)).Inc()
		return
	}
	m.runs.WithLabelValues(status, string(c)).Inc()
	m.duration.Observe(took.Seconds())
}

// The outcomes of a request to the TFTP server.
const (
	ok      = "ok"
	failed  = "failed"
	refused = "refused"
)

// Transfer counts an event of the TFTP server.
func (m *Metrics) Transfer(e tftp.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kind := e.Request.Op.String()
	switch e.Kind {
	case tftp.EventRequest:
		m.running[e.Request] = true
		m.requests.WithLabelValues(kind).Inc()
		m.active.Inc()
	case tftp.EventRetransmit:
		m.retransmits.Inc()
	case tftp.EventRefused:
		if !m.running[e.Request] { // else EventDone follows
			m.outcomes.WithLabelValues(kind, refused).Inc()
		}
	case tftp.EventDone:
		delete(m.running, e.Request)
		m.active.Dec()
		outcome := ok
		if e.Err != nil {
			outcome = failed
		}
		m.outcomes.WithLabelValues(kind, outcome).Inc()
		m.payload.WithLabelValues(kind).Add(float64(e.Bytes))
	}
}

// ServeHTTP answers with all metrics. If the catalog does not answer, those of this process
// remain.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	measures, err := m.source.Measures(r.Context())
	var p *api.Problem
	if errors.As(err, &p) && p.Exit == api.ExitRefused {
		http.Error(w, p.Error(), http.StatusForbidden)
		return
	}
	if err != nil {
		m.log.Error("the metrics are not complete", "err", err)
	}
	now := prometheus.NewRegistry()
	now.MustRegister(state{measures, err == nil})
	promhttp.HandlerFor(prometheus.Gatherers{m.registry, now}, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelError)}).ServeHTTP(w, r)
}
