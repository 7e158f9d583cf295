// Package setup plans the first steps on a host: its state, the changes, and why a plan
// is refused. Plan is pure; Look reads the host and changes nothing.
package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/config"
)

// Host is what Look found, with facts that only the planning needs.
type Host struct {
	api.SetupHost
	Root   bool
	Denied bool   // this user may not open the port
	Unwell error  // why the port cannot be opened, if nobody has it and it is not denied
	Text   []byte // of the file of the configuration; nil: there is none
	Closed error  // why that file cannot be written; nil: it can
	Owner  string // of the data directory, if that is another user
	Images error  // why the directory of images cannot be read; nil: it can
	Drop   []byte // the text of the file at DropIn; nil: there is none
}

// DropIn is a file that gives the unit of the TFTP server alone another address.
const DropIn = "/etc/systemd/system/flashwarden-tftpd.service.d/setup.conf"

// TFTP is the port of TFTP.
const TFTP = "69"

// dropIn is the text of DropIn.
func dropIn(address string) string {
	return "# The service has port 69 of another address. See flashwarden setup.\n[Service]\nExecStart=\nExecStart=/usr/bin/flashwarden tftpd --listen --user ${TFTP_USERNAME} --address " +
		net.JoinHostPort(address, TFTP) + " $TFTP_OPTIONS ${TFTP_DIRECTORY}\n"
}

// ListenFor is where the TFTP server is to listen by these answers; empty: as it is configured.
// If another server keeps an address, ours listens at one address only.
func ListenFor(r api.Setup) string {
	if r.Listen == "" && r.KeepTFTPD != "" && r.Advertise != "" {
		return net.JoinHostPort(r.Advertise, TFTP)
	}
	return r.Listen
}

// planner is one plan that is being made.
type planner struct {
	host Host
	want api.Setup
	plan api.SetupPlan
}

// Plan returns the steps that lead from host to the wishes. A wish that is fulfilled already needs no step.
// If it cannot be done, the plan has refusals and no steps.
func Plan(host Host, want api.Setup) api.SetupPlan {
	p := &planner{host: host, want: want, plan: api.SetupPlan{Host: host.SetupHost, Steps: []api.SetupStep{}}}
	p.port()
	changed := p.config()
	p.keep()
	p.service(changed)
	p.data()
	if len(p.plan.Refusals) > 0 {
		p.plan.Steps = []api.SetupStep{}
	}
	return p.plan
}

func (p *planner) add(s api.SetupStep) { p.plan.Steps = append(p.plan.Steps, s) }

func (p *planner) note(format string, args ...any) {
	p.plan.Notes = append(p.plan.Notes, fmt.Sprintf(format, args...))
}

func (p *planner) refuse(fix api.Fix, format string, args ...any) {
	p.plan.Refusals = append(p.plan.Refusals, api.Problem{Detail: fmt.Sprintf(format, args...), Fix: fix, Exit: api.ExitRefused})
}

// port stops the program that has the port, if the user wants that.
func (p *planner) port() {
	other, listen := p.host.Other, p.host.Listen
	switch {
	case p.host.Denied:
		p.refuse(api.Say("choose one of these: 1. run it as root; 2. ").Type(api.OnHost, "sudo setcap cap_net_bind_service=+ep $(command -v flashwarden)").
			Say("; 3. choose another port, to which the rules of the firewall redirect your devices: ").Option("listen", ":6969"), "only root may open UDP %s", listen)
	case p.host.Unwell != nil:
		p.refuse(api.Say("look at the addresses of this host: ").Type(api.OnHost, "ip -brief address"), "UDP %s cannot be opened: %v", listen, p.host.Unwell)
	case other == nil:
	case !p.want.StopTFTPD:
		fix := api.Say("stop that program")
		if stoppable(*other) {
			fix = api.Say("to stop it and keep it off, add ").Option("stop_tftpd", "")
		}
		p.refuse(fix.Say("; or choose another port, to which the rules of the firewall redirect your devices: ").Option("listen", ":6969"), "UDP %s is in use by %s", listen, describe(*other))
	case !stoppable(*other):
		p.refuse(api.Say("switch its TFTP server off by hand, then run this again: ").Type(api.OnHost, "ss -lunp"),
			"UDP %s is in use by %s, which is not only a TFTP server with a unit of systemd", listen, describe(*other))
	case !p.host.Root:
		p.refuse(api.Say("run it as root"), "only root may stop %s", describe(*other))
	default:
		// With a script of SysV, as of tftpd-hpa in Debian 12, "disable --now" stops nothing.
		p.add(api.SetupStep{Kind: api.SetupRun, What: "stop " + describe(*other) + ", and keep it off", Lines: []string{"systemctl stop " + other.Unit, "systemctl disable " + other.Unit}})
	}
}

// stoppable reports whether a program does nothing but TFTP, and systemd can stop it.
func stoppable(s api.TFTPServer) bool {
	return slices.Contains([]string{"in.tftpd", "atftpd", "flashwarden"}, s.Name) && s.Unit != ""
}

func describe(s api.TFTPServer) string {
	switch {
	case s.PID == 0:
		return "a program that this user cannot see"
	case s.Unit != "":
		return fmt.Sprintf("%s (%s)", s.Name, s.Unit)
	}
	return fmt.Sprintf("%s (process %d)", s.Name, s.PID)
}

// Values are the settings among the answers.
func Values(r api.Setup) (values []config.Value) {
	for _, v := range []config.Value{
		{Key: "tftp.listen", Value: ListenFor(r)}, {Key: "tftp.advertise", Value: r.Advertise}, {Key: "schedule.backup", Value: r.Schedule},
		{Key: "web.listen", Value: r.WebListen}, {Key: "web.tls", Value: r.WebTLS},
	} {
		if v.Value != "" {
			values = append(values, v)
		}
	}
	return values
}

// config writes the settings into the file, and reports whether it does.
func (p *planner) config() bool {
	values := Values(p.want)
	p.address("advertise", p.want.Advertise)
	if len(values) == 0 {
		return false
	}
	if p.host.Config == "" {
		p.refuse(api.Say("name a file with ").Option("config", "FILE"), "this user has no file for the configuration")
		return false
	}
	was, text := "", p.host.Text
	if text == nil {
		text = config.Starter
	} else {
		was = Sum(text)
	}
	now, err := config.Change(p.host.Config, text, values)
	switch {
	case err != nil:
		p.refuse(nil, "%v", err)
		return false
	case string(now) == string(p.host.Text):
		return false
	case p.host.Closed != nil:
		p.refuse(api.Say("run it as a user who may, or name another file with ").Option("config", "FILE"), "%s cannot be written: %v", p.host.Config, p.host.Closed)
		return false
	}
	p.add(api.SetupStep{Kind: api.SetupWrite, What: "write " + listOf(values) + " into " + p.host.Config, Path: p.host.Config, Text: string(now), Was: was})
	return true
}

// listOf lists settings in words.
func listOf(values []config.Value) string {
	var words []string
	for _, v := range values {
		words = append(words, v.Key+": "+v.Value)
	}
	return strings.Join(words, ", ")
}

// address refuses an address that this host does not have.
func (p *planner) address(option, address string) {
	if address == "" {
		return
	}
	a, err := netip.ParseAddr(address)
	if err != nil || !slices.Contains(p.host.Addresses, a.Unmap().String()) && !a.IsLoopback() {
		p.refuse(api.Say("use one of these with ").Option(option, "").Say(": %s", strings.Join(p.host.Addresses, ", ")), "this host has no address %s", address)
	}
}

// keep has our TFTP server alone serve the directory of the stopped one, at an address of its own.
func (p *planner) keep() {
	if p.want.KeepTFTPD == "" {
		return
	}
	p.address("keep_tftpd", p.want.KeepTFTPD)
	switch {
	case p.host.Service == "":
		p.refuse(api.Say("install the package of flashwarden, which has the unit"), "only root can keep the directory served, with the unit flashwarden-tftpd.service")
	case p.want.Advertise == "" || p.want.Advertise == p.want.KeepTFTPD:
		p.refuse(api.Say("give the other address of this host, for the backups: ").Option("advertise", "IP").
			Say(". A host with one address can get a second one: ").Type(api.OnHost, "ip address add IP/LENGTH dev INTERFACE"),
			"the directory can stay served only if this host has two addresses, because both servers need UDP 69")
	case string(p.host.Drop) == dropIn(p.want.KeepTFTPD):
		p.note("%s serves the old directory at %s", "flashwarden-tftpd.service", p.want.KeepTFTPD)
	default:
		was := ""
		if p.host.Drop != nil {
			was = Sum(p.host.Drop)
		}
		p.add(api.SetupStep{Kind: api.SetupWrite, What: "give the TFTP server of the old directory the address " + p.want.KeepTFTPD + " in " + DropIn, Path: DropIn, Text: dropIn(p.want.KeepTFTPD), Was: was})
		p.add(api.SetupStep{Kind: api.SetupRun, What: "serve the old directory at " + p.want.KeepTFTPD,
			Lines: []string{"systemctl daemon-reload", "systemctl enable flashwarden-tftpd.service", "systemctl restart flashwarden-tftpd.service"}})
	}
}

// service starts the service, or lets it read a changed configuration.
func (p *planner) service(changed bool) {
	switch {
	case p.host.Service == "" && p.host.Owner != "":
		p.refuse(api.Say("run it as that user, or choose another directory with ").Option("data", "DIR"), "the data directory %s belongs to the user %s", p.host.Data, p.host.Owner)
	case p.host.Service == "":
	case p.host.Service != "active" || changed:
		p.add(api.SetupStep{Kind: api.SetupRun, What: "start the service, also after each start of this host", Lines: []string{"systemctl enable flashwarden.service", "systemctl restart flashwarden.service"}})
	}
}

// data fills the data directory.
func (p *planner) data() {
	if p.host.NewData {
		p.add(api.SetupStep{Kind: api.SetupData, What: "make the data directory " + p.host.Data + ", and the vault in it"})
	}
	if p.want.Images != "" {
		if p.host.Images != nil {
			p.refuse(nil, "the directory %s cannot be read: %v", p.want.Images, reason(p.host.Images))
		}
		p.add(api.SetupStep{Kind: api.SetupImages, What: "take the files in " + p.want.Images + " into the vault", Path: p.want.Images})
	}
	if p.want.Device != nil {
		p.device(*p.want.Device)
	}
	switch {
	case p.want.User == "":
	case slices.Contains(p.host.Users, p.want.User):
		p.note("the user %s is there already", p.want.User)
	default:
		p.add(api.SetupStep{Kind: api.SetupUser, What: "add the user " + p.want.User + " of the page, an admin", User: p.want.User})
	}
}

// device adds a device and tests it. One that is there already stays as it is.
func (p *planner) device(d api.Device) {
	i := slices.IndexFunc(p.host.Devices, func(known api.Device) bool { return known.Name == d.Name })
	switch {
	case i < 0:
		p.add(api.SetupStep{Kind: api.SetupDevice, What: fmt.Sprintf("add the device %s at %s", d.Name, d.Address), Device: &d})
	case p.host.Devices[i].Address != d.Address:
		p.refuse(api.Say("change it: ").Do("device edit", d.Name).With("address", d.Address), "the inventory has a device %s with another address, %s", d.Name, p.host.Devices[i].Address)
	default:
		p.note("the device %s is there already", d.Name)
	}
	p.add(api.SetupStep{Kind: api.SetupTest, What: "log in to " + d.Name + ", and change nothing there", Device: &d})
}

// reason is an error without the path, which stands before it.
func reason(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// Sum is the SHA-256 of a text.
func Sum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
