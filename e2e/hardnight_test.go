package e2e

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashwarden/internal/catalog/postgres/postgrestest"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

var nightLasts = flag.Duration("night", 50*time.Minute, "how long the troubles of TestHardNight last")

// night is a fleet whose devices are backed up again and again, and everything that can fail.
type night struct {
	*machines
	*nightNetwork
	rand     *rand.Rand
	config   string
	services []*machine // the first one has the schedule
	modest   []int      // files that each of them has open in the evening
	devices  map[string]*iossim.Switch
	gateway  *exec.Cmd // nil: the vault is a directory
	buckets  string
}

// trouble is one thing that fails for a while.
type trouble struct {
	name       string
	begin, end func()
}

// TestHardNight has three machines back devices up once a minute, while machines, PostgreSQL and
// the S3 server are killed, a machine stops and goes on, a disk is full, links break and lose packets, the
// clock of the database steps, and devices are away, hang, start again, refuse, and send damaged files.
// Afterwards every device is backed up, the vault is whole, and nothing is left over. The clocks of the
// machines do not step: they are that of this host. PostgreSQL has a socket in a directory, and no link.
func TestHardNight(t *testing.T) {
	if testlevel.Current() < testlevel.Soak {
		t.Skipf("lasts %s: wants %s=soak", *nightLasts, testlevel.Variable)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	n := &night{machines: newMachines(t), nightNetwork: newNightNetwork(t), rand: rand.New(rand.NewPCG(seed, 0)), devices: make(map[string]*iossim.Switch)}
	n.begin(12)
	n.awaitBackups(5 * time.Minute)
	for i := range n.services {
		n.modest = append(n.modest, n.openFiles(i))
	}
	troubles := n.troubles()
	count := make(map[string]int)
	var turns []int // all kinds, one after the other
	for end := time.Now().Add(*nightLasts); time.Now().Before(end); turns = turns[1:] {
		if len(turns) == 0 {
			turns = n.rand.Perm(len(troubles))
		}
		some := troubles[turns[0]]
		count[some.name]++
		some.begin()
		n.pause(20 * time.Second)
		some.end()
		n.pause(10 * time.Second)
	}
	t.Logf("troubles: %v", count)
	n.morning()
}

// pause lets the troubles meet all moments of the work: it is not waited for anything.
func (n *night) pause(most time.Duration) { time.Sleep(time.Duration(n.rand.Int64N(int64(most)))) }

// begin starts everything.
func (n *night) begin(devices int) {
	n.t.Helper()
	n.central.inside = n.center.Do
	n.config = n.central.file("night.yaml", "schedule: {backup: every 1m, spread: 1m}\ncheck: {schedule: every 5m}\nretention: {keep-last: 5, schedule: every 5m}\nbackup: {stall-timeout: 10s}")
	n.share()
	n.bendClock()
	if _, err := exec.LookPath("versitygw"); err == nil {
		n.buckets = filepath.Join(n.t.TempDir(), "s3")
		n.t.Setenv("AWS_ACCESS_KEY_ID", "testkey")
		n.t.Setenv("AWS_SECRET_ACCESS_KEY", "testsecret123")
		n.central.env = append(os.Environ(), n.central.env...)
		n.central.env[len(n.central.env)-1] = fmt.Sprintf("FLASHWARDEN_VAULT=s3://vault/fw?endpoint=http://%s", n.s3Address())
		n.startGateway()
	}
	for i := range devices {
		name := fmt.Sprintf("sw%02d", i+1)
		o := iossim.Options{Listen: n.deviceAddress(i), Inside: n.field.Do, LargestImage: imageSize, Pace: imageSize / 5, Timeout: 5 * time.Second}
		n.devices[name] = n.central.add(name, "c3750", o)
	}
	for i := range nightMachines {
		w := n.add()
		address := machineAddress(i)
		w.inside = n.hosts[i].Do
		w.env = append(w.env, fmt.Sprintf("FLASHWARDEN_TFTP_LISTEN=%s:%d", address, n.central.port), "FLASHWARDEN_TFTP_ADVERTISE="+address)
		n.services = append(n.services, w)
		n.serve(i)
	}
}

// serve starts the service of a machine.
func (n *night) serve(i int) {
	args := []string{"--config", n.config}
	if i > 0 {
		args = append(args, "--worker")
	}
	n.services[i].serve(args...)
}

// s3Address is where the S3 server listens.
func (n *night) s3Address() string { return fmt.Sprintf("%s:%d", centerAddress, n.central.port+1000) }

func (n *night) startGateway() {
	n.t.Helper()
	for _, sub := range []string{"objects/vault", "attributes"} {
		if err := os.MkdirAll(filepath.Join(n.buckets, sub), 0o700); err != nil {
			n.t.Fatal(err)
		}
	}
	address := n.s3Address()
	n.gateway = exec.Command("versitygw", "--port", address, "--quiet", "posix", "--sidecar", filepath.Join(n.buckets, "attributes"), filepath.Join(n.buckets, "objects"))
	n.gateway.Env = append(os.Environ(), "ROOT_ACCESS_KEY=testkey", "ROOT_SECRET_KEY=testsecret123")
	if err := n.center.Start(n.gateway); err != nil {
		n.t.Fatal(err)
	}
	gateway := n.gateway
	n.t.Cleanup(func() { _ = gateway.Process.Kill() }) // it may have ended
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		var c net.Conn
		var err error
		n.center.Do(func() { c, err = net.Dial("tcp", address) })
		if err == nil {
			c.Close()
			return
		}
		if time.Since(begun) > time.Minute {
			n.t.Fatal(err)
		}
	}
}

// troubles are all that can fail.
func (n *night) troubles() []trouble {
	var i int
	var name string
	anyService := func() { i = n.rand.IntN(len(n.services)) }
	anyDevice := func() { name = slices.Sorted(maps.Keys(n.devices))[n.rand.IntN(len(n.devices))] }
	with := func(o iossim.Options) func() { return func() { anyDevice(); n.replace(name, o) } }
	healthy := func() { n.replace(name, iossim.Options{}) }
	all := []trouble{
		{"machine killed", func() { anyService(); n.services[i].kill() }, func() { n.serve(i) }},
		{"machine stopped", func() { anyService(); n.signal(i, syscall.SIGSTOP); time.Sleep(70 * time.Second) }, func() { n.signal(i, syscall.SIGCONT) }},
		{"service ended", func() { anyService(); n.endService(i) }, func() { n.serve(i) }},
		{"PostgreSQL killed", func() { postgrestest.Kill(n.t) }, func() { postgrestest.Start(n.t) }},
		{"disk full", func() { anyService(); n.fill(i) }, func() { n.free(i) }},
		{"device away", func() { anyDevice(); n.devices[name].Close() }, healthy},
		{"device hangs up", with(iossim.Options{Faults: iossim.Faults{Hangup: iossim.After{Bytes: imageSize / 2, Times: 2}}}), healthy},
		{"device stalls", with(iossim.Options{Faults: iossim.Faults{Stall: iossim.After{Bytes: imageSize / 2, Times: 2}}}), healthy},
		{"damaged bytes", with(iossim.Options{Faults: iossim.Faults{FlipBit: 2}}), healthy},
		{"short file", with(iossim.Options{Faults: iossim.Faults{ShortBlock: 2}}), healthy},
		{"unknown question", with(iossim.Options{Faults: iossim.Faults{AskUnknown: 1}}), healthy},
		{"password refused", with(iossim.Options{Password: "another"}), healthy},
	}
	all = append(all,
		trouble{"device starts again", func() { anyDevice(); n.replace(name, iossim.Options{Faults: powerCut()}) }, healthy},
		trouble{"device silent", func() { anyDevice(); n.cut(silent(n.devices[name])) }, n.mend},
		trouble{"no way to devices", func() { anyService(); n.cut(noDevices(i)) }, n.mend},
		trouble{"packets lost", func() { anyService(); n.cut(bad(i)) }, n.mend},
		trouble{"clock steps", func() { n.step(n.rand.IntN(2) == 0) }, func() { n.stepTo(0) }},
	)
	if n.gateway != nil {
		all = append(all, trouble{"no way to S3", func() { anyService(); n.cut(noServer(i)) }, n.mend})
		all = append(all, trouble{"S3 server killed", func() { _ = n.gateway.Process.Kill(); _ = n.gateway.Wait() }, n.startGateway})
	}
	return all
}

// replace has a device start again at its address with another image: what it says is copied again.
func (n *night) replace(name string, o iossim.Options) {
	n.t.Helper()
	old := n.devices[name]
	if err := old.Close(); err != nil {
		n.t.Fatal(err)
	}
	wrong := o.Password
	o.Hostname, o.Username, o.Password, o.EnablePassword, o.TFTPPort = name, user, password, enable, uint16(n.central.port)
	if wrong != "" {
		o.Password = wrong
	}
	o.Listen, o.Inside, o.Pace, o.Timeout = old.Addr().String(), n.field.Do, imageSize/5, 5*time.Second
	o.LargestImage = imageSize + 1000*n.rand.Int64N(100)
	sw, err := iossim.New("c3750", o)
	if err == nil {
		err = sw.Start()
	}
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { sw.Close() })
	n.devices[name] = sw
}

func (n *night) signal(i int, s os.Signal) {
	if err := n.services[i].cmd.Process.Signal(s); err != nil {
		n.t.Error(err)
	}
}

// endService ends a service as systemd does. Its end is clean.
func (n *night) endService(i int) {
	n.t.Helper()
	w := n.services[i]
	n.signal(i, syscall.SIGTERM)
	ended := make(chan error, 1)
	cmd := w.cmd
	w.cmd = nil
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			n.t.Errorf("machine %d ended with %v", i+1, err)
		}
	case <-time.After(2 * time.Minute):
		_ = cmd.Process.Signal(syscall.SIGQUIT) // its log then has what it waits for
		<-ended
		n.t.Errorf("machine %d did not end", i+1)
	}
}

// fill leaves no space for files on a machine.
func (n *night) fill(i int) {
	spool := filepath.Join(n.services[i].data, "spool")
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "full", spool).CombinedOutput(); err != nil {
		n.t.Logf("no full disk: %v %s", err, out)
	}
}

func (n *night) free(i int) {
	spool := filepath.Join(n.services[i].data, "spool")
	if out, err := exec.Command("umount", "--lazy", spool).CombinedOutput(); err != nil {
		n.t.Logf("umount: %v %s", err, out)
	}
}

// morning ends the troubles, and looks for their traces.
func (n *night) morning() {
	n.t.Helper()
	for name := range n.devices {
		n.replace(name, iossim.Options{})
	}
	n.t.Logf("all devices were backed up again after %s", n.awaitBackups(10*time.Minute).Round(time.Second))
	for i, w := range n.services {
		n.wantModest(i)
		n.endService(i)
		w.wantEmptySpool()
		n.wantFewLines(w.log)
	}
	for what, query := range map[string]string{
		"leases": `SELECT count(*) FROM lease WHERE holder <> ''`, "jobs": `SELECT count(*) FROM job WHERE state = 'running'`,
		"runs": `SELECT count(*) FROM run WHERE ended IS NULL`, "intents": `SELECT count(*) FROM intended`,
	} {
		if left := n.number(query); left != 0 {
			n.t.Errorf("%d %s are left", left, what)
		}
	}
	n.central.wantClean()
	n.t.Logf("%d successful runs, %d others", n.number(`SELECT count(*) FROM run WHERE status IN ('ok', 'unchanged')`), n.number(`SELECT count(*) FROM run WHERE status NOT IN ('ok', 'unchanged')`))
}

// awaitBackups waits until each device is backed up once more, and returns how long that took.
func (n *night) awaitBackups(most time.Duration) time.Duration {
	n.t.Helper()
	begun := time.Now()
	const backedUp = `SELECT count(DISTINCT device) FROM job WHERE kind = 'backup' AND state = 'done' AND started >= $1`
	for n.number(backedUp, begun.UnixMilli()) < len(n.devices) {
		if time.Since(begun) > most {
			n.t.Errorf("%d of %d devices were backed up\n%s", n.number(backedUp, begun.UnixMilli()), len(n.devices), n.central.run("status").stdout)
			break
		}
		time.Sleep(time.Second)
	}
	return time.Since(begun)
}

// openFiles counts the open files of a service.
func (n *night) openFiles(i int) int {
	n.t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.services[i].cmd.Process.Pid))
	if err != nil {
		n.t.Error(err)
	}
	return len(files)
}

// wantModest checks that a service has not many more open files than in the evening, and not more memory than
// one that has just begun. The connections of the queue and of S3 come and go.
func (n *night) wantModest(i int) {
	n.t.Helper()
	files := n.openFiles(i)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.services[i].cmd.Process.Pid))
	if err != nil {
		n.t.Error(err)
		return
	}
	var kb int
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			_, _ = fmt.Sscan(rest, &kb) // zero then, and the test fails
		}
	}
	n.t.Logf("machine %d: %d open files, %d in the evening, %d MB", i+1, files, n.modest[i], kb/1024)
	if files > n.modest[i]+20 || kb == 0 || kb > 300*1024 {
		n.t.Errorf("machine %d has %d open files, after %d in the evening, and %d KB", i+1, files, n.modest[i], kb)
	}
}

// wantFewLines checks that a fault which lasts stands in the log once, and not each time that it is met.
func (n *night) wantFewLines(path string) {
	n.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		n.t.Error(err)
		return
	}
	said := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(line, `"level":`)
		if !strings.HasPrefix(rest, `"INFO"`) {
			said[rest[:min(len(rest), 120)]]++
		}
	}
	for message, times := range said {
		if times > 2+int(nightLasts.Minutes()) {
			n.t.Errorf("the log says %d times: %s", times, message)
		}
	}
}
