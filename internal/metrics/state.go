package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"flashwarden/api"
)

// state collects the measures of one request.
type state struct {
	api.Measures
	known bool // the catalog answered
}

// Describe describes nothing: the metrics are those of Collect.
func (state) Describe(chan<- *prometheus.Desc) {}

// Collect sends all metrics. If the catalog did not answer, it sends only that.
func (s state) Collect(to chan<- prometheus.Metric) {
	g := gauges{to}
	g.truth("flashwarden_catalog_available", "Whether the catalog answers.", s.known)
	if !s.known {
		return
	}
	g.truth("flashwarden_vault_available", "Whether the vault is that of the catalog and can be read.", s.Ready)
	s.devices(g)
	for _, state := range []string{api.JobQueued, api.JobRunning, api.JobRetrying, api.JobDone, api.JobFailed, api.JobCancelled, api.JobInterrupted} {
		g.number("flashwarden_jobs", "Jobs of the queue, those that have ended too.", s.Jobs[state], label{"state", state})
	}
	g.number("flashwarden_vault_bytes", "Size of all content in the vault, each content once.", s.Bytes)
	g.number("flashwarden_vault_contents", "Distinct contents in the vault.", s.Contents)
	g.number("flashwarden_vault_snapshots", "Snapshots in the vault.", s.Snapshots)
	s.care(g)
}

func (s state) devices(g gauges) {
	sum := s.Summary
	g.number("flashwarden_devices", "Devices of the inventory.", int64(sum.Devices))
	g.number("flashwarden_devices_protected", "Protected devices.", int64(sum.Protected))
	g.number("flashwarden_devices_failing", "Devices whose newest backup failed.", int64(sum.Failed))
	g.number("flashwarden_devices_running", "Devices that are being backed up.", int64(sum.Running))
	for _, d := range s.Devices {
		name := label{"device", d.Device}
		g.truth("flashwarden_device_protected", "Whether the device is protected.", d.Protected, name)
		g.moment("flashwarden_device_last_success_timestamp_seconds", "When the newest complete backup began, or a look that confirmed it; absent: never.", d.LastSuccess, name)
	}
}

// care sends how the tasks of the vault and of the inventory went.
func (s state) care(g gauges) {
	names := map[string]string{api.JobCheck: "flashwarden_vault_last_check_timestamp_seconds", api.JobPrune: "flashwarden_vault_last_prune_timestamp_seconds"}
	for _, c := range s.Care {
		labels := []label{{"task", c.Task}, {"name", c.Name}}
		g.truth("flashwarden_task_failed", "Whether the newest run of a task failed or found problems.", c.Failed, labels...)
		g.truth("flashwarden_task_late", "Whether a task was due long ago and did not begin.", c.LateSince != nil, labels...)
		if c.LastSuccess == nil {
			continue
		}
		switch c.Task {
		case api.JobCheck, api.JobPrune:
			g.moment(names[c.Task], "When the newest "+c.Task+" began that found everything in order.", *c.LastSuccess)
		case api.JobMirror:
			g.moment("flashwarden_mirror_last_success_timestamp_seconds", "When the newest run began that copied everything.", *c.LastSuccess, label{"mirror", c.Name})
		case api.JobInventory:
			g.moment("flashwarden_inventory_last_success_timestamp_seconds", "When the newest run began that read the list of devices.", *c.LastSuccess, label{"source", c.Name})
		}
	}
}

type label struct{ name, value string }

// gauges sends gauges.
type gauges struct{ to chan<- prometheus.Metric }

func (g gauges) send(name, help string, value float64, labels ...label) {
	var names, values []string
	for _, l := range labels {
		names, values = append(names, l.name), append(values, l.value)
	}
	g.to <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), prometheus.GaugeValue, value, values...)
}

func (g gauges) number(name, help string, n int64, labels ...label) {
	g.send(name, help, float64(n), labels...)
}

func (g gauges) truth(name, help string, is bool, labels ...label) {
	value := 0.0
	if is {
		value = 1
	}
	g.send(name, help, value, labels...)
}

// moment sends nothing for the zero time.
func (g gauges) moment(name, help string, t time.Time, labels ...label) {
	if !t.IsZero() {
		g.send(name, help, float64(t.Unix()), labels...)
	}
}
