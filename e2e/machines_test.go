package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/postgres"
	"flashwarden/internal/catalog/postgres/postgrestest"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// machines is a fleet of services that share a catalog in PostgreSQL and a vault.
type machines struct {
	t       *testing.T
	central *site
	url     string
	catalog *postgres.Catalog
	db      *sql.DB
	made    int // machines so far
}

// machine is one of them: a data directory, and the process that serves it.
type machine struct {
	*site
	cmd *exec.Cmd
	log string
}

func newMachines(t *testing.T) *machines {
	t.Helper()
	m := &machines{t: t, central: newSite(t), url: postgrestest.New(t)}
	var err error
	if m.db, err = sql.Open("pgx", m.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.db.Close() })
	return m
}

// share makes all commands of the first machine use the shared catalog and vault, and opens
// the catalog for the test.
func (m *machines) share() {
	m.t.Helper()
	m.central.env = append(m.central.env, "FLASHWARDEN_CATALOG="+m.url, "FLASHWARDEN_VAULT="+filepath.Join(filepath.Dir(m.central.data), "vault"))
	var err error
	if m.catalog, err = postgres.Open(m.t.Context(), postgres.Options{URL: m.url}); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { m.catalog.Close() })
}

// add makes another machine, with the key of the first one and an address of its own.
func (m *machines) add() *machine {
	m.t.Helper()
	m.made++
	s := newSite(m.t)
	address := fmt.Sprintf("127.0.1.%d", m.made)
	s.env = append(s.env, m.central.env[len(m.central.env)-2:]...)
	s.env = append(s.env, fmt.Sprintf("FLASHWARDEN_TFTP_LISTEN=%s:%d", address, m.central.port), "FLASHWARDEN_TFTP_ADVERTISE="+address)
	key, err := os.ReadFile(filepath.Join(m.central.data, "key"))
	if err == nil {
		err = os.MkdirAll(s.data, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(s.data, "key"), key, 0o600)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return &machine{site: s, log: filepath.Join(filepath.Dir(s.data), "log")}
}

// serve starts the service of a machine.
func (w *machine) serve(args ...string) {
	w.t.Helper()
	log, err := os.OpenFile(w.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	w.cmd = exec.Command(binary, append([]string{"serve"}, args...)...)
	w.cmd.Env, w.cmd.Stdout, w.cmd.Stderr = w.env, log, log
	w.onHost(func() { err = w.cmd.Start() })
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.kill)
}

// kill ends the service as a power cut does.
func (w *machine) kill() {
	if w.cmd != nil {
		_ = w.cmd.Process.Kill() // it may have ended
		_ = w.cmd.Wait()
		w.cmd = nil
	}
}

func (w *machine) name() string {
	text, err := os.ReadFile(filepath.Join(w.data, "worker"))
	if err != nil {
		return "" // it did not get so far
	}
	name, _, _ := strings.Cut(string(text), "\n")
	return name
}

// number returns the one number of a query on the shared catalog.
func (m *machines) number(query string, args ...any) (n int) {
	m.t.Helper()
	if err := m.db.QueryRowContext(m.t.Context(), query, args...).Scan(&n); err != nil {
		m.t.Fatal(err)
	}
	return n
}

// addJobs adds so many backups, in turn of the devices.
func (m *machines) addJobs(n int, devices []string) {
	m.t.Helper()
	var jobs []catalog.Job
	for i := range n {
		name := devices[i%len(devices)]
		request, err := json.Marshal(api.Backup{Select: api.Select{Names: []string{name}}})
		if err != nil {
			m.t.Fatal(err)
		}
		jobs = append(jobs, catalog.Job{Job: api.Job{Kind: api.JobBackup, Device: name, By: "test"}, Request: request, Person: true})
	}
	if _, err := m.catalog.AddJobs(m.t.Context(), jobs...); err != nil {
		m.t.Fatal(err)
	}
}

// TestSeveralMachines moves a catalog into PostgreSQL and has three machines work on it, one
// of which is killed again and again: half of them start again, and half are replaced by new
// machines, so their devices are free only when their leases end.
func TestSeveralMachines(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "starts many processes")
	m := newMachines(t)
	count, jobs, every := testlevel.Of(0, 4, 40), testlevel.Of(0, 20, 1000), testlevel.Of(0, 6*time.Second, 20*time.Second)
	var devices []string
	for i := range count {
		name := fmt.Sprintf("sw%02d", i+1)
		m.central.add(name, "c3750", iossim.Options{LargestImage: imageSize})
		devices = append(devices, name)
	}
	own := m.central.env
	m.share()
	if o := m.central.ok("catalog", "move"); !strings.Contains(o.stdout, "The catalog was moved") {
		t.Errorf("catalog move said:\n%s", o.stdout)
	}
	kept := m.central.env
	m.central.env = own
	if o := m.central.run("device", "list"); o.code == 0 || !strings.Contains(o.stderr, "was moved into a database") {
		t.Errorf("without the setting: %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	m.central.env = kept

	stranger := m.add()
	if err := os.Remove(filepath.Join(stranger.data, "key")); err != nil {
		t.Fatal(err)
	}
	if o := stranger.run("serve"); o.code == 0 || !strings.Contains(o.stderr, "key file") {
		t.Errorf("a machine without the key: %d\n%s", o.code, o.stderr)
	}

	begun := time.Now()
	var workers []*machine
	for range 3 {
		w := m.add()
		w.serve("--worker")
		workers = append(workers, w)
	}
	m.addJobs(jobs, devices)
	unfinished := func() int { return m.number(`SELECT count(*) FROM job WHERE ended IS NULL`) }
	kills, slowest := 0, time.Duration(0)
	dead := make(map[string]time.Time) // workers that still hold devices
	for next := time.Now(); unfinished() > 0 || len(dead) > 0; time.Sleep(200 * time.Millisecond) {
		if time.Since(begun) > testlevel.Of(0, 10*time.Minute, 40*time.Minute) {
			t.Fatalf("%d jobs have not ended; dead workers %v", unfinished(), dead)
		}
		for name, at := range dead {
			if m.number(`SELECT count(*) FROM lease WHERE holder = $1`, name) == 0 {
				slowest = max(slowest, time.Since(at))
				delete(dead, name)
			}
		}
		i := slices.IndexFunc(workers, func(w *machine) bool {
			return m.number(`SELECT count(*) FROM lease WHERE job <> '' AND holder = $1`, w.name()) > 0
		})
		if i < 0 || time.Now().Before(next) || kills >= testlevel.Of(0, 2, 1000) {
			continue
		}
		name := workers[i].name()
		workers[i].kill()
		dead[name], next = time.Now(), time.Now().Add(every)
		if kills++; kills%2 == 0 {
			workers[i] = m.add() // the old one never returns
		}
		workers[i].serve("--worker")
	}
	if kills < 2 {
		t.Errorf("%d workers were killed", kills)
	}
	if slowest > time.Minute {
		t.Errorf("the devices of a dead worker were free after %v", slowest)
	}
	t.Logf("%d jobs on %d devices by 3 workers, %d killed, in %v; the devices of a dead worker were free after %v at most",
		jobs, count, kills, time.Since(begun).Round(time.Second), slowest.Round(time.Second))
	if n := m.number(`SELECT count(*) FROM job WHERE state = 'done'`); n != jobs {
		var why string
		_ = m.db.QueryRow(`SELECT state || ' ' || cause || ' ' || message FROM job WHERE state <> 'done' LIMIT 1`).Scan(&why)
		t.Errorf("%d of %d jobs are done; another one: %s", n, jobs, why)
	}
	good := m.number(`SELECT count(*) FROM run WHERE status IN ('ok', 'unchanged')`)
	t.Logf("%d successful runs, %d interrupted", good, m.number(`SELECT count(*) FROM run WHERE status = 'interrupted'`))
	if good < jobs || good > jobs+8*kills {
		t.Errorf("%d successful runs for %d jobs", good, jobs)
	}
	if n := m.number(`SELECT count(*) FROM run WHERE ended IS NULL`); n != 0 {
		t.Errorf("%d runs never ended", n)
	}
	for _, w := range workers {
		if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		err := w.cmd.Wait()
		w.cmd = nil
		if err != nil && !strings.Contains(err.Error(), "130") {
			text, _ := os.ReadFile(w.log)
			t.Errorf("a worker ended with %v\n%s", err, text)
		}
	}
	if n := m.number(`SELECT count(*) FROM lease WHERE holder <> ''`); n != 0 {
		t.Errorf("%d leases are left", n)
	}
	m.central.wantClean()
}

// TestWithoutAnyService: beside other machines a backup is done by a service. If none runs, the
// command does it itself. If the service dies, the command ends and says so.
func TestWithoutAnyService(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "starts PostgreSQL")
	m := newMachines(t)
	m.share()
	m.central.add("sw1", "c3750", iossim.Options{LargestImage: imageSize})
	if r := single(t, m.central.ok("backup", "sw1", "--json")); r.Status != api.StatusOK {
		t.Errorf("without a service: %+v", r)
	}
	if n := m.number(`SELECT count(*) FROM job`); n != 0 {
		t.Errorf("%d jobs", n)
	}
	if n := m.number(`SELECT count(*) FROM lease WHERE holder <> ''`); n != 0 {
		t.Errorf("%d leases are left", n)
	}
	w := m.add()
	w.serve("--worker")
	m.await(`SELECT count(*) FROM worker`)
	m.hold("sw1") // the job waits
	client := m.central.command("backup", "sw1", "--json")
	ended := make(chan outcome, 1)
	go func() { ended <- finish(t, client) }()
	m.await(`SELECT count(*) FROM job WHERE state = 'queued'`)
	w.kill()
	if _, err := m.db.Exec(`UPDATE worker SET seen = 0`); err != nil { // a minute later
		t.Fatal(err)
	}
	o := <-ended
	if r := single(t, o); o.code != 3 || r.Cause != "cancelled" || !strings.Contains(r.Message, "not answered for a minute") || !strings.Contains(r.Hint, "flashwarden serve") {
		t.Errorf("exit code %d, %+v", o.code, r)
	}
	if n := m.number(`SELECT count(*) FROM job WHERE state <> 'cancelled'`); n != 0 {
		t.Errorf("%d jobs are not cancelled", n)
	}
	if r := single(t, m.central.run("backup", "sw1", "--json")); !strings.Contains(r.Message, "works on sw1") {
		t.Errorf("other work holds the device: %+v", r)
	}
}

// await waits until a count is not zero.
func (m *machines) await(query string) {
	m.t.Helper()
	for begun := time.Now(); m.number(query) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			m.t.Fatalf("after a minute, still 0: %s", query)
		}
	}
}

// hold takes a device for the test.
func (m *machines) hold(device string) {
	m.t.Helper()
	if _, ok, err := m.catalog.TakeLease(m.t.Context(), catalog.Worker{ID: "test"}, device, time.Hour); !ok || err != nil {
		m.t.Fatal(ok, err)
	}
}
