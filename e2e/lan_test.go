package e2e

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/iossim"
	"flashwarden/internal/netlab"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vty"
)

// The addresses of a lan. The device is known by its loopback address where a
// test says so, else by that of its uplink.
const (
	serverAddress       = "10.1.0.2"
	secondServerAddress = "10.1.0.3"
	deviceAddress       = "10.2.0.2"
	loopbackAddress     = "10.9.0.2"
	strangerAddress     = "10.3.0.2"
)

// lan is a site whose program, device and a stranger are on hosts of their
// own, with a router between them: the place for firewalls. The program runs
// on its own ports, 69 and 1056 to 1059.
type lan struct {
	*site
	server, router, device, stranger *netlab.Host
}

func newLAN(t *testing.T) *lan {
	t.Helper()
	testlevel.NeedFull(t, "waits for real timers")
	lab := netlab.New(t)
	l := &lan{site: newSite(t), server: lab.Host("server"), router: lab.Host("router"), device: lab.Host("device"), stranger: lab.Host("stranger")}
	l.env = append(l.env, "FLASHWARDEN_TFTP_LISTEN=:69", "FLASHWARDEN_TFTP_PORT_RANGE=1056:1059")
	l.port = 69
	l.router.Forward()
	for _, h := range []struct {
		host        *netlab.Host
		addr, route string
	}{{l.server, serverAddress, "10.1.0.1"}, {l.device, deviceAddress, "10.2.0.1"}, {l.stranger, strangerAddress, "10.3.0.1"}} {
		lab.Cable(h.host, h.addr+"/24", l.router, h.route+"/24")
		h.host.IP("route add default via " + h.route)
	}
	l.server.IP("addr add " + secondServerAddress + "/24 dev router")
	l.device.IP("addr add "+loopbackAddress+"/32 dev lo", "route add 10.1.0.0/24 via 10.2.0.1 src "+deviceAddress)
	l.router.IP("route add " + loopbackAddress + " via " + deviceAddress)
	return l
}

// add starts a switch on the device's host. IOS gives up after 38 s; unless
// the test says otherwise this one does after 4.5.
func (l *lan) add(profile string, o iossim.Options) *iossim.Switch {
	l.t.Helper()
	o.Inside = l.device.Do
	if o.Listen == "" {
		o.Listen = deviceAddress + ":22"
	}
	if o.Timeout == 0 {
		o.Timeout = 4500 * time.Millisecond
	}
	return l.site.add("sw1", profile, o)
}

// start starts the program on the server's host; what it says goes to a
// marker.
func (l *lan) start(word string, args ...string) *run {
	l.t.Helper()
	r := &run{t: l.t, cmd: l.command(args...), said: newMarker(word), ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, r.said
	if err := l.server.Start(r.cmd); err != nil {
		l.t.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		_ = r.cmd.Wait() // the exit code is judged
	}()
	return r
}

// run is the program while it runs.
type run struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   bytes.Buffer
	said  *marker
	ended chan struct{}
}

// untilSaid waits for the marker's word.
func (r *run) untilSaid() {
	r.t.Helper()
	select {
	case <-r.said.seen:
	case <-r.ended:
		r.t.Fatalf("it ended and never said %q:\n%s%s", r.said.word, r.out.String(), r.said.all())
	}
}

func (r *run) outcome() outcome {
	<-r.ended
	return outcome{r.cmd.ProcessState.ExitCode(), r.out.String(), r.said.all()}
}

// backup backs the device's image up and returns the result and the output.
func (l *lan) backup(args ...string) (result, outcome) {
	l.t.Helper()
	o := l.start("", append([]string{"backup", "sw1", "--files", "image", "--json"}, args...)...).outcome()
	return single(l.t, o), o
}

// works wants a backup that is ok at the first attempt.
func (l *lan) works() {
	l.t.Helper()
	r, o := l.backup("--recopy")
	if r.Status != "ok" || r.Attempts != 1 || r.BytesCopied == 0 {
		l.t.Errorf("%s after %d attempts: %s %s\n%s", r.Status, r.Attempts, r.Cause, r.Message, o.stderr)
	}
}

// fails wants a backup that fails with a hint that has these lines, between
// the backticks of what can be typed.
func (l *lan) fails(lines ...string) result {
	l.t.Helper()
	r, o := l.backup()
	l.t.Logf("%s: %s\nnext: %s", r.Cause, r.Message, r.Hint)
	if r.Status != "failed" || o.code != 3 || r.Attempts != 1 {
		l.t.Errorf("%s after %d attempts, exit code %d\n%s", r.Status, r.Attempts, o.code, o.stderr)
	}
	for _, line := range lines {
		if !strings.Contains(r.Hint, "`"+line+"`") {
			l.t.Errorf("the hint has no %q:\n%s", line, r.Hint)
		}
	}
	l.wantEmptySpool()
	return r
}

// attempts are the causes of the attempts that were followed by another.
func attempts(o outcome) []string {
	var causes []string
	for _, m := range regexp.MustCompile(`attempt failed.* cause=(\S+)`).FindAllStringSubmatch(o.stderr, -1) {
		causes = append(causes, m[1])
	}
	return causes
}

// configure types lines into the device's configuration, as a person does.
func (l *lan) configure(sw *iossim.Switch, lines ...string) {
	l.t.Helper()
	typeOn(l.t, sw, func(ctx context.Context, network, address string) (c net.Conn, err error) {
		l.server.Do(func() { c, err = new(net.Dialer).DialContext(ctx, network, address) })
		return c, err
	}, nil, slices.Concat([]string{"configure terminal"}, lines, []string{"end"})...)
}

// typeOn logs in to a switch and types lines. answer takes its questions.
func typeOn(t *testing.T, sw *iossim.Switch, dial func(context.Context, string, string) (net.Conn, error), answer vty.Ask, lines ...string) {
	t.Helper()
	line, err := vty.Dial(t.Context(), vty.Config{
		Address: sw.Addr().String(), Transport: sw.Transport(), Username: user, Password: password, EnablePassword: enable, LegacyCrypto: true,
		HostKeys: &vty.HostKeys{Store: anyKey{}, Policy: "accept-new"}, Dialer: dial,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	for _, text := range lines {
		if out, err := line.Run(t.Context(), text, answer); err != nil || strings.Contains(out, "%") {
			t.Fatalf("%s: %v\n%s", text, err, out)
		}
	}
}

// anyKey is a vty.KeyStore that remembers no key: each host may have any.
type anyKey struct{}

func (anyKey) HostKeys(context.Context, string, string) ([]string, error) { return nil, nil }

func (anyKey) PinHostKey(_ context.Context, _, _, key string) ([]string, error) {
	return []string{key}, nil
}

// passed is how many packets a router's rule with the word counter has let
// through.
func (l *lan) passed() int {
	l.t.Helper()
	m := regexp.MustCompile(`counter packets (\d+)`).FindStringSubmatch(l.router.Type("nft list ruleset"))
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // digits
	return n
}

// filter is a table with one chain, as /etc/nftables.conf has it.
func filter(chain, policy string, rules ...string) string {
	return "table inet filter {\n chain " + chain + " {\n type filter hook " + chain + " priority 0; policy " + policy + ";\n" +
		strings.Join(rules, "\n") + "\n}\n}\n"
}
