package scpd

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/scp"
	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

// visit is one connection of a client.
type visit struct {
	server   *Server
	conn     net.Conn
	from     netip.Addr
	patience *time.Timer // closes the connection
	put      spool.Put   // the name and the password that were admitted
	busy     bool        // an upload is running; under the lock of the server
}

// serve serves the connection: a login, one session, one command.
func (v *visit) serve() error {
	config := v.server.config
	config.PasswordCallback = func(m ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		return nil, v.login(m.User(), string(password))
	}
	config.KeyboardInteractiveCallback = func(m ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		answers, err := ask("", "", []string{"Password: "}, []bool{false})
		if err != nil || len(answers) != 1 {
			return nil, errors.Join(errors.New("no password"), err)
		}
		return nil, v.login(m.User(), answers[0])
	}
	c, channels, requests, err := ssh.NewServerConn(v.conn, &config)
	if err != nil {
		v.noteHandshake(err)
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer c.Close()
	wg.Go(func() { ssh.DiscardRequests(requests) }) // forwarding, among others: the answer is no
	return v.session(channels)
}

// login checks a name and a password.
func (v *visit) login(name, password string) error {
	p := spool.Put{Name: name, Password: password, From: v.from, Size: -1}
	if err := v.server.Store.Admits(p); err != nil {
		return err
	}
	v.put = p
	return nil
}

// noteHandshake tells the tickets of the device why there is no encrypted connection. A client
// that only connects says nothing about it, and a wrong password is known already.
func (v *visit) noteHandshake(err error) {
	var login *ssh.ServerAuthError
	if !errors.As(err, &login) && !errors.Is(err, io.EOF) && !v.server.over() {
		v.server.Store.NoteHandshake(v.from, err)
	}
}

// session accepts one session, and refuses all other channels: those of forwarding too.
func (v *visit) session(channels <-chan ssh.NewChannel) (err error) {
	var wg sync.WaitGroup
	taken := false
	for offered := range channels {
		if offered.ChannelType() != "session" || taken {
			_ = offered.Reject(ssh.Prohibited, "one session, nothing else") // the client may be gone
			continue
		}
		channel, asked, failed := offered.Accept()
		if failed != nil {
			err = failed
			break
		}
		taken = true
		wg.Go(func() { err = v.requests(channel, asked) })
	}
	wg.Wait()
	return err
}

// requests answers the requests of the session (RFC 4254 section 6). One is granted: the command
// to receive a file. A terminal is granted in words alone, since a client may insist on one.
func (v *visit) requests(channel ssh.Channel, asked <-chan *ssh.Request) (err error) {
	var wg sync.WaitGroup
	begun := false
	for r := range asked {
		name, ok := "", r.Type == "pty-req"
		if r.Type == "exec" && !begun {
			name, ok = operand(r.Payload)
			begun = ok
		}
		if r.WantReply {
			_ = r.Reply(ok, nil) // the client may be gone
		}
		switch {
		case r.Type == "exec" && ok:
			wg.Go(func() { err = v.receive(channel, name) })
		case r.Type == "exec", r.Type == "shell", r.Type == "subsystem":
			v.server.Log.Info("request refused", "remote", v.conn.RemoteAddr(), "request", r.Type)
			channel.Close()
		}
	}
	wg.Wait()
	return err
}

// operand returns the file of a command "scp -t NAME" in the payload of an exec request. Of the options, -p and -v change
// nothing here: times are not kept, and nothing is explained.
func operand(payload []byte) (name string, ok bool) {
	var exec struct{ Command string }
	if ssh.Unmarshal(payload, &exec) != nil {
		return "", false
	}
	words := strings.Fields(exec.Command)
	if len(words) < 3 || words[0] != "scp" {
		return "", false
	}
	sink := false
	for _, word := range words[1 : len(words)-1] {
		letters, option := strings.CutPrefix(word, "-")
		if !option || word != "--" && strings.Trim(letters, "tpv") != "" {
			return "", false
		}
		sink = sink || strings.Contains(letters, "t")
	}
	return words[len(words)-1], sink
}

// receive receives a file for the ticket, and says how that ended.
func (v *visit) receive(channel ssh.Channel, name string) error {
	v.patience.Reset(v.server.Idle)
	defer v.server.setBusy(v, false)
	err := scp.Receive(channel, func(size int64) (scp.Sink, error) { return v.open(name, size) })
	v.patience.Reset(answerTime) // the client hangs up: if we did, it could lose our last words
	var status struct{ Code uint32 }
	if err != nil {
		status.Code = 1
	}
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status)) // the client may be gone
	channel.Close()
	return err
}

// open begins the upload that the client has announced.
func (v *visit) open(name string, size int64) (scp.Sink, error) {
	if strings.TrimLeft(name, "/") != v.put.Name {
		return nil, fmt.Errorf("not expected: %q", name)
	}
	if err := v.server.setBusy(v, true); err != nil {
		return nil, err
	}
	p := v.put
	p.Size = size
	w, err := v.server.Store.Put(p)
	if err != nil {
		return nil, err
	}
	return &file{Writer: w, visit: v, since: time.Now()}, nil
}

// slowest is what a client must send within Idle, in bytes.
const slowest = 1 << 10

// file is an upload whose client must not be too slow.
type file struct {
	tftp.Writer
	visit   *visit
	arrived int       // bytes since the patience was renewed
	since   time.Time // of that
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	idle := f.visit.server.Idle
	if f.arrived += len(p); f.arrived >= slowest && time.Since(f.since) >= idle/64 {
		f.arrived, f.since = 0, time.Now()
		f.visit.patience.Reset(idle)
	}
	return f.Writer.Write(p)
}

// Commit stores the file. A slow disk does not count against the client.
func (f *file) Commit() error {
	f.visit.patience.Stop()
	return f.Writer.Commit()
}
