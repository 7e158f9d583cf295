package api

import (
	"errors"
	"fmt"

	"flashwarden/internal/lazyregexp"
)

// ErrInvalidCredential is the error of a CredentialChange that cannot be kept; test with errors.Is.
var ErrInvalidCredential = errors.New("invalid credential")

// Credential is how to log in to a group of devices: a user name and passwords under one
// name. It says where the secrets are, never what they are.
type Credential struct {
	Name           string `json:"name"`
	Username       string `json:"username"`
	Password       string `json:"password"`        // "stored", "environment NAME", "systemd NAME", "command LINE"; empty: there is none. "; old: " and the same follow while there is an old login
	EnablePassword string `json:"enable_password"` // the same
	Fingerprint    string `json:"fingerprint"`     // of the private key, as ssh-keygen -l prints it; empty: there is none
	Devices        int    `json:"devices"`         // that name it
}

// CredentialChange is a credential to add, or new parts of one. A nil part stays as it is.
type CredentialChange struct {
	Name           string  `json:"name"`
	Username       *string `json:"username,omitempty"`
	Password       *Secret `json:"password,omitempty"`
	EnablePassword *Secret `json:"enable_password,omitempty"`
	Identity       *string `json:"identity,omitempty"` // private key, as ssh-keygen writes it; empty: it is removed

	KeepOld bool `json:"keep_old,omitempty"` // keep the login as it is now, too: it is tried first, and the new one if a device refuses it
	DropOld bool `json:"drop_old,omitempty"` // forget the login that was kept
}

// CredentialTest asks whether the secrets of a credential are found, and whether a device takes
// them.
type CredentialTest struct {
	Name   string `json:"name"`
	Device string `json:"device,omitempty"` // one that uses the credential; empty: no login
}

// CredentialTestResult is a credential whose secrets were found.
type CredentialTestResult struct {
	Name   string   `json:"name"`
	Found  []string `json:"found"`            // what the credential has, and where it was found: "password: stored"
	Device string   `json:"device,omitempty"` // the device that took the login
	Old    bool     `json:"old"`              // it was the old login
}

// Secret is a password, or where it is found at each login. One field is set; without any,
// there is no password.
type Secret struct {
	Text        string `json:"text,omitempty"`        // the password, which is sealed and stored
	Environment string `json:"environment,omitempty"` // the name of an environment variable of the process that logs in
	Systemd     string `json:"systemd,omitempty"`     // the name of a file in $CREDENTIALS_DIRECTORY, see systemd.exec(5)
	Command     string `json:"command,omitempty"`     // a program and its arguments, run without a shell; the password is the first line of its output
}

// String says where the secret is, and not what it is.
func (s Secret) String() string {
	switch {
	case s.Text != "":
		return "stored"
	case s.Environment != "":
		return "environment " + s.Environment
	case s.Systemd != "":
		return "systemd " + s.Systemd
	case s.Command != "":
		return "command " + s.Command
	}
	return ""
}

// GoString is String, so that %#v does not reveal the secret either.
func (s Secret) GoString() string { return s.String() }

var (
	variableName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	systemdName  = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
)

// maxCommand is the longest command that finds a secret, in bytes.
const maxCommand = 1000

// Validate returns an ErrInvalidCredential if the secret cannot be found.
func (s Secret) Validate() error {
	set := 0
	for _, text := range []string{s.Text, s.Environment, s.Systemd, s.Command} {
		if text != "" {
			set++
		}
	}
	switch {
	case set > 1:
		return fmt.Errorf("%w: give only one place of a password", ErrInvalidCredential)
	case s.Environment != "" && !variableName.MatchString(s.Environment):
		return fmt.Errorf("%w: %q is not the name of an environment variable", ErrInvalidCredential, s.Environment)
	case s.Systemd != "" && !systemdName.MatchString(s.Systemd):
		return fmt.Errorf("%w: %q is not the name of a systemd credential", ErrInvalidCredential, s.Systemd)
	case len(s.Command) > maxCommand || !isGraphic(s.Command):
		return fmt.Errorf("%w: the command has control characters, or more than %d bytes", ErrInvalidCredential, maxCommand)
	}
	return nil
}

// Validate returns an ErrInvalidCredential if the credential cannot be kept.
func (c CredentialChange) Validate() error {
	if !isName(c.Name) {
		return fmt.Errorf("%w %q: %s", ErrInvalidCredential, c.Name, nameRule)
	}
	if c.KeepOld && c.DropOld {
		return fmt.Errorf("%w %q: an old login is either kept or dropped", ErrInvalidCredential, c.Name)
	}
	if c.Username != nil {
		if problem := textProblem("username", *c.Username); problem != "" {
			return fmt.Errorf("%w %q: %s", ErrInvalidCredential, c.Name, problem)
		}
	}
	for _, s := range []*Secret{c.Password, c.EnablePassword} {
		if s == nil {
			continue
		}
		if err := s.Validate(); err != nil {
			return err
		}
	}
	return nil
}
