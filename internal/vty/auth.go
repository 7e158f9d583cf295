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
// question ends the login without any answer.
func (h *handshake) challenge(_, _ string, questions []string, echos []bool) ([]string, error) {
	answers := make([]string, len(questions))
	hidden := -1
	for i, echo := range echos {
		switch {
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
			api.Say(h.cfg.onHost("on the device: ip ssh dh min size 2048", "update the SSH server on the jump host")))
	case h.conn.protocol1():
		return cause.New(cause.NoCommonAlgorithm, name+" speaks only version 1 of SSH",
			api.Say(h.cfg.onHost("on the device: ip ssh version 2; or: flashwarden device edit "+name+" --transport telnet", "update the SSH server on the jump host")))
	case strings.Contains(text, "no common public key signature algorithm"):
		return cause.Wrap(cause.NoCommonAlgorithm, h.cfg.plain(err), name+" accepts an RSA key only with the SHA-1 signature ssh-rsa",
			api.Say(h.cfg.onHost("flashwarden device edit "+name+" --legacy-crypto", "use a key of type ed25519 or ecdsa")))
	case h.asked != "" || h.password || h.key:
		return h.refused(err)
	case strings.Contains(text, "unable to authenticate"):
		return h.noMethod(err)
	}
	return cause.Wrap(cause.SessionLost, h.cfg.plain(err), name+" broke off the SSH handshake",
		api.Say(h.cfg.onHost("on the device: show users (are all lines in use?), show access-lists", "on the jump host: journalctl -u ssh")))
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
	hint := h.cfg.onHost("flashwarden device edit "+h.cfg.Name+" --username USER --password-file FILE",
		"flashwarden device edit "+h.cfg.jumpTo+" --via USER@HOST --via-password-file FILE")
	switch {
	case h.asked != "":
		question := tail(h.cfg.plain(errors.New(h.asked)).Error(), excerptLength)
		return cause.New(cause.AuthFailed, fmt.Sprintf("%s asks user %q for more than one password: %s", h.cfg.Name, h.cfg.Username, question),
			api.Say("use an account that needs only a password or a key"))
	case h.key && !h.password:
		hint = h.cfg.onHost(h.permitKey(), "put the public key into ~/.ssh/authorized_keys of that user on the jump host")
	}
	return cause.Wrap(cause.AuthFailed, h.cfg.plain(err), seen, api.Say(hint))
}

// permitKey returns the configuration lines that allow the key. Most IOS
// releases support only RSA keys.
func (h *handshake) permitKey() string {
	lines := fmt.Sprintf("on the device: ip ssh pubkey-chain, username %s, key-hash %s", h.cfg.Username, h.cfg.Identity.keyHash())
	if h.cfg.Identity.signer.PublicKey().Type() != ssh.KeyAlgoRSA {
		return "most IOS releases accept only RSA keys: ssh-keygen -t rsa -b 2048 -N '' -f NEW; if the software accepts this type: " + lines
	}
	return lines
}

func (h *handshake) noMethod(err error) error {
	if h.cfg.Identity != nil && h.cfg.Password == "" {
		return cause.Wrap(cause.AuthFailed, h.cfg.plain(err), h.cfg.Name+" accepts no key, and no password is stored",
			api.Say(h.cfg.onHost("flashwarden device edit "+h.cfg.Name+" --password-file FILE; or on the device: ip ssh server authenticate user publickey",
				"flashwarden device edit "+h.cfg.jumpTo+" --via-password-file FILE")))
	}
	return cause.Wrap(cause.AuthFailed, h.cfg.plain(err), h.cfg.Name+" accepts neither password nor keyboard-interactive",
		api.Say(h.cfg.onHost("on the device: ip ssh server authenticate user password; or a key: flashwarden device edit "+h.cfg.Name+" --identity-file FILE",
			"flashwarden device edit "+h.cfg.jumpTo+" --via-identity-file FILE")))
}

func scanBits(text string, bits *int) bool {
	n, _ := fmt.Sscanf(text, "crypto/rsa: %d-bit keys are insecure", bits)
	return n == 1
}

// weakKey is the error for an RSA host key that anybody can factor.
func weakKey(name string, bits int) error {
	return cause.New(cause.HostKeyWeak, fmt.Sprintf("the host key of %s has %d bits: an RSA key under 1024 bits proves nothing", name, bits),
		api.Say("on the device: configure terminal, crypto key generate rsa modulus 2048 (before IOS 12.4: crypto key generate rsa, then 2048), end; "+
			"or without SSH: flashwarden device edit "+name+" --transport telnet"))
}
