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
	busy     bool        // a transfer is running; under the lock of the server
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
		err = shortened{err}
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

// shortened is an error with the beginning of its text: SSH quotes what a client offers or says at its end, which may
// be 256 kB of somebody who has proved nothing.
type shortened struct{ error }

// Error implements error.
func (e shortened) Error() string { return beginning(e.error.Error(), 1200) }

// Unwrap is for errors.Is and errors.As.
func (e shortened) Unwrap() error { return e.error }

// beginning returns at most so many bytes of a text, and whole characters.
func beginning(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
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
// to receive or send a file. A terminal is granted in words alone, since a client may insist on one.
func (v *visit) requests(channel ssh.Channel, asked <-chan *ssh.Request) (err error) {
	var wg sync.WaitGroup
	begun := false
	for r := range asked {
		c, ok := command{}, r.Type == "pty-req"
		if r.Type == "exec" && !begun {
			c, ok = parse(r.Payload)
			begun = ok
		}
		if r.WantReply {
			_ = r.Reply(ok, nil) // the client may be gone
		}
		switch {
		case r.Type == "exec" && ok:
			wg.Go(func() { err = v.run(channel, c) })
		case r.Type == "exec", r.Type == "shell", r.Type == "subsystem":
			v.noteStray(r)
			channel.Close()
		}
	}
	wg.Wait()
	return err
}

// noteStray notes a request that is refused, for whoever looks for the reason.
func (v *visit) noteStray(r *ssh.Request) {
	what := r.Type
	var argument struct{ Text string } // a command, or the name of a subsystem
	if ssh.Unmarshal(r.Payload, &argument) == nil {
		what += " " + argument.Text
	}
	what = beginning(what, 100)
	v.server.Log.Info("request refused", "remote", v.conn.RemoteAddr(), "request", what)
	v.server.Store.NoteStray(v.from, what)
}

// command is "scp -t NAME", or "scp -f NAME".
type command struct {
	send bool // -f: we send the file
	name string
}

// parse returns the command in the payload of an exec request. Of the other options, -p and -v change
// nothing here: times are not kept, and nothing is explained.
func parse(payload []byte) (c command, ok bool) {
	var exec struct{ Command string }
	if ssh.Unmarshal(payload, &exec) != nil {
		return c, false
	}
	words := strings.Fields(exec.Command)
	if len(words) < 3 || words[0] != "scp" {
		return c, false
	}
	letters := ""
	for _, word := range words[1 : len(words)-1] {
		some, option := strings.CutPrefix(word, "-")
		if !option {
			return c, false
		}
		letters += strings.TrimPrefix(some, "-") // -- ends the options
	}
	c = command{strings.Contains(letters, "f"), words[len(words)-1]}
	return c, strings.Trim(letters, "tfpv") == "" && c.send != strings.Contains(letters, "t")
}

// run receives or sends the file of the ticket, and says how that ended.
func (v *visit) run(channel ssh.Channel, c command) (err error) {
	v.patience.Reset(v.server.Idle)
	defer v.server.setBusy(v, false)
	if c.send {
		err = v.send(channel, c.name)
	} else {
		err = scp.Receive(channel, func(size int64) (scp.Sink, error) { return v.open(c.name, size) })
	}
	v.patience.Reset(answerTime) // the client hangs up: if we did, it could lose our last words
	var status struct{ Code uint32 }
	if err != nil {
		status.Code = 1
	}
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status)) // the client may be gone
	channel.Close()
	return err
}

// expected returns an error unless the command names the file of the ticket.
func (v *visit) expected(name string) error {
	if strings.TrimLeft(name, "/") != v.put.Name {
		name = beginning(name, 100)
		v.server.Store.NoteStray(v.from, name)
		return fmt.Errorf("not expected: %q", name)
	}
	return v.server.setBusy(v, true)
}

// send sends the file that the client fetches.
func (v *visit) send(channel ssh.Channel, name string) error {
	d, err := v.download(name)
	if err != nil {
		_, _ = fmt.Fprintf(channel, "\x02%s\n", err) // the client may be gone
		return err
	}
	err = scp.Send(channel, v.put.Name, &progress{Reader: d, visit: v, since: time.Now()}, d.Size())
	d.End(err)
	return err
}

func (v *visit) download(name string) (*spool.Download, error) {
	if err := v.expected(name); err != nil {
		return nil, err
	}
	return v.server.Store.Get(v.put)
}

// open begins the upload that the client has announced.
func (v *visit) open(name string, size int64) (scp.Sink, error) {
	if err := v.expected(name); err != nil {
		return nil, err
	}
	p := v.put
	p.Size = size
	w, err := v.server.Store.Put(p)
	if err != nil {
		return nil, err
	}
	return &file{w, progress{visit: v, since: time.Now()}}, nil
}

// slowest is what must pass within Idle, in bytes.
const slowest = 1 << 10

// progress renews the patience with a client that is not too slow. Its Reader, if there is one, is what
// the client fetches: a piece is read when the client has taken the one before.
type progress struct {
	io.Reader
	visit *visit
	bytes int       // since the patience was renewed
	since time.Time // of that
}

func (p *progress) add(n int) {
	idle := p.visit.server.Idle
	if p.bytes += n; p.bytes >= slowest && time.Since(p.since) >= idle/64 {
		p.bytes, p.since = 0, time.Now()
		p.visit.patience.Reset(idle)
	}
}

// Read implements io.Reader.
func (p *progress) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.add(n)
	return n, err
}

// file is an upload.
type file struct {
	tftp.Writer
	progress progress
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	f.progress.add(len(p))
	return f.Writer.Write(p)
}

// Commit stores the file. A slow disk does not count against the client.
func (f *file) Commit() error {
	f.progress.visit.patience.Stop()
	return f.Writer.Commit()
}
