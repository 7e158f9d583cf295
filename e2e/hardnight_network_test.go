package e2e

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"flashwarden/internal/iossim"
	"flashwarden/internal/netlab"
)

// nightMachines is how many machines back devices up.
const nightMachines = 3

// nightNetwork joins the machines, the host of the S3 server and the field with the devices: each has a cable
// to the field.
type nightNetwork struct {
	field, center *netlab.Host
	hosts         []*netlab.Host // of the machines
}

const (
	centerAddress = "10.8.0.2"
	fieldDevices  = "10.9.0" // the devices are on the field, each at an address of its own
)

func machineAddress(i int) string { return fmt.Sprintf("10.7.%d.2", i+1) }

func machineName(i int) string { return fmt.Sprintf("machine%d", i+1) }

func newNightNetwork(t *testing.T) *nightNetwork {
	t.Helper()
	lab := netlab.New(t)
	n := &nightNetwork{field: lab.Host("field"), center: lab.Host("center")}
	n.field.Forward()
	join := func(h *netlab.Host, address, gateway string) {
		lab.Cable(h, address+"/24", n.field, gateway+"/24")
		h.IP("route add default via " + gateway)
	}
	join(n.center, centerAddress, "10.8.0.1")
	for i := range nightMachines {
		h := lab.Host(machineName(i))
		join(h, machineAddress(i), fmt.Sprintf("10.7.%d.1", i+1))
		n.hosts = append(n.hosts, h)
	}
	return n
}

// deviceAddress gives the field the address of another device, and returns where it listens.
func (n *nightNetwork) deviceAddress(i int) string {
	address := fmt.Sprintf("%s.%d", fieldDevices, i+1)
	n.field.IP("addr add " + address + "/32 dev lo")
	return address + ":22"
}

// chains are the packets that the field loses: those to it, from it and across it.
type chains struct{ in, out, across string }

// cut has packets lost from now on.
func (n *nightNetwork) cut(c chains) {
	n.mend()
	text := "table inet night {\n"
	for hook, rules := range map[string]string{"input": c.in, "output": c.out, "forward": c.across} {
		text += fmt.Sprintf("chain %s { type filter hook %s priority 0; policy accept; %s; }\n", hook, hook, rules)
	}
	n.field.NFT(text + "}")
}

// mend has all packets pass again.
func (n *nightNetwork) mend() { n.field.NFT("table inet night\ndelete table inet night") }

// silent is a device that hangs: its connections stand, and nothing comes of it.
func silent(sw *iossim.Switch) chains {
	return chains{in: "ip daddr " + sw.Addr().Addr().String() + " drop", out: "ip saddr " + sw.Addr().Addr().String() + " drop"}
}

// noDevices is a machine that reaches no device.
func noDevices(i int) chains {
	return chains{in: "iifname " + machineName(i) + " drop", out: "oifname " + machineName(i) + " drop"}
}

// noServer is a machine that does not reach the S3 server.
func noServer(i int) chains {
	return chains{across: "iifname " + machineName(i) + " drop; oifname " + machineName(i) + " drop"}
}

// bad is the way of a machine on which each fifth packet is lost.
func bad(i int) chains {
	lost := " numgen random mod 5 == 0 drop"
	in, out := "iifname "+machineName(i)+lost, "oifname "+machineName(i)+lost
	return chains{in: in, out: out, across: in + "; " + out}
}

// powerCut has a device start again while its configuration is read, once.
func powerCut() iossim.Faults {
	var struck atomic.Bool
	return iossim.Faults{CutPower: true, Break: func(command string) (bool, bool) {
		return command == "show running-config" && struck.CompareAndSwap(false, true), false
	}}
}

// bendClock puts a clock that steps in front of that of the database, which all machines share.
func (n *night) bendClock() {
	n.t.Helper()
	for _, statement := range []string{
		`CREATE TABLE public.step (far interval NOT NULL)`, `INSERT INTO public.step VALUES ('0')`,
		`CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT pg_catalog.clock_timestamp() + far FROM public.step'`,
		`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$`,
	} {
		if _, err := n.db.Exec(statement); err != nil {
			n.t.Fatal(err)
		}
	}
}

// step has the clock step forward or back. No machine starts meanwhile, because it would refuse to.
func (n *night) step(forward bool) {
	far := time.Duration(1+n.rand.IntN(3600)) * time.Second
	if !forward {
		far = -far
	}
	n.stepTo(far)
}

func (n *night) stepTo(far time.Duration) {
	n.t.Helper()
	if _, err := n.db.Exec(`UPDATE public.step SET far = make_interval(secs => $1)`, far.Seconds()); err != nil {
		n.t.Error(err)
	}
}
