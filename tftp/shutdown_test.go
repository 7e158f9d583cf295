package tftp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// serving runs Serve on a socket and returns its result.
func serving(t *testing.T, s *tftp.Server, c net.PacketConn) <-chan error {
	t.Helper()
	ready, done := make(chan struct{}), make(chan error, 1)
	s.Ready = func() { close(ready) }
	go func() { done <- s.Serve(context.Background(), c) }()
	<-ready
	return done
}

// inMemory runs a Server on a network in memory, with its listening socket. done gets
// the result of Serve.
func inMemory(t *testing.T) (s *tftp.Server, m *memory, w *world, c net.PacketConn, done <-chan error) {
	t.Helper()
	n, m := &tftptest.Network{}, &memory{}
	s = &tftp.Server{Handler: m, Listen: n.Listen}
	c, err := n.Listen(netip.MustParseAddrPort("127.0.0.1:69"))
	if err != nil {
		t.Fatal(err)
	}
	w = &world{t: t, listen: n.Listen, server: netip.MustParseAddrPort("127.0.0.1:69")}
	return s, m, w, c, serving(t, s, c)
}

// TestShutdownDrains stops a Server during an upload: the upload ends well, a new
// request gets no answer.
func TestShutdownDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, w, c, done := inMemory(t)
		p, late := w.peer(), w.peer()
		p.request(wrq("f", "octet"))
		p.expect(ack(0))
		p.store(content(1, 700), 512, 1, 2)
		stopped := make(chan error, 1)
		go func() { stopped <- s.Shutdown(context.Background()) }()
		synctest.Wait()
		late.request(wrq("g", "octet"))
		late.silent(10 * time.Millisecond)
		p.store(content(1, 700), 512, 2, 3)
		if err := errors.Join(<-stopped, <-done); err != nil {
			t.Error(err)
		}
		if got, _ := m.get("f"); !bytes.Equal(got, content(1, 700)) {
			t.Errorf("%d bytes are stored", len(got))
		}
		s.Ready = nil
		if err := s.Serve(context.Background(), c); err != nil {
			t.Errorf("Serve after Shutdown: %v", err)
		}
	})
}

// TestShutdownRepeatsLastACK loses the final ACK of an upload. The client repeats its
// last DATA after some seconds, and gets the ACK although Shutdown was called. A
// context that ends earlier is no error, because the file is stored.
func TestShutdownRepeatsLastACK(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{time.Minute: 8 * time.Second, 3 * time.Second: 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s, _, w, _, done := inMemory(t)
			p := w.peer()
			p.request(wrq("f", "octet"))
			p.expect(ack(0))
			p.send(data(1, []byte("x")))
			p.expect(ack(1)) // the client never sees it
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			start, stopped := time.Now(), make(chan error, 1)
			go func() { stopped <- s.Shutdown(ctx) }()
			time.Sleep(want - time.Second)
			p.send(data(1, []byte("x")))
			p.expect(ack(1))
			if err := errors.Join(<-stopped, <-done); err != nil || time.Since(start) != want {
				t.Errorf("%v after %v, want %v", err, time.Since(start), want)
			}
		})
	}
}

// TestShutdownInTime has a client that stops: Shutdown ends its transfer when its
// own context ends.
func TestShutdownInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, w, _, done := inMemory(t)
		p := w.peer()
		p.request(wrq("f", "octet"))
		p.expect(ack(0))
		p.store(content(1, 700), 512, 1, 2)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		start := time.Now()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 6*time.Second {
			t.Errorf("Shutdown: %v after %v", err, time.Since(start))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(m.aborts()) != 1 {
			t.Errorf("aborted %v", m.aborts())
		}
	})
}

// TestClosedSocketEndsServe closes the listening socket, of the system and of memory.
func TestClosedSocketEndsServe(t *testing.T) {
	system, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &tftptest.Network{}
	memoryOnly, err := n.Listen(netip.MustParseAddrPort("127.0.0.1:69"))
	if err != nil {
		t.Fatal(err)
	}
	for c, s := range map[net.PacketConn]*tftp.Server{
		system:     {Handler: &memory{}},
		memoryOnly: {Handler: &memory{}, Listen: n.Listen},
	} {
		done := serving(t, s, c)
		c.Close()
		select {
		case err := <-done:
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%T: Serve returned %v", c, err)
			}
		case <-time.After(time.Minute):
			t.Errorf("%T: Serve does not return", c)
		}
	}
}

// TestListenAndServe checks that the socket is opened, and closed in the end.
func TestListenAndServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &tftp.Server{Handler: &memory{}, Ready: cancel}
	if err := s.ListenAndServe(ctx, "127.0.0.1:0"); err != nil {
		t.Error(err)
	}
	if err := s.ListenAndServe(ctx, "127.0.0.1:none"); err == nil {
		t.Error("an address without a port was accepted")
	}
}

// TestEveryFieldCounts checks that Serve uses every exported field, although it
// copies them one by one.
func TestEveryFieldCounts(t *testing.T) {
	var s tftp.Server
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.CanSet() {
			switch f.Kind() {
			case reflect.Int, reflect.Int64:
				f.SetInt(12345)
			case reflect.Func:
				f.Set(reflect.MakeFunc(f.Type(), nil))
			case reflect.Slice:
				f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			case reflect.Interface:
				f.Set(reflect.ValueOf(&memory{}))
			case reflect.Pointer:
				f.Set(reflect.New(f.Type().Elem()))
			case reflect.Bool:
				f.SetBool(true)
			case reflect.Struct:
				f.Field(0).SetUint(1)
			default:
				t.Fatalf("%s: set a value here", v.Type().Field(i).Name)
			}
		}
	}
	c := reflect.ValueOf(tftp.Settings(&s)).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() && c.Field(i).IsZero() {
			t.Errorf("%s is not copied", v.Type().Field(i).Name)
		}
	}
}

// streams is a Handler whose files have no known size.
type streams struct {
	open func(ctx context.Context) io.ReadCloser
	seen chan *tftp.Request
}

func (s streams) OpenRead(ctx context.Context, r *tftp.Request) (tftp.Reader, error) {
	s.seen <- r
	return tftp.Stream(s.open(ctx)), nil
}

func (streams) OpenWrite(context.Context, *tftp.Request) (tftp.Writer, error) {
	return nil, errors.New("read only")
}

// TestStream reads files of unknown size, in both modes, with every length near the
// border of a block. They have no tsize.
func TestStream(t *testing.T) {
	for _, size := range []int{0, 1, 511, 512, 513, 70_000, 131_072} {
		for _, netascii := range []bool{false, true} {
			body := bytes.ReplaceAll(content(1, size), []byte{'\r'}, []byte{'x'})
			h := streams{seen: make(chan *tftp.Request, 1), open: func(context.Context) io.ReadCloser {
				return io.NopCloser(io.MultiReader(bytes.NewReader(body[:size/3]), bytes.NewReader(body[size/3:])))
			}}
			at := serve(t, &tftp.Server{Handler: h})
			var got bytes.Buffer
			n, err := (&tftp.Client{TSize: true, Netascii: netascii}).Get(t.Context(), at, "f", &got)
			if err != nil || !bytes.Equal(got.Bytes(), body) {
				t.Errorf("%d bytes, netascii %v: got %d, %v", size, netascii, n, err)
			}
			if r := <-h.seen; fmt.Sprint(r.Options) != "[{tsize 0}]" {
				t.Errorf("the options of the request are %v", r.Options)
			}
		}
	}
}

// TestDamagedStream: a stream that ends too early is no short file.
func TestDamagedStream(t *testing.T) {
	h := streams{seen: make(chan *tftp.Request, 1), open: func(context.Context) io.ReadCloser {
		return io.NopCloser(io.MultiReader(strings.NewReader("half"), brokenReader{io.ErrUnexpectedEOF}))
	}}
	var got bytes.Buffer
	var sent *tftp.PeerError
	if _, err := (&tftp.Client{}).Get(t.Context(), serve(t, &tftp.Server{Handler: h}), "f", &got); !errors.As(err, &sent) {
		t.Errorf("got %q, %v", &got, err)
	}
	var local *tftp.PeerError
	_, err := (&tftp.Client{}).Put(t.Context(), serve(t, &tftp.Server{Handler: &memory{}}), "f", brokenReader{io.ErrUnexpectedEOF}, -1)
	if !errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &local) {
		t.Errorf("put: %v", err)
	}
}

type brokenReader struct{ err error }

func (f brokenReader) Read([]byte) (int, error) { return 0, f.err }

// TestContextOfTransfer: the context of OpenRead ends when the peer does, so that a
// stream which waits for its data can end.
func TestContextOfTransfer(t *testing.T) {
	ended := make(chan struct{})
	h := streams{seen: make(chan *tftp.Request, 1), open: func(ctx context.Context) io.ReadCloser {
		r, w := io.Pipe()
		context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()); close(ended) })
		go w.Write(make([]byte, 512))
		return r
	}}
	s := &tftp.Server{Handler: h}
	events := watch(s)
	w := &world{t: t, server: serve(t, s), real: true, listen: func(a netip.AddrPort) (net.PacketConn, error) {
		return net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
	}}
	p := w.peer()
	p.request(rrq("f", "octet", "blksize", "500"))
	p.expect(oack("blksize", "500"))
	p.send(ack(0))
	<-h.seen
	p.send(failure(0, "stop"))
	var sent *tftp.PeerError
	if e := events.done(t, 1); !errors.As(e.Err, &sent) {
		t.Errorf("ended with %v, want the ERROR of the peer", e.Err)
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the context does not end")
	}
}
