package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashwarden/internal/schedule"
	"flashwarden/tftp"
)

// setting is one key: its section (empty: none), its name, and the function that sets its
// value.
type setting struct {
	section, key string
	set          func(c *Config, value string) error
}

// settings lists all keys.
func settings() []setting {
	return []setting{
		{"", "catalog", func(c *Config, v string) (err error) { c.Catalog, err = catalogURL(v); return }},
		{"", "catalog-password-file", func(c *Config, v string) (err error) { c.CatalogPasswordFile, err = absolute(v); return }},
		{"", "vault", func(c *Config, v string) (err error) { c.Vault, err = vaultPlace(v); return }},
		{"tftp", "listen", func(c *Config, v string) (err error) { c.TFTP.Listen, err = listenAddress(v); return }},
		{"tftp", "port-range", func(c *Config, v string) (err error) { c.TFTP.PortRange, err = tftp.ParsePortRange(v); return }},
		{"tftp", "advertise", func(c *Config, v string) (err error) { c.TFTP.Advertise, err = advertised(v); return }},
		{"tftp", "max-block-size", func(c *Config, v string) (err error) { c.TFTP.MaxBlockSize, err = blockSize(v); return }},
		{"backup", "files", func(c *Config, v string) (err error) {
			c.Backup.Files, err = oneOf(v, "image", "rebuild", "all")
			return
		}},
		{"backup", "parallel", func(c *Config, v string) (err error) { c.Backup.Parallel, err = number(v, 1, maxParallel); return }},
		{"backup", "parallel-per-site", func(c *Config, v string) (err error) {
			c.Backup.ParallelPerSite, err = number(v, 1, maxParallel)
			return
		}},
		{"backup", "copy-by", func(c *Config, v string) (err error) {
			c.Backup.CopyBy, err = oneOf(v, "auto", "tftp", "scp-pull", "scp", "https")
			return
		}},
		{"transports", "prefer", func(c *Config, v string) (err error) { c.Transports.Prefer, err = transports(v); return }},
		{"transports", "scp.listen", func(c *Config, v string) (err error) { c.Transports.SCP.Listen, err = optionalAddress(v); return }},
		{"transports", "scp.legacy-crypto", func(c *Config, v string) (err error) {
			c.Transports.SCP.LegacyCrypto, err = yesOrNo(v)
			return
		}},
		{"transports", "https.listen", func(c *Config, v string) (err error) {
			c.Transports.HTTPS.Listen, err = optionalAddress(v)
			return
		}},
		{"transports", "https.tls-cert", func(c *Config, v string) (err error) { c.Transports.HTTPS.TLSCert, err = absolute(v); return }},
		{"transports", "https.tls-key", func(c *Config, v string) (err error) { c.Transports.HTTPS.TLSKey, err = absolute(v); return }},
		{"transports", "https.tls-min", func(c *Config, v string) (err error) {
			c.Transports.HTTPS.TLSMin, err = oneOf(v, "1.2", "1.1", "1.0")
			return
		}},
		{"backup", "stall-timeout", func(c *Config, v string) (err error) { c.Backup.StallTimeout, err = stallTimeout(v); return }},
		{"ssh", "unknown-hosts", func(c *Config, v string) (err error) {
			c.SSH.UnknownHosts, err = oneOf(v, AcceptNew, Ask, Refuse)
			return
		}},
		{"credentials", "default", func(c *Config, v string) error { c.Credentials.Default = v; return nil }},
		{"protect", "within", func(c *Config, v string) (err error) { c.Protect.Within, err = age(v); return }},
		{"protect", "proved-within", func(c *Config, v string) (err error) { c.Protect.ProvedWithin, err = age(v); return }},
		{"retention", "keep-last", func(c *Config, v string) (err error) { c.Retention.KeepLast, err = number(v, 0, maxKeep); return }},
		{"retention", "keep-within", func(c *Config, v string) (err error) { c.Retention.KeepWithin, err = ParseAge(v); return }},
		{"retention", "keep-daily", func(c *Config, v string) (err error) { c.Retention.KeepDaily, err = number(v, 0, maxKeep); return }},
		{"retention", "keep-weekly", func(c *Config, v string) (err error) { c.Retention.KeepWeekly, err = number(v, 0, maxKeep); return }},
		{"retention", "keep-monthly", func(c *Config, v string) (err error) { c.Retention.KeepMonthly, err = number(v, 0, maxKeep); return }},
		{"retention", "keep-yearly", func(c *Config, v string) (err error) { c.Retention.KeepYearly, err = number(v, 0, maxKeep); return }},
		{"retention", "schedule", func(c *Config, v string) (err error) { c.Retention.Schedule, err = schedule.Parse(v); return }},
		{"check", "schedule", func(c *Config, v string) (err error) { c.Check.Schedule, err = schedule.Parse(v); return }},
		{"check", "share", func(c *Config, v string) (err error) { c.Check.Share, err = share(v); return }},
		{"schedule", "backup", func(c *Config, v string) (err error) { c.Schedule.Backup, err = schedule.Parse(v); return }},
		{"schedule", "time-zone", func(c *Config, v string) (err error) { c.Schedule.Zone, err = zone(v); return }},
		{"schedule", "spread", func(c *Config, v string) (err error) { c.Schedule.Spread, err = spread(v); return }},
		{"schedule", "window", func(c *Config, v string) (err error) { c.Schedule.Window, err = schedule.ParseWindow(v); return }},
		{"schedule", "reverify", func(c *Config, v string) (err error) { c.Schedule.Reverify, err = age(v); return }},
		{"schedule", "reverify-parallel", func(c *Config, v string) (err error) {
			c.Schedule.ReverifyParallel, err = number(v, 1, maxParallel)
			return
		}},
		{"schedule", "missed", func(c *Config, v string) (err error) { c.Schedule.Missed, err = oneOf(v, Once, Skip); return }},
		{"syslog", "listen", func(c *Config, v string) (err error) { c.Syslog.Listen, err = optionalAddress(v); return }},
		{"syslog", "quiet", func(c *Config, v string) (err error) { c.Syslog.Quiet, err = quiet(v); return }},
		{"web", "listen", func(c *Config, v string) (err error) { c.Web.Listen, err = optionalAddress(v); return }},
		{"web", "tls-cert", func(c *Config, v string) (err error) { c.Web.TLSCert, err = absolute(v); return }},
		{"web", "tls-key", func(c *Config, v string) (err error) { c.Web.TLSKey, err = absolute(v); return }},
		{"web", "tls", func(c *Config, v string) (err error) { c.Web.TLS, err = oneOf(v, "", SelfSigned); return }},
		{"web", "trusted-proxies", func(c *Config, v string) (err error) { c.Web.TrustedProxies = v; _, err = proxies(v); return }},
		{"web", "oidc.issuer", func(c *Config, v string) (err error) { c.Web.OIDC.Issuer, err = issuer(v); return }},
		{"web", "oidc.client-id", func(c *Config, v string) error { c.Web.OIDC.ClientID = v; return nil }},
		{"web", "oidc.client-secret-file", func(c *Config, v string) (err error) { c.Web.OIDC.ClientSecretFile, err = absolute(v); return }},
		{"web", "oidc.redirect-url", func(c *Config, v string) (err error) { c.Web.OIDC.RedirectURL, err = redirectURL(v); return }},
		{"web", "oidc.groups-claim", func(c *Config, v string) (err error) { c.Web.OIDC.GroupsClaim, err = claim(v); return }},
		{"metrics", "devices", func(c *Config, v string) (err error) { c.Metrics.Devices, err = yesOrNo(v); return }},
		{"jobs", "keep", func(c *Config, v string) (err error) { c.Jobs.Keep, err = age(v); return }},
	}
}

const (
	maxParallel = 10_000
	maxKeep     = 100_000

	// The limits of RFC 2348, in bytes. 0 means no limit.
	minBlockSize, maxBlockSize = 8, 65464

	minStall, maxStall = 100 * time.Millisecond, 24 * time.Hour

	day            = 24 * time.Hour
	minAge, maxAge = time.Hour, 3650 * day
)

// maxSpread is less than the shortest schedule that people give a spread: a day.
const maxSpread = 23 * time.Hour

func spread(v string) (time.Duration, error) {
	if v == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(v)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration with a unit, such as 30m or 2h", v)
	case d < 0 || d > maxSpread:
		return 0, fmt.Errorf("%s is not between 0 and %v", v, maxSpread)
	}
	return d, nil
}

// share returns a part of the vault.
func share(v string) (string, error) {
	part, of, _ := strings.Cut(v, "/")
	p, err1 := strconv.ParseUint(part, 10, 16)
	o, err2 := strconv.ParseUint(of, 10, 16)
	if err1 != nil || err2 != nil || p < 1 || p > o {
		return "", fmt.Errorf("%q is not a share, such as 1/30", v)
	}
	return fmt.Sprintf("%d/%d", p, o), nil
}

// listKey is the key whose value may be a list.
const listKey = "transports.prefer"

// transports reads a list of transports with commas: each once, and at least one.
func transports(v string) ([]string, error) {
	var list []string
	for name := range strings.SplitSeq(v, ",") {
		name, err := oneOf(strings.TrimSpace(name), "tftp", "scp-pull", "scp", "https")
		switch {
		case err != nil:
			return nil, err
		case slices.Contains(list, name):
			return nil, fmt.Errorf("%q appears twice", name)
		}
		list = append(list, name)
	}
	return list, nil
}

// quiet reads how long a device must be quiet.
func quiet(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration with a unit, such as 30s or 2m", v)
	case d < time.Second || d > time.Hour:
		return 0, fmt.Errorf("%s is not between 1s and 1h", v)
	}
	return d, nil
}

// zone returns a time zone of the IANA database; empty: that of the host.
func zone(v string) (*time.Location, error) {
	if v == "" {
		return time.Local, nil
	}
	l, err := time.LoadLocation(v)
	if err != nil {
		return nil, fmt.Errorf("%q is not a time zone, such as Europe/Amsterdam", v)
	}
	return l, nil
}

// name returns the key with its section, such as tftp.port-range.
func (s setting) name() string { return strings.TrimPrefix(s.section+"."+s.key, ".") }

// variable returns the name of the environment variable, such as
// FLASHWARDEN_TFTP_PORT_RANGE.
func (s setting) variable() string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(s.name()))
}

func sections() []string {
	var names []string
	for _, s := range settings() {
		if s.section != "" && !slices.Contains(names, s.section) {
			names = append(names, s.section)
		}
	}
	return names
}

func keys(section string) []string {
	var names []string
	for _, s := range settings() {
		if s.section == section {
			names = append(names, s.key)
		}
	}
	return names
}

func variables() []string {
	var names []string
	for _, s := range settings() {
		names = append(names, s.variable())
	}
	return names
}

// variablesLike returns the variables of the section of an unknown one, or all.
func variablesLike(name string) []string {
	all := variables()
	_, rest, _ := strings.Cut(name, "_")
	section, _, _ := strings.Cut(rest, "_")
	near := slices.DeleteFunc(slices.Clone(all), func(known string) bool {
		return !strings.HasPrefix(known, "FLASHWARDEN_"+section+"_")
	})
	if len(near) == 0 {
		return all
	}
	return near
}

// instead lists the known names, for the error about an unknown one.
func instead(names []string) string {
	return "; valid names: " + strings.Join(names, ", ")
}

func listenAddress(v string) (string, error) {
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		return "", fmt.Errorf("%q is not [IP]:PORT, such as :69 or 192.0.2.1:69", v)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("the port in %q is not a number from 0 to 65535", v)
	}
	if host != "" {
		if _, err := netip.ParseAddr(host); err != nil {
			return "", fmt.Errorf("%q is not an IP address", host)
		}
	}
	return v, nil
}

// optionalAddress is listenAddress for a listener that can be left out.
func optionalAddress(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	return listenAddress(v)
}

func advertised(v string) (netip.Addr, error) {
	if v == "" {
		return netip.Addr{}, nil
	}
	addr, err := netip.ParseAddr(v)
	if err != nil || addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%q is not an IP address that devices can reach", v)
	}
	return addr, nil
}

func blockSize(v string) (int, error) {
	n, err := number(v, 0, maxBlockSize)
	if err == nil && n > 0 && n < minBlockSize {
		err = fmt.Errorf("%d is less than %d; write 0 for no limit", n, minBlockSize)
	}
	return n, err
}

func number(v string, least, most int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is not a number from %d to %d", v, least, most)
	}
	return n, nil
}

func oneOf(v string, values ...string) (string, error) {
	if !slices.Contains(values, v) {
		return "", fmt.Errorf("%q is not one of %s", v, strings.Join(values, ", "))
	}
	return v, nil
}

func stallTimeout(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration with a unit, such as 60s or 2m", v)
	case d < minStall || d > maxStall:
		return 0, errors.New(v + " is not between 100ms and 24h")
	}
	return d, nil
}

// ParseAge reads a time of hours, days or weeks, or 0: 36h, 8d, 2w. Its limits
// are 1h and 3650d.
func ParseAge(v string) (time.Duration, error) {
	if v == "0" {
		return 0, nil
	}
	return age(v)
}

// age reads a time of hours, days or weeks: 36h, 8d, 2w.
func age(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	for unit, length := range map[string]time.Duration{"d": day, "w": 7 * day} {
		if number, ok := strings.CutSuffix(v, unit); ok {
			var n uint64
			n, err = strconv.ParseUint(number, 10, 16)
			d = time.Duration(n) * length
		}
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a time with a unit, such as 36h, 8d or 2w", v)
	case d < minAge || d > maxAge:
		return 0, errors.New(v + " is not between 1h and 3650d")
	}
	return d, nil
}
