package iossim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"strings"
	"time"

	"flashwarden/tftp"
)

// SCPFaults is everything that goes wrong with the SCP server of a switch, beside the faults
// of any transfer (ShortBlock, FlipBit, Hangup, Stall).
type SCPFaults struct {
	// Text is printed before the protocol begins, as AAA servers and banners do
	// on sessions with a command (ktbyers/scp_sidecar issue 15). Empty: nothing.
	Text string
	// Mode replaces the permissions in the header. Written by hand: no public
	// session shows the header that IOS sends. Empty: 0644.
	Mode string
	// NoFinal leaves out the zero byte after the data. Written by hand.
	NoFinal Times
	// Refuse answers the command with this error in place of the file. Empty: no.
	Refuse string
	// Silent closes the session without a word, as IOS-XE does with a request
	// that it does not know (Cisco tech note 220371).
	Silent Times
	// Drop ends the connection after the file without closing the session
	// (ktbyers/netmiko issue 1262).
	Drop Times
}

// The answers of the SCP server.
const (
	scpOK    = "\x00"
	scpError = "\x01"
	// scpDisabled is the answer without "ip scp server enable". Users of pscp
	// report this text; we have not seen it on a device.
	scpDisabled = "Administratively disabled."
	// scpDenied is the answer to an account under privilege level 15
	// (ktbyers/scp_sidecar issue 16, napalm issue 1296).
	scpDenied = "Privilege denied."
)

// isSCP reports whether the command of an exec request is for the SCP server.
func isSCP(command string) bool { return command == "scp" || strings.HasPrefix(command, "scp ") }

// scpCommands are the commands of the SCP server in global configuration mode
// (Cisco, "Secure Copy": ip scp server enable).
func scpCommands() []command {
	set := func(on bool) func(*session, []string) {
		return func(s *session, _ []string) {
			s.sw.mu.Lock()
			defer s.sw.mu.Unlock()
			s.sw.boot.unsaved, s.sw.scp = true, on
		}
	}
	return []command{
		{"ip scp server enable", true, always, set(true)},
		{"no ip scp server enable", true, always, set(false)},
	}
}

// serveSCP runs one command of the SCP server on a session. As on IOS-XE, the
// session ends without an exit status (ansible/pylibssh issue 785).
func (s *Switch) serveSCP(conn net.Conn, wire io.ReadWriter, command string) {
	s.note(command)
	c := &scpSource{sw: s, wire: wire, in: bufio.NewReader(wire), hang: func() { s.forget(conn) }}
	if err := c.run(command); err != nil {
		s.log.Debug("SCP session ended", "device", s.o.Hostname, "remote", conn.RemoteAddr().String(), "err", err)
	}
}

// scpSource sends a file by the SCP protocol of OpenSSH up to version 8.
type scpSource struct {
	sw   *Switch
	wire io.Writer
	in   *bufio.Reader
	hang func()
}

func (c *scpSource) run(command string) error {
	s := c.sw
	switch refuse := s.scpRefusal(); {
	case s.strikes(func(f *Faults) *Times { return &f.SCP.Silent }):
		return nil
	case refuse != "":
		return c.refuse(refuse)
	}
	if _, err := io.WriteString(c.wire, s.scpFault().Text); err != nil {
		return err
	}
	if err := c.acknowledged(); err != nil {
		return err
	}
	name, ok := scpOperand(command)
	if !ok {
		return c.refuse("Unsupported option")
	}
	f, shown, err := s.open(name)
	if err != nil {
		return c.refuse(fmt.Sprintf("%s: %v", shown, err))
	}
	return c.send(f, shown)
}

// scpOperand returns the file of the command scp -f FILE. The server knows no other option:
// not -p, -r or -d. It is no shell, so quotes are part of the name (sshnet/SSH.NET issue
// 108, on IOS 12.4).
func scpOperand(command string) (string, bool) {
	return strings.CutPrefix(command, "scp -f ")
}

// scpRefusal is why the server refuses every command; empty: it does not.
func (s *Switch) scpRefusal() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.scp:
		return scpDisabled
	case s.o.EnablePassword != "" && s.o.Privilege != 15, s.o.Privilege > 0 && s.o.Privilege < 15:
		return scpDenied
	}
	return s.faults.SCP.Refuse
}

func (s *Switch) scpFault() SCPFaults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.SCP
}

// refuse sends an error. The text ends with a newline.
func (c *scpSource) refuse(why string) error {
	if _, err := io.WriteString(c.wire, scpError+why+"\n"); err != nil {
		return err
	}
	return errors.New(why)
}

// acknowledged reads the answer of the client.
func (c *scpSource) acknowledged() error {
	b, err := c.in.ReadByte()
	if err == nil && b != scpOK[0] {
		why, _ := c.in.ReadString('\n')
		return fmt.Errorf("the client answered %q", string(b)+why)
	}
	return err
}

// send sends the file, and records the transfer. The name in its header has no directory,
// as in OpenSSH; IOS may send another one.
func (c *scpSource) send(f file, shown string) error {
	f.body.prepare()
	began := time.Now()
	body := c.sw.doctored(f)
	mode := c.sw.scpFault().Mode
	if mode == "" {
		mode = "0644"
	}
	j := c.sw.newJob()
	defer j.cancel()
	_, err := fmt.Fprintf(c.wire, "C%s %d %s\n", mode, body.Size(), path.Base(shown))
	if err == nil {
		err = c.acknowledged()
	}
	if err == nil {
		_, err = io.CopyBuffer(&scpLink{c: c, job: j, began: began}, struct{ io.Reader }{body}, make([]byte, 32<<10))
	}
	if err == nil {
		err = c.finish()
	}
	c.sw.record(Transfer{Op: tftp.Write, Path: shown, SCP: true}, j.moved.Load(), err, began)
	return err
}

// finish ends the file, and waits until the client has it.
func (c *scpSource) finish() error {
	if c.sw.strikes(func(f *Faults) *Times { return &f.SCP.NoFinal }) {
		return nil
	}
	if _, err := io.WriteString(c.wire, scpOK); err != nil {
		return err
	}
	if c.sw.strikes(func(f *Faults) *Times { return &f.SCP.Drop }) {
		c.hang()
		return nil
	}
	return c.acknowledged()
}

// scpLink sends data at the pace of the switch. The faults of a transfer strike here.
type scpLink struct {
	c     *scpSource
	job   *job
	began time.Time
}

func (l *scpLink) Write(p []byte) (int, error) {
	sw, moved := l.c.sw, l.job.moved.Load()+int64(len(p))
	switch {
	case sw.strikesAfter(moved, func(f *Faults) *After { return &f.Hangup }):
		l.c.hang()
		return 0, errGone
	case sw.strikesAfter(moved, func(f *Faults) *After { return &f.Stall }):
		_, err := l.c.in.ReadByte() // the client gives up
		return 0, errors.Join(errTimedOut, err)
	}
	sw.pace(l.job, l.began)
	n, err := l.c.wire.Write(p)
	l.job.progress(&l.job.moved, int64(n))
	return n, err
}
