package ios

import (
	"strings"
	"testing"
)

// TestMaskSecrets: HIDDEN is a secret of each line. All else stays.
func TestMaskSecrets(t *testing.T) {
	for _, line := range strings.Split(strings.TrimSpace(`
enable secret 5 HIDDEN
enable secret level 5 9 HIDDEN
enable password HIDDEN
username admin privilege 15 secret 9 HIDDEN
username admin privilege 15 password 0 HIDDEN
 password 7 HIDDEN
 password HIDDEN with blanks
 key 7 HIDDEN
 key HIDDEN
  key-string 7 HIDDEN
tacacs-server host 192.0.2.1 key HIDDEN
radius-server key 7 HIDDEN
 address ipv4 192.0.2.1 auth-port 1812 acct-port 1813 key 7 HIDDEN
 pac key 7 HIDDEN
snmp-server community HIDDEN RO 10
snmp-server community HIDDEN view v1 RW
snmp-server host 192.0.2.5 version 2c HIDDEN  cpu
snmp-server host 192.0.2.5 vrf Mgmt-vrf version 3 priv HIDDEN
snmp-server host 192.0.2.5 HIDDEN
snmp-server user bob grp v3 auth sha HIDDEN priv aes 128 HIDDEN
crypto isakmp key 6 HIDDEN address 192.0.2.9
crypto isakmp key HIDDEN hostname peer
  pre-shared-key local HIDDEN
  pre-shared-key address 192.0.2.9 key HIDDEN
 ip ospf authentication-key 7 HIDDEN
 ip ospf message-digest-key 1 md5 7 HIDDEN
 area 1 virtual-link 192.0.2.1 message-digest-key 1 md5 7 HIDDEN
 neighbor 192.0.2.1 password 7 HIDDEN
 standby 1 authentication md5 key-string 7 HIDDEN
 standby 1 authentication HIDDEN
 vrrp 10 authentication text HIDDEN
 ppp chap password 0 HIDDEN
 ppp pap sent-username bob password 7 HIDDEN
 wpa-psk ascii 0 HIDDEN
ntp authentication-key 1 md5 HIDDEN 7
ip ftp password 7 HIDDEN
ip nhrp authentication HIDDEN
 l2tp tunnel password 7 HIDDEN
 domain-password HIDDEN
archive path ftp://bob:HIDDEN@192.0.2.1/x
 isis password HIDDEN level-2
 server-private 192.0.2.1 key HIDDEN
mka pre-shared-key key-chain HIDDEN
`), "\n") {
		got := MaskSecrets(line, func(string) string { return "#" })
		if strings.Contains(got, "HIDDEN") || !strings.Contains(got, "#") || !strings.HasPrefix(line, got[:strings.Index(got, "#")]) {
			t.Errorf("%q: %q", line, got)
		}
	}
}

func TestMaskSecretsLeavesOthers(t *testing.T) {
	for _, line := range strings.Split(strings.TrimSpace(`
hostname sw1
service password-encryption
no service password-encryption
key chain EIGRP
 key 1
aaa authentication login default group tacacs+ local
ip ssh version 2
crypto key generate rsa
 authentication pre-share
 authentication host-mode multi-auth
 encryption aes 256
 login authentication default
snmp-server group g v3 priv
snmp-server enable traps snmp authentication linkdown
 neighbor 192.0.2.1 send-community both
 ip address 192.0.2.1 255.255.255.0
username bob privilege 15
`), "\n") {
		if got := MaskSecrets(line, func(string) string { return "#" }); got != line {
			t.Errorf("%q: %q", line, got)
		}
	}
}

func TestMaskBlocks(t *testing.T) {
	const config = `crypto pki certificate chain TP-1
 certificate self-signed 01
  30820229 30820192 A0030201 02020101 300D0609 2A864886 F70D0101 05050030
  31312F30 2D060355
  	quit
ip ssh pubkey-chain
  key-string
   30819F30 0D06092A
  quit
-----BEGIN RSA PRIVATE KEY-----
MIIB
-----END RSA PRIVATE KEY-----
end`
	const want = `crypto pki certificate chain TP-1
 certificate self-signed 01
  #
  	quit
ip ssh pubkey-chain
  key-string
  #
  quit
-----BEGIN RSA PRIVATE KEY-----
  #
-----END RSA PRIVATE KEY-----
end`
	if got := MaskSecrets(config, func(string) string { return "#" }); got != want {
		t.Errorf("got\n%s", got)
	}
	cut := config[:strings.Index(config, "  31312F30")]
	if got := MaskSecrets(cut, func(string) string { return "#" }); strings.Contains(got, "30820229") {
		t.Errorf("a text that ends in the middle: %s", got)
	}
}

func TestWithoutVolatile(t *testing.T) {
	const config = "! Last configuration change at 10:00:00 UTC\nhostname sw1\nntp clock-period 17179\n!\nend\n"
	if got := WithoutVolatile(config); got != "hostname sw1\n!\nend\n" {
		t.Errorf("%q", got)
	}
}
