package tftpd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/netlab"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/tftpd"
	"flashwarden/tftp"
)

// judged are rules that in.tftpd and we must read the same way. Each has a directory
// of its own, so that it sees only the names that are made for it.
const judged = `
ri ^win/[a-z]:         win/
rg ^(win/.*)\\         \1/
rg ^(hash.*)\#         \1@       # the last one first, until none is left
e  ^end/
r  ^end                wrong
r  ^address/           at/\i/
r  ^number/            at/\x/
r  ^case/(.*)\.cfg$    case/\1-\U\1\E-\L\1\E.cfg
r  ^blank/             blank\ /
rG ^way/               got/
rP ^way/               put/
a  ^secret/
a  ^why/               \0\ is\ not\ for\ you
r4 ^family/            four/
r6 ^family/            six/
r  ^longest/(a|ab|abc) longest/<\0>
r  ^bracket/[\.]       bracket/point
r  ^bracket/[^[:alpha:]/] bracket/class
r  ^any/.              any/
rs ^again/one          again/two
rs ^again/two          again/three
r  ^none/x*            none/<\0>
r  ^curly/a{2,3}       curly/<\0>
r  ^empty/(x)?(y)      empty/<\1><\2>
r  ^twice/\\\\         twice/one
a~ ^[[:alnum:]_/.@\ <>\#-]*$ only\ simple\ names
`

var judgedNames = []string{
	`win/C:boot\image.bin`, `WIN/C:x`, `win/1:x`,
	`hash#a#b#`, `hash`, `end/x`, `endless`, `address/x`, `number/x`, `case/sW1.cfg`, `case/sW1.cfgx`, `case/.cfg`, `blank/x`,
	`way/x`, `secret/x`, `why/x`, `family/x`, `longest/abcd`, `longest/abd`, `longest/a`, `longest/b`,
	`bracket/.x`, `bracket/\x`, `bracket/5x`, `bracket/ax`, `any/xy`, `again/one`, `again/two`, `none/xxy`, `none/y`,
	`curly/aaaa`, `curly/a`, `empty/xy`, `empty/y`, `empty/x`, `twice/\\x`, `what?`, `what!`, `plain`, `/plain`, `//plain`,
}

// TestMapFileAsOthers asks in.tftpd and us for the same names, with the same map file.
// Each file has its own name as content, so an answer shows what became of a name.
func TestMapFileAsOthers(t *testing.T) {
	testlevel.NeedFull(t, "starts another server")
	program, err := exec.LookPath("in.tftpd")
	if err != nil {
		testlevel.Missing(t, "in.tftpd (Debian: tftpd-hpa)")
	}
	map4 := filepath.Join(t.TempDir(), "rules")
	write(t, map4, judged, 0o644)
	theirs := &mapped{dir: mappedFiles(t)}
	startOther(t, theirs, program, "--foreground", "--user", "nobody", "--secure", "--map-file", map4, theirs.dir)
	ours := &mapped{dir: mappedFiles(t)}
	ours.server = start(t, "--user", "nobody", "--secure", "--map-file", map4, ours.dir).port
	for _, name := range judgedNames {
		got, want := ours.read(t, name), theirs.read(t, name)
		if got != want {
			t.Errorf("RRQ %s: we answer %q, in.tftpd %q", name, got, want)
		}
		if got, want = ours.write(t, name), theirs.write(t, name); got != want {
			t.Errorf("WRQ %s: we answer %q, in.tftpd %q", name, got, want)
		}
	}
}

// mapped is a server with a map file.
type mapped struct {
	dir    string
	server netip.AddrPort
	host   *netlab.Host // nil: this one
}

// mappedFiles makes a file for each name that the rules make.
func mappedFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, op := range []tftp.Op{tftp.Read, tftp.Write} {
		for _, name := range judgedNames {
			to, err := tftpd.Rewrite(judged, op, name, netip.MustParseAddr("127.0.0.1"))
			if err != nil {
				continue
			}
			file := filepath.Join(dir, to)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, file, filepath.Clean("/"+to), 0o666)
		}
	}
	return dir
}

// startOther starts a server in a network of its own and waits until it answers.
func startOther(t *testing.T, m *mapped, program string, args ...string) {
	t.Helper()
	m.host = netlab.New(t).Host("other")
	cmd := exec.Command(program, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := m.host.Start(cmd); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	m.server = netip.MustParseAddrPort("127.0.0.1:69")
	for {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s: %v\n%s", program, err, said.String())
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := m.client().Get(ctx, m.server, "plain", io.Discard)
		cancel()
		if err == nil {
			return
		}
	}
}

// client is a client beside the server.
func (m *mapped) client() *tftp.Client {
	c := &tftp.Client{}
	if m.host != nil {
		c.Listen = func(a netip.AddrPort) (p net.PacketConn, err error) {
			m.host.Do(func() { p, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(a)) })
			return p, err
		}
	}
	return c
}

// read returns the name that the server made of a name, or its ERROR.
func (m *mapped) read(t *testing.T, name string) string {
	t.Helper()
	var b bytes.Buffer
	_, err := m.client().Get(t.Context(), m.server, name, &b)
	return answer(t, b.String(), err)
}

// write returns the name of the file that the server wrote, or its ERROR.
func (m *mapped) write(t *testing.T, name string) string {
	t.Helper()
	_, err := m.client().Put(t.Context(), m.server, name, strings.NewReader("new"), -1)
	if err != nil {
		return answer(t, "", err)
	}
	written := ""
	err = filepath.WalkDir(m.dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(file)
		if own := strings.TrimPrefix(file, m.dir); err == nil && string(content) == "new" {
			written += own
			return os.WriteFile(file, []byte(own), 0o666)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return written
}

// answer is what a server sent: a content, or the code of an ERROR. in.tftpd 5.2 loses
// the first letter of a text after ~, and appends the rest of the name to others.
func answer(t *testing.T, content string, err error) string {
	t.Helper()
	var e *tftp.Error
	switch {
	case err == nil:
		return content
	case errors.As(err, &e):
		return fmt.Sprintf("ERROR %d", e.Code)
	}
	t.Fatal(err)
	return ""
}
