package config

import (
	"reflect"
	"slices"
	"testing"
)

// TestReload changes every key: those of open sockets stay and are named, and all
// others take effect.
func TestReload(t *testing.T) {
	now, next := Default(), Default()
	values := map[string]string{"catalog": "postgres://db/fw", "catalog-password-file": "/etc/pw", "vault": "/srv", "tftp.listen": ":6969", "tftp.port-range": "2000:2003", "tftp.advertise": "192.0.2.1", "tftp.max-block-size": "512",
		"backup.files": "all", "backup.copy-by": "tftp", "transports.prefer": "scp-pull", "transports.scp.listen": ":2022", "transports.scp.legacy-crypto": "true", "transports.https.listen": ":8443", "transports.https.tls-cert": "/c", "transports.https.tls-key": "/k", "transports.https.tls-min": "1.0", "backup.stall-timeout": "90s", "ssh.unknown-hosts": "refuse", "syslog.listen": ":514", "syslog.quiet": "5s", "web.listen": ":443", "web.tls-cert": "/c", "web.tls-key": "/k", "web.tls": SelfSigned, "web.trusted-proxies": "::1", "web.oidc.issuer": "https://x", "web.oidc.redirect-url": "https://y/login/oidc/callback", "web.oidc.client-secret-file": "/s",
		"retention.schedule": "every 3h", "check.schedule": "every 3h", "check.share": "1/3", "schedule.backup": "every 3h", "schedule.time-zone": "UTC", "schedule.spread": "3h", "schedule.window": "22:00-06:00", "schedule.missed": "skip", "metrics.devices": "false"}
	for _, s := range settings() {
		value, ok := values[s.name()]
		if !ok {
			value = "3"
			if s.set(&Config{}, value) != nil {
				value = "3d"
			}
		}
		if err := s.set(&next, value); err != nil {
			t.Fatalf("%s: %v", s.name(), err)
		}
	}
	next.Mirrors = []Mirror{{Name: "usb", Target: "/mnt"}}
	next.Receive = []ReceiveRule{{Name: "*"}}
	got, restart := now.Reload(next)
	if want := []string{"catalog", "catalog-password-file", "vault", "tftp.listen", "tftp.port-range", "tftp.max-block-size", "syslog.listen", "syslog.quiet", "web.listen", "web.tls-cert", "web.tls-key", "web.tls", "web.trusted-proxies", "web.oidc.issuer", "web.oidc.client-id", "web.oidc.client-secret-file", "web.oidc.redirect-url", "web.oidc.groups-claim", "transports.scp.listen", "transports.scp.legacy-crypto", "transports.https.listen", "transports.https.tls-cert", "transports.https.tls-key", "transports.https.tls-min", "backup.stall-timeout"}; !slices.Equal(restart, want) {
		t.Errorf("need a restart: %v, want %v", restart, want)
	}
	want := next
	want.Vault, want.Catalog, want.CatalogPasswordFile = now.Vault, "", ""
	want.TFTP, want.Backup.StallTimeout = now.TFTP, now.Backup.StallTimeout
	want.Web, want.Syslog, want.Transports.SCP, want.Transports.HTTPS = now.Web, now.Syslog, now.Transports.SCP, now.Transports.HTTPS
	want.TFTP.Advertise = next.TFTP.Advertise
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, again := got.Reload(got); len(again) > 0 {
		t.Errorf("nothing has changed, but %v need a restart", again)
	}
}
