package iossim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path"
	"sync/atomic"
	"time"

	"flashwarden/tftp"
)

// requestTries is the number of times that IOS sends a packet. A captured 3850
// sent one at 0, 4, 9, 15, 22 and 30 s.
const requestTries = 6

// job is one running transfer.
type job struct {
	ctx     context.Context
	cancel  context.CancelFunc
	vrf     string        // that the copy names
	moved   atomic.Int64  // bytes so far, each block counted once
	repeats atomic.Int64  // packets sent again
	wake    chan struct{} // one of the counters grew
	result  chan error    // the end, once
	marks   int64         // progress characters printed
	dots    int64
}

func (s *Switch) newJob() *job {
	ctx, cancel := context.WithCancel(s.ctx)
	return &job{ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1), result: make(chan error, 1)}
}

func (j *job) progress(counter *atomic.Int64, n int64) {
	counter.Add(n)
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// send copies a file to a server and prints the output of IOS.
func (c *copying) send(f file, shown string, to tftpURL) {
	f.body.prepare()
	if c.sw.strikes(func(f *Faults) *Times { return &f.OtherName }) {
		to.name = path.Base(shown)
	}
	began, j := time.Now(), c.sw.newJob()
	j.vrf = c.vrf
	t := Transfer{Op: tftp.Write, Path: shown, Name: to.name, Server: c.sw.server(to).String()}
	body := c.sw.doctored(f)
	client := c.client(j, f.size)
	c.sw.wg.Go(func() {
		defer j.cancel()
		n, err := client.Put(j.ctx, c.sw.server(to), to.name, body, body.Size())
		c.sw.record(t, n, err, began)
		j.result <- err
	})
	if err := c.watch(j, 2, ""); err != nil {
		c.say("\n" + tftpError("writing", to, j, err))
		return
	}
	c.say("\n" + c.copied(f, time.Since(began)))
}

// receive copies a file from a server into flash and prints the output of IOS.
func (c *copying) receive(from tftpURL, to string) {
	began, j := time.Now(), c.sw.newJob()
	j.vrf = c.vrf
	t := Transfer{Op: tftp.Read, Path: to, Name: from.name, Server: c.sw.server(from).String()}
	in := c.sw.incoming(to)
	client := c.client(j, 0)
	c.sw.wg.Go(func() {
		defer j.cancel()
		n, err := client.Get(j.ctx, c.sw.server(from), from.name, in)
		c.sw.record(t, n, err, began)
		j.result <- err
	})
	err := c.watch(j, 1, fmt.Sprintf("Loading %s from %s (via %s): ", from.name, from.host, c.sw.profile.Uplink))
	c.keep(in, from, to, began, err, reasonOf)
}

// keep writes what arrived into flash, and prints the output of IOS.
func (c *copying) keep(in *incoming, from fmt.Stringer, to string, began time.Time, err error, words func(error) reason) {
	failed := err
	partial := err != nil && len(in.data) > 0 && c.sw.strikes(func(f *Faults) *Times { return &f.LeavePartial })
	if to != nowhere && (err == nil || partial) {
		err = errors.Join(err, c.sw.flash.write(to, c.sw.bent(in.data)))
	}
	verb := "reading"
	if len(in.data) == 0 {
		verb = "opening"
	}
	switch {
	case errors.Is(err, errNoSpace):
		c.say(fmt.Sprintf("\n%%Error copying %s (%v)\n", from, errNotEnough))
	case failed != nil:
		c.say(fmt.Sprintf("\n%%Error %s %s (%s)\n", verb, from, words(failed)))
	case err != nil:
		c.say(fmt.Sprintf("\n%%Error %s %s (%s)\n", verb, from, words(err)))
	default:
		c.say(fmt.Sprintf("\n[OK - %d bytes]\n\n", len(in.data)) + c.copied(file{size: int64(len(in.data))}, time.Since(began)))
	}
}

// arriving is a file on its way to the switch. The faults of a transfer strike here.
type arriving struct {
	*incoming
	c     *copying
	job   *job
	began time.Time
	size  int64
}

func (a *arriving) Write(p []byte) (int, error) {
	sw, moved := a.c.sw, a.job.moved.Load()
	half := a.size / 2
	switch {
	case sw.strikesAfter(moved+int64(len(p)), func(f *Faults) *After { return &f.Hangup }):
		a.c.hang()
		return 0, errGone
	case sw.strikesAfter(moved+int64(len(p)), func(f *Faults) *After { return &f.Stall }):
		return 0, sw.silence(a.job)
	case moved <= half && moved+int64(len(p)) > half && sw.strikes(func(f *Faults) *Times { return &f.HangTerminal }):
		a.c.hang()
	}
	sw.pace(a.job, a.began)
	n, err := a.incoming.Write(p)
	a.job.progress(&a.job.moved, int64(n))
	return n, err
}

// record stores the outcome of a transfer.
func (s *Switch) record(t Transfer, bytes int64, err error, began time.Time) {
	t.Bytes, t.Code, t.Err, t.Elapsed = bytes, -1, err, time.Since(began)
	var e *tftp.Error
	if errors.As(err, &e) {
		t.Code, t.Message = int(e.Code), e.Message
	}
	s.noteTransfer(t)
	s.log.Debug("transfer", "device", s.o.Hostname, "file", t.Path, "bytes", t.Bytes, "dur", t.Elapsed, "err", err)
}

// client returns the TFTP client for one transfer. It behaves like IOS: the
// block size is its only option, it sends one block at a time, and its number
// of tries is fixed.
func (c *copying) client(j *job, size int64) *tftp.Client {
	sw := c.sw
	return &tftp.Client{
		Local:     netip.AddrPortFrom(sw.tftpSource(), 0),
		BlockSize: sw.blockSize(),
		Timeout:   sw.o.Timeout / requestTries,
		Retries:   requestTries - 1,
		Listen:    sw.listenLink(j, c.hang, size),
	}
}

// watch prints a mark for every ten blocks, at least the given number, and a
// dot for every repeated packet, until the transfer ends or is broken off. It
// prints the heading before the first mark. If the line is gone it still waits,
// because the copy goes on.
func (c *copying) watch(j *job, least int64, heading string) error {
	keys := c.term.keys
	for {
		select {
		case <-j.wake:
			heading = c.report(j, j.moved.Load()/c.markBytes(), heading)
		case b, ok := <-keys:
			if !ok {
				keys = nil
			} else if !c.term.keep(b) {
				j.cancel()
				<-j.result
				return errAborted
			}
		case err := <-j.result:
			want := j.moved.Load() / c.markBytes()
			if err == nil {
				want = max(want, least)
			}
			c.report(j, want, heading)
			return err
		}
	}
}

// report prints the progress characters that are due. It returns the heading as
// long as no byte has arrived.
func (c *copying) report(j *job, marks int64, heading string) string {
	if heading != "" && (marks > 0 || j.moved.Load() > 0) {
		c.say(heading)
		heading = ""
	}
	for ; j.marks < marks; j.marks++ {
		c.term.mark("!")
	}
	for ; j.dots < j.repeats.Load(); j.dots++ {
		c.term.mark(".")
	}
	return heading
}

// markBytes returns the bytes for one "!": ten packets.
func (c *copying) markBytes() int64 {
	if b := c.sw.blockSize(); b > 0 {
		return 10 * int64(b)
	}
	return 10 * 512
}

// copied returns the line of success. IOS 12.0 counts whole seconds.
func (c *copying) copied(f file, took time.Duration) string {
	secs, size := max(int64(took/time.Second), 1), f.size
	if c.sw.profile.can(oldCopy) {
		return oldCopied(f, secs)
	}
	if c.sw.profile.WholeSecs {
		return fmt.Sprintf("%d bytes copied in %d secs (%d bytes/sec)\n", size, secs, size/secs)
	}
	ms := max(took.Milliseconds(), 1)
	return fmt.Sprintf("%d bytes copied in %d.%03d secs (%d bytes/sec)\n", size, ms/1000, ms%1000, size*1000/ms)
}

// tftpError returns the error line of a copy. Before the first data the verb is
// "opening".
func tftpError(verb string, u tftpURL, j *job, err error) string {
	if j.moved.Load() == 0 {
		verb = "opening"
	}
	return fmt.Sprintf("%%Error %s %s (%s)\n", verb, u, reasonOf(err))
}

// reasonOf returns IOS's own words for the server's error code. IOS never
// prints the server's message.
func reasonOf(err error) reason {
	var e *tftp.Error
	switch {
	case errors.Is(err, errAborted), errors.Is(err, context.Canceled):
		return errAborted
	case !errors.As(err, &e):
		return errTimedOut
	}
	words := map[tftp.Code]reason{
		tftp.CodeNotFound: errNoSuchFile, tftp.CodeAccess: "Permission denied",
		tftp.CodeDiskFull: errNoSpace, tftp.CodeExists: "File exists",
		tftp.CodeIllegal: "Illegal TFTP operation",
	}
	if w, ok := words[e.Code]; ok {
		return w
	}
	return "Undefined error"
}

// server returns the address for the TFTP client.
func (s *Switch) server(u tftpURL) netip.AddrPort {
	a, _ := netip.ParseAddr(u.host) // askHost took it
	return netip.AddrPortFrom(a, s.o.TFTPPort)
}

// doctored returns the bytes of a file for this transfer: too few, or with one
// wrong bit, if those faults strike.
func (s *Switch) doctored(f file) *io.SectionReader {
	size := f.size
	if s.strikes(func(fa *Faults) *Times { return &fa.ShortBlock }) {
		size = max(size-max(int64(s.blockSize()), 512), 0)
	}
	var from io.ReaderAt = f.body
	if s.strikes(func(fa *Faults) *Times { return &fa.FlipBit }) {
		from = flipped{f.body, f.size / 2}
	}
	return io.NewSectionReader(from, 0, size)
}

// bent returns data with one bit inverted, if that fault strikes.
func (s *Switch) bent(data []byte) []byte {
	if len(data) > 0 && s.strikes(func(f *Faults) *Times { return &f.FlipBit }) {
		data[len(data)/2] ^= 0x10
	}
	return data
}

// flipped is a file with one bit inverted.
type flipped struct {
	from io.ReaderAt
	at   int64
}

func (f flipped) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.from.ReadAt(p, off)
	if i := f.at - off; i >= 0 && i < int64(n) {
		p[i] ^= 0x10
	}
	return n, err
}

// incoming stores data from a server as long as flash has room.
type incoming struct {
	room int64
	data []byte
}

func (s *Switch) incoming(to string) *incoming {
	in := &incoming{}
	if to == nowhere {
		in.room = 1 << 40
		return in
	}
	if fs, _, err := s.flash.split(to); err == nil {
		in.room = s.flash.free(fs)
	}
	return in
}

func (in *incoming) Write(p []byte) (int, error) {
	if int64(len(in.data)+len(p)) > in.room {
		return 0, errNoSpace
	}
	in.data = append(in.data, p...)
	return len(p), nil
}
