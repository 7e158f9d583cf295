package vty

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// methods returns the ways to log in, in the order of their use: the private
// key, then the password by both methods. If there is a key and no password,
// the key is the only way.
func (h *handshake) methods() []ssh.AuthMethod {
	var all []ssh.AuthMethod
	if h.cfg.Identity != nil {
		all = append(all, ssh.PublicKeysCallback(h.signers))
	}
	if h.cfg.Password != "" || h.cfg.Identity == nil {
		all = append(all, ssh.KeyboardInteractive(h.challenge), ssh.PasswordCallback(h.sendPassword))
	}
	return all
}

func (h *handshake) signers() ([]ssh.Signer, error) {
	h.key = true
	s, err := h.cfg.Identity.forServer(h.cfg.LegacyCrypto)
	return []ssh.Signer{s}, err
}

var errOnce = errors.New("the password was refused")

// sendPassword returns the password once, so that no account gets locked.
func (h *handshake) sendPassword() (string, error) {
	if h.password {
		return "", errOnce
	}
	h.password = true
	return h.cfg.Password, nil
}

// challenge answers keyboard-interactive (RFC 4256). The first question with a
// hidden answer gets the password, questions with a visible answer get the user
// name. A server may also ask nothing and only print a text. A second hidden
// question, and any question of a token server, ends the login without an
// answer.
func (h *handshake) challenge(_, _ string, questions []string, echos []bool) ([]string, error) {
	answers := make([]string, len(questions))
	hidden := -1
	for i, echo := range echos {
		switch {
		case token(questions[i], h.password || hidden >= 0):
			h.asked = strings.TrimSpace(questions[i])
			return nil, errors.New("it asks for a token")
		case echo:
			answers[i] = h.cfg.Username
		case hidden >= 0 || changes(questions[i]) || h.password && !strings.Contains(strings.ToLower(questions[i]), "password"):
			h.asked = strings.TrimSpace(questions[i])
			return nil, errors.New("it asks for more than a password")
		default:
			hidden = i
		}
	}
	if hidden < 0 {
		return answers, nil
	}
	var err error
	answers[hidden], err = h.sendPassword()
	return answers, err
}

// token reports whether a question is for something else than a password. A
// passcode may be the password, as long as that was not asked for.
func token(question string, after bool) bool {
	q := strings.TrimSpace(question)
	return factor.MatchString(q) && (after || !askPassword.MatchString(q))
}

// changes reports whether a question asks for a new password.
func changes(question string) bool {
	q := strings.ToLower(question)
	return strings.Contains(q, "new password") || strings.Contains(q, "retype") || strings.Contains(q, "re-enter")
}

// failed adds the cause to the error of a handshake.
func (h *handshake) failed(err error) error {
	name := h.cfg.Name
	text := err.Error()
	var none *ssh.AlgorithmNegotiationError
	var bits int
	switch i := strings.Index(text, "crypto/rsa: "); {
	case errors.Is(err, ErrSilent):
		return silentError(h.cfg)
	case h.keyErr != nil:
		return h.keyErr
	case errors.As(err, &none):
		return h.noCommon(none)
	case i >= 0 && scanBits(text[i:], &bits):
		// Go refuses such keys before our callback sees them.
		return weakKey(name, bits)
	case strings.Contains(text, "server-generated gex p is out of range"):
		return cause.Wrap(cause.NoCommonAlgorithm, h.cfg.plain(err), name+" offers only group exchange, with a group that is too small",
			h.cfg.onHost(onDevice("ip ssh dh min size 2048"), api.Say(updateJump)))
	case h.conn.protocol1():
		return cause.New(cause.NoCommonAlgorithm, name+" speaks only version 1 of SSH",
			h.cfg.onHost(onDevice("ip ssh version 2").Say("; or: ").Then(h.cfg.edit("transport", Telnet)), api.Say(updateJump)))
	case strings.Contains(text, "no common public key signature algorithm"):
		return cause.Wrap(cause.NoCommonAlgorithm, h.cfg.plain(err), name+" accepts an RSA key only with the SHA-1 signature ssh-rsa",
			h.cfg.onHost(h.cfg.edit("legacy_crypto", ""), api.Say("use a key of type ed25519 or ecdsa")))
	case h.asked != "" || h.password || h.key:
		return h.refused(err)
	case strings.Contains(text, "unable to authenticate"):
		return h.noMethod(err)
	}
	return cause.Wrap(cause.SessionLost, h.cfg.plain(err), name+" closed the connection during the SSH handshake",
		h.cfg.onHost(onDevice("show users").Say(" (are all lines in use?), ").Type(api.OnDevice, "show access-lists"), onJump("journalctl -u ssh")))
}

// refused reports the refusal of a key or a password, or a question for more
// than one password.
func (h *handshake) refused(err error) error {
	var with []string
	if h.key {
		with = append(with, "with the key "+h.cfg.Identity.Fingerprint())
	}
	if h.password && h.key {
		with = append(with, "and with the password")
	}
	seen := strings.TrimSpace(fmt.Sprintf("%s refused user %q %s", h.cfg.Name, h.cfg.Username, strings.Join(with, " ")))
	fix := h.cfg.onHost(h.cfg.edit("username", "USER", "password_file", "FILE"), h.cfg.edit("via", "USER@HOST", "via_password_file", "FILE"))
	switch {
	case h.asked != "":
		question := tail(h.cfg.plain(errors.New(h.asked)).Error(), excerptLength)
		why := cause.PromptUnrecognised
		if changes(h.asked) {
			why = cause.AuthFailed
		}
		return cause.New(why, fmt.Sprintf("%s asks user %q for more than one password: %s", h.cfg.Name, h.cfg.Username, question),
			api.Say("use an account that needs only a password or a key"))
	case h.key && !h.password:
		fix = h.cfg.onHost(h.permitKey(), api.Say("put the public key into ~/.ssh/authorized_keys of that user on the jump host"))
	}
	return cause.Wrap(cause.AuthFailed, h.cfg.plain(err), seen, fix)
}

// permitKey returns the configuration lines that allow the key. Most IOS
// releases support only RSA keys.
func (h *handshake) permitKey() api.Fix {
	lines := onDevice("ip ssh pubkey-chain", "username "+h.cfg.Username, "key-hash "+h.cfg.Identity.keyHash())
	if h.cfg.Identity.signer.PublicKey().Type() != ssh.KeyAlgoRSA {
		return api.Say("most IOS releases accept only RSA keys: ").Type(api.OnHost, "ssh-keygen -t rsa -b 2048 -N '' -f NEW").Say("; if the software accepts this type: ").Then(lines)
	}
	return lines
}

func (h *handshake) noMethod(err error) error {
	if h.cfg.Identity != nil && h.cfg.Password == "" {
		return cause.Wrap(cause.AuthFailed, h.cfg.plain(err), h.cfg.Name+" accepts no key, and no password is stored",
			h.cfg.onHost(h.cfg.edit("password_file", "FILE").Say("; or ").Then(onDevice("ip ssh server authenticate user publickey")),
				h.cfg.edit("via_password_file", "FILE")))
	}
	return cause.Wrap(cause.AuthFailed, h.cfg.plain(err), h.cfg.Name+" accepts neither password nor keyboard-interactive",
		h.cfg.onHost(onDevice("ip ssh server authenticate user password").Say("; or a key: ").Then(h.cfg.edit("identity_file", "FILE")),
			h.cfg.edit("via_identity_file", "FILE")))
}

func scanBits(text string, bits *int) bool {
	n, _ := fmt.Sscanf(text, "crypto/rsa: %d-bit keys are insecure", bits)
	return n == 1
}

// weakKey is the error for an RSA host key that anybody can factor.
func weakKey(name string, bits int) error {
	return cause.New(cause.HostKeyWeak, fmt.Sprintf("the host key of %s has %d bits: an RSA key under 1024 bits is not secure", name, bits),
		onDevice("configure terminal", "crypto key generate rsa modulus 2048").Say(" (before IOS 12.4: ").Type(api.OnDevice, "crypto key generate rsa").
			Say(", then 2048), ").Type(api.OnDevice, "end").Say("; or without SSH: ").Do("device edit", name).With("transport", Telnet))
}
