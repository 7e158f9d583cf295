package iossim

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"flashwarden/tftp"
)

// SCPClient is the SCP client of a switch with SSH: copy flash:x scp:.
type SCPClient struct {
	Missing bool // the software has none, as an image without cryptography
	// AsksTwice makes it ask for the password a second time, after an empty line, as in a public
	// session (documentation of scrapli, Catalyst 3560-CX with IOS 15.2).
	AsksTwice bool
}

// scpPort is the port that IOS always uses; its URL has none.
const scpPort = 22

// scpURL is scp://user@host/name. Each part may still be unknown.
type scpURL struct{ user, host, name string }

// String returns the URL as IOS prints it in errors: scp://*:*@172.27.148.198/x.bin.
func (u scpURL) String() string { return "scp://*:*@" + u.host + "/" + u.name }

var scpPlace = regexp.MustCompile(`^scp:(?://(?:([^@/:]*)(?::[^@/]*)?@)?([^/]*)(?:/(.*))?)?$`)

func isSCPPlace(place string) bool { return strings.HasPrefix(place, "scp:") }

// copyOutSCP sends a file to an SCP server. The questions and their order are those of public
// sessions: source, host, user, destination; then the name, and the password.
func (c *copying) copyOutSCP(from, to string) {
	u, ok := c.scpURL(to)
	if !ok {
		return
	}
	if from, ok = c.askSource(from); !ok {
		return
	}
	if u.host, ok = c.askHost(u.host); !ok {
		return
	}
	if u.user, ok = c.ask("Destination username", cmp.Or(u.user, c.sw.o.Username)); !ok {
		return
	}
	if u.name == "" {
		u.name = c.remoteName(from)
	}
	if u.name, ok = c.ask("Destination filename", u.name); !ok || !c.trickQuestions(from, true) {
		return
	}
	f, shown, err := c.sw.open(from)
	if err != nil {
		c.say(readError(asTyped(from, shown), err))
		return
	}
	c.sendSCP(f, shown, u)
}

// sendSCP sends a file and prints the output of IOS.
func (c *copying) sendSCP(f file, shown string, to scpURL) {
	f.body.prepare()
	began, j := time.Now(), c.sw.newJob()
	j.vrf = c.vrf
	c.say("Writing " + to.name + " ")
	link, err := c.scpLogin(j, to)
	c.sw.wg.Go(func() {
		defer j.cancel()
		if err == nil {
			err = link.send(to.name, &uploadBody{SectionReader: c.sw.doctored(f), c: c, job: j, began: began})
		}
		c.sw.record(Transfer{SCP: true, Op: tftp.Write, Path: shown, Name: to.name, Server: to.host}, j.moved.Load(), err, began)
		j.result <- err
	})
	if err := c.watch(j, 1, fmt.Sprintf(" Sink: C0644 %d %s\n", f.size, to.name)); err != nil {
		verb := "writing"
		if j.moved.Load() == 0 {
			verb = "opening"
		}
		c.say(fmt.Sprintf("\n%%Error %s %s (%s)\n", verb, to, scpReason(err)))
		return
	}
	c.say("\n" + c.copied(f, time.Since(began)))
}

// copyInSCP fetches a file from an SCP server. The questions and the output are those of public sessions
// (ASR 903; genie of Cisco, copy_file_with_scp): a complete URL is asked for the destination alone.
func (c *copying) copyInSCP(from, place string) {
	u, ok := c.scpURL(from)
	if !ok {
		return
	}
	if u.host == "" || u.name == "" || u.user == "" {
		if u.host, ok = c.askHost(u.host); !ok {
			return
		}
		if u.user, ok = c.ask("Source username", cmp.Or(u.user, c.sw.o.Username)); !ok {
			return
		}
		if u.name, ok = c.ask("Source filename", u.name); !ok {
			return
		}
	}
	if place, ok = c.askPlace(place, u.name); !ok {
		return
	}
	began, j := time.Now(), c.sw.newJob()
	j.vrf = c.vrf
	in := c.sw.incoming(place)
	to := &arriving{incoming: in, c: c, job: j, began: began}
	link, err := c.scpLogin(j, u)
	if err == nil {
		to.size, err = link.ask(u.name)
	}
	c.sw.wg.Go(func() {
		defer j.cancel()
		if err == nil {
			err = link.fetch(to)
		}
		c.sw.record(Transfer{SCP: true, Op: tftp.Read, Path: place, Name: u.name, Server: u.host}, j.moved.Load(), err, began)
		j.result <- err
	})
	failed := c.watch(j, 1, fmt.Sprintf(" Sending file modes: C0644 %d %s\n", to.size, u.name))
	c.keep(in, u, place, began, failed, scpReason)
}

// scpURL reads the URL of a copy command. Without a client the command is unknown.
func (c *copying) scpURL(place string) (scpURL, bool) {
	m := scpPlace.FindStringSubmatch(place)
	if c.sw.o.SCPClient.Missing || c.sw.profile.Transport != transportSSH || m == nil {
		c.say("                ^\n% Invalid input detected at '^' marker.\n\n")
		return scpURL{}, false
	}
	return scpURL{m[1], m[2], m[3]}, true
}

// scpReason returns the words of IOS for an error. "Unknown error -1" is what it makes of an error
// of the server in public reports; the others are written by hand.
func scpReason(err error) reason {
	switch {
	case errors.Is(err, errAborted), errors.Is(err, context.Canceled):
		return errAborted
	case errors.Is(err, errTimedOut):
		return errTimedOut
	case errors.Is(err, errSCPLogin):
		return "Permission denied"
	case errors.Is(err, errSCPRefused):
		return "Unknown error -1"
	}
	return "I/O error"
}

var (
	errSCPLogin   = errors.New("the SCP server refused the login")
	errSCPRefused = errors.New("the SCP server answered with an error")
)

// scpSession is a session on an SCP server.
type scpSession struct {
	client  *ssh.Client
	in      *bufio.Reader
	out     io.Writer
	command func(text string) error
}

// scpLogin connects from the uplink of the switch, and asks the person at the terminal for the password.
// Nothing arrives at the server if it is in another VRF. A switch without an answer waits as long as with
// any server.
func (c *copying) scpLogin(j *job, to scpURL) (*scpSession, error) {
	sw := c.sw
	if sw.strikes(func(f *Faults) *Times { return &f.NoTFTP }) || sw.o.VRF != "" && sw.o.VRF != j.vrf {
		return nil, sw.silence(j)
	}
	raw, err := sw.dialSCP(to.host)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(j.ctx, func() { raw.Close() })
	p := sw.profile
	asked := false
	config := &ssh.ClientConfig{
		Config: ssh.Config{KeyExchanges: p.KeyExchanges, Ciphers: p.Ciphers, MACs: p.MACs},
		User:   to.user, ClientVersion: p.SSHVersion, HostKeyAlgorithms: p.HostKeyAlgorithms, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		Auth: []ssh.AuthMethod{ssh.PasswordCallback(func() (string, error) {
			if sw.o.SCPClient.AsksTwice && !asked {
				if _, err := c.secret("\nPassword: "); err != nil {
					return "", errAborted
				}
			}
			asked = true
			password, err := c.secret("\nPassword: ")
			if err != nil {
				return "", errAborted
			}
			return password, nil
		})},
	}
	conn, channels, requests, err := ssh.NewClientConn(raw, to.host, config)
	if err != nil {
		raw.Close()
		if asked && !errors.Is(err, errAborted) {
			err = fmt.Errorf("%w: %w", errSCPLogin, err)
		}
		return nil, err
	}
	return openSCPSession(ssh.NewClient(conn, channels, requests))
}

// dialSCP connects to a server.
func (s *Switch) dialSCP(host string) (conn net.Conn, err error) {
	s.o.Inside(func() {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.tftpSource(), 0)), Timeout: s.o.Timeout}
		conn, err = d.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(s.o.SCPPort)))
	})
	return conn, err
}

func openSCPSession(client *ssh.Client) (*scpSession, error) {
	session, err := client.NewSession()
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	in, err := session.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	out, err := session.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &scpSession{client, bufio.NewReader(in), out, session.Start}, nil
}

// send sends the file, and waits until the server has it.
func (l *scpSession) send(name string, body *uploadBody) error {
	defer l.client.Close()
	if err := l.command("scp -t " + name); err != nil {
		return err
	}
	if err := l.acknowledged(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(l.out, "C0644 %d %s\n", body.Size(), name); err != nil {
		return err
	}
	if err := l.acknowledged(); err != nil {
		return err
	}
	_, err := io.CopyBuffer(l.out, struct{ io.Reader }{body}, make([]byte, 16<<10))
	if errors.Is(err, io.EOF) { // the server has ended the session, and says why
		return errors.Join(l.acknowledged(), err)
	}
	if err != nil {
		return err
	}
	if _, err := io.WriteString(l.out, scpOK); err != nil {
		return err
	}
	return l.acknowledged()
}

// ask asks for a file, and returns its size.
func (l *scpSession) ask(name string) (size int64, err error) {
	if err := l.command("scp -f " + name); err != nil {
		return 0, errors.Join(err, l.client.Close())
	}
	if _, err := io.WriteString(l.out, scpOK); err != nil {
		return 0, errors.Join(err, l.client.Close())
	}
	line, err := l.in.ReadString('\n')
	if err != nil {
		return 0, errors.Join(err, l.client.Close())
	}
	if _, err := fmt.Sscanf(line, "C0644 %d", &size); err != nil {
		return 0, errors.Join(fmt.Errorf("%w: %q", errSCPRefused, line), l.client.Close())
	}
	return size, nil
}

// fetch fetches the file that was asked for, and acknowledges it when it is there.
func (l *scpSession) fetch(to *arriving) error {
	defer l.client.Close()
	if _, err := io.WriteString(l.out, scpOK); err != nil {
		return err
	}
	n, err := io.CopyBuffer(to, struct{ io.Reader }{io.LimitReader(l.in, to.size)}, make([]byte, 16<<10))
	if err == nil && n < to.size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = l.acknowledged() // the zero byte after the file
	}
	if err == nil {
		_, err = io.WriteString(l.out, scpOK)
	}
	return err
}

// acknowledged reads an answer of the server.
func (l *scpSession) acknowledged() error {
	b, err := l.in.ReadByte()
	if err == nil && b != scpOK[0] {
		why, _ := l.in.ReadString('\n')
		return fmt.Errorf("%w: %q", errSCPRefused, why)
	}
	return err
}
