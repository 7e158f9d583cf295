package tftpd

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"flashwarden/tftp"
)

// refusalsPerSecond limits the log lines about refused requests, so that a flood
// of them does not fill the disk. The others are only counted.
const refusalsPerSecond = 20

// journal logs one line for each transfer and counts for Prometheus.
type journal struct {
	log      *slog.Logger
	registry *prometheus.Registry

	requests    *prometheus.CounterVec
	outcomes    *prometheus.CounterVec
	bytes       *prometheus.CounterVec
	retransmits prometheus.Counter
	active      prometheus.Gauge

	mu        sync.Mutex
	transfers map[*tftp.Request]*transfer
	second    time.Time // start of the current second
	refusals  int       // in the current second
	silenced  int       // refusals that were not logged since the last line
}

// transfer is a running transfer.
type transfer struct {
	began       time.Time
	retransmits int
}

func newJournal(log *slog.Logger) *journal {
	j := &journal{log: log, registry: prometheus.NewRegistry(), transfers: make(map[*tftp.Request]*transfer)}
	j.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tftp_requests_total", Help: "Requests by kind (RRQ, WRQ)."}, []string{"kind"})
	j.outcomes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tftp_transfers_total", Help: "Ended transfers and refused requests by kind and outcome (ok, refused, failed)."}, []string{"kind", "outcome"})
	j.bytes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tftp_bytes_total", Help: "Payload of ended transfers in bytes, by kind."}, []string{"kind"})
	j.retransmits = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tftp_retransmits_total", Help: "Packets that were repeated after a timeout."})
	j.active = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tftp_transfers_active", Help: "Running transfers."})
	j.registry.MustRegister(j.requests, j.outcomes, j.bytes, j.retransmits, j.active)
	return j
}

// metrics serves the counters as Prometheus text.
func (j *journal) metrics() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(j.registry, promhttp.HandlerOpts{}))
	return mux
}

func (j *journal) observe(e tftp.Event) {
	kind := e.Request.Op.String()
	switch e.Kind {
	case tftp.EventRequest:
		j.requests.WithLabelValues(kind).Inc()
		j.active.Inc()
		j.begin(e)
	case tftp.EventRetransmit:
		j.retransmits.Inc()
		j.retransmitted(e)
	case tftp.EventRefused:
		j.refused(e)
	case tftp.EventDone:
		j.done(e)
	}
}

func (j *journal) begin(e tftp.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.transfers[e.Request] = &transfer{began: time.Now()}
}

func (j *journal) retransmitted(e tftp.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if t := j.transfers[e.Request]; t != nil {
		t.retransmits++
	}
}

// refused logs a request that got an ERROR. A running transfer that gets an ERROR
// also has EventDone, which logs it.
func (j *journal) refused(e tftp.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.transfers[e.Request] != nil {
		return
	}
	j.outcomes.WithLabelValues(e.Request.Op.String(), "refused").Inc()
	if now := time.Now(); now.Sub(j.second) >= time.Second {
		j.second, j.refusals = now, 0
	}
	if j.refusals++; j.refusals > refusalsPerSecond {
		j.silenced++
		return
	}
	args := []any{"kind", e.Request.Op.String(), "remote", e.Request.Remote.String(), "file", e.Request.Filename, "err", e.Err}
	if j.silenced > 0 {
		args = append(args, "silenced", j.silenced)
		j.silenced = 0
	}
	j.log.Warn("refused", args...)
}

func (j *journal) done(e tftp.Event) {
	j.mu.Lock()
	t := j.transfers[e.Request]
	delete(j.transfers, e.Request)
	j.mu.Unlock()
	if t == nil {
		return
	}
	kind, outcome, level := e.Request.Op.String(), "ok", slog.LevelInfo
	if e.Err != nil {
		outcome, level = "failed", slog.LevelWarn
	}
	j.active.Dec()
	j.outcomes.WithLabelValues(kind, outcome).Inc()
	j.bytes.WithLabelValues(kind).Add(float64(e.Bytes))
	took := time.Since(t.began)
	args := []any{"kind", kind, "remote", e.Request.Remote.String(), "file", e.Request.Filename, "bytes", e.Bytes,
		"seconds", math.Round(took.Seconds()*1000) / 1000, "rate", int64(float64(e.Bytes) / max(took.Seconds(), 1e-6)),
		"blksize", e.BlockSize, "windowsize", e.Window, "retransmits", t.retransmits, "outcome", outcome}
	if e.Err != nil {
		args = append(args, "err", e.Err)
	}
	j.log.Log(context.Background(), level, "transfer", args...)
}
