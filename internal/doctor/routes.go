package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// Route is how this host reaches a device, and which address of ours it is
// told.
type Route struct {
	Target
	Interface string     // that leads to it; empty: not known, or no route
	Source    netip.Addr // ours on that way
	ToldIs    string     // the interface that has the address it copies to; empty: none of this host
	Filter    int        // rp_filter in force on ToldIs: 0 off, 1 strict, 2 loose
}

// Address is our address that the device copies to.
func (r Route) OurAddress() netip.Addr {
	if r.Told.IsValid() {
		return r.Told
	}
	return r.Source
}

// ReadRoutes asks the kernel for the way to each target.
func ReadRoutes(ctx context.Context, targets []Target) ([]Route, error) {
	ways, err := routeGet(ctx, targets)
	if err != nil {
		return nil, err
	}
	owners, err := addressOwners()
	if err != nil {
		return nil, err
	}
	routes := make([]Route, len(targets))
	for i, t := range targets {
		r := Route{Target: t}
		if way, ok := ways[t.Address.Unmap().WithZone("")]; ok {
			r.Interface, r.Source = way.Dev, way.PrefSrc
		}
		r.ToldIs = owners[r.OurAddress().Unmap().WithZone("")]
		r.Filter = max(setting("net/ipv4/conf/all/rp_filter"), setting("net/ipv4/conf/"+r.ToldIs+"/rp_filter"))
		routes[i] = r
	}
	return routes, nil
}

type way struct {
	Dst     netip.Addr
	Dev     string
	PrefSrc netip.Addr
}

// routeGet runs ip route get for all targets at once. Where there is no ip(8)
// the kernel is asked by connecting a UDP socket, which sends nothing.
func routeGet(ctx context.Context, targets []Target) (map[netip.Addr]way, error) {
	path, err := exec.LookPath("ip")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/ip"); err != nil {
			return routeByConnecting(targets)
		}
	}
	ways := map[netip.Addr]way{}
	cmd := exec.CommandContext(ctx, path, "-force", "-json", "-batch", "-")
	var questions strings.Builder
	for _, t := range targets {
		fmt.Fprintf(&questions, "route get %s\n", t.Address.Unmap().WithZone(""))
	}
	cmd.Stdin = strings.NewReader(questions.String())
	out, runErr := cmd.Output() // an address without a route is an error of its own line
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var answers []way
		if err := d.Decode(&answers); err != nil {
			return nil, fmt.Errorf("read the answers of ip route get: %w", err)
		}
		for _, a := range answers {
			ways[a.Dst] = a
		}
	}
	if runErr != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return ways, nil
}

// routeByConnecting is routeGet without ip(8). The interface is the one that
// has the address from which would be sent.
func routeByConnecting(targets []Target) (map[netip.Addr]way, error) {
	owners, err := addressOwners()
	if err != nil {
		return nil, err
	}
	ways := map[netip.Addr]way{}
	for _, t := range targets {
		to := t.Address.Unmap().WithZone("")
		c, err := net.Dial("udp", netip.AddrPortFrom(to, 69).String())
		if err != nil {
			continue // no route
		}
		from := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone("")
		if err := c.Close(); err != nil {
			return nil, err
		}
		ways[to] = way{Dst: to, Dev: owners[from], PrefSrc: from}
	}
	return ways, nil
}

// addressOwners maps the addresses of this host to their interfaces.
func addressOwners() (map[netip.Addr]string, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	owners := map[netip.Addr]string{}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("list addresses of %s: %w", i.Name, err)
		}
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				owners[p.Addr().Unmap().WithZone("")] = i.Name
			}
		}
	}
	return owners, nil
}

// setting reads a number of sysctl(8); 0 if there is none.
func setting(name string) int {
	text, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text))) // 0 where it is no number
	return n
}

// CheckRoutes judges the ways to the devices and the addresses that they are
// told. listen is where the TFTP server listens.
func CheckRoutes(routes []Route, listen string) api.Report {
	var r api.Report
	told := map[netip.Addr][]string{}
	for _, way := range routes {
		ours := way.OurAddress()
		if way.Interface == "" {
			r.Find(api.Finding{Cause: cause.ConnectTimeout, Seen: fmt.Sprintf("this host has no route to %s (%s)", way.Name, way.Target.Address),
				Fix: "ip route get " + way.Target.Address.String(), Changes: "nothing: it shows the kernel's answer", Then: "add a route, or a default gateway"})
			continue
		}
		told[ours] = append(told[ours], way.Name)
		if !listensOn(listen, ours) {
			at, _, _ := net.SplitHostPort(listen)
			r.Find(api.Finding{Cause: cause.NoRequest, Seen: fmt.Sprintf("%s copies to %s, but the TFTP server listens only on %s", way.Name, ours, listen),
				Next: api.Do("device edit", way.Name).With("tftp_address", at), Changes: "that device then copies to the address where the server listens"})
		}
		r.Add(checkReversePath(way))
	}
	tellAddresses(&r, told)
	return r
}

// checkReversePath compares where a device's datagrams arrive with where
// answers leave.
func checkReversePath(way Route) api.Report {
	var r api.Report
	const strict = 1
	ours := way.OurAddress()
	switch {
	case way.ToldIs == "":
		r.Remark("%s copies to %s, which is not an address of this host: this works only if NAT on the path translates it", way.Name, ours)
	case way.ToldIs != way.Interface && way.ToldIs != "lo" && way.Filter == strict && ours.Is4():
		r.Find(api.Finding{Cause: cause.NoRequest,
			Seen: fmt.Sprintf("%s copies to %s on %s, but the route back to it leaves through %s: the strict reverse path filter of %s drops its packets",
				way.Name, ours, way.ToldIs, way.Interface, way.ToldIs),
			Next:    api.Do("device edit", way.Name).With("tftp_address", way.Source.String()),
			Changes: "the device then copies to the address of " + way.Interface,
			Then:    fmt.Sprintf("or, in place of this, loosen the filter on this host: `sudo sysctl -w net.ipv4.conf.%s.rp_filter=2`", way.ToldIs)})
	}
	return r
}

func tellAddresses(r *api.Report, told map[netip.Addr][]string) {
	var addresses []netip.Addr
	for a := range told {
		addresses = append(addresses, a)
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	for _, a := range addresses {
		r.Note("%s to %s", listed(told[a], "copies", "copy"), a)
	}
}

// listed names some devices, and how many more there are.
func listed(names []string, one, many string) string {
	const most = 5
	verb := one
	if len(names) > 1 {
		verb = many
	}
	if len(names) > most {
		return fmt.Sprintf("%s and %d more %s", strings.Join(names[:most], ", "), len(names)-most, verb)
	}
	return strings.Join(names, ", ") + " " + verb
}
