package demo_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/demo"
	"flashwarden/internal/warden"
)

// TestChoose names each device, also the second one of a profile.
func TestChoose(t *testing.T) {
	fleet, err := demo.Choose([]string{"c2500", "c800m", "c2500"})
	if err != nil || len(fleet) != 3 {
		t.Errorf("%+v, %v", fleet, err)
	}
	if fleet, err = demo.Choose(nil); err != nil || len(fleet) != 3 {
		t.Errorf("by default %+v, %v", fleet, err)
	}
	if _, err := demo.Choose([]string{"c9999"}); err == nil || !strings.Contains(err.Error(), `"c9999"; the names are c2500, `) {
		t.Errorf("error %v", err)
	}
}

// TestChooseMany: every device has an address of its own, and the profiles have
// turns.
func TestChooseMany(t *testing.T) {
	fleet, err := demo.ChooseMany([]string{"c2500", "c800m"}, demo.Most)
	seen := map[demo.Switch]bool{}
	for _, s := range fleet {
		seen[s] = true
	}
	if err != nil || len(fleet) != demo.Most || len(seen) != demo.Most {
		t.Errorf("%d devices, %d different ones, %v", len(fleet), len(seen), err)
	}
	if got := fmt.Sprint(fleet[0], fleet[1], fleet[200]); got != "{sw1 c2500 127.0.0.11:0 site1 0 0} {sw2 c800m 127.0.0.12:0 site1 0 0} {sw201 c2500 127.0.1.11:0 site21 0 0}" {
		t.Errorf("devices %s", got)
	}
	for _, count := range []int{-1, 0, demo.Most + 1} {
		if _, err := demo.ChooseMany(nil, count); err == nil || !strings.Contains(err.Error(), "use a number from 1 to 1000") {
			t.Errorf("%d: error %v", count, err)
		}
	}
	if _, err := demo.ChooseMany([]string{"c9999"}, 1); err == nil || !strings.Contains(err.Error(), `"c9999"`) {
		t.Errorf("error %v", err)
	}
}

// TestStartTwice: a second demonstration in the same directory has the same
// devices, at new addresses.
func TestStartTwice(t *testing.T) {
	ctx := warden.As(context.Background(), warden.Admin("test", "terminal"))
	dir := t.TempDir()
	fleet, err := demo.Choose([]string{"c2500", "c2500"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d, err := demo.Start(ctx, dir, fleet, nil)
		if err != nil {
			t.Fatal(err)
		}
		known, err := d.Warden.Devices(ctx, api.Select{})
		if err != nil || len(known) != 2 || len(d.Devices) != 2 || d.Devices[1].Name != "c2500-no2" || !strings.HasPrefix(d.Devices[1].Address, "127.0.0.12:") {
			t.Errorf("devices %+v, known %+v, %v", d.Devices, known, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSimulate logs in to a simulated switch as a person does, and copies a file: the
// request reaches the port that was chosen. Close ends the line.
func TestSimulate(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	fleet, err := demo.Choose([]string{"c2950"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := demo.Simulate(fleet, uint16(server.LocalAddr().(*net.UDPAddr).Port))
	if err != nil {
		t.Fatal(err)
	}
	if d := s.Devices[0]; d.Name != "c2950" || d.Transport != "telnet" || d.Username != s.Login.User || d.LegacyCrypto {
		t.Errorf("device %+v", d)
	}
	line, err := net.Dial("tcp", s.Devices[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	ended := make(chan error)
	go func() {
		_, err := io.Copy(io.Discard, line)
		ended <- err
	}()
	fmt.Fprintf(line, "%s\r%s\renable\r%s\rcopy flash:/vlan.dat tftp://127.0.0.1/sent\r\r\r\r", s.Login.User, s.Login.Password, s.Login.Enable)
	if err := server.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	request := make([]byte, 600)
	n, _, err := server.ReadFrom(request)
	if err != nil || !strings.HasPrefix(string(request[:n]), "\x00\x02sent\x00octet\x00") {
		t.Errorf("request %q, %v", request[:n], err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the line is still open after Close")
	}
}

// instant is a queue whose jobs have ended at once. It carries out the repeated ones of one
// device.
type instant struct {
	d      *demo.Demo
	asked  []string
	failed api.Cause
	stop   context.CancelFunc
}

func (q *instant) AddJobs(ctx context.Context, r api.NewJobs) (jobs api.Jobs, err error) {
	q.asked = append(q.asked, fmt.Sprint(r.All, r.Names, r.Recopy))
	if len(q.asked) == 5 {
		q.stop()
	}
	for _, d := range q.d.Devices {
		jobs.Jobs = append(jobs.Jobs, api.Job{ID: d.Name, Device: d.Name})
	}
	if slices.Equal(r.Names, []string{"lab-rtr1"}) {
		results, err := q.d.Warden.Backup(ctx, r.Backup, nil)
		if err != nil {
			return jobs, err
		}
		q.failed = results[0].Cause
	}
	return jobs, nil
}

func (q *instant) Job(context.Context, api.Named) (api.Job, error) {
	return api.Job{State: api.JobDone}, nil
}

// TestMorning plays the story: after the backup of all devices one fails, another one has a new
// configuration, and the slow one is copied again and again until the end.
func TestMorning(t *testing.T) {
	ctx, stop := context.WithCancel(warden.As(context.Background(), warden.Admin("test", "terminal")))
	d, err := demo.Start(ctx, t.TempDir(), demo.Morning(64<<10), nil)
	if err != nil {
		t.Fatal(err)
	}
	q := &instant{d: d, stop: stop}
	if err := d.Play(ctx, q); err != nil {
		t.Error(err)
	}
	want := "true [] false, false [lab-rtr1] true, false [hq-sw2] true, false [branch-sw1] true, false [branch-sw1] true"
	if got := strings.Join(q.asked, ", "); got != want || q.failed != "auth_failed" || len(d.Devices) != 7 {
		t.Errorf("%d devices, asked for %s, want %s; failed with %q", len(d.Devices), got, want, q.failed)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
