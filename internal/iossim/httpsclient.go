package iossim

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"flashwarden/tftp"
)

// HTTPSClient is the HTTPS client of a switch (Cisco, "Transferring Files Using HTTP or
// HTTPS": ip http client).
type HTTPSClient struct {
	Missing    bool   // the software has none, as an image without cryptography
	Trustpoint []byte // certificates, PEM, of "ip http client secure-trustpoint"; empty: it checks no certificate
	NewestTLS  uint16 // of package tls; 0: 1.2
	Chunked    bool   // it sends no length, but chunks
	AsksFirst  bool   // it sends its password only after the server has asked for it
}

// httpsURL is https://user:password@host:port/name.
type httpsURL struct{ user, password, host, name string }

// String returns the URL as IOS prints it, without the user and the password: a public session
// shows "Accessing http://*:*@10.0.0.1/startup-config.cfg...".
func (u httpsURL) String() string { return "https://*:*@" + u.host + "/" + u.name }

func isHTTPS(place string) bool { return strings.HasPrefix(place, "https:") }

// urlSecrets are the user and the password of a URL.
var urlSecrets = regexp.MustCompile(`https://[^@/\s]*@`)

func parseHTTPS(text string) (u httpsURL, ok bool) {
	rest, ok := strings.CutPrefix(text, "https://")
	at, name, _ := strings.Cut(rest, "/")
	secrets, host, named := strings.Cut(at, "@")
	if !named {
		secrets, host = "", at
	}
	u.host, u.name = host, name
	u.user, u.password, _ = strings.Cut(secrets, ":")
	return u, ok && host != ""
}

// copyOutHTTPS sends a file to an HTTPS server. The questions are those of a copy to a TFTP
// server whose URL is complete. Written by hand: no public session shows an upload.
func (c *copying) copyOutHTTPS(from, to string) {
	u, ok := parseHTTPS(to)
	if c.sw.o.HTTPS.Missing || !ok {
		c.say("                ^\n% Invalid input detected at '^' marker.\n\n")
		return
	}
	if from, ok = c.askSource(from); !ok {
		return
	}
	if u.name, ok = c.ask("Destination filename", u.name); !ok || !c.trickQuestions(from, true) {
		return
	}
	f, shown, err := c.sw.open(from)
	if err != nil {
		c.say(readError(asTyped(from, shown), err))
		return
	}
	c.sendHTTPS(f, shown, u)
}

// sendHTTPS sends a file and prints the output of IOS.
func (c *copying) sendHTTPS(f file, shown string, to httpsURL) {
	f.body.prepare()
	began, j := time.Now(), c.sw.newJob()
	j.vrf = c.vrf
	t := Transfer{HTTPS: true, Op: tftp.Write, Path: shown, Name: to.name, Server: to.host}
	body := &uploadBody{SectionReader: c.sw.doctored(f), c: c, job: j, began: began}
	c.sw.wg.Go(func() {
		defer j.cancel()
		err := c.put(j, to, body)
		c.sw.record(t, j.moved.Load(), err, began)
		j.result <- err
	})
	if err := c.watch(j, 2, "Storing "+to.String()+" "); err != nil {
		c.say(fmt.Sprintf("\n%%Error writing %s (%s)\n", to, httpsReason(err)))
		return
	}
	c.say("\n" + c.copied(f, time.Since(began)))
}

// copyInHTTPS fetches a file from an HTTPS server. The output is that of a public session over
// HTTP (ansible issue 43044).
func (c *copying) copyInHTTPS(from, to string) {
	u, ok := parseHTTPS(from)
	if c.sw.o.HTTPS.Missing || !ok {
		c.say("                ^\n% Invalid input detected at '^' marker.\n\n")
		return
	}
	if to, ok = c.askPlace(to, u.name); !ok {
		return
	}
	c.say("Accessing " + u.String() + "...\n")
	began, j := time.Now(), c.sw.newJob()
	j.vrf = c.vrf
	in := c.sw.incoming(to)
	c.sw.wg.Go(func() {
		defer j.cancel()
		err := c.get(j, u, &arriving{incoming: in, c: c, job: j, began: began})
		c.sw.record(Transfer{HTTPS: true, Op: tftp.Read, Path: to, Name: u.name, Server: u.host}, j.moved.Load(), err, began)
		j.result <- err
	})
	err := c.watch(j, 1, "Loading "+u.String()+" ")
	c.keep(in, u, to, began, err, httpsReason)
}

// get fetches the file of a URL.
func (c *copying) get(j *job, from httpsURL, to *arriving) error {
	if c.sw.strikes(func(f *Faults) *Times { return &f.NoTFTP }) || c.sw.o.VRF != "" && c.sw.o.VRF != j.vrf {
		return c.sw.silence(j)
	}
	transport, err := c.sw.httpsTransport()
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(j.ctx, http.MethodGet, "https://"+from.host+"/"+from.name, nil)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", "cisco-IOS")
	r.SetBasicAuth(from.user, from.password)
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return httpsStatus(resp.StatusCode)
	}
	to.size = resp.ContentLength
	_, err = io.CopyBuffer(to, struct{ io.Reader }{resp.Body}, make([]byte, 16<<10))
	return err
}

// httpsStatus is the answer of a server that is no success.
type httpsStatus int

func (s httpsStatus) Error() string { return fmt.Sprintf("the server answered %d", int(s)) }

// httpsReason returns the words of IOS for an error. "I/O error" is that of a public session
// whose server could not be reached; the others are written by hand.
func httpsReason(err error) reason {
	var status httpsStatus
	switch {
	case errors.Is(err, errAborted), errors.Is(err, context.Canceled):
		return errAborted
	case errors.Is(err, errTimedOut):
		return errTimedOut
	case errors.As(err, &status) && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		return "Permission denied"
	}
	return "I/O error"
}

// put sends the file, in one request or, if the server must ask for the password, in two.
func (c *copying) put(j *job, to httpsURL, body *uploadBody) error {
	if c.sw.strikes(func(f *Faults) *Times { return &f.NoTFTP }) || c.sw.o.VRF != "" && c.sw.o.VRF != j.vrf {
		return c.sw.silence(j)
	}
	transport, err := c.sw.httpsTransport()
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	authorised := !c.sw.o.HTTPS.AsksFirst
	for {
		r, err := c.request(j, to, body, authorised)
		if err != nil {
			return err
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		switch {
		case resp.StatusCode == http.StatusUnauthorized && !authorised:
			authorised = true
		case resp.StatusCode/100 != 2:
			return httpsStatus(resp.StatusCode)
		default:
			return nil
		}
	}
}

func (c *copying) request(j *job, to httpsURL, body *uploadBody, authorised bool) (*http.Request, error) {
	var content io.Reader = body
	if body.Size() == 0 {
		content = bytes.NewReader(nil)
	}
	r, err := http.NewRequestWithContext(j.ctx, http.MethodPut, "https://"+to.host+"/"+to.name, content)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Expect", "100-continue")
	r.Header.Set("User-Agent", "cisco-IOS")
	if r.ContentLength = body.Size(); c.sw.o.HTTPS.Chunked {
		r.ContentLength = -1
	}
	if authorised {
		r.SetBasicAuth(to.user, to.password)
	}
	return r, nil
}

// httpsTransport makes connections from the uplink of the switch.
func (s *Switch) httpsTransport() (*http.Transport, error) {
	o := s.o.HTTPS
	t := &tls.Config{InsecureSkipVerify: len(o.Trustpoint) == 0, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12}
	if o.NewestTLS != 0 {
		t.MaxVersion = o.NewestTLS
	}
	if len(o.Trustpoint) > 0 {
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(o.Trustpoint) {
			return nil, errors.New("the trustpoint holds no certificate")
		}
	}
	dial := func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		s.o.Inside(func() {
			d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.tftpSource(), 0))}
			conn, err = d.DialContext(ctx, network, address)
		})
		return conn, err
	}
	return &http.Transport{TLSClientConfig: t, DialContext: dial, TLSHandshakeTimeout: s.o.Timeout, ResponseHeaderTimeout: s.o.Timeout,
		ExpectContinueTimeout: s.o.Timeout, WriteBufferSize: 32 << 10}, nil
}

// silence waits until the switch gives a server up.
func (s *Switch) silence(j *job) error {
	timer := time.NewTimer(s.o.Timeout)
	defer timer.Stop()
	select {
	case <-timer.C:
		return errTimedOut
	case <-j.ctx.Done():
		return j.ctx.Err()
	}
}

// uploadBody is a file on its way. The faults of a transfer strike here.
type uploadBody struct {
	*io.SectionReader
	c     *copying
	job   *job
	began time.Time
}

func (b *uploadBody) Read(p []byte) (int, error) {
	sw, moved := b.c.sw, b.job.moved.Load()
	sw.pace(b.job, b.began)
	n, err := b.SectionReader.Read(p[:min(len(p), 16<<10)])
	half := b.Size() / 2
	switch {
	case sw.strikesAfter(moved+int64(n), func(f *Faults) *After { return &f.Hangup }):
		b.c.hang()
		return 0, errGone
	case sw.strikesAfter(moved+int64(n), func(f *Faults) *After { return &f.Stall }):
		return 0, sw.silence(b.job)
	case moved <= half && moved+int64(n) > half && sw.strikes(func(f *Faults) *Times { return &f.HangTerminal }):
		b.c.hang()
	}
	b.job.progress(&b.job.moved, int64(n))
	return n, err
}
