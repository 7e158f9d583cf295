package tables_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/catalogtest"
	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/catalog/tables"
)

// newLarge returns a catalog of 10,000 devices, each with so many snapshots of
// three files and two runs; 200 images are among them.
func newLarge(b *testing.B, snapshots int) *sqlite.Catalog {
	c := openCatalog(b, filepath.Join(b.TempDir(), "catalog.db"))
	for round := range snapshots {
		list := make([]api.Snapshot, devices)
		for n := range list {
			name := nameOf(n)
			list[n] = catalogtest.Snapshot(name, round, "flash:/x.bin", catalogtest.File("flash:/x.bin", api.KindImage, fmt.Sprint("image", n%200)),
				catalogtest.File("flash:/vlan.dat", api.KindVLAN, "vlan of "+name), catalogtest.File("running-config", api.KindConfig, fmt.Sprint(name, round)))
		}
		if err := c.Index(b.Context(), list...); err != nil {
			b.Fatal(err)
		}
	}
	var runs []api.Run
	var keys []catalog.KeysOfHost
	for n := range devices {
		d := catalogtest.Device()
		d.Name = nameOf(n)
		if err := c.AddDevice(b.Context(), d, catalogtest.Sealed()); err != nil {
			b.Fatal(err)
		}
		keys = append(keys, catalog.KeysOfHost{Host: d.Name, Keys: []string{"ssh-ed25519 " + strings.Repeat("A", 68)}})
		for i, status := range []string{api.StatusOK, api.StatusFailed} {
			r := catalogtest.Run(d.Name, 10+i, status)
			r.Message, r.Hint = strings.Repeat("message ", 20), strings.Repeat("hint ", 40)
			runs = append(runs, r)
		}
	}
	if err := c.ImportHostKeys(b.Context(), keys...); err != nil {
		b.Fatal(err)
	}
	if err := tables.PutRuns(b.Context(), c.Catalog, runs...); err != nil {
		b.Fatal(err)
	}
	return c
}

const devices = 10_000

func nameOf(n int) string { return fmt.Sprintf("sw%05d", n) }

// BenchmarkLarge is what the commands ask of a large catalog.
func BenchmarkLarge(b *testing.B) {
	c := newLarge(b, 10)
	image := fmt.Sprint("image", 77)
	for _, question := range []struct {
		name string
		ask  func() (int, error)
		want int
	}{
		{"device", func() (int, error) { _, err := c.Device(b.Context(), "sw07777"); return 1, err }, 1},
		{"device list", func() (int, error) { l, err := c.Devices(b.Context(), api.Select{}); return len(l), err }, 10_000},
		{"snapshots of one", func() (int, error) { l, err := c.Snapshots(b.Context(), "sw07777"); return len(l), err }, 10},
		{"snapshots of all", func() (int, error) { l, err := c.Snapshots(b.Context(), ""); return len(l), err }, 100_000},
		{"known", func() (int, error) {
			_, ok, err := c.Known(b.Context(), catalogtest.File("", "", image).MD5, int64(len(image)))
			if !ok {
				return 0, err
			}
			return 1, err
		}, 1},
		{"host key", func() (int, error) { l, err := c.HostKeys(b.Context(), "sw07777", ""); return len(l), err }, 1},
		{"images", func() (int, error) { l, err := c.Images(b.Context()); return len(l), err }, 200},
	} {
		b.Run(question.name, func(b *testing.B) {
			for b.Loop() {
				if n, err := question.ask(); err != nil || n != question.want {
					b.Fatalf("%d answers, error %v; want %d", n, err, question.want)
				}
			}
		})
	}
}

// BenchmarkStates is the one question of the status of 10,000 devices. Its bar
// is 150 ms for the whole operation. cpu-ms is the time of the processor, which
// other programs on the machine change little.
func BenchmarkStates(b *testing.B) {
	c := newLarge(b, 1)
	before := processorTime(b)
	for b.Loop() {
		if l, err := c.States(b.Context(), api.Select{}); err != nil || len(l) != 10_000 {
			b.Fatalf("%d states, error %v", len(l), err)
		}
	}
	b.ReportMetric(float64((processorTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// BenchmarkBoard is one decision of a queue in which 10,000 jobs of 500 logins wait.
func BenchmarkBoard(b *testing.B) {
	c := openCatalog(b, filepath.Join(b.TempDir(), "catalog.db"))
	jobs := make([]catalog.Job, devices)
	for n := range jobs {
		jobs[n] = catalog.Job{Job: api.Job{Kind: api.JobBackup, Device: nameOf(n)}, Request: []byte("{}"), Login: fmt.Sprint("site ", n%500)}
	}
	if _, err := c.AddJobs(b.Context(), jobs...); err != nil {
		b.Fatal(err)
	}
	before := processorTime(b)
	for b.Loop() {
		_, err := c.StartJobs(b.Context(), catalog.Worker{ID: "a"}, time.Minute, func(board catalog.Board) []string {
			if len(board.Waiting) != 1000 {
				b.Errorf("%d jobs on the board", len(board.Waiting))
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processorTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
