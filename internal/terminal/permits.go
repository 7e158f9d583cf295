package terminal

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
)

// FormatOffer returns who may fetch an image until when, and the lines to type, for
// each prompt that the device may show.
func FormatOffer(p api.Permit, l Layout) string {
	var b strings.Builder
	as := ""
	if p.Name != p.Image.Names[0] {
		as = " as " + p.Name
	}
	b.WriteString(l.Prose("", Printable(fmt.Sprintf("%s may fetch %s (%s, %s)%s until %s", permitted(p), p.Image.Names[0], Bytes(p.Image.Size),
		p.Image.SHA256[:12], as, clock(p.Until)))))
	for _, w := range p.Ways {
		fmt.Fprintf(&b, "\n%s:\n", w.Where)
		for _, line := range w.Lines {
			fmt.Fprintf(&b, "  %s\n", OneLine(line))
		}
		b.WriteString(l.Prose("", Printable("("+w.Note+")")))
	}
	return b.String() + "\n" + otherPort(p.Port, l)
}

// permitted is the device and the address that may fetch or send a file.
func permitted(p api.Permit) string {
	if p.Device == "" {
		return p.Peer
	}
	return p.Device + " (" + p.Peer + ")"
}

// FormatDamaged warns of an image that its own checksums say is damaged. It is empty
// for others.
func FormatDamaged(image *api.Image, l Layout) string {
	if image.Image == nil || image.Image.Verdict != api.ImageBad {
		return ""
	}
	return l.Prose("", Printable("warning: this image is "+image.Image.String()+". A device may not start from it"))
}

// FormatFetched returns the result of an offer, and how to check the copy.
func FormatFetched(r api.OfferResult, l Layout) string {
	if r.Status != api.StatusOK {
		return notReceived(r.Address, r.Message, r.Hint, l)
	}
	return fmt.Sprintf("%s fetched %s (%s), %d of %d times\nTo check the copy, type on the device:\n  verify /md5 flash:%s %s\n",
		r.Address, OneLine(r.Name), Bytes(r.Size), r.Fetched, r.Times, OneLine(lastName(r.Name)), r.MD5)
}

// FormatReceive returns who may send a file until when, and the lines to type on the
// device.
func FormatReceive(p api.Permit, r api.Receive, l Layout) string {
	name, host := p.Name, p.Server
	if name == "" {
		name = "FILE"
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	text := l.Prose("", fmt.Sprintf("%s may send one file of at most %s until %s\n", OneLine(permitted(p)), Bytes(r.MaxSize), clock(p.Until))) +
		fmt.Sprintf("on the device (name#):\n  show flash\n  copy flash:FILE tftp://%s/%s\n  verify /md5 flash:FILE\n", host, name) +
		l.Prose("", "(FILE is the name of the image; if it is in a directory, type flash:/DIR/FILE. The device asks for host and name again: press Return.)\n")
	if r.Device == "" && p.Device == "" {
		text += l.Prose("", Printable(api.Say("No device has the address %s, or more than one: the snapshot is named after the address. Use ", p.Peer).
			Option("device", "NAME").Say(" to choose the device").String()))
	}
	return text + otherPort(p.Port, l)
}

// FormatRules returns the rules that permit files from now on.
func FormatRules(rules api.Rules, l Layout) string {
	var b strings.Builder
	for _, r := range rules.Rules {
		fmt.Fprintf(&b, "accepting %s of at most %s from %s\n", OneLine(r.Name), Bytes(r.MaxSize), r.From)
	}
	return b.String() + otherPort(rules.Port, l)
}

// FormatReceived returns the result of one file that was sent.
func FormatReceived(r api.BackupResult, l Layout) string {
	name := r.Device
	if name == "" {
		name = "received"
	}
	if r.Status != api.StatusOK {
		return notReceived(name, r.Message, r.Hint, l)
	}
	f := r.Files[0]
	text := l.Prose("", OneLine(fmt.Sprintf("%s: received %s (%s, %s, evidence %s); it is in the vault as snapshot %s", name, f.Path, Bytes(f.Size), f.Kind, f.Evidence, r.Snapshot)))
	for _, note := range r.Notes {
		text += l.Prose("  ", OneLine(note))
	}
	return text
}

// notReceived says why a transfer failed, and the next step.
func notReceived(who, message, hint string, l Layout) string {
	if message == "" {
		return ""
	}
	if !slices.Contains(strings.Fields(message), who) {
		message = who + ": " + message
	}
	text := l.Prose("", Printable(message))
	if hint != "" {
		text += l.Prose("  ", Printable("next: "+hint))
	}
	return text
}

// clock formats a time of today or tomorrow, in the local zone.
func clock(t time.Time) string { return t.Local().Format("15:04:05 MST") }

// otherPort warns if the server does not listen on port 69: IOS and boot loaders
// send their requests to no other port.
func otherPort(port int, l Layout) string {
	if port == 69 {
		return ""
	}
	return l.Prose("", api.Say("the TFTP server listens on port %d, but devices send to port 69: ", port).Do("firewall", "nft").
		Say(" prints a rule that redirects them; or set ").Set("tftp.listen", `":69"`).String())
}
