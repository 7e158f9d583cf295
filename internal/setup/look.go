package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/doctor"
	"flashwarden/tftp"
)

// Place says where to look.
type Place struct {
	Data   string // the data directory
	Config string // the file of the configuration; empty: none
	Listen string // of the TFTP server
	Images string // a directory with images; empty: none

	Run func(ctx context.Context, line string) (string, error) // runs a line on this host; nil: Run
}

// packageData is the data directory of the unit flashwarden.service.
const packageData = "/var/lib/flashwarden"

// Look reads this host. The inventory and the users are not part of it.
func Look(ctx context.Context, at Place) (Host, error) {
	if at.Run == nil {
		at.Run = Run
	}
	h := Host{SetupHost: api.SetupHost{Data: at.Data, Config: at.Config, Listen: at.Listen, Addresses: addresses()}, Root: os.Geteuid() == 0}
	if at.Data == packageData && h.Root {
		h.Service = unitState(ctx, at.Run)
	}
	dir := doctor.ReadDirectory(at.Data)
	h.Free = freeAt(at.Data)
	if dir.Err == nil && dir.Owner != dir.User {
		h.Owner = ownerName(dir.Owner)
	}
	if err := h.port(ctx, at, dir.InUse); err != nil {
		return h, err
	}
	var err error
	if h.Text, err = read(at.Config); err != nil {
		return h, err
	}
	if h.Drop, err = read(DropIn); err != nil {
		return h, err
	}
	h.Closed = writable(at.Config)
	if at.Images != "" {
		_, h.Images = os.ReadDir(at.Images)
	}
	h.Firewall = firewallFormat(ctx, at.Run)
	clock := doctor.CheckClock(doctor.ReadClock(time.Time{}))
	h.Remarks = clock.Remarks
	for _, f := range clock.Findings {
		h.Remarks = append(h.Remarks, f.Seen)
	}
	if h.Free < leastSpace {
		h.Remarks = append(h.Remarks, fmt.Sprintf("only %d MB are free for %s; one image needs up to 1300 MB", h.Free/1e6, at.Data))
	}
	return h, ctx.Err()
}

// leastSpace is the free space below which Look warns, in bytes.
const leastSpace = 2e9

// Run runs a line on this host, and returns its output. Its words have no blanks in them.
func Run(ctx context.Context, line string) (string, error) {
	words := strings.Fields(line)
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", line, err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// port looks who has the port of the TFTP server. inUse says who serves the data directory: then
// the port is ours.
func (h *Host) port(ctx context.Context, at Place, inUse string) error {
	sockets, err := doctor.ReadSockets(at.Listen, tftp.PortRange{})
	if err != nil {
		return err
	}
	s := sockets[0]
	ours := inUse != "" || s.Holder.Unit == "flashwarden.socket" || s.Holder.Unit == "flashwarden.service"
	switch {
	case s.Err == nil:
	case errors.Is(s.Err, unix.EADDRINUSE) && ours:
	case errors.Is(s.Err, unix.EADDRINUSE):
		h.Other = otherServer(ctx, s.Holder, at.Run)
	case errors.Is(s.Err, unix.EACCES):
		h.Denied = true
	default:
		h.Unwell = s.Err
		var op *net.OpError
		if errors.As(s.Err, &op) {
			h.Unwell = op.Err
		}
	}
	return nil
}

// otherServer describes the program that has the port.
func otherServer(ctx context.Context, holder doctor.Holder, run func(context.Context, string) (string, error)) *api.TFTPServer {
	s := &api.TFTPServer{Name: holder.Name, PID: holder.PID, Unit: holder.Unit}
	if s.Name == "in.tftpd" && s.Unit == "" { // a script of SysV, or a container
		if _, err := run(ctx, "systemctl is-active tftpd-hpa.service"); err == nil {
			s.Unit = "tftpd-hpa.service"
		}
	}
	s.Directory = served(s.PID)
	if s.Directory != "" {
		s.Files, s.Bytes = count(s.Directory)
	}
	return s
}

// served is the directory at the end of the command line of a TFTP server.
func served(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return ""
	}
	words := strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
	last := words[len(words)-1]
	if info, err := os.Stat(last); len(words) < 2 || !filepath.IsAbs(last) || err != nil || !info.IsDir() {
		return ""
	}
	return last
}

// count counts the files below a directory. What cannot be read is left out.
func count(dir string) (files int, size int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { // it returns no error
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				files, size = files+1, size+info.Size()
			}
		}
		return nil
	})
	return files, size
}

// unitState is the state of the service's unit; empty: there is none.
func unitState(ctx context.Context, run func(context.Context, string) (string, error)) string {
	text, err := run(ctx, "systemctl show --property=LoadState,ActiveState flashwarden.service")
	if err != nil || !strings.Contains(text, "LoadState=loaded\n") {
		return ""
	}
	for line := range strings.Lines(text) {
		if state, ok := strings.CutPrefix(strings.TrimSpace(line), "ActiveState="); ok {
			return state
		}
	}
	return "unknown"
}

// addresses are those of this host that devices may reach.
func addresses() []string {
	list := []string{}
	all, _ := net.InterfaceAddrs() // none is the answer then
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && !prefix.Addr().IsLoopback() && !prefix.Addr().IsLinkLocalUnicast() {
			list = append(list, prefix.Addr().Unmap().String())
		}
	}
	return list
}

// firewallFormat is the tool that makes the rules of this host.
func firewallFormat(ctx context.Context, run func(context.Context, string) (string, error)) string {
	if text, err := run(ctx, "ufw status"); err == nil && strings.Contains(text, "Status: active") {
		return "ufw"
	}
	if _, err := exec.LookPath("nft"); err != nil {
		if _, err := exec.LookPath("iptables"); err == nil {
			return "iptables"
		}
	}
	return "nft"
}

// freeAt is how many bytes are free for a directory, which need not be there yet.
func freeAt(dir string) int64 {
	for ; ; dir = filepath.Dir(dir) {
		var st unix.Statfs_t
		if unix.Statfs(dir, &st) == nil {
			return int64(st.Bavail) * int64(st.Bsize)
		}
		if dir == filepath.Dir(dir) {
			return 0
		}
	}
}

// read is os.ReadFile; nil: there is no such file.
func read(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return append([]byte{}, text...), err
}

// writable returns why a file cannot be replaced; its directory may be made.
func writable(path string) error {
	if path == "" {
		return nil
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return unix.Access(dir, unix.W_OK)
		}
	}
}

func ownerName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "#" + strconv.Itoa(uid)
}
