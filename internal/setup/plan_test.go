package setup

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
)

// packaged is a host on which the package was installed, and whose service runs.
func packaged() Host {
	return Host{Root: true, SetupHost: api.SetupHost{Data: packageData, Config: "/etc/fw.yaml", Listen: ":69", Addresses: []string{"192.0.2.5", "192.0.2.6"}, Service: "active", Firewall: "nft"}}
}

// hpa is tftpd-hpa, as Debian runs it.
func hpa() *api.TFTPServer {
	return &api.TFTPServer{Name: "in.tftpd", PID: 12, Unit: "tftpd-hpa.service", Directory: "/srv/tftp", Files: 30, Bytes: 6e8}
}

// kinds are the steps of a plan: "run systemctl stop tftpd-hpa.service".
func kinds(p api.SetupPlan) []string {
	var list []string
	for _, s := range p.Steps {
		if len(s.Lines) == 0 {
			list = append(list, s.Kind)
		}
		for _, line := range s.Lines {
			list = append(list, "run "+line)
		}
	}
	return list
}

// TestPlan has hosts, the wishes there, and the steps.
func TestPlan(t *testing.T) {
	sw1 := api.Device{Name: "sw1", Address: "192.0.2.11"}
	for _, c := range []struct {
		name   string
		change func(h *Host)
		want   api.Setup
		steps  []string
	}{
		{"nothing to do", nil, api.Setup{}, nil},
		{"the first time", func(h *Host) { h.NewData, h.Service = true, "" }, api.Setup{Device: &sw1, User: "anna"}, []string{"data", "device", "test", "user"}},
		{"all is there", func(h *Host) { h.Devices, h.Users = []api.Device{sw1}, []string{"anna"} }, api.Setup{Device: &sw1, User: "anna"}, []string{"test"}},
		{"a setting", nil, api.Setup{Schedule: "daily 03:00"}, []string{"write", "run systemctl enable flashwarden.service", "run systemctl restart flashwarden.service"}},
		{"a setting that is so already", func(h *Host) { h.Text = []byte("schedule:\n  backup: \"daily 03:00\"\n") }, api.Setup{Schedule: "daily 03:00"}, nil},
		{"a move", func(h *Host) { h.Other, h.Service, h.NewData = hpa(), "failed", true }, api.Setup{StopTFTPD: true, Images: "/srv/tftp"},
			[]string{"run systemctl stop tftpd-hpa.service", "run systemctl disable tftpd-hpa.service", "run systemctl enable flashwarden.service", "run systemctl restart flashwarden.service", "data", "images"}},
		{"a move that broke off after the stop", func(h *Host) { h.Service = "failed" }, api.Setup{StopTFTPD: true},
			[]string{"run systemctl enable flashwarden.service", "run systemctl restart flashwarden.service"}},
		{"a move that keeps the directory", func(h *Host) { h.Other = hpa() }, api.Setup{StopTFTPD: true, KeepTFTPD: "192.0.2.6", Advertise: "192.0.2.5"},
			[]string{"run systemctl stop tftpd-hpa.service", "run systemctl disable tftpd-hpa.service", "write", "write", "run systemctl daemon-reload", "run systemctl enable flashwarden-tftpd.service",
				"run systemctl restart flashwarden-tftpd.service", "run systemctl enable flashwarden.service", "run systemctl restart flashwarden.service"}},
		{"such a move again", func(h *Host) {
			h.Text, h.Drop = []byte("tftp:\n  listen: \"192.0.2.5:69\"\n  advertise: \"192.0.2.5\"\n"), []byte(dropIn("192.0.2.6"))
		}, api.Setup{StopTFTPD: true, KeepTFTPD: "192.0.2.6", Advertise: "192.0.2.5"}, nil},
	} {
		h := packaged()
		if c.change != nil {
			c.change(&h)
		}
		if p := Plan(h, c.want); !slices.Equal(kinds(p), c.steps) || len(p.Refusals) > 0 {
			t.Errorf("%s: steps %q, refusals %+v; want %q", c.name, kinds(p), p.Refusals, c.steps)
		}
	}
}

// TestPlanRefuses has hosts on which a plan cannot be done. Each refusal but that of a value says
// what to do, and leaves no step.
func TestPlanRefuses(t *testing.T) {
	for _, c := range []struct {
		name      string
		change    func(h *Host)
		want      api.Setup
		says, fix string
	}{
		{"a server that is not to be stopped", func(h *Host) { h.Other = hpa() }, api.Setup{}, "UDP :69 is in use by in.tftpd (tftpd-hpa.service)", "--stop-tftpd"},
		{"a server that does more", func(h *Host) { h.Other = &api.TFTPServer{Name: "dnsmasq", PID: 7, Unit: "dnsmasq.service"} }, api.Setup{StopTFTPD: true}, "by dnsmasq (dnsmasq.service), which is not only", "by hand"},
		{"a server without a unit", func(h *Host) { h.Other = &api.TFTPServer{Name: "in.tftpd", PID: 7} }, api.Setup{StopTFTPD: true}, "in.tftpd (process 7)", "by hand"},
		{"a server that nobody sees", func(h *Host) { h.Other = &api.TFTPServer{} }, api.Setup{}, "a program that this user cannot see", "--listen :6969"},
		{"a server of root", func(h *Host) { h.Other, h.Root = hpa(), false }, api.Setup{StopTFTPD: true}, "only root may stop", "as root"},
		{"an ordinary user", func(h *Host) { h.Denied = true }, api.Setup{}, "only root may open UDP :69", "setcap cap_net_bind_service"},
		{"an address of another host", func(h *Host) { h.Unwell = errors.New("cannot assign") }, api.Setup{}, "UDP :69 cannot be opened: cannot assign", "ip -brief address"},
		{"another address", nil, api.Setup{Advertise: "192.0.2.9"}, "this host has no address 192.0.2.9", "192.0.2.5, 192.0.2.6"},
		{"no file", func(h *Host) { h.Config = "" }, api.Setup{Schedule: "never"}, "no file for the configuration", "--config FILE"},
		{"a file of root", func(h *Host) { h.Closed = fs.ErrPermission }, api.Setup{Schedule: "never"}, "/etc/fw.yaml cannot be written", "--config FILE"},
		{"a wrong value", nil, api.Setup{Schedule: "often"}, "schedule.backup", ""},
		{"a wrong file", func(h *Host) { h.Text = []byte("tftp:\n  lisen: x\n") }, api.Setup{Schedule: "never"}, "/etc/fw.yaml:2:3", ""},
		{"one address for two servers", nil, api.Setup{StopTFTPD: true, KeepTFTPD: "192.0.2.5"}, "only if this host has two addresses", "--advertise IP"},
		{"no unit", func(h *Host) { h.Service = "" }, api.Setup{StopTFTPD: true, KeepTFTPD: "192.0.2.6", Advertise: "192.0.2.5"}, "flashwarden-tftpd.service", "package"},
		{"the data of another user", func(h *Host) { h.Service, h.Owner = "", "anna" }, api.Setup{}, "belongs to the user anna", "--data DIR"},
		{"no images", func(h *Host) { h.Images = &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist} }, api.Setup{Images: "/x"}, "the directory /x cannot be read: file does not exist", ""},
		{"another device", func(h *Host) { h.Devices = []api.Device{{Name: "sw1", Address: "192.0.2.12"}} }, api.Setup{Device: &api.Device{Name: "sw1", Address: "192.0.2.11"}}, "with another address, 192.0.2.12", "device edit sw1"},
	} {
		h := packaged()
		if c.change != nil {
			c.change(&h)
		}
		p := Plan(h, c.want)
		found := slices.ContainsFunc(p.Refusals, func(r api.Problem) bool {
			return strings.Contains(r.Detail, c.says) && strings.Contains(r.Fix.String(), c.fix)
		})
		if !found || len(p.Steps) > 0 {
			t.Errorf("%s: steps %v, refusals %+v", c.name, kinds(p), p.Refusals)
		}
	}
}
