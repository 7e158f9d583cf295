package config

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"flashwarden/api"
	"flashwarden/internal/schedule"
	"flashwarden/tftp"
)

// addresses lets cmp compare the values that have their own idea of equality.
var addresses = cmp.Options{
	cmpopts.EquateComparable(netip.Addr{}),
	cmp.Comparer(func(a, b schedule.Schedule) bool { return a.String() == b.String() }),
	cmp.Comparer(func(a, b schedule.Window) bool { return a.String() == b.String() }),
	cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
}

func every(text string) schedule.Schedule {
	s, err := schedule.Parse(text)
	if err != nil {
		panic(err)
	}
	return s
}

func window(text string) schedule.Window {
	w, err := schedule.ParseWindow(text)
	if err != nil {
		panic(err)
	}
	return w
}

func loadText(t *testing.T, text string, env ...string) (Config, string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flashwarden.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, env)
	return c, path, err
}

func TestReferenceIsTheDefaults(t *testing.T) {
	got, err := Load("reference.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got, addresses); diff != "" {
		t.Errorf("defaults(-) reference(+):\n%s", diff)
	}
	text, err := os.ReadFile("reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings() {
		if s.section == "" && !regexp.MustCompile(`(?m)^`+s.key+`: `).Match(text) {
			t.Errorf("%s is not in the reference", s.name())
		}
		if s.section == "" {
			continue
		}
		section := regexp.MustCompile(`(?ms)^` + s.section + `:\n(  .*?\n)+`).FindString(string(text))
		key := strings.Replace(s.key, ".", ":\n(?:    .*\n)*?    ", 1)
		if !regexp.MustCompile(`(?m)^  ` + key + `: `).MatchString(section) {
			t.Errorf("%s is not in the reference", s.name())
		}
	}
}

func TestNoFileIsTheDefaults(t *testing.T) {
	for _, text := range []string{"", "\n\n", "# nothing\n", "---\n", "tftp:\n  # listen: \":69\"\nbackup:\n"} {
		got, _, err := loadText(t, text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(Default(), got, addresses); diff != "" {
			t.Errorf("%q: defaults(-) got(+):\n%s", text, diff)
		}
	}
	got, err := Load("", []string{"PATH=/bin", "FLASHWARDEN_DATA=/x", "FLASHWARDEN_CORPUS=/y", "FLASHWARDEN_TRANSCRIPTS=/z", "TFTP_LISTEN=1"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got, addresses); diff != "" {
		t.Errorf("defaults(-) got(+):\n%s", diff)
	}
}

// changed is a configuration in which no key has its default.
func changed() Config {
	return Config{
		Catalog: "postgres://fw@db/flashwarden", CatalogPasswordFile: "/etc/pw",
		Vault:  "/srv/vault",
		TFTP:   TFTP{Listen: "[::1]:6969", PortRange: tftp.PortRange{First: 2000, Last: 2000}, Advertise: netip.MustParseAddr("192.0.2.9"), MaxBlockSize: 0},
		Backup: Backup{Files: "all", CopyBy: "scp-pull", Parallel: 100, ParallelPerSite: 1, StallTimeout: 2 * time.Minute},
		SSH:    SSH{UnknownHosts: Refuse},

		Transports: Transports{Prefer: []string{"scp-pull", "scp", "https", "tftp"}, SCP: SCP{Listen: ":2022", LegacyCrypto: true}, HTTPS: HTTPS{Listen: ":8444", TLSCert: "/hc", TLSKey: "/hk", TLSMin: "1.0"}},
		Protect:    Protect{Within: 36 * time.Hour, ProvedWithin: 14 * day},
		Retention:  Retention{KeepLast: 7, KeepWithin: 2 * day, KeepDaily: 1, KeepWeekly: 2, KeepMonthly: 3, KeepYearly: 4, Schedule: every("daily 04:30")},
		Check:      Check{Schedule: every("every 12h"), Share: "1/7"},
		Schedule: Schedule{Backup: every("weekly Sun 03:00"), Zone: time.UTC, Spread: 30 * time.Minute, Window: window("22:00-06:00"),
			Reverify: 7 * day, ReverifyParallel: 5, Missed: Skip},
		Syslog: Syslog{Listen: ":514", Quiet: 30 * time.Second},
		Web: Web{Listen: ":8443", TLSCert: "/c", TLSKey: "/k", TrustedProxies: "127.0.0.1, 192.0.2.0/24",
			OIDC: OIDC{Issuer: "https://login.example.net/corp", ClientID: "fw", ClientSecretFile: "/cs", RedirectURL: "https://fw.example.net/login/oidc/callback", GroupsClaim: "roles", Roles: map[string]api.Role{"net ops": api.RoleOperator, "7": api.RoleAdmin}}},
		Jobs: Jobs{Keep: 14 * day},
	}
}

func TestEveryKeyInTheFile(t *testing.T) {
	for _, text := range []string{`
catalog: postgres://fw@db/flashwarden
catalog-password-file: /etc/pw
vault: /srv/vault
tftp:
  listen: "[::1]:6969"
  port-range: 2000:2000
  advertise: 192.0.2.9
  max-block-size: 0
backup:
  files: all
  parallel: 100
  parallel-per-site: "1"
  copy-by: scp-pull
  stall-timeout: 2m
transports:
  prefer: [scp-pull, scp, https, tftp]
  scp:
    listen: :2022
    legacy-crypto: true
  https:
    listen: :8444
    tls-cert: /hc
    tls-key: /hk
    tls-min: 1.0
ssh:
  unknown-hosts: refuse
protect:
  within: 36h
  proved-within: 2w
retention:
  keep-last: 7
  keep-within: 2d
  keep-daily: 1
  keep-weekly: 2
  keep-monthly: 3
  keep-yearly: 4
  schedule: daily 04:30
check:
  schedule: every 12h
  share: 1/7
schedule:
  backup: weekly Sun 03:00
  time-zone: UTC
  spread: 30m
  window: 22:00-06:00
  reverify: 7d
  reverify-parallel: 5
  missed: skip
syslog:
  listen: :514
  quiet: 30s
web:
  listen: :8443
  tls-cert: /c
  tls-key: /k
  trusted-proxies: 127.0.0.1, 192.0.2.0/24
  oidc:
    issuer: https://login.example.net/corp
    client-id: fw
    client-secret-file: /cs
    redirect-url: https://fw.example.net/login/oidc/callback
    groups-claim: roles
    roles:
      net ops: operator
      7: admin
jobs:
  keep: 2w
metrics:
  devices: false
`, `{"syslog": {"listen": ":514", "quiet": "30s"}, "web": {"listen": ":8443", "tls-cert": "/c", "tls-key": "/k", "trusted-proxies": "127.0.0.1, 192.0.2.0/24", "oidc": {"issuer": "https://login.example.net/corp", "client-id": "fw", "client-secret-file": "/cs", "redirect-url": "https://fw.example.net/login/oidc/callback", "groups-claim": "roles", "roles": {"net ops": "operator", "7": "admin"}}}, "catalog": "postgres://fw@db/flashwarden", "catalog-password-file": "/etc/pw", "vault": "/srv/vault", "jobs": {"keep": "14d"}, "metrics": {"devices": false}, "schedule": {"backup": "weekly Sun 03:00", "time-zone": "UTC", "spread": "30m", "window": "22:00-06:00", "reverify": "1w", "reverify-parallel": 5, "missed": "skip"}, "retention": {"keep-last": 7, "keep-within": "48h", "keep-daily": 1, "keep-weekly": 2, "keep-monthly": 3, "keep-yearly": 4, "schedule": "daily 04:30"}, "check": {"schedule": "every 12h", "share": "1/7"}, "protect": {"within": "36h", "proved-within": "14d"}, "ssh": {"unknown-hosts": "refuse"}, "tftp": {"listen": "[::1]:6969", "port-range": "2000:2000", "advertise": "192.0.2.9", "max-block-size": 0},
"backup": {"files": "all", "parallel": 100, "parallel-per-site": 1, "copy-by": "scp-pull", "stall-timeout": "2m"}, "transports": {"prefer": "scp-pull,scp,https,tftp", "scp": {"listen": ":2022", "legacy-crypto": true}, "https": {"listen": ":8444", "tls-cert": "/hc", "tls-key": "/hk", "tls-min": "1.0"}}}`,
	} {
		got, _, err := loadText(t, text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(changed(), got, addresses); diff != "" {
			t.Errorf("want(-) got(+):\n%s", diff)
		}
	}
}

func TestEveryKeyInTheEnvironment(t *testing.T) {
	got, _, err := loadText(t, "tftp:\n  listen: :1069\nbackup:\n  parallel: 3\nweb:\n  oidc: {roles: {net ops: operator, 7: admin}}\n", "FLASHWARDEN_CATALOG=postgres://fw@db/flashwarden", "FLASHWARDEN_CATALOG_PASSWORD_FILE=/etc/pw", "FLASHWARDEN_VAULT=/srv/vault",
		"FLASHWARDEN_TFTP_LISTEN=[::1]:6969", "FLASHWARDEN_TFTP_PORT_RANGE=2000:2000", "FLASHWARDEN_TFTP_ADVERTISE=192.0.2.9",
		"FLASHWARDEN_TFTP_MAX_BLOCK_SIZE=0", "FLASHWARDEN_BACKUP_FILES=all", "FLASHWARDEN_BACKUP_PARALLEL=100",
		"FLASHWARDEN_BACKUP_PARALLEL_PER_SITE=1", "FLASHWARDEN_BACKUP_COPY_BY=scp-pull", "FLASHWARDEN_TRANSPORTS_PREFER=scp-pull,scp,https,tftp", "FLASHWARDEN_TRANSPORTS_SCP_LISTEN=:2022", "FLASHWARDEN_TRANSPORTS_SCP_LEGACY_CRYPTO=true", "FLASHWARDEN_TRANSPORTS_HTTPS_LISTEN=:8444", "FLASHWARDEN_TRANSPORTS_HTTPS_TLS_CERT=/hc", "FLASHWARDEN_TRANSPORTS_HTTPS_TLS_KEY=/hk", "FLASHWARDEN_TRANSPORTS_HTTPS_TLS_MIN=1.0", "FLASHWARDEN_BACKUP_STALL_TIMEOUT=2m", "FLASHWARDEN_SSH_UNKNOWN_HOSTS=refuse",
		"FLASHWARDEN_PROTECT_WITHIN=36h", "FLASHWARDEN_PROTECT_PROVED_WITHIN=2w",
		"FLASHWARDEN_RETENTION_KEEP_LAST=7", "FLASHWARDEN_RETENTION_KEEP_WITHIN=2d", "FLASHWARDEN_RETENTION_KEEP_DAILY=1",
		"FLASHWARDEN_RETENTION_KEEP_WEEKLY=2", "FLASHWARDEN_RETENTION_KEEP_MONTHLY=3", "FLASHWARDEN_RETENTION_KEEP_YEARLY=4", "FLASHWARDEN_RETENTION_SCHEDULE=daily 04:30", "FLASHWARDEN_CHECK_SCHEDULE=every 12h", "FLASHWARDEN_CHECK_SHARE=1/7",
		"FLASHWARDEN_SCHEDULE_BACKUP=weekly Sun 03:00", "FLASHWARDEN_SCHEDULE_TIME_ZONE=UTC", "FLASHWARDEN_SCHEDULE_SPREAD=30m", "FLASHWARDEN_SCHEDULE_WINDOW=22:00-06:00",
		"FLASHWARDEN_SCHEDULE_REVERIFY=7d", "FLASHWARDEN_SCHEDULE_REVERIFY_PARALLEL=5", "FLASHWARDEN_SCHEDULE_MISSED=skip", "FLASHWARDEN_JOBS_KEEP=2w", "FLASHWARDEN_METRICS_DEVICES=false",
		"FLASHWARDEN_SYSLOG_LISTEN=:514", "FLASHWARDEN_SYSLOG_QUIET=30s", "FLASHWARDEN_WEB_LISTEN=:8443", "FLASHWARDEN_WEB_TLS_CERT=/c", "FLASHWARDEN_WEB_TLS_KEY=/k", "FLASHWARDEN_WEB_TRUSTED_PROXIES=127.0.0.1, 192.0.2.0/24",
		"FLASHWARDEN_WEB_OIDC_ISSUER=https://login.example.net/corp", "FLASHWARDEN_WEB_OIDC_CLIENT_ID=fw", "FLASHWARDEN_WEB_OIDC_CLIENT_SECRET_FILE=/cs", "FLASHWARDEN_WEB_OIDC_REDIRECT_URL=https://fw.example.net/login/oidc/callback", "FLASHWARDEN_WEB_OIDC_GROUPS_CLAIM=roles")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(changed(), got, addresses); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
}

func TestEmptyVariableIsNotSet(t *testing.T) {
	got, _, err := loadText(t, "backup:\n  parallel: 3\n", "FLASHWARDEN_BACKUP_PARALLEL=")
	if err != nil || got.Backup.Parallel != 3 {
		t.Errorf("parallel %d, error %v; want that of the file", got.Backup.Parallel, err)
	}
}

func TestOwnSchedules(t *testing.T) {
	c, _, err := loadText(t, `
schedule:
  devices: {core1: every 6h, core2: never}
  groups:
    access: weekly Sun 03:00
  sites: {ams: "0 4 * * *"}
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ device, group, site, want string }{
		{"core1", "access", "ams", "every 6h"},
		{"core2", "", "", "never"},
		{"sw1", "access", "ams", "weekly Sun 03:00"},
		{"sw1", "", "ams", "0 4 * * *"},
		{"sw1", "other", "", "daily 02:00"},
	} {
		if got := c.Schedule.Of(test.device, test.group, test.site).String(); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

func TestErrorsShowTheirPlace(t *testing.T) {
	for _, test := range []struct {
		name, text, want string
	}{
		{"unknown section", "tfpt:\n  listen: :69\n", `FILE:1:1: tfpt: unknown section; valid names: catalog, catalog-password-file, vault, tftp, backup, transports, ssh, credentials, protect, retention, check, schedule, syslog, web, metrics, jobs, receive, mirrors, inventory, notify
    1 | tfpt:
        ^`},
		{"unknown key", "tftp:\n  listen: :69\n  port_range: 1056:1059\n", `FILE:3:3: tftp.port_range: unknown key; valid names: listen, port-range, advertise, max-block-size
    3 |   port_range: 1056:1059
          ^`},
		{"key of another section", "ssh:\n  parallel: 3\n", `FILE:2:3: ssh.parallel: unknown key; valid names: unknown-hosts
    2 |   parallel: 3
          ^`},
		{"bad value", "backup:\n  parallel: many # at once\n", `FILE:2:13: backup.parallel: "many" is not a number from 1 to 10000
    2 |   parallel: many # at once
                    ^`},
		{"value after other characters", "ssh: {unknown-hosts: \"ä\"}\n", `FILE:1:22: ssh.unknown-hosts: "ä" is not one of accept-new, ask, refuse
    1 | ssh: {unknown-hosts: "ä"}
                             ^`},
		{"no value", "backup:\n  parallel:\n", `FILE:2:12: backup.parallel: "" is not a number from 1 to 10000
    2 |   parallel:
                   ^`},
		{"a share of more than all", "check:\n  share: 8/7\n", `FILE:2:10: check.share: "8/7" is not a share, such as 1/30
    2 |   share: 8/7
                 ^`},
		{"list", "backup:\n  files: [image]\n", `FILE:2:10: backup.files: expected a single plain value here, not a sequence
    2 |   files: [image]
                 ^`},
		{"scalar for a section", "backup: 3\n", `FILE:1:9: backup: expected a mapping here, with KEY: VALUE in each line
    1 | backup: 3
                ^`},
		{"list for the document", "- tftp\n", `FILE:1:1: expected a mapping here, with KEY: VALUE in each line
    1 | - tftp
        ^`},
		{"second document", "ssh:\n  unknown-hosts: ask\n---\nssh:\n  unknown-hosts: refuse\n", `FILE:4:4: a second document; the configuration must be a single one
    4 | ssh:
           ^`},
		{"own schedule", "schedule:\n  groups:\n    core: often\n", `FILE:3:11: schedule.groups.core: schedule "often": unknown form; want "daily 02:00", "weekly Sun 02:00", "every 6h", "never", or five fields as of cron, such as "0 2 * * 1-5"
    3 |     core: often
                  ^`},
		{"time zone", "schedule:\n  time-zone: Amsterdam\n", `FILE:2:14: schedule.time-zone: "Amsterdam" is not a time zone, such as Europe/Amsterdam
    2 |   time-zone: Amsterdam
                     ^`},
		{"no section", "vault: srv\n", `FILE:1:8: vault: "srv" is not an absolute path, sftp://USER@HOST/DIRECTORY or s3://BUCKET/PREFIX?endpoint=https://HOST
    1 | vault: srv
               ^`},
		{"password in the URL", "catalog: postgres://fw:secret@db/fw\n", `FILE:1:10: catalog: no password belongs here: write it into a file of its own, and name that file in catalog-password-file
    1 | catalog: postgres://fw:…@db/fw
                 ^`},
		{"no URL", "catalog: /var/lib/catalog.db\n", `FILE:1:10: catalog: want a URL such as postgres://user@host/database?sslmode=verify-full, or nothing for a catalog in the data directory
    1 | catalog: /var/lib/catalog.db
                 ^`},
		{"no database", "catalog: postgres://fw@db\n", `FILE:1:10: catalog: "postgres://fw@db" names no database: postgres://user@host/database
    1 | catalog: postgres://fw@db
                 ^`},
		{"anchor", "tftp: &x\n  listen: :69\n", `FILE:1:7: tftp: expected a mapping here, with KEY: VALUE in each line
    1 | tftp: &x
              ^`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, path, err := loadText(t, test.text)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v; want an *Error", err)
			}
			if got := strings.ReplaceAll(err.Error(), path, "FILE"); got != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
			if diff := cmp.Diff(Config{}, c, addresses); diff != "" {
				t.Errorf("a configuration came with the error:\n%s", diff)
			}
		})
	}
}

func TestSyntaxErrorsShowTheirPlace(t *testing.T) {
	for name, text := range map[string]string{
		"duplicate key":     "ssh:\n  unknown-hosts: ask\n  unknown-hosts: refuse\n",
		"duplicate section": "ssh:\n  unknown-hosts: ask\nssh:\n  unknown-hosts: refuse\n",
		"tab":               "tftp:\n\tlisten: :69\n",
		"open quote":        "tftp:\n  listen: \":69\n",
		"open bracket":      "tftp: {listen: 3\n",
		"odd indentation":   "tftp:\n    listen: :69\n  port-range: 1:2\n",
	} {
		_, path, err := loadText(t, text)
		var e *Error
		if !errors.As(err, &e) || e.File != path || e.Line < 1 || e.Column < 1 || e.Problem == "" || !strings.Contains(e.Excerpt, "^") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValues(t *testing.T) {
	for _, test := range []struct {
		key      string
		good     []string
		bad      []string
		variable string
	}{
		{"tftp.listen", []string{":69", "127.0.0.1:6969", "[::]:69", "[fe80::1%eth0]:69", ":0"},
			[]string{"69", "localhost:69", ":65536", "::1:69x", ":http", "1.2.3.4"}, "FLASHWARDEN_TFTP_LISTEN"},
		{"tftp.port-range", []string{"1056:1059", "1:65535", "7:7"},
			[]string{"1056", "1056-1059", "1059:1056", "0:5", "1:65536", "a:b", "1:2:3", " 1:2"}, "FLASHWARDEN_TFTP_PORT_RANGE"},
		{"tftp.advertise", []string{"192.0.2.1", "2001:db8::1"},
			[]string{"tftp.example.net", "0.0.0.0", "::", "224.0.0.1", "192.0.2.1:69"}, "FLASHWARDEN_TFTP_ADVERTISE"},
		{"tftp.max-block-size", []string{"0", "8", "512", "65464"},
			[]string{"7", "-1", "65465", "1468.5", "0x200", "big"}, "FLASHWARDEN_TFTP_MAX_BLOCK_SIZE"},
		{"backup.files", []string{"image", "rebuild", "all"}, []string{"ALL", "none", "true"}, "FLASHWARDEN_BACKUP_FILES"},
		{"backup.parallel", []string{"1", "10000"}, []string{"0", "-3", "10001", "1e3", "99999999999999999999"}, "FLASHWARDEN_BACKUP_PARALLEL"},
		{"backup.parallel-per-site", []string{"1", "10000"}, []string{"0", "10001"}, "FLASHWARDEN_BACKUP_PARALLEL_PER_SITE"},
		{"backup.stall-timeout", []string{"60s", "1m30s", "100ms", "24h"}, []string{"60", "0s", "-5s", "25h", "99ms", "soon"}, "FLASHWARDEN_BACKUP_STALL_TIMEOUT"},
		{"backup.copy-by", []string{"auto", "tftp", "scp-pull", "scp"}, []string{"sftp", "TFTP"}, "FLASHWARDEN_BACKUP_COPY_BY"},
		{"transports.prefer", []string{"tftp", "scp-pull,tftp", "scp-pull, tftp"}, []string{"ftp", "tftp,", "tftp,tftp"}, "FLASHWARDEN_TRANSPORTS_PREFER"},
		{"ssh.unknown-hosts", []string{"accept-new", "ask", "refuse"}, []string{"yes", "Ask"}, "FLASHWARDEN_SSH_UNKNOWN_HOSTS"},
		{"protect.within", []string{"1h", "8d", "2w", "1h30m", "3650d"}, []string{"8", "59m", "3651d", "-1d", "1.5d", "d", "1d12h", "99999999999d", "soon"}, "FLASHWARDEN_PROTECT_WITHIN"},
		{"protect.proved-within", []string{"1h", "35d"}, []string{"0d", "0", "x"}, "FLASHWARDEN_PROTECT_PROVED_WITHIN"},
	} {
		section, key, _ := strings.Cut(test.key, ".")
		for _, value := range test.good {
			if _, _, err := loadText(t, section+":\n  "+key+": '"+value+"'\n"); err != nil {
				t.Error(err)
			}
			if _, err := Load("", []string{test.variable + "=" + value}); err != nil {
				t.Error(err)
			}
		}
		for _, value := range test.bad {
			var e *Error
			_, _, err := loadText(t, section+":\n  "+key+": '"+value+"'\n")
			if !errors.As(err, &e) || e.Key != test.key || e.Line != 2 || e.Column != len(key)+5 {
				t.Errorf("%s: %q: error %v", test.key, value, err)
			}
			_, err = Load("", []string{test.variable + "=" + value})
			if !errors.As(err, &e) || e.Key != test.variable || !strings.HasPrefix(err.Error(), test.variable+": ") {
				t.Errorf("%s: %q: error %v", test.variable, value, err)
			}
		}
	}
}

func TestUnknownVariables(t *testing.T) {
	for name, listed := range map[string]string{ // those of the same section
		"FLASHWARDEN_TFTP_PORTRANGE": "valid names: FLASHWARDEN_TFTP_LISTEN, FLASHWARDEN_TFTP_PORT_RANGE, ", "FLASHWARDEN_TFTP_LISTEN_": "valid names: FLASHWARDEN_TFTP_LISTEN, ",
		"FLASHWARDEN_BACKUP_": "valid names: FLASHWARDEN_BACKUP_FILES, ", "FLASHWARDEN_SSH_UNKNOWN-HOSTS": "valid names: FLASHWARDEN_SSH_UNKNOWN_HOSTS",
	} {
		for _, value := range []string{"x", ""} {
			_, err := Load("", []string{name + "=" + value})
			var e *Error
			if !errors.As(err, &e) || e.Key != name || !strings.Contains(err.Error(), listed) {
				t.Errorf("%s=%s: error %v; want %q", name, value, err, listed)
			}
		}
	}
}

// TestKubernetesVariables reads the variables that Kubernetes sets for services
// named flashwarden-tftp and flashwarden-ssh-proxy.
func TestKubernetesVariables(t *testing.T) {
	got, err := Load("", []string{
		"FLASHWARDEN_TFTP_SERVICE_HOST=10.96.0.7", "FLASHWARDEN_TFTP_SERVICE_PORT=69", "FLASHWARDEN_TFTP_SERVICE_PORT_TFTP=69",
		"FLASHWARDEN_TFTP_PORT=udp://10.96.0.7:69", "FLASHWARDEN_TFTP_PORT_69_UDP=udp://10.96.0.7:69",
		"FLASHWARDEN_TFTP_PORT_69_UDP_PROTO=udp", "FLASHWARDEN_TFTP_PORT_69_UDP_PORT=69", "FLASHWARDEN_TFTP_PORT_69_UDP_ADDR=10.96.0.7",
		"FLASHWARDEN_SSH_PROXY_SERVICE_HOST=10.96.0.8", "FLASHWARDEN_SSH_PROXY_PORT_22_TCP_ADDR=10.96.0.8",
		"FLASHWARDEN_BACKUP_PARALLEL=3",
	})
	want := Default()
	want.Backup.Parallel = 3
	if diff := cmp.Diff(want, got, addresses); err != nil || diff != "" {
		t.Errorf("error %v; want(-) got(+):\n%s", err, diff)
	}
	for _, mistake := range []string{
		"FLASHWARDEN_TFTP_PORT=69", "FLASHWARDEN_TFTP_PORT=", "FLASHWARDEN_TFTP_PORT_69=x", "FLASHWARDEN_TFTP_PORT_RANG=1056:1059",
		"FLASHWARDEN_TFTP_SERVICE=x", "FLASHWARDEN_TFTP_HOST=10.96.0.7", "FLASHWARDEN_TFTP_PORT_UDP=x",
	} {
		var e *Error
		if _, err := Load("", []string{mistake}); !errors.As(err, &e) {
			t.Errorf("%s: error %v; want an *Error", mistake, err)
		}
	}
}

// TestByteOrderMark reads a file as Windows editors save it.
func TestByteOrderMark(t *testing.T) {
	got, _, err := loadText(t, "\ufefftftp:\r\n  listen: :1069\r\n")
	if err != nil || got.TFTP.Listen != ":1069" {
		t.Errorf("listen %q, error %v", got.TFTP.Listen, err)
	}
	var e *Error
	if _, _, err := loadText(t, "\ufefftfpt:\n"); !errors.As(err, &e) || e.Line != 1 || e.Column != 1 || strings.Contains(e.Excerpt, "\ufeff") {
		t.Errorf("error %v; want one at 1:1 that does not show the mark", err)
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	var e *Error
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) {
		t.Errorf("error %v; want an *Error around fs.ErrNotExist", err)
	}
	if _, err := Load(t.TempDir(), nil); !errors.As(err, &e) {
		t.Errorf("a directory: error %v; want an *Error", err)
	}
	for _, text := range []string{"ssh:\x00", "# " + strings.Repeat("x", maxFile)} {
		_, _, err := loadText(t, text)
		if !errors.As(err, &e) || !strings.Contains(err.Error(), "not a text") {
			t.Errorf("error %v", err)
		}
	}
}

// FuzzParse looks for texts on which the parser panics, and for settings that
// pass without being valid.
func FuzzParse(f *testing.F) {
	reference, err := os.ReadFile("reference.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(reference))
	f.Add("tftp: {listen: :69, port-range: 1:2}\n")
	f.Add("a: &x [*x]\n<<: *x\n? - b\n: c\n")
	f.Add("ssh:\n  unknown-hosts: |\n    ask\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		if err := parse(&c, "f.yaml", []byte(text)); err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Problem == "" {
				t.Errorf("error %#v", err)
			}
			return
		}
		if c.Backup.Parallel < 1 || c.Backup.StallTimeout < minStall || c.TFTP.PortRange.First > c.TFTP.PortRange.Last {
			t.Errorf("%+v", c)
		}
	})
}

// TestPasswordCredential passes the password of the catalog as a credential of systemd. A
// key has precedence.
func TestPasswordCredential(t *testing.T) {
	dir := t.TempDir()
	variable := "CREDENTIALS_DIRECTORY=" + dir
	if got, _, err := loadText(t, "", variable); err != nil || got.CatalogPasswordFile != "" {
		t.Errorf("without the credential: %q, error %v", got.CatalogPasswordFile, err)
	}
	file := filepath.Join(dir, "catalog-password")
	if err := os.WriteFile(file, []byte("secret"), 0o400); err != nil {
		t.Fatal(err)
	}
	if got, _, err := loadText(t, "", variable); err != nil || got.CatalogPasswordFile != file {
		t.Errorf("with the credential: %q, error %v", got.CatalogPasswordFile, err)
	}
	if got, _, err := loadText(t, "catalog-password-file: /etc/pw\n", variable); err != nil || got.CatalogPasswordFile != "/etc/pw" {
		t.Errorf("with a key: %q, error %v", got.CatalogPasswordFile, err)
	}
}

// TestWeb refuses an API that others could read on the way.
func TestWeb(t *testing.T) {
	for text, want := range map[string]string{
		"":                                         "",
		"web: {listen: ''}":                        "",
		"web: {listen: '[::1]:80'}":                "",
		"web: {listen: ':8480'}":                   "web.listen: :8480 can be reached from other machines",
		"web: {listen: '0.0.0.0:8480'}":            "can be reached from other machines",
		"web: {listen: '192.0.2.1:8480'}":          "can be reached from other machines",
		"web: {listen: ':8480', tls: self-signed}": "",
		"web: {listen: ':8480', tls-cert: /c, tls-key: /k}":  "",
		"web: {tls-cert: /c}":                                "tls-cert and tls-key belong together",
		"web: {tls-key: /k}":                                 "tls-cert and tls-key belong together",
		"web: {tls-cert: c, tls-key: /k}":                    "not an absolute path",
		"web: {tls-cert: /c, tls-key: /k, tls: self-signed}": "give either",
		"web: {trusted-proxies: '127.0.0.1,::1,10.0.0.0/8'}": "",
		"web: {trusted-proxies: proxy.example}":              `"proxy.example" is neither an IP address nor a network`,
		"web: {trusted-proxies: '127.0.0.1,10.0.0.0/33'}":    `"10.0.0.0/33" is neither`,
		"web: {tls: yes-please}":                             "is not one of",
		"web: {listen: 'example.net:80'}":                    "not an IP address",

		"transports: {prefer: [scp]}":                             "scp needs the SCP server",
		"transports: {prefer: [scp], scp: {listen: ':2022'}}":     "",
		"transports: {scp: {legacy-crypto: perhaps}}":             "not true or false",
		"transports: {https: {listen: ':8443'}}":                  "",
		"transports: {prefer: [https]}":                           "https needs the HTTPS server",
		"transports: {prefer: [https], https: {listen: ':8443'}}": "",
		"transports: {https: {listen: ':8443', tls-cert: /c}}":    "tls-cert and tls-key belong together",
		"transports: {https: {tls-min: '1.3'}}":                   "is not one of",
		"transports: {https: {port: 8443}}":                       "transports.https.port: unknown key",
		"transports: {https: ':8443'}":                            "unknown key",
		"transports: {https: {listen: 'example.net:80'}}":         "not an IP address",
	} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(file, nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestPasswordInURL shows no password in the line of an error.
func TestPasswordInURL(t *testing.T) {
	for _, text := range []string{"catalog: postgres://fw:S3cretPW@db/fw\n", "catalog: 'postgres://fw@db/fw?sslmode=require&password=S3cretPW'\n"} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(file, nil)
		if err == nil || strings.Contains(err.Error(), "S3cret") || !strings.Contains(err.Error(), "no password belongs here") || !strings.Contains(err.Error(), "catalog: ") {
			t.Errorf("%v", err)
		}
	}
}
