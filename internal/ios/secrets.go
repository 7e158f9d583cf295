package ios

import (
	"strings"

	"flashwarden/internal/lazyregexp"
)

// secretWords stand before a secret in a configuration: password 7 0822455D0A16.
// The type of the secret may stand between them: 0, 5, 6, 7, 8, 9 or 10.
var secretWords = lazyregexp.New(`(?i)(^|\s)(password|domain-password|area-password|secret|key|key-string|key-hash|passphrase|pre-shared-key|authentication-key|shared-secret|` +
	`community|wpa-psk|md5|sharedsecret|passwd|kickstart|hmac-key|encryption-key|auth-key|pac key|psk|encryption|authentication|cookie|pin|auth-pass|credentials)` +
	`\s+((?:encrypted|clear|hex|ascii|set-key|local|remote|address|text|simple|level \d+|0|5|6|7|8|9|10)\s+)*(\S.*)$`)

// A line of these forms has more after the secret, or the secret in another place.
var secretForms = []*lazyregexp.Regexp{
	lazyregexp.New(`(?i)^(\s*snmp-server community )(\S+)(.*)$`),
	lazyregexp.New(`(?i)^(\s*snmp-server host \S+ (?:vrf \S+ )?(?:traps |informs )?(?:version (?:1|2c|3(?: (?:auth|noauth|priv))?) )?)(\S+)(.*)$`),
	lazyregexp.New(`(?i)^(\s*crypto isakmp key (?:[06] )?)(\S+)( (?:address|hostname) .*)$`),
	lazyregexp.New(`(?i)^(\s*ntp authentication-key \d+ \S+ )(\S+)(.*)$`),
	lazyregexp.New(`(?i)^(\s*ip ospf message-digest-key \d+ md5 (?:[0-9]+ )?)(\S+)(.*)$`),
	lazyregexp.New(`(?i)^(\s*(?:standby|vrrp|glbp) (?:\d+ )?authentication (?:text |md5 key-string (?:[07] )?)?)(\S+)(.*)$`),
	lazyregexp.New(`(?i)^(\s*ip nhrp authentication )(\S+)(.*)$`),
}

// secretFree are lines with a word of secretWords and no secret.
var secretFree = lazyregexp.New(`(?i)^\s*(?:no )?(?:key chain |service password-|password encryption |aaa |crypto (?:key|pki|ca|map|ipsec|ikev2 (?:policy|profile|proposal)) |` +
	`authentication (?:event|host-mode|open|order|periodic|port-control|priority|timer|violation|control-direction|linksec|fallback|pre-share|rsa-sig|local|remote|mac-move|logging|critical)|` +
	`ip (?:http|ssh|ospf|rip|eigrp) authentication(?: mode)? |ip ssh |snmp-server (?:group|view|engineID|enable) |encryption (?:aes|des|3des|mode|vlan)|neighbor \S+ (?:send-community|route-map)|` +
	`set (?:ext)?community |match community|ip community-list |ip (?:ext)?community|area \d\S* authentication|key \d{1,3}$|hash |isis authentication|login authentication|ppp authentication|accounting |authorization )`)

// Parts of a line that holds a secret behind other words.
var (
	snmpUserSecrets = lazyregexp.New(`(?i)((?: auth (?:md5|sha\S*)| priv (?:des|3des|aes(?: \d+)?)) )(\S+)`)
	urlSecret       = lazyregexp.New(`([a-z]+://[^\s:/@]+:)([^\s/@]+)(@)`)
	hexBlock        = lazyregexp.New(`^\s*(?:[0-9A-Fa-f]{8}\s+)*[0-9A-Fa-f]{2,8}\s*$`)
	certificate     = lazyregexp.New(`(?i)^\s+certificate (?:self-signed|ca|rollover|[0-9a-f]+)`)
	keyString       = lazyregexp.New(`(?i)^\s+key-string\s*$`)
)

// MaskSecrets returns a configuration in which no secret can be read: passwords
// and keys of every type, communities, and certificates with their keys. hide
// returns the text in place of a secret. A line that may hold a secret is masked
// in doubt.
func MaskSecrets(config string, hide func(secret string) string) string {
	var out []string
	block, end := []string(nil), "" // a certificate or a key that is several lines long, and the line that ends it
	for _, line := range strings.Split(config, "\n") {
		bare := strings.TrimRight(line, "\r")
		switch {
		case end != "" && (strings.Contains(bare, end) || !hexBlock.MatchString(bare) && end == "quit"):
			out, block, end = append(out, "  "+hide(strings.Join(block, "\n")), bare), nil, ""
		case end != "":
			block = append(block, strings.TrimSpace(bare))
		case certificate.MatchString(bare), keyString.MatchString(bare):
			out, end = append(out, bare), "quit"
		case strings.Contains(bare, "-----BEGIN "):
			out, end = append(out, bare), "-----END "
		default:
			out = append(out, maskLine(bare, hide))
		}
	}
	if end != "" { // the text ends in the middle
		out = append(out, "  "+hide(strings.Join(block, "\n")))
	}
	return strings.Join(out, "\n")
}

// maskLine masks the secret of one line.
func maskLine(line string, hide func(string) string) string {
	line = replacePart(urlSecret, line, hide)
	if strings.Contains(line, "snmp-server user ") {
		return replacePart(snmpUserSecrets, line, hide)
	}
	for _, form := range secretForms {
		if m := form.FindStringSubmatch(line); m != nil {
			return m[1] + hide(m[2]) + m[3]
		}
	}
	if secretFree.MatchString(line) {
		return line
	}
	if m := secretWords.FindStringSubmatchIndex(line); m != nil {
		return line[:m[8]] + hide(line[m[8]:m[9]])
	}
	return line
}

// replacePart hides the second group of every match.
func replacePart(form *lazyregexp.Regexp, line string, hide func(string) string) string {
	done := ""
	for {
		m := form.FindStringSubmatchIndex(line)
		if m == nil {
			return done + line
		}
		done += line[:m[4]] + hide(line[m[4]:m[5]])
		line = line[m[5]:]
	}
}

// volatile are lines that change although nobody changed the configuration.
var volatile = lazyregexp.New(`^(?:! (?:Last configuration change at|NVRAM config last updated at|No configuration change since last restart)|ntp clock-period |Current configuration : |Building configuration|Using \d+ out of \d+ bytes)`)

// WithoutVolatile returns a configuration without the lines that change by
// themselves: the time of the last change, and the like. diff and a look both use it.
func WithoutVolatile(config string) string {
	var kept []string
	for line := range strings.SplitSeq(config, "\n") {
		if !volatile.MatchString(line) {
			kept = append(kept, strings.TrimRight(line, "\r"))
		}
	}
	return strings.Join(kept, "\n")
}
