package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/tftp"
)

// Socket is a UDP address that flashwarden needs, and why it cannot be had.
type Socket struct {
	Address string // HOST:PORT
	Request bool   // the port that devices ask; else one of the range
	Err     error  // of binding it; nil: it is free
	Holder  Holder // who has it; zero: not known
}

// Holder is the process that holds a port.
type Holder struct {
	Name string
	PID  int
	Unit string // of systemd, if it has one: a service, or a socket that systemd holds
}

// ReadSockets tries to bind the listen address and each port of the range, and
// gives them back at once.
func ReadSockets(listen string, transfers tftp.PortRange) ([]Socket, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("tftp.listen: %w", err)
	}
	all := []Socket{{Address: listen, Request: true}}
	for p := int(transfers.First); p <= int(transfers.Last); p++ {
		all = append(all, Socket{Address: net.JoinHostPort(host, strconv.Itoa(p))})
	}
	for i := range all {
		c, err := net.ListenPacket("udp", all[i].Address)
		if err == nil {
			err = c.Close()
		}
		if all[i].Err = err; errors.Is(err, unix.EADDRINUSE) {
			_, port, _ := net.SplitHostPort(all[i].Address)
			all[i].Holder = holderOf(port)
			if all[i].Holder.PID <= 1 { // systemd, or a process that this user cannot see
				all[i].Holder.Unit = socketUnit(listSockets(), port)
			}
		}
	}
	return all, nil
}

// holderOf finds the process that has a UDP port. Where many sockets open and
// close meanwhile, one reading of /proc may miss some.
func holderOf(port string) Holder {
	for range 3 {
		if h := findHolder(port); h.PID != 0 {
			return h
		}
	}
	return Holder{}
}

// findHolder reads /proc once: the socket stands in /proc/net/udp, and among the
// open files of a process.
func findHolder(port string) Holder {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return Holder{}
	}
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			if len(fields) > 9 && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", n)) {
				inodes["socket:["+fields[9]+"]"] = true
			}
		}
		f.Close()
	}
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return Holder{}
	}
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && inodes[target] {
			return holder(strings.Split(file, "/")[2])
		}
	}
	return Holder{}
}

// listSockets returns the table of systemd's sockets; empty if there is none.
func listSockets() string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, "systemctl", "list-sockets", "--no-legend", "--plain", "--full").Output()
	if err != nil {
		return "" // a host without systemd
	}
	return string(text)
}

// socketUnit finds the socket unit of a port in the table of systemd's sockets:
// "[::]:69 tftpd-hpa.socket tftpd-hpa.service".
func socketUnit(table, port string) string {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) > 0 && strings.HasSuffix(fields[0], ":"+port) {
			for _, field := range fields[1:] {
				if strings.HasSuffix(field, ".socket") {
					return field
				}
			}
		}
	}
	return ""
}

func holder(pid string) Holder {
	h := Holder{}
	h.PID, _ = strconv.Atoi(pid) // it matched digits
	if name, err := os.ReadFile("/proc/" + pid + "/comm"); err == nil {
		h.Name = strings.TrimSpace(string(name))
	}
	if groups, err := os.ReadFile("/proc/" + pid + "/cgroup"); err == nil {
		unit := filepath.Base(strings.TrimSpace(string(groups)))
		if strings.HasSuffix(unit, ".service") {
			h.Unit = unit
		}
	}
	return h
}

// CheckSockets judges the ports. inUse says who runs flashwarden on this data
// directory at the moment: then it is right that its ports are taken.
func CheckSockets(sockets []Socket, inUse string) api.Report {
	var r api.Report
	free := 0
	for _, s := range sockets {
		taken := errors.Is(s.Err, unix.EADDRINUSE)
		switch {
		case s.Err == nil:
			free++
		case taken && inUse != "":
			r.Note("UDP %s is in use by %s, which is running", s.Address, inUse)
		case taken && strings.HasPrefix(s.Holder.Unit, "flashwarden") && strings.HasSuffix(s.Holder.Unit, ".socket"):
			r.Note("UDP %s is held by systemd for %s", s.Address, s.Holder.Unit)
		default:
			r.Find(socketFinding(s, taken))
		}
	}
	if free > 0 && free == len(sockets) {
		r.Note("UDP %s and the %d ports of the range are free and can be bound", sockets[0].Address, len(sockets)-1)
	}
	return r
}

// stopIt is the step after the program that has a port was found.
const stopIt = "stop it, or choose other ports in tftp.listen and tftp.port-range"

func socketFinding(s Socket, taken bool) api.Finding {
	f := api.Finding{Cause: cause.Internal, Seen: fmt.Sprintf("UDP %s cannot be bound: %v", s.Address, s.Err)}
	var op *net.OpError
	if errors.As(s.Err, &op) {
		f.Seen = fmt.Sprintf("UDP %s cannot be bound: %v", s.Address, op.Err)
	}
	switch {
	case errors.Is(s.Err, unix.EACCES):
		f.Fix = "sudo setcap cap_net_bind_service=+ep " + cause.Program()
		f.Changes = "flashwarden may bind ports below 1024 as any user"
		f.Then = "or, in place of this: a systemd socket unit with ListenDatagram=69, or tftp.listen on another port with a redirect"
	case errors.Is(s.Err, unix.EADDRNOTAVAIL):
		f.Fix = "ip -brief address"
		f.Changes = "nothing: it shows the addresses of this host"
		f.Then = "set tftp.listen to one of them, or to a port alone"
	case taken && strings.HasSuffix(s.Holder.Unit, ".socket"):
		f.Seen += ", by systemd for " + s.Holder.Unit
		f.Fix, f.Changes = "sudo systemctl disable --now "+s.Holder.Unit, "stops that unit, and keeps it off after a restart of this host"
	case taken && s.Holder.Name == "systemd":
		f.Seen += ", by systemd for a socket unit"
		f.Fix, f.Changes = "systemctl list-sockets", "nothing: it shows the socket units"
		f.Then = "if the unit of this port is not that of flashwarden: sudo systemctl disable --now UNIT"
	case taken && s.Holder.PID == 0:
		f.Seen += ", by a process that this user cannot see"
		f.Fix = "sudo ss -lunp"
		f.Changes = "nothing: it shows the program that has the port"
		f.Then = stopIt
	case taken:
		f.Seen += fmt.Sprintf(", by %s (process %d)", s.Holder.Name, s.Holder.PID)
		f.Fix, f.Changes = fmt.Sprintf("ps -fp %d", s.Holder.PID), "nothing: it shows that program"
		f.Then = stopIt
		if s.Holder.Unit != "" {
			// With a script of SysV, as of tftpd-hpa in Debian 12, "disable --now" stops nothing.
			f.Fix = fmt.Sprintf("sudo systemctl stop %[1]s && sudo systemctl disable %[1]s", s.Holder.Unit)
			f.Changes, f.Then = "stops that unit, and keeps it off after a restart of this host", ""
		}
	}
	return f
}

// ReadLocalPorts reads net.ipv4.ip_local_port_range, the ports that the kernel
// gives to any program that asks for none in particular; zero if it cannot be
// read.
func ReadLocalPorts() tftp.PortRange {
	var l tftp.PortRange
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err == nil {
		_, _ = fmt.Sscan(string(text), &l.First, &l.Last) // zero is what we say then
	}
	return l
}

// CheckRange notes it when our range overlaps the ports that the kernel gives
// to any program.
func CheckRange(kernel, ours tftp.PortRange) api.Report {
	var r api.Report
	if ours.First <= kernel.Last && kernel.First <= ours.Last {
		r.Remark("the range %s lies among the ports that the kernel gives to any program (%d to %d); reserve it with: sysctl -w net.ipv4.ip_local_reserved_ports=%d-%d",
			ours, kernel.First, kernel.Last, ours.First, ours.Last)
	}
	return r
}

// listensOn reports whether a server on listen answers at an address.
func listensOn(listen string, a netip.Addr) bool {
	at, err := netip.ParseAddrPort(listen)
	return err != nil || at.Addr().IsUnspecified() || at.Addr().Unmap() == a.Unmap()
}
