package transfer

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

// TestDiagnose goes through the table of docs/design.md.
func TestDiagnose(t *testing.T) {
	timedOut := ios.CopyResult{Bytes: -1, Error: "%Error opening tftp://192.0.2.100/x (Timed out)"}
	lost := cause.New(cause.SessionLost, "line closed", nil)
	other := netip.MustParseAddr("198.51.100.7")
	for name, c := range map[string]struct {
		w    Witness
		want cause.Cause
		hint string
	}{
		"no request":               {Witness{Said: timedOut}, cause.NoRequest, "`nft 'insert rule inet filter input ip saddr 192.0.2.1 udp dport { 69, 1056-1059 } accept'`"},
		"no request, other port":   {Witness{Said: timedOut, Listen: 6969}, cause.NoRequest, "the TFTP server listens on UDP 6969, but devices send to UDP 69. If no rule redirects this yet: `nft 'table inet flashwarden { chain to_server { type nat hook prerouting priority dstnat; policy accept; ip saddr 192.0.2.1 udp dport 69 redirect to :6969; }; }'`. Then permit UDP 69, 6969 and 1056-1059 from"},
		"no request, port 69":      {Witness{Said: timedOut, Listen: 69}, cause.NoRequest, "permit UDP 69 and 1056-1059 from"},
		"no request, our answers":  {Witness{Said: timedOut}, cause.NoRequest, "`nft 'insert rule inet filter output ip daddr 192.0.2.1 udp sport 1056-1059 accept'`"},
		"no request, on the way":   {Witness{Said: timedOut}, cause.NoRequest, "`permit udp host 192.0.2.1 host 192.0.2.100 eq tftp`, `permit udp host 192.0.2.1 host 192.0.2.100 range 1056 1059`, and for the way back `permit udp host 192.0.2.100 range 1056 1059 host 192.0.2.1`"},
		"another source":           {Witness{Said: timedOut, Seen: spool.Evidence{WrongSource: []netip.Addr{other}}}, cause.WrongSource, "flashwarden device edit sw1 --address 198.51.100.7"},
		"its interface":            {Witness{Said: timedOut, Interface: "Loopback0", Seen: spool.Evidence{WrongSource: []netip.Addr{other}}}, cause.WrongSource, "`ip tftp source-interface Loopback0`"},
		"an unknown interface":     {Witness{Said: timedOut, Seen: spool.Evidence{WrongSource: []netip.Addr{other}}}, cause.WrongSource, "INTERFACE that has 192.0.2.1"},
		"silent without a request": {Witness{Err: ErrStalled, Stalled: true, Stall: time.Minute}, cause.NoRequest, "UDP 69"},
		"another name":             {Witness{Said: ios.CopyResult{Error: "%Error opening tftp://192.0.2.100/x (Access violation)", Cause: cause.RefusedByServer}, Seen: spool.Evidence{Strays: []string{"x"}}}, cause.RefusedByServer, "flashwarden backup sw1 --verbose"},
		"answers lost":             {Witness{Said: timedOut, Seen: spool.Evidence{Requested: true, Repeats: 2, BlockSize: 512}}, cause.TIDBlocked, "`nft insert rule inet filter output ip daddr 192.0.2.1 udp sport 1056-1059 accept`"},
		"transfer lost":            {Witness{Said: timedOut, Seen: spool.Evidence{Requested: true, Repeats: 1, BlockSize: 512}}, cause.TIDBlocked, "`permit udp host 192.0.2.1 host 192.0.2.100 range 1056 1059`"},
		"answers to fetch lost":    {Witness{Said: timedOut, Download: true, Seen: spool.Evidence{Requested: true, BlockSize: 8192}}, cause.TIDBlocked, "1056:1059"},
		"answers lost, large":      {Witness{Said: timedOut, Seen: spool.Evidence{Requested: true, Repeats: 4, BlockSize: 8192}}, cause.TIDBlocked, "udp sport"},
		"large blocks sent":        {Witness{Said: timedOut, Seen: spool.Evidence{Requested: true, Repeats: 1, BlockSize: 8192}}, cause.FragmentsDropped, "`ip tftp blocksize 1468`"},
		"large blocks fetched":     {Witness{Said: timedOut, Download: true, Seen: spool.Evidence{Requested: true, Confirmed: true, BlockSize: 8192}}, cause.FragmentsDropped, "1468"},
		"large blocks flowed":      {Witness{Said: timedOut, Download: true, Seen: spool.Evidence{Requested: true, Confirmed: true, BlockSize: 8192, Bytes: 8192}}, cause.Stalled, "loss"},
		"gone before our answer":   {Witness{Err: lost, Seen: spool.Evidence{Requested: true, BlockSize: 8192}}, cause.SessionLost, "up"},
		"stopped midway":           {Witness{Said: timedOut, Seen: spool.Evidence{Requested: true, Confirmed: true, Bytes: 512}}, cause.Stalled, "loss"},
		"stalled":                  {Witness{Err: ErrStalled, Stalled: true, Stall: time.Minute, Seen: spool.Evidence{Requested: true, Confirmed: true}}, cause.Stalled, "loss"},
		"device gone":              {Witness{Err: lost, Seen: spool.Evidence{Requested: true, Confirmed: true, Bytes: 512}}, cause.SessionLost, "up"},
		"gone, then silent":        {Witness{Err: lost, Stalled: true, Stall: time.Minute, Seen: spool.Evidence{Requested: true, Confirmed: true, Bytes: 512}}, cause.SessionLost, "up"},
		"refused for its source":   {Witness{Said: ios.CopyResult{Error: "%Error opening tftp://192.0.2.100/x (Permission denied)", Cause: cause.RefusedByServer}, Seen: spool.Evidence{WrongSource: []netip.Addr{other}}}, cause.WrongSource, "source-interface"},
		"refused as in use": {Witness{Said: ios.CopyResult{Error: "%Error opening tftp://192.0.2.100/x (Permission denied)", Cause: cause.RefusedByServer},
			Seen: spool.Evidence{Requested: true, Refused: &tftp.Error{Code: tftp.CodeAccess, Message: "in use"}}}, cause.RefusedByServer, "flashwarden backup sw1 --verbose"},
		"refused as given up": {Witness{Said: ios.CopyResult{Error: "%Error opening tftp://192.0.2.100/x (Undefined error)", Cause: cause.RefusedByServer}, Download: true,
			Seen: spool.Evidence{Requested: true, Confirmed: true, BlockSize: 8192}}, cause.FragmentsDropped, "1468"},
		"speaks of another name": {Witness{Seen: spool.Evidence{Strays: []string{"vlan.dat"}}}, cause.RefusedByServer, "flashwarden backup sw1 --verbose"},
		"other names, timed out": {Witness{Said: timedOut, Seen: spool.Evidence{Strays: []string{"network-confg"}}}, cause.NoRequest, "UDP 69"},
		"gone before asking":     {Witness{Err: lost}, cause.SessionLost, "up"},
		"disk full":              {Witness{Said: timedOut, TicketErr: fmt.Errorf("write: %w", spool.ErrFull)}, cause.SpoolFull, "room"},
		"disk full, device gone": {
			Witness{Err: lost, Seen: spool.Evidence{Requested: true, Err: spool.ErrFull}}, cause.SpoolFull, "room"},
		"wrong size":  {Witness{Said: ios.CopyResult{OK: true}, TicketErr: fmt.Errorf("%w: 10", spool.ErrSize)}, cause.SizeMismatch, "dir"},
		"a dialogue":  {Witness{Err: cause.New(cause.UnsafePrompt, "asks to erase", api.Say("look"))}, cause.UnsafePrompt, "look"},
		"plain words": {Witness{Said: ios.CopyResult{Error: "%Error opening flash:x (No such file or directory)", Cause: cause.SourceMissing}}, cause.SourceMissing, "again"},
		"rejected": {
			Witness{Said: ios.CopyResult{Error: "% Invalid input detected at '^' marker.", Cause: cause.CommandRejected}}, cause.CommandRejected, "`copy ?`"},
		"no room": {
			Witness{Said: ios.CopyResult{Error: "%Error writing flash:x (No space left on device)", Cause: cause.DeviceNoSpace}, Download: true}, cause.DeviceNoSpace, "`delete`"},
		"no permission": {
			Witness{Said: ios.CopyResult{Error: "% Authorization failed", Cause: cause.NotPermittedOnDevice}}, cause.NotPermittedOnDevice, "privilege"},
	} {
		t.Run(name, func(t *testing.T) {
			c.w.Name, c.w.Device, c.w.Server, c.w.Ports, c.w.Size = "sw1", there, here, "1056:1059", 1000
			got := Diagnose(c.w)
			if got.Cause != c.want || !strings.Contains(cause.Hint(got), c.hint) || got.Error() == "" {
				t.Errorf("got %s %q, next %q; want %s and a hint with %q", got.Cause, got, cause.Hint(got), c.want, c.hint)
			}
		})
	}
}
