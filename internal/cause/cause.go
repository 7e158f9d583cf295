// Package cause names why something failed. A cause is one machine-readable
// word; it travels inside an error from the place that saw the failure to the
// place that shows it to the user, and every cause has a heading in docs/causes.md.
package cause

import (
	"context"
	"errors"

	"flashwarden/api"
)

// Cause is the one word for why something failed. The empty Cause means that
// nothing did.
type Cause = api.Cause

// The causes. They are part of the product: programs branch on them.
const (
	ConnectRefused       Cause = "connect_refused"         // the device's address answered that nobody listens
	ConnectTimeout       Cause = "connect_timeout"         // nothing answered the connection attempt
	HostKeyUnknown       Cause = "host_key_unknown"        // the SSH host key is not pinned and the policy asks for one that is
	HostKeyChanged       Cause = "host_key_changed"        // the SSH host key differs from the pinned one
	HostKeyWeak          Cause = "host_key_weak"           // an RSA host key of under 1024 bits
	NoCommonAlgorithm    Cause = "no_common_algorithm"     // SSH negotiation found nothing that both sides speak
	AuthFailed           Cause = "auth_failed"             // user name or password refused
	EnableFailed         Cause = "enable_failed"           // privileged EXEC refused
	PromptUnrecognised   Cause = "prompt_unrecognised"     // the device asked something that we do not know
	SessionLost          Cause = "session_lost"            // the terminal session ended by itself
	CommandRejected      Cause = "command_rejected"        // the device refused a command
	UnsupportedDevice    Cause = "unsupported_device"      // not IOS or IOS-XE
	ImageNotFound        Cause = "image_not_found"         // the running image is in no file system
	SourceMissing        Cause = "source_missing"          // the file to copy is not there
	NotPermittedOnDevice Cause = "not_permitted_on_device" // the account may not do this
	NoRequest            Cause = "no_request"              // the TFTP server saw nothing
	WrongSource          Cause = "wrong_source"            // the request came from another address
	TIDBlocked           Cause = "tid_blocked"             // the device asked, the server's answers stayed unanswered
	FragmentsDropped     Cause = "fragments_dropped"       // small blocks pass, large ones vanish
	TransportRestricted  Cause = "transport_restricted"    // the device's software refuses the protocol of the copy
	Stalled              Cause = "stalled"                 // blocks flowed, then nothing
	RefusedByServer      Cause = "refused_by_server"       // our TFTP server sent an ERROR
	SizeMismatch         Cause = "size_mismatch"           // bytes received differ from the device's listing
	DigestMismatch       Cause = "digest_mismatch"         // digest received differs from the device's
	SpoolFull            Cause = "spool_full"              // no space left where transfers land
	VaultError           Cause = "vault_error"             // the vault could not keep the received file
	DeviceNoSpace        Cause = "device_no_space"         // the device's flash is full
	UnsafePrompt         Cause = "unsafe_prompt"           // the device asked to erase, format or overwrite
	UnsafeBoot           Cause = "unsafe_boot"             // the device would not return from a reload
	Cancelled                  = api.Cancelled             // the user, or a signal, stopped it
	Internal             Cause = "internal"                // a defect of flashwarden
)

// All lists every cause, in the order of the documentation.
func All() []Cause {
	return []Cause{
		ConnectRefused, ConnectTimeout, HostKeyUnknown, HostKeyChanged, HostKeyWeak, NoCommonAlgorithm,
		AuthFailed, EnableFailed, PromptUnrecognised, SessionLost, CommandRejected, UnsupportedDevice,
		ImageNotFound, SourceMissing, NotPermittedOnDevice, NoRequest, WrongSource, TIDBlocked,
		FragmentsDropped, TransportRestricted, Stalled, RefusedByServer, SizeMismatch, DigestMismatch, SpoolFull, VaultError,
		DeviceNoSpace, UnsafePrompt, UnsafeBoot, Cancelled, Internal,
	}
}

// ErrSilent says that a device accepted the connection and then sent nothing at
// all. It lies underneath an Error; find it with errors.Is.
var ErrSilent = errors.New("no greeting received")

// Transient reports whether another try may help without any change.
func Transient(c Cause) bool {
	switch c {
	case ConnectTimeout, SessionLost, Stalled, FragmentsDropped:
		return true
	}
	return false
}

// Error is a failure with its cause. The cause is empty for a mistake of the
// caller; see [WithFix].
type Error struct {
	Cause Cause
	Seen  string  // the observation, in plain words; the error's text
	Fix   api.Fix // the next step; nil: the usual one of the cause, see [FixOf]
	Err   error   // what lies underneath; may be nil
}

// New returns an error with cause c. seen is the observation, fix the next
// step; nil is the usual one of c.
func New(c Cause, seen string, fix api.Fix) *Error {
	return &Error{Cause: c, Seen: seen, Fix: fix}
}

// Wrap is New around err, whose text is added to seen.
func Wrap(c Cause, err error, seen string, fix api.Fix) *Error {
	return &Error{Cause: c, Seen: seen, Fix: fix, Err: err}
}

// Error returns the observation, and the text of the error underneath. The fix is
// not in it: it is shown apart.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Seen
	case e.Seen == "":
		return e.Err.Error()
	}
	return e.Seen + ": " + e.Err.Error()
}

// Unwrap returns the error underneath, for errors.Is and errors.As; nil if there
// is none.
func (e *Error) Unwrap() error { return e.Err }

// Of returns the cause of err: the outermost one that an Error in its chain
// names, Cancelled for a cancelled context, else Internal; "" for nil.
func Of(err error) Cause {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e) && e.Cause != "":
		return e.Cause
	case e != nil:
		return Of(e.Err)
	case errors.Is(err, context.Canceled):
		return Cancelled
	}
	return Internal
}

// Ended returns the error of work whose context has ended: the Error that
// ended it, if there is one; otherwise Cancelled.
func Ended(ctx context.Context) *Error {
	var reason *Error
	if errors.As(context.Cause(ctx), &reason) {
		return reason
	}
	return New(Cancelled, "cancelled", nil)
}
