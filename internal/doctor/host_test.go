package doctor

import (
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/tftp"
)

// said is all that a report says beside its findings.
func said(r api.Report) string {
	said := slices.Concat(r.Notes, r.Remarks)
	for _, reason := range r.Skipped {
		said = append(said, "skipped: "+reason)
	}
	return strings.Join(said, "\n")
}

// want is what a check has to say: one finding with these, or none; and notes.
type want struct {
	cause cause.Cause // empty: nothing is found
	seen  string      // a part of it
	fix   string      // the whole of it
	note  string      // a part of one; empty: any
}

// check compares a report with what it has to say.
func (w want) check(t *testing.T, r api.Report) {
	t.Helper()
	for i, f := range r.Findings {
		f = f.Rendered()
		r.Findings[i] = f
		if f.Cause == "" || f.Seen == "" || f.Fix == "" || f.Where != api.OnHost || f.Changes == "" {
			t.Errorf("a finding lacks something: %+v", f)
		}
	}
	switch {
	case w.cause == "" && len(r.Findings) > 0:
		t.Errorf("found %+v", r.Findings)
	case w.cause != "" && len(r.Findings) != 1:
		t.Errorf("found %d things, want one: %+v", len(r.Findings), r.Findings)
	case w.cause != "":
		f := r.Findings[0]
		if f.Cause != w.cause || !strings.Contains(f.Seen, w.seen) || f.Fix != w.fix {
			t.Errorf("found %+v\nwant  %+v", f, w)
		}
	}
	if w.note != "" && !strings.Contains(said(r), w.note) {
		t.Errorf("nothing says %q: %q", w.note, said(r))
	}
}

// bindError is an error as net.ListenPacket returns it.
func bindError(errno unix.Errno) error {
	return &net.OpError{Op: "listen", Net: "udp", Err: os.NewSyscallError("bind", errno)}
}

func TestCheckSockets(t *testing.T) {
	free := Socket{Address: ":1056"}
	const sockets = "/run/dbus/system_bus_socket dbus.socket     dbus.service\n[::]:69 tftpd-hpa.socket tftpd-hpa.service\n0.0.0.0:1069 flashwarden.socket flashwarden.service\n"
	for name, c := range map[string]struct {
		socket Socket
		inUse  string
		want   want
	}{
		"free": {Socket{Address: ":69", Request: true}, "", want{note: "UDP :69 and the 1 ports of the range are free"}},
		"no right": {Socket{Address: ":69", Err: bindError(unix.EACCES)}, "",
			want{cause.Internal, "UDP :69 cannot be bound: bind: permission denied", "sudo setcap cap_net_bind_service=+ep " + cause.Program(), ""}},
		"no such address": {Socket{Address: "192.0.2.1:69", Err: bindError(unix.EADDRNOTAVAIL)}, "",
			want{cause.Internal, "cannot assign requested address", "ip -brief address", ""}},
		"a program": {Socket{Address: ":69", Err: bindError(unix.EADDRINUSE), Holder: Holder{Name: "in.tftpd", PID: 812}}, "",
			want{cause.Internal, "address already in use, by in.tftpd (process 812)", "ps -fp 812", ""}},
		"a service": {Socket{Address: ":69", Err: bindError(unix.EADDRINUSE), Holder: Holder{Name: "in.tftpd", PID: 812, Unit: "tftpd-hpa.service"}}, "",
			want{cause.Internal, "by in.tftpd (process 812)", "sudo systemctl stop tftpd-hpa.service && sudo systemctl disable tftpd-hpa.service", ""}},
		"somebody": {Socket{Address: ":69", Err: bindError(unix.EADDRINUSE)}, "",
			want{cause.Internal, "by a process that this user cannot see", "sudo ss -lunp", ""}},
		"systemd": {Socket{Address: ":69", Err: bindError(unix.EADDRINUSE), Holder: Holder{Name: "systemd", PID: 1}}, "",
			want{cause.Internal, "by systemd for a socket unit", "systemctl list-sockets", ""}},
		"a socket unit": {Socket{Address: ":69", Err: bindError(unix.EADDRINUSE), Holder: Holder{Name: "systemd", PID: 1, Unit: socketUnit(sockets, "69")}}, "",
			want{cause.Internal, "by systemd for tftpd-hpa.socket", "sudo systemctl disable --now tftpd-hpa.socket", ""}},
		"a socket unit that this user cannot see": {Socket{Address: ":69", Err: bindError(unix.EADDRINUSE), Holder: Holder{Unit: socketUnit(sockets, "69")}}, "",
			want{cause.Internal, "by systemd for tftpd-hpa.socket", "sudo systemctl disable --now tftpd-hpa.socket", ""}},
		"our socket unit": {Socket{Address: ":1069", Err: bindError(unix.EADDRINUSE), Holder: Holder{Unit: socketUnit(sockets, "1069")}}, "",
			want{note: "UDP :1069 is held by systemd for flashwarden.socket"}},
		"flashwarden": {Socket{Address: ":69", Err: bindError(unix.EADDRINUSE), Holder: Holder{Name: "flashwarden", PID: 7}}, "flashwarden backup (process 7)",
			want{note: "UDP :69 is in use by flashwarden backup (process 7), which is running"}},
		"no right, in use": {Socket{Address: ":69", Err: bindError(unix.EACCES)}, "flashwarden backup (process 7)",
			want{cause.Internal, "permission denied", "sudo setcap cap_net_bind_service=+ep " + cause.Program(), ""}},
	} {
		t.Run(name, func(t *testing.T) {
			r := CheckSockets([]Socket{c.socket, free}, c.inUse)
			c.want.check(t, r)
			if c.socket.Err != nil && strings.Contains(said(r), "are free") {
				t.Errorf("says that all are free: %q", said(r))
			}
		})
	}
}

// TestReadSockets has this process hold one port of three.
func TestReadSockets(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := uint16(taken.LocalAddr().(*net.UDPAddr).Port)
	all, err := ReadSockets("127.0.0.1:0", tftp.PortRange{First: port, Last: port})
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if all[0].Err != nil || !all[0].Request || all[1].Err == nil || all[1].Holder.PID != os.Getpid() {
		t.Errorf("%+v", all)
	}
	taken.Close()
	if all, err = ReadSockets("127.0.0.1:0", tftp.PortRange{First: port, Last: port}); err != nil || all[1].Err != nil {
		t.Errorf("after it was given back: %+v, %v", all, err)
	}
	if _, err = ReadSockets("nonsense", tftp.PortRange{First: port, Last: port}); err == nil {
		t.Error("takes an address without a port")
	}
}

func TestCheckRange(t *testing.T) {
	kernel := tftp.PortRange{First: 32768, Last: 60999}
	for name, c := range map[string]struct {
		first, last uint16
		note        bool
	}{
		"below": {1056, 1059, false}, "above": {61000, 61003, false}, "inside": {40000, 40003, true},
		"lower end": {32000, 32768, true}, "upper end": {60999, 61999, true}, "around": {1024, 65535, true},
	} {
		r := CheckRange(kernel, tftp.PortRange{First: c.first, Last: c.last})
		want{}.check(t, r)
		if has := strings.Contains(said(r), "sysctl -w net.ipv4.ip_local_reserved_ports="); has != c.note {
			t.Errorf("%s: %q", name, said(r))
		}
	}
	if r := CheckRange(tftp.PortRange{}, tftp.PortRange{First: 1056, Last: 1059}); said(r) != "" {
		t.Errorf("without a range of the kernel: %q", said(r))
	}
}

func TestCheckDirectory(t *testing.T) {
	me := os.Geteuid()
	good := Directory{Path: "/srv/fw", Owner: me, User: me, Mode: fs.ModeDir | 0o700, Free: 1 << 40, Inodes: -1}
	with := func(change func(*Directory)) Directory { d := good; change(&d); return d }
	name := userName(me)
	for name, c := range map[string]struct {
		dir     Directory
		largest int64
		want    want
	}{
		"good":      {good, 0, want{note: "belongs to " + name + " and can be written"}},
		"not there": {with(func(d *Directory) { d.Path = t.TempDir() + "/a/b"; d.Err = fs.ErrNotExist }), 0, want{note: "does not exist yet"}},
		"not there, nor can it be": {with(func(d *Directory) { d.Path = "/proc/no/where"; d.Err = fs.ErrNotExist }), 0,
			want{cause.VaultError, "cannot be used", "sudo install -d -m 700 -o " + name + " /proc/no/where", ""}},
		"closed": {with(func(d *Directory) { d.Err = fs.ErrPermission }), 0,
			want{cause.VaultError, "permission denied", "", ""}},
		"a file": {with(func(d *Directory) { d.Mode = 0o600 }), 0, want{cause.VaultError, "is not a directory", "ls -l /srv/fw", ""}},
		"of another": {with(func(d *Directory) { d.Owner = 1<<31 - 9 }), 0,
			want{cause.VaultError, "belongs to #2147483639, but you are " + name, "sudo -u '#2147483639' flashwarden doctor --data /srv/fw", ""}},
		"read-only file system": {with(func(d *Directory) { d.Writable = unix.EROFS }), 0,
			want{cause.VaultError, "mounted read-only", "sudo mount -o remount,rw $(findmnt -n -o TARGET --target /srv/fw)", ""}},
		"read-only": {with(func(d *Directory) { d.Writable = unix.EACCES }), 0, want{cause.VaultError, "cannot be written: permission denied", "chmod u+rwx /srv/fw", ""}},
		"two file systems": {with(func(d *Directory) { d.Split = true }), 0,
			want{cause.VaultError, "different file systems", "findmnt --target /srv/fw/spool; findmnt --target /srv/fw/vault", ""}},
		"no fsync of directories": {with(func(d *Directory) { d.Unsynced = true }), 0, want{note: "cannot sync directories"}},
		"open to others":          {with(func(d *Directory) { d.Mode = fs.ModeDir | 0o755 }), 0, want{note: "chmod 700 /srv/fw"}},
		"open to a group":         {with(func(d *Directory) { d.Mode = fs.ModeDir | 0o750 }), 0, want{note: "mode 750"}},
		"full":                    {with(func(d *Directory) { d.Free = leastSpace - 1 }), 0, want{cause.SpoolFull, "104 MB are free", "df -h /srv/fw", ""}},
		"just enough":             {with(func(d *Directory) { d.Free = leastSpace }), 0, want{note: "are free for transfers"}},
		"full for the largest": {with(func(d *Directory) { d.Free = 1e9 }), 1.3e9,
			want{cause.SpoolFull, "1.0 GB are free on the file system of /srv/fw; one image needs up to 1.3 GB", "df -h /srv/fw", ""}},
		"no inode":      {with(func(d *Directory) { d.Inodes = 0 }), 0, want{cause.SpoolFull, "no inode left", "df -i /srv/fw", ""}},
		"inodes to use": {with(func(d *Directory) { d.Inodes = 1 }), 0, want{note: "are free for transfers"}},
	} {
		t.Run(name, func(t *testing.T) {
			if me == 0 && name == "not there, nor can it be" {
				t.Skip("root may write everywhere")
			}
			if c.want.cause != "" && c.want.fix == "" {
				c.want.fix = "sudo install -d -m 700 -o " + userName(me) + " /srv/fw"
			}
			c.want.check(t, CheckDirectory(c.dir, c.largest))
		})
	}
}

// TestCheckDirectoryQuotes wants a line that a shell reads as one path.
func TestCheckDirectoryQuotes(t *testing.T) {
	d := Directory{Path: "/srv/my data", Mode: fs.ModeDir | 0o700, Writable: unix.EACCES, Free: 1 << 40, Inodes: -1}
	want{cause.VaultError, "cannot be written", "chmod u+rwx '/srv/my data'", ""}.check(t, CheckDirectory(d, 0))
}

// TestSound has directories that cannot be opened.
func TestSound(t *testing.T) {
	good := Directory{Path: "/srv/fw", Owner: 7, User: 7, Free: 1 << 30, Inodes: -1}
	if !good.Sound() {
		t.Error("a good one")
	}
	for name, spoil := range map[string]func(*Directory){
		"error": func(d *Directory) { d.Err = fs.ErrPermission }, "owner": func(d *Directory) { d.Owner = 8 }, "read-only": func(d *Directory) { d.Writable = unix.EROFS },
		"full": func(d *Directory) { d.Free = 0 }, "no inode": func(d *Directory) { d.Inodes = 0 },
	} {
		d := good
		if spoil(&d); d.Sound() {
			t.Errorf("sound: %s", name)
		}
	}
}

// TestReadDirectory looks at real directories, and makes nothing.
func TestReadDirectory(t *testing.T) {
	dir := t.TempDir()
	if d := ReadDirectory(dir + "/none"); !os.IsNotExist(d.Err) || d.Sound() {
		t.Errorf("none: %+v", d)
	}
	d := ReadDirectory(dir)
	if !d.Sound() || d.Free == 0 || d.InUse != "" || d.Split || d.Unsynced {
		t.Errorf("%+v", d)
	}
	if d := ReadDirectory("/proc"); d.Err == nil && !d.Unsynced { // proc(5) has no fsync
		t.Errorf("%+v", d)
	}
	lock, err := os.Create(dir + "/lock")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := lock.WriteString("flashwarden backup (process 7)\n"); err != nil {
		t.Fatal(err)
	}
	if d = ReadDirectory(dir); d.InUse != "" {
		t.Errorf("a lock that nobody holds: %q", d.InUse)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if d = ReadDirectory(dir); d.InUse != "flashwarden backup (process 7)" {
		t.Errorf("a lock that is held: %q", d.InUse)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Errorf("the directory has now %v, %v", names, err)
	}
}

func TestCheckClock(t *testing.T) {
	now := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	const fix = "sudo timedatectl set-ntp true"
	for name, c := range map[string]struct {
		clock Clock
		want  want
	}{
		"good":              {Clock{now, true, now.Add(-time.Hour)}, want{note: "is synchronised"}},
		"first snapshot":    {Clock{now, true, time.Time{}}, want{note: "is synchronised"}},
		"nobody sets it":    {Clock{now, false, time.Time{}}, want{note: "nothing synchronises it"}},
		"no battery":        {Clock{time.Unix(86400, 0), false, time.Time{}}, want{cause.Internal, "says " + localTime(time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)), fix, ""}},
		"before a snapshot": {Clock{now, true, now.Add(time.Hour)}, want{cause.Internal, "has a snapshot from " + localTime(time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)), fix, ""}},
		"a little before":   {Clock{now, true, now.Add(time.Minute)}, want{note: "is synchronised"}},
	} {
		t.Run(name, func(t *testing.T) { c.want.check(t, CheckClock(c.clock)) })
	}
}

func TestCheckResolver(t *testing.T) {
	gone := &net.DNSError{Err: "no such host", Name: "sw1.example", IsNotFound: true}
	want{}.check(t, CheckResolver(nil))
	want{note: "the 1 host names of the inventory resolve"}.check(t, CheckResolver([]Lookup{{Device: "sw1"}}))
	want{note: "sw1 took 4.0 s"}.check(t, CheckResolver([]Lookup{{Device: "sw1", Took: 4 * time.Second}}))
	want{cause.ConnectTimeout, "no address for the name sw1.example", "flashwarden device edit sw1 --address IP", ""}.check(t, CheckResolver([]Lookup{{Device: "sw0"}, {Device: "sw1", Err: gone}}))
}

func TestCheckRoutes(t *testing.T) {
	device, ours, other := netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	good := Route{Target: Target{Name: "sw1", Address: device}, Interface: "eth0", Source: ours, ToldIs: "eth0", Filter: 1}
	with := func(change func(*Route)) Route { r := good; change(&r); return r }
	elsewhere := with(func(r *Route) { r.Told, r.ToldIs = other, "eth1" })
	for name, c := range map[string]struct {
		route  Route
		listen string
		want   want
	}{
		"good":           {good, ":69", want{note: "sw1 copies to 192.0.2.1"}},
		"told another":   {with(func(r *Route) { r.Told = other }), ":69", want{note: "sw1 copies to 198.51.100.1"}},
		"no route":       {with(func(r *Route) { r.Interface = "" }), ":69", want{cause.ConnectTimeout, "no route to sw1 (192.0.2.11)", "ip route get 192.0.2.11", ""}},
		"listens there":  {good, "192.0.2.1:69", want{note: "sw1 copies to"}},
		"listens to all": {good, "[::]:69", want{note: "sw1 copies to"}},
		"listens elsewhere": {good, "198.51.100.1:69",
			want{cause.NoRequest, "sw1 copies to 192.0.2.1, but the TFTP server listens only on 198.51.100.1:69", "flashwarden device edit sw1 --tftp-address 198.51.100.1", ""}},
		"translated": {with(func(r *Route) { r.Told, r.ToldIs = other, "" }), ":69", want{note: "is not an address of this host"}},
		"asymmetric, strict": {elsewhere, ":69",
			want{cause.NoRequest, "198.51.100.1 on eth1, but the route back to it leaves through eth0: the strict reverse path filter of eth1", "flashwarden device edit sw1 --tftp-address 192.0.2.1", ""}},
		"asymmetric, loose": {func() Route { r := elsewhere; r.Filter = 2; return r }(), ":69", want{note: "sw1 copies to"}},
		"asymmetric, off":   {func() Route { r := elsewhere; r.Filter = 0; return r }(), ":69", want{note: "sw1 copies to"}},
	} {
		t.Run(name, func(t *testing.T) { c.want.check(t, CheckRoutes([]Route{c.route}, c.listen)) })
	}
	var many []Route
	for _, name := range strings.Fields("a b c d e f g") {
		many = append(many, with(func(r *Route) { r.Name = name }))
	}
	want{note: "a, b, c, d, e and 2 more copy to 192.0.2.1"}.check(t, CheckRoutes(many, ":69"))
}

// TestRouteWithoutIP asks the kernel for the way where there is no ip(8), as on
// a small Debian.
func TestRouteWithoutIP(t *testing.T) {
	to := netip.MustParseAddr("127.0.0.11")
	ways, err := routeByConnecting([]Target{{Name: "sw1", Address: to}})
	if err != nil {
		t.Fatal(err)
	}
	if w := ways[to]; w.Dev != "lo" || w.PrefSrc != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("the way to %s is %+v", to, w)
	}
}
