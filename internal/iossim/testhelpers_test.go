package iossim

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
)

// patience is the limit for expected output. Only a broken program reaches it: with
// the race detector, all tests of this package share the processors for minutes.
const patience = 5 * time.Minute

// launch starts a switch that lives as long as the test.
func launch(t *testing.T, profile string, o Options) *Switch {
	t.Helper()
	s, err := New(profile, o)
	if err == nil && s.Transport() == transportTelnet && o.Password == "" {
		o.Username, o.Password = "admin", "cisco"
		s, err = New(profile, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// line is a terminal on the side of a test.
type line struct {
	t    *testing.T
	in   io.Writer
	mu   sync.Mutex
	more *sync.Cond
	seen bytes.Buffer
	from int // end of the text that was expected before
	gone bool
}

// newLine collects the output of out.
func newLine(t *testing.T, in io.Writer, out io.Reader) *line {
	l := &line{t: t, in: in}
	l.more = sync.NewCond(&l.mu)
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := out.Read(buf)
			l.mu.Lock()
			l.seen.Write(buf[:n])
			l.gone = err != nil
			l.more.Broadcast()
			l.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(wg.Wait)
	return l
}

// expect waits for text and returns everything up to its end. It fails at once if one of the
// wrong texts comes first.
func (l *line) expect(text string, wrong ...string) string {
	l.t.Helper()
	deadline := time.AfterFunc(patience, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.gone = true
		l.more.Broadcast()
	})
	defer deadline.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		rest := l.seen.String()[l.from:]
		if i := strings.Index(rest, text); i >= 0 {
			l.from += i + len(text)
			return rest[:i+len(text)]
		}
		if l.gone || slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(rest, w) }) {
			l.t.Fatalf("%q did not arrive; the output was\n%s", text, rest)
		}
		l.more.Wait()
	}
}

// expectEnd waits until the line is gone and returns the rest of its output.
func (l *line) expectEnd() string {
	l.t.Helper()
	deadline := time.AfterFunc(patience, func() { l.t.Errorf("the line was not hung up"); l.more.Broadcast() })
	defer deadline.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.gone && !l.t.Failed() {
		l.more.Wait()
	}
	return l.seen.String()[l.from:]
}

func (l *line) send(text string) {
	l.t.Helper()
	if _, err := io.WriteString(l.in, text); err != nil {
		l.t.Fatalf("type %q: %v", text, err)
	}
}

// run types a command and returns its output, without echo and prompt.
func (l *line) run(command, prompt string) string {
	l.t.Helper()
	l.send(command + "\r")
	l.expect("\r\n")
	return strings.TrimSuffix(l.expect(prompt), prompt)
}

// stripped removes Telnet commands of three bytes from a server's output.
type stripped struct {
	net.Conn
	skip int
}

func (s *stripped) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	kept := p[:0]
	for _, b := range p[:n] {
		switch {
		case s.skip > 0:
			s.skip--
		case b == telnetIAC:
			s.skip = 2
		default:
			kept = append(kept, b)
		}
	}
	return len(kept), err
}

// dialTelnet connects and stops before the login.
func dialTelnet(t *testing.T, s *Switch) *line {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l := newLine(t, c, &stripped{Conn: c})
	t.Cleanup(func() { c.Close() })
	return l
}

// dialSSH connects with every algorithm that the library has.
func dialSSH(t *testing.T, s *Switch, password string) (*ssh.Client, error) {
	t.Helper()
	all, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	c, err := ssh.Dial("tcp", s.Addr().String(), &ssh.ClientConfig{
		Config: ssh.Config{
			KeyExchanges: append(all.KeyExchanges, old.KeyExchanges...),
			Ciphers:      append(all.Ciphers, old.Ciphers...),
			MACs:         append(all.MACs, old.MACs...),
		},
		HostKeyAlgorithms: append(all.HostKeys, old.HostKeys...),
		User:              "admin",
		Auth:              []ssh.AuthMethod{ssh.Password(password)},
		HostKeyCallback:   ssh.InsecureIgnoreHostKey(),
		Timeout:           patience,
	})
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// shell opens a terminal of this size on an SSH connection.
func shell(t *testing.T, c *ssh.Client, columns, rows int) *line {
	t.Helper()
	session, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, _ := session.StdinPipe()
	out, _ := session.StdoutPipe()
	if err := session.RequestPty("vt100", rows, columns, nil); err != nil {
		t.Fatal(err)
	}
	if err := session.Shell(); err != nil {
		t.Fatal(err)
	}
	l := newLine(t, in, out)
	t.Cleanup(func() { c.Close() })
	return l
}

// atPrompt returns a line after the login, without pages.
func atPrompt(t *testing.T, s *Switch) *line {
	t.Helper()
	prompt := s.Hostname() + "#"
	l := logIn(t, s, "")
	l.expect(prompt)
	l.run("terminal length 0", prompt)
	l.run("terminal width 0", prompt)
	return l
}

// logIn answers the login of a switch, which shows a banner.
func logIn(t *testing.T, s *Switch, banner string) *line {
	t.Helper()
	if s.Transport() == transportTelnet {
		l := dialTelnet(t, s)
		l.expect(banner)
		l.expect("Username: ")
		l.send("admin\r")
		l.expect("Password: ")
		l.send("cisco\r")
		return l
	}
	c, err := dialSSH(t, s, "cisco")
	if err != nil {
		t.Fatal(err)
	}
	l := shell(t, c, 80, 24)
	l.expect(banner)
	return l
}

// store is a TFTP server that keeps files in memory.
type store struct {
	port  uint16
	mu    sync.Mutex
	kept  map[string][]byte
	fail  map[string]*tftp.Error // by name: the answer to a request; with the prefix "end ", in place of the final ACK
	asked *tftp.Request          // the last write request
}

func (st *store) last() *tftp.Request {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.asked
}

// serveTFTP starts a store that lives as long as the test. maxBlock 0: any.
func serveTFTP(t *testing.T, maxBlock int) *store {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	st := &store{port: conn.LocalAddr().(*net.UDPAddr).AddrPort().Port(), kept: map[string][]byte{}, fail: map[string]*tftp.Error{}}
	server := &tftp.Server{Handler: st, MaxBlockSize: maxBlock, Retries: 60} // a minute: a switch on a busy machine may be slow
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Serve(ctx, conn); err != nil && ctx.Err() == nil {
			t.Errorf("TFTP server: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return st
}

func (st *store) file(name string) ([]byte, bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	b, ok := st.kept[name]
	return b, ok
}

func (st *store) put(name string, data []byte) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.kept[name] = data
}

func (st *store) refuse(name string, e *tftp.Error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.fail[name] = e
}

func (st *store) refusal(name string) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if e, ok := st.fail[name]; ok {
		return e
	}
	return nil
}

func (st *store) OpenRead(_ context.Context, r *tftp.Request) (tftp.Reader, error) {
	if err := st.refusal(r.Filename); err != nil {
		return nil, err
	}
	b, ok := st.file(r.Filename)
	if !ok {
		return nil, &tftp.Error{Code: tftp.CodeNotFound, Message: "no such file"}
	}
	return memoryReader{bytes.NewReader(b)}, nil
}

func (st *store) OpenWrite(_ context.Context, r *tftp.Request) (tftp.Writer, error) {
	st.mu.Lock()
	st.asked = r
	st.mu.Unlock()
	if err := st.refusal(r.Filename); err != nil {
		return nil, err
	}
	return &memoryWriter{st: st, name: r.Filename}, nil
}

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }

type memoryWriter struct {
	bytes.Buffer
	st   *store
	name string
}

func (w *memoryWriter) Commit() error {
	if err := w.st.refusal("end " + w.name); err != nil {
		return err
	}
	w.st.put(w.name, w.Bytes())
	return nil
}

func (w *memoryWriter) Abort(error) {}

// TestMain runs more tests side by side than there are processors: they wait
// for terminals and timers most of the time.
func TestMain(m *testing.M) {
	testlevel.SideBySide()
	m.Run()
}
