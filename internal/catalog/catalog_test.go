package catalog

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
)

func newCatalog(t testing.TB) *Catalog {
	t.Helper()
	return openCatalog(t, filepath.Join(t.TempDir(), "catalog.db"))
}

func openCatalog(t testing.TB, path string) *Catalog {
	t.Helper()
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func sw1() api.Device {
	return api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Username: "backup", Site: "hq", Group: "access",
		TFTPAddress: "192.0.2.9", VRF: "Mgmt-vrf", Files: "rebuild", LegacyCrypto: true,
		Fingerprint: "ssh-rsa SHA256:x", Via: "ops@jump.example.net:2222", ViaFingerprint: "ssh-ed25519 SHA256:y"}
}

func sealed() Secrets {
	return Secrets{Password: "age:AAAA", EnablePassword: "age:BBBB", Identity: "age:CCCC", ViaPassword: "age:DDDD", ViaIdentity: "age:EEEE"}
}

// otherProcess is the environment variable that makes the test binary a
// process that adds devices to the catalog it names.
const otherProcess = "CATALOG_TEST_ADDS_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(otherProcess); path != "" {
		if err := addMany(path, fmt.Sprintf("p%d", os.Getpid())); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// addMany adds 40 devices, and reads the list after each.
func addMany(path, prefix string) error {
	c, err := Open(path)
	if err != nil {
		return err
	}
	for i := range 40 {
		d := sw1()
		d.Name = fmt.Sprintf("%s-%d", prefix, i)
		if err := c.AddDevice(context.Background(), d, sealed()); err != nil {
			return err
		}
		fmt.Println(d.Name)
		if _, err := c.Device(context.Background(), d.Name); err != nil {
			return err
		}
	}
	return c.Close()
}

func TestDevices(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "a b?c#d%41", "catalog.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	c := openCatalog(t, path)
	want := sw1()
	if err := c.AddDevice(ctx, want, sealed()); err != nil {
		t.Fatal(err)
	}
	if err := c.AddDevice(ctx, want, sealed()); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), `"sw1"`) {
		t.Errorf("error %v; want ErrExists with the name", err)
	}
	wantStored(t, openCatalog(t, path), want, sealed())
	changed := api.Device{Name: "sw1", Address: "[2001:db8::1]:2222", Transport: api.Telnet}
	if err := c.UpdateDevice(ctx, changed, Secrets{Password: "age:CCCC"}); err != nil {
		t.Fatal(err)
	}
	wantStored(t, c, changed, Secrets{Password: "age:CCCC"})
	if err := c.RemoveDevice(ctx, "sw1"); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"remove": c.RemoveDevice(ctx, "sw1"), "update": c.UpdateDevice(ctx, want, sealed()), "secrets": secretsError(c, "sw1")} {
		if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), `"sw1"`) {
			t.Errorf("%s: error %v; want ErrNotFound with the name", name, err)
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is elsewhere: %v", err)
	}
}

func wantStored(t *testing.T, c *Catalog, d api.Device, s Secrets) {
	t.Helper()
	device, err := c.Device(t.Context(), d.Name)
	if diff := cmp.Diff(d, device); err != nil || diff != "" {
		t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
	}
	secrets, err := c.Secrets(t.Context(), d.Name)
	if diff := cmp.Diff(s, secrets); err != nil || diff != "" {
		t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
	}
}

func TestInvalidDevicesAreNotKept(t *testing.T) {
	c := newCatalog(t)
	bad := sw1()
	bad.Address = "a b"
	if err := c.AddDevice(t.Context(), bad, sealed()); !errors.Is(err, api.ErrInvalidDevice) {
		t.Errorf("add: error %v; want ErrInvalidDevice", err)
	}
	if err := c.AddDevice(t.Context(), sw1(), sealed()); err != nil {
		t.Fatal(err)
	}
	if err := c.UpdateDevice(t.Context(), bad, sealed()); !errors.Is(err, api.ErrInvalidDevice) {
		t.Errorf("update: error %v; want ErrInvalidDevice", err)
	}
	if got, err := c.Device(t.Context(), "sw1"); err != nil || got.Address != "192.0.2.1" {
		t.Errorf("address %q, error %v", got.Address, err)
	}
}

func TestFilter(t *testing.T) {
	ctx, c := t.Context(), newCatalog(t)
	for _, d := range []struct{ name, site, group string }{
		{"sw3", "hq", "access"}, {"sw1", "hq", "core"}, {"sw2", "branch", "access"}, {"sw10", "branch", ""},
	} {
		device := sw1()
		device.Name, device.Site, device.Group = d.name, d.site, d.group
		if err := c.AddDevice(ctx, device, sealed()); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		filter api.Select
		want   string
	}{
		{api.Select{}, "sw1 sw10 sw2 sw3"},
		{api.Select{Names: []string{"sw3", "sw1", "sw3"}}, "sw1 sw3"},
		{api.Select{Group: "access"}, "sw2 sw3"},
		{api.Select{Site: "hq"}, "sw1 sw3"},
		{api.Select{Site: "hq", Group: "access"}, "sw3"},
		{api.Select{Names: []string{"sw1", "sw2"}, Site: "hq"}, "sw1"},
		{api.Select{Group: "none"}, ""},
	} {
		devices, err := c.Devices(ctx, test.filter)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, d := range devices {
			names = append(names, d.Name)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%+v: %s; want %s", test.filter, got, test.want)
		}
	}
	_, err := c.Devices(ctx, api.Select{Names: []string{"sw1", "sw4x", "router", "SW2"}})
	const want = "device \"sw4x\" is not in the inventory: flashwarden device list shows it\n" +
		"device \"router\" is not in the inventory: flashwarden device list shows it\n" +
		"device \"SW2\" is not in the inventory; did you mean sw2, sw1, sw3?"
	if !errors.Is(err, ErrNotFound) || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	if _, err := newCatalog(t).Device(ctx, "sw1"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "device add") {
		t.Errorf("error %v; want the way to add one", err)
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"sw1", "sw1", 0}, {"sw1", "sw2", 1}, {"sw1", "ws1", 2}, {"core1", "core", 1}, {"kitten", "sitting", 3}} {
		if got, back := distance(test.a, test.b), distance(test.b, test.a); got != test.want || back != got {
			t.Errorf("distance(%q, %q) = %d and %d; want %d", test.a, test.b, got, back, test.want)
		}
	}
}

func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := openCatalog(t, path)
	if err := c.AddDevice(t.Context(), sw1(), sealed()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 3 { // with its -wal and -shm
		t.Errorf("files %v, error %v", files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, error %v; want 0600", f, info.Mode(), err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	openCatalog(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, error %v; want 0600 again", info.Mode(), err)
	}
}

func TestDamagedFile(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "catalog.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	wantAdvice := func(err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "is damaged") || !strings.Contains(err.Error(), "mv "+path+"*") {
			t.Errorf("error %v; want one that says what to do", err)
		}
	}
	_, err := Open(path)
	wantAdvice(err)

	// Damage that only reading shows.
	path = filepath.Join(t.TempDir(), "catalog.db")
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, c, 2000)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 2; i < len(data); i++ {
		data[i] = 0xA5
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err = Open(path)
	if err == nil {
		defer c.Close()
		_, err = c.Devices(ctx, api.Select{})
	}
	wantAdvice(err)
}

// fill adds n devices at once.
func fill(t testing.TB, c *Catalog, n int) {
	t.Helper()
	err := c.inTransaction(t.Context(), func(tx *sql.Tx) error {
		for i := range n {
			d := sw1()
			d.Name = fmt.Sprintf("sw%05d", i)
			_, err := tx.Exec(`INSERT INTO device (`+deviceColumns+`, `+secretColumns+`) VALUES (`+rowMarks+`)`, rowValues(d, sealed())...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNewerCatalogIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "newer flashwarden") {
		t.Errorf("error %v; want one that says that it is newer", err)
	}
}

func TestPragmas(t *testing.T) {
	c := newCatalog(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "synchronous": "2", "busy_timeout": "20000"} {
		var got string
		if err := c.db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, error %v; want %s", pragma, got, err, want)
		}
	}
}

func secretsError(c *Catalog, name string) error {
	_, err := c.Secrets(context.Background(), name)
	return err
}

// TestManyProcesses lets processes create and fill one catalog at once.
func TestManyProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), otherProcess+"="+path)
		all.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Go(func() {
		if err := addMany(path, "self"); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	devices, err := openCatalog(t, path).Devices(t.Context(), api.Select{})
	if err != nil || len(devices) != 5*40 {
		t.Errorf("%d devices, error %v; want 200", len(devices), err)
	}
}

// TestManyCreateTheCatalogAtOnce opens one new catalog from all sides.
func TestManyCreateTheCatalogAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	start := make(chan struct{})
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			<-start
			c, err := Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	all.Wait()
}

// TestKilledWriter kills a process that writes, and looks for what it was
// told is kept.
func TestKilledWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 4 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), otherProcess+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, kept := bufio.NewScanner(out), []string{}
		for len(kept) <= 7*round && lines.Scan() {
			kept = append(kept, lines.Text())
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // it says that it was killed
		if _, err := openCatalog(t, path).Devices(t.Context(), api.Select{Names: kept}); err != nil {
			t.Error(err)
		}
	}
}

func TestWritersWaitForEachOther(t *testing.T) {
	c := newCatalog(t)
	held, release := make(chan struct{}), make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		err := c.inTransaction(t.Context(), func(tx *sql.Tx) error {
			close(held)
			<-release
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	if _, err := c.Devices(t.Context(), api.Select{}); err != nil {
		t.Errorf("a reader was kept out by a writer: %v", err)
	}
	added := make(chan error, 1)
	go func() { added <- c.AddDevice(t.Context(), sw1(), sealed()) }()
	close(release)
	if err := <-added; err != nil {
		t.Error(err)
	}
	writer.Wait()
}
