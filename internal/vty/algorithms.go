package vty

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// algorithms returns the algorithms that we offer: those that x/crypto/ssh
// considers secure, and the best that devices of the last decade have
// (group14-sha1, hmac-sha1). legacy adds broken ones: the ssh-rsa signature,
// which is SHA-1, small groups, and CBC. Group 1 stands before group exchange,
// because x/crypto/ssh refuses the moduli under 2048 bits that old IOS
// proposes. aes192-cbc, aes256-cbc and hmac-md5 are not implemented.
func algorithms(legacy bool) (ssh.Config, []string) {
	secure := ssh.SupportedAlgorithms()
	c := ssh.Config{KeyExchanges: append(secure.KeyExchanges, ssh.InsecureKeyExchangeDH14SHA1)}
	c.SetDefaults()
	hostKeys := []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
	if legacy {
		c.KeyExchanges = append(c.KeyExchanges, ssh.InsecureKeyExchangeDH1SHA1, ssh.InsecureKeyExchangeDHGEXSHA1)
		c.Ciphers = append(slices.Clip(c.Ciphers), ssh.InsecureCipherAES128CBC, ssh.InsecureCipherTripleDESCBC)
		hostKeys = append(hostKeys, ssh.KeyAlgoRSA)
	}
	return c, hostKeys
}

// keepTypes keeps the algorithms that prove keys of the pinned types.
func keepTypes(algorithms []string, known []ssh.PublicKey) []string {
	var keep []string
	for _, a := range algorithms {
		for _, k := range known {
			if a == k.Type() || k.Type() == ssh.KeyAlgoRSA && strings.HasPrefix(a, "rsa-sha2-") {
				keep = append(keep, a)
				break
			}
		}
	}
	return keep
}

// offer is the SSH_MSG_KEXINIT of a server: its algorithms (RFC 4253 section
// 7.1).
type offer struct {
	Cookie                 [16]byte `sshtype:"20"`
	KeyExchanges           []string
	HostKeys               []string
	CiphersIn, Ciphers     []string // In: from us to the server
	MACsIn, MACs           []string
	CompressionIn          []string
	Compression            []string
	LanguagesIn, Languages []string
	FirstFollows           bool
	Reserved               uint32
}

// parseOffer finds the offer in the first bytes of a server: lines up to its
// version (RFC 4253 section 4.2), then one packet (section 6).
func parseOffer(sent []byte) (o offer, ok bool) {
	for !bytes.HasPrefix(sent, []byte("SSH-")) {
		_, rest, found := bytes.Cut(sent, []byte("\n"))
		if !found {
			return o, false
		}
		sent = rest
	}
	_, packet, _ := bytes.Cut(sent, []byte("\n"))
	if len(packet) < 5 {
		return o, false
	}
	length, padding := int64(binary.BigEndian.Uint32(packet)), int64(packet[4])
	if length > int64(len(packet)-4) || padding+1 > length {
		return o, false
	}
	if ssh.Unmarshal(packet[5:4+length-padding], &o) != nil {
		return o, false
	}
	o.KeyExchanges = slices.DeleteFunc(o.KeyExchanges, func(name string) bool { // these are extensions, not algorithms
		return strings.HasPrefix(name, "ext-info-") || strings.HasPrefix(name, "kex-strict-")
	})
	return o, true
}

// choice is one kind of algorithm on which both sides must agree.
type choice struct {
	what                 string // the kind, in words
	command              string // the command that makes IOS 15.5 and later offer an algorithm that we have
	theirs, ours, legacy []string
}

// choices lists the kinds on which we and the server must agree.
func (h *handshake) choices(o offer) []choice {
	c, keys := algorithms(h.cfg.LegacyCrypto)
	old, oldKeys := algorithms(true)
	if len(h.known) > 0 {
		keys, oldKeys = keepTypes(keys, h.known), keepTypes(oldKeys, h.known)
	}
	all := []choice{
		{"key exchange", "kex diffie-hellman-group14-sha1", o.KeyExchanges, c.KeyExchanges, old.KeyExchanges},
		{"host key", "hostkey rsa-sha2-256", o.HostKeys, keys, oldKeys},
		{"cipher", "encryption aes128-ctr", o.Ciphers, c.Ciphers, old.Ciphers},
	}
	cipher := common(c.Ciphers, o.Ciphers)
	if strings.Contains(cipher, "-gcm") || strings.Contains(cipher, "poly1305") {
		return all // it authenticates by itself, without a MAC
	}
	return append(all, choice{"MAC", "mac hmac-sha1", o.MACs, c.MACs, old.MACs})
}

// common returns the first of ours that is among theirs, or "".
func common(ours, theirs []string) string {
	if i := slices.IndexFunc(ours, func(a string) bool { return slices.Contains(theirs, a) }); i >= 0 {
		return ours[i]
	}
	return ""
}

// disagreed lists the choices without a common algorithm: all of them if we
// have the server's offer, and otherwise the one that ended the handshake.
func (h *handshake) disagreed(e *ssh.AlgorithmNegotiationError) []choice {
	if o, ok := parseOffer(h.conn.first()); ok {
		return slices.DeleteFunc(h.choices(o), func(c choice) bool { return common(c.ours, c.theirs) != "" })
	}
	old, keys := algorithms(true)
	return []choice{{what: e.What, theirs: e.RequestedAlgorithms, ours: e.SupportedAlgorithms,
		legacy: slices.Concat(old.KeyExchanges, keys, old.Ciphers, old.MACs)}}
}

// noCommon reports every kind without a common algorithm, and whether the
// algorithms of old IOS would help.
func (h *handshake) noCommon(e *ssh.AlgorithmNegotiationError) error {
	var seen, offers []string
	fix := ""
	for _, c := range h.disagreed(e) {
		theirs := tail(h.cfg.plain(errors.New(strings.Join(c.theirs, ","))).Error(), 4*excerptLength)
		only := ""
		if common(c.legacy, c.theirs) == "" {
			if c.what == "host key" && len(h.known) > 0 {
				return h.cfg.changedType(h.known, theirs)
			}
			only, fix = "only ", c.command
		}
		offers = append(offers, c.what+" "+theirs)
		seen = append(seen, fmt.Sprintf("no common SSH %s with %s: it offers %s%s; flashwarden offers %s", c.what, h.cfg.Name, only, theirs, strings.Join(c.ours, ",")))
	}
	if fix == "" && !h.cfg.LegacyCrypto { // those of old IOS would do
		seen = []string{fmt.Sprintf("%s speaks only old SSH algorithms: %s", h.cfg.Name, strings.Join(offers, "; "))}
	}
	return cause.New(cause.NoCommonAlgorithm, strings.Join(seen, "; "), h.agree(fix))
}

// agree returns the next step towards common algorithms. fix is the command on
// the device, for the case that the algorithms of old IOS do not help.
func (h *handshake) agree(fix string) api.Fix {
	switch {
	case h.cfg.jumpTo != "":
		return api.Say(updateJump)
	case fix == "" && !h.cfg.LegacyCrypto:
		return h.cfg.edit("legacy_crypto", "")
	case fix == "":
		return h.cfg.edit("transport", Telnet)
	}
	return api.Say("flashwarden does not implement its algorithms; ").Then(onDevice("ip ssh server algorithm " + fix)).Say("; or: ").Then(h.cfg.edit("transport", Telnet))
}
