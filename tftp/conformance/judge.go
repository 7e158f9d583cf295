package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// suite is a target that answers, and the known facts about it.
type suite struct {
	Target
	upload uploads
}

// uploads says which names a server accepts for uploads.
type uploads int

const (
	noUploads uploads = iota
	toNewNames
	toWritableFiles // to files that exist and are writable for everybody
)

// begin checks that the server answers and serves the directory, and finds out
// which uploads it accepts.
func begin(t Target) (*suite, error) {
	if t.Patience == 0 {
		t.Patience = 10 * time.Second
	}
	if t.Listen == nil {
		t.Listen = func(a netip.AddrPort) (net.PacketConn, error) {
			return net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
		}
	}
	if t.Addr.Addr().IsUnspecified() || t.Addr.Port() == 0 {
		return nil, fmt.Errorf("the address %s is not one to send to", t.Addr)
	}
	s := &suite{Target: t}
	r := s.judge(Case{Name: "serves the directory", run: func(j *judge) {
		body := content(100)
		p := j.peer()
		p.request(rrq(j.file(body), "octet"))
		p.wantData(1, body)
		p.ack(1)
		s.upload = j.findUploads()
	}})
	if r.Verdict != Pass {
		return nil, fmt.Errorf("the server at %s does not serve a new file in %s: %s", t.Addr, t.Dir, r.Detail)
	}
	return s, nil
}

// findUploads tries an upload to a new name and one to a writable file.
func (j *judge) findUploads() uploads {
	for _, kind := range []uploads{toNewNames, toWritableFiles} {
		name := j.name()
		if kind == toWritableFiles {
			j.writeFile(name, nil, 0o666)
		}
		p := j.peer()
		p.request(wrq(name, "octet"))
		switch got := p.receive(j.Patience); {
		case got == nil || got.op() != opACK:
			continue
		}
		p.send(data(1, []byte("x")))
		if got := p.receive(j.Patience); got != nil && got.op() == opACK {
			return kind
		}
	}
	return noUploads
}

// judge is one run of one case.
type judge struct {
	*suite
	prefix string // of the names of its files
	names  int
	opened []net.PacketConn
}

// verdict ends a case.
type verdict struct {
	Verdict
	detail string
}

// failf ends the case: the server does not do what it tests.
func (j *judge) failf(format string, args ...any) {
	panic(verdict{Fail, fmt.Sprintf(format, args...)})
}

// skipf ends the case: it does not apply, or cannot be judged from here.
func (j *judge) skipf(format string, args ...any) {
	panic(verdict{Skip, fmt.Sprintf(format, args...)})
}

// need ends the case if this machine does not do its part.
func (j *judge) need(err error) {
	if err != nil {
		j.skipf("this machine: %v", err)
	}
}

// judge runs a case.
func (s *suite) judge(c Case) (r Result) {
	j := &judge{suite: s, prefix: fmt.Sprintf("conformance-%03d-%08x", c.Number, rand.Uint32())}
	start := time.Now()
	r = Result{Number: c.Number, Name: c.Name, Source: c.Source, Level: c.Level, Verdict: Pass}
	defer func() {
		switch v := recover().(type) {
		case nil:
		case verdict:
			r.Verdict, r.Detail = v.Verdict, v.detail
		default:
			panic(v)
		}
		r.Seconds = time.Since(start).Seconds()
		j.end()
	}()
	c.run(j)
	return r
}

// end closes the sockets and removes the files of the case.
func (j *judge) end() {
	for _, c := range j.opened {
		c.Close()
	}
	names, _ := filepath.Glob(filepath.Join(j.Dir, j.prefix+"*"))
	for _, name := range names {
		os.RemoveAll(name)
	}
}

// attempts runs a measurement up to three times, until one is good. A machine that
// is busy can spoil one.
func (j *judge) attempts(measure func() (problem string)) {
	problem := ""
	for range 3 {
		if problem = measure(); problem == "" {
			return
		}
	}
	j.failf("%s", problem)
}

// name returns a new name.
func (j *judge) name() string {
	j.names++
	return fmt.Sprintf("%s-%d", j.prefix, j.names)
}

func (j *judge) path(name string) string { return filepath.Join(j.Dir, name) }

func (j *judge) writeFile(name string, body []byte, mode os.FileMode) {
	j.need(os.WriteFile(j.path(name), body, mode))
	j.need(os.Chmod(j.path(name), mode)) // whatever the umask
}

// file creates a file with this content and returns its name.
func (j *judge) file(body []byte) string {
	name := j.name()
	j.writeFile(name, body, 0o644)
	return name
}

// target returns a name to which the server accepts an upload.
func (j *judge) target() string {
	name := j.name()
	switch j.upload {
	case noUploads:
		j.skipf("the server accepts no uploads")
	case toWritableFiles:
		j.writeFile(name, nil, 0o666)
	}
	return name
}

// stored returns the content of a file; nil: there is none.
func (j *judge) stored(name string) []byte {
	b, err := os.ReadFile(j.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	j.need(err)
	return b
}

// wantStored checks the content of an upload. The server may store it after its
// last ACK: another case tests that.
func (j *judge) wantStored(name string, want []byte) {
	end := time.Now().Add(j.Patience)
	for !bytes.Equal(j.stored(name), want) {
		if time.Now().After(end) {
			j.failf("%d bytes were sent, %s", len(want), difference(j.stored(name), want))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// wantNothing checks that an upload left nothing under its name.
func (j *judge) wantNothing(name string) {
	if got := j.stored(name); len(got) > 0 {
		j.failf("%d bytes are visible as %s", len(got), name)
	}
}

func difference(got, want []byte) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d bytes are there, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			return fmt.Sprintf("byte %d differs", i)
		}
	}
	return "nothing differs"
}

// content returns n bytes without a period.
func content(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

// reveals reports whether a text has a path of the server.
func (j *judge) reveals(text string) bool {
	dir, err := filepath.Abs(j.Dir)
	return err == nil && len(dir) > 1 && strings.Contains(text, dir)
}
