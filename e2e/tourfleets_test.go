package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/iossim"
)

// tourFleet is an inventory that the tour visits, with its history.
type tourFleet struct {
	devices int
	build   func(*site)
	visits  func() []visit
}

var tourFleets = []tourFleet{
	{0, (*site).buildNone, func() []visit { return append(overviews(0), nothingYet()...) }},
	{1, (*site).buildOne, func() []visit { return append(overviews(0), ofStack()...) }},
	{3, (*site).buildThree, func() []visit { return append(overviews(0), ofThree()...) }},
	{40, (*site).buildForty, func() []visit { return append(anyOrder(overviews(1)), ofForty()...) }},
}

// buildNone makes an empty inventory, a list of devices, and a directory of images.
func (s *site) buildNone() {
	s.makeData()
	s.file("switches.csv", "name,address,site\nsw1,192.0.2.1,hq\nsw2,192.0.2.2,hq")
	dir := filepath.Join(filepath.Dir(s.data), "tftpboot")
	if err := os.Mkdir(dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "c3750-ipbase-mz.122-55.SE.bin"), make([]byte, 1000), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// buildOne makes a stack, whose second member has another image.
func (s *site) buildOne() {
	s.makeData()
	s.add("sw1", "c2960x-stack", iossim.Options{LargestImage: imageSize, Listen: "127.0.1.1:0"})
	s.ok("backup", "sw1")
	s.threeDaysPass()
}

// buildThree makes three generations of devices. hq-sw1 has changed since its first backup,
// and has lost a file since its second one; hq-core1 is switched off since its only one.
func (s *site) buildThree() {
	s.makeData()
	s.add("attic-sw1", "c3500xl", iossim.Options{LargestImage: imageSize, Listen: "127.0.3.1:0"})
	hq := s.add("hq-sw1", "c3750", iossim.Options{LargestImage: imageSize, Listen: "127.0.3.2:0"})
	core := s.add("hq-core1", "c9300", iossim.Options{LargestImage: imageSize, Listen: "127.0.3.3:0"})
	s.ok("device", "edit", "hq-sw1", "hq-core1", "--site", "hq")
	for _, name := range []string{"attic-sw1", "hq-sw1", "hq-core1"} {
		s.ok("backup", name)
	}
	for path, text := range map[string]string{"flash:/note.txt": "a note\n", "flash:/vlan.dat": "changed\n"} {
		if err := hq.Write(path, []byte(text)); err != nil {
			s.t.Fatal(err)
		}
	}
	s.ok("backup", "hq-sw1")
	if err := hq.Remove("flash:/vlan.dat"); err != nil {
		s.t.Fatal(err)
	}
	s.switchOff(core)
	if o := s.run("backup", "hq-core1"); o.code != 3 {
		s.t.Fatalf("the backup of a switch without power ended with %d\n%s", o.code, o.stdout)
	}
	s.addJobs("attic-sw1")
	s.threeDaysPass()
}

// buildForty makes forty switches at two sites. After their first backup, some fail: sw7
// has another password, sw17 and sw18 are switched off. sw40 was never there.
func (s *site) buildForty() {
	s.env = append(s.env, "FLASHWARDEN_BACKUP_PARALLEL=40", "FLASHWARDEN_BACKUP_PARALLEL_PER_SITE=6") // most of a backup is waiting
	s.makeData()
	list := "name,address,transport,username,password,enable_password,site,legacy_crypto\n"
	var switches []*iossim.Switch
	for i := range 40 {
		name, profile, place := fmt.Sprintf("sw%d", i+1), "c3500xl", "branch"
		if i < 20 {
			profile, place = "c3750", "hq"
		}
		sw := s.switchOn(name, profile, iossim.Options{LargestImage: 40_000, Listen: fmt.Sprintf("127.0.40.%d:0", i+1)})
		list += fmt.Sprintf("%s,%s,%s,%s,%s,%s,%s,%t\n", name, sw.Addr(), sw.Transport(), user, password, enable, place, i < 20)
		switches = append(switches, sw)
	}
	s.ok("device", "import", s.file("switches.csv", list))
	s.switchOff(switches[39])
	if o := s.run("backup", "--all"); o.code != 3 {
		s.t.Fatalf("the first backup ended with %d\n%s", o.code, o.stdout)
	}
	s.env = append(s.env, "FLASHWARDEN_BACKUP_PARALLEL_PER_SITE=20") // only now: one of the first six has sent the image for all, and not sw7
	s.ok("device", "edit", "sw7", "--password-file", s.file("wrong", "wr0ng"))
	s.switchOff(switches[16], switches[17])
	if o := s.run("backup", "sw7", "sw17", "sw18"); o.code != 3 {
		s.t.Fatalf("the second backup ended with %d\n%s", o.code, o.stdout)
	}
	s.addJobs("sw2", "sw10", "sw1")
	s.threeDaysPass()
}

// switchOff ends switches. Their ports stay closed until the test ends: no other program gets
// one of them, which would answer in place of the switch.
func (s *site) switchOff(switches ...*iossim.Switch) {
	s.t.Helper()
	for _, sw := range switches {
		if err := sw.Close(); err != nil {
			s.t.Fatal(err)
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { unix.Close(fd) })
		at := &unix.SockaddrInet4{Port: int(sw.Addr().Port()), Addr: sw.Addr().Addr().As4()}
		if err := takePort(fd, at); err != nil {
			s.t.Fatalf("%v port %d: %v", at.Addr, at.Port, err)
		}
	}
}

// takePort binds a socket to a port that was closed a moment ago. A program that is being
// started at this moment has a copy of each open socket until it runs, so the port can still
// be in use: takePort tries for a minute.
func takePort(fd int, at *unix.SockaddrInet4) error {
	// Connections of the switch may linger.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	end := time.Now().Add(time.Minute)
	for {
		err := unix.Bind(fd, at)
		if err == nil {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 0)
		}
		if err != unix.EADDRINUSE || time.Now().After(end) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// addJobs adds backups to the queue, where they stay: no service runs.
func (s *site) addJobs(devices ...string) {
	s.t.Helper()
	c, err := sqlite.Open(filepath.Join(s.data, "catalog.db"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	for _, name := range devices {
		request, err := json.Marshal(api.Backup{Select: api.Select{Names: []string{name}}})
		if err != nil {
			s.t.Fatal(err)
		}
		job := catalog.Job{Job: api.Job{Kind: api.JobBackup, Device: name, By: "anna"}, Request: request, Person: true}
		added, err := c.AddJobs(s.t.Context(), job)
		if err != nil {
			s.t.Fatal(err)
		}
		s.job = added[0].ID
	}
}

// threeDaysPass makes all times in the catalog older, and each run 9 seconds long: ages and
// durations are then the same on any machine.
func (s *site) threeDaysPass() {
	s.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.data, "catalog.db"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	columns := s.query(db, `SELECT 'UPDATE ' || t.name || ' SET ' || c.name || ' = ' || c.name || ' - ' FROM sqlite_master t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name NOT LIKE 'audit%' AND t.name NOT LIKE 'river%' AND c.type IN ('BIGINT', 'INTEGER') AND c.pk = 0`)
	const seconds = 3*24*3600 + 3600
	for _, update := range columns {
		column := strings.Fields(update)[3]
		for unit, from := range map[int]int64{1: 1_600_000_000, 1000: 1_600_000_000_000} {
			s.exec(db, fmt.Sprintf("%s %d WHERE %s BETWEEN %d AND %d", update, seconds*unit, column, from, 2*from))
		}
	}
	s.exec(db, `UPDATE run SET ended = started + 9 WHERE ended IS NOT NULL`)
}

func (s *site) exec(db *sql.DB, statement string) {
	s.t.Helper()
	if _, err := db.ExecContext(s.t.Context(), statement); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

func (s *site) query(db *sql.DB, statement string) (list []string) {
	s.t.Helper()
	rows, err := db.QueryContext(s.t.Context(), statement)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			s.t.Fatal(err)
		}
		list = append(list, text)
	}
	return list
}

// words splits a command line at its blanks.
func words(line string) []string { return strings.Fields(line) }

// overviews are the commands that show the whole fleet. status is the exit code of status.
func overviews(status int) []visit {
	var list []visit
	for _, line := range []string{"device list", "device list -o wide", "snapshots", "snapshots -o wide", "images", "images -o wide", "images --missing",
		"prune --keep-last 1 --dry-run", "jobs", "user list", "token list"} {
		list = append(list, visit{args: words(line)})
	}
	return append(list,
		visit{args: words("status"), code: status},
		visit{args: words("check")}, visit{args: words("check --read-data"), moving: true},
		visit{args: words("audit"), varies: true}, visit{args: words("audit --verify"), varies: true})
}

// anyOrder marks the lists whose order depends on which device was done first.
func anyOrder(visits []visit) []visit {
	for i, v := range visits {
		visits[i].varies = v.varies || v.args[0] == "snapshots" || v.args[0] == "jobs"
	}
	return visits
}
