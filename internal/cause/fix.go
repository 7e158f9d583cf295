package cause

import (
	"errors"

	"flashwarden/api"
)

// WithFix gives a mistake of the caller, such as a name that does not exist,
// its next step. The text and the cause of err stay as they are.
func WithFix(err error, fix api.Fix) error { return &Error{Err: err, Fix: fix} }

// Hint returns the next step after err as text for the command line.
func Hint(err error) string { return FixOf(err).String() }

// FixOf returns the next step after err: the one that it carries, else the
// usual one of its cause. It is nil only for nil.
func FixOf(err error) api.Fix {
	if err == nil {
		return nil
	}
	if fix := Carried(err); len(fix) > 0 {
		return fix
	}
	return usual[Of(err)]
}

// Carried returns the next step that the place which saw err gave it, or nil. An
// error underneath a cause has no say: its step belongs to another failure.
func Carried(err error) api.Fix {
	var e *Error
	switch {
	case err == nil || !errors.As(err, &e):
		return nil
	case len(e.Fix) > 0 || e.Cause != "":
		return e.Fix
	}
	return Carried(e.Err)
}

// usual has the next step after a failure if only its cause is known: docs/causes.md
// in one line.
var usual = map[Cause]api.Fix{
	ConnectRefused:       api.Say("check on the device whether its lines accept logins: ").Type(api.OnDevice, "show line"),
	ConnectTimeout:       api.Say("check that the device can be reached: ").Type(api.OnHost, "ping HOST"),
	HostKeyUnknown:       api.Say("compare the key with the device's own, on its console: ").Type(api.OnDevice, "show crypto key mypubkey rsa"),
	HostKeyChanged:       api.Say("first find out who changed the key; on the device's console: ").Type(api.OnDevice, "show crypto key mypubkey rsa"),
	HostKeyWeak:          api.Say("make a larger key on the device, in configuration mode: ").Type(api.OnDevice, "crypto key generate rsa modulus 2048"),
	NoCommonAlgorithm:    api.Say("permit the algorithms of old IOS for this device: ").Do("device edit", "NAME").With("legacy_crypto", ""),
	AuthFailed:           api.Say("correct the stored settings: ").Do("device edit", "NAME").With("username", "USER").With("password_file", "FILE"),
	EnableFailed:         api.Say("correct the stored settings: ").Do("device edit", "NAME").With("enable_password_file", "FILE"),
	PromptUnrecognised:   api.Say("log in by hand and read the device's question"),
	SessionLost:          api.Say("check on the device whether it has restarted: ").Type(api.OnDevice, "show version"),
	CommandRejected:      api.Say("try the command by hand in a session, with ? after each word"),
	UnsupportedDevice:    api.Say("remove it from the inventory; only IOS and IOS-XE are backed up: ").Do("device remove", "NAME"),
	ImageNotFound:        api.Say("look for the image on the device: ").Type(api.OnDevice, "dir all-filesystems").Say(", ").Type(api.OnDevice, "show boot"),
	SourceMissing:        api.Say("look for the file on the device: ").Type(api.OnDevice, "dir /all"),
	NotPermittedOnDevice: api.Say("give the account privilege level 15, or allow the command on the AAA server"),
	NoRequest:            api.Say("find out which filter drops the packets: ").Do("doctor", "NAME"),
	WrongSource:          api.Say("make the device send from its address in the inventory; in configuration mode: ").Type(api.OnDevice, "ip tftp source-interface INTERFACE"),
	TIDBlocked:           api.Say("find out which filter drops the packets: ").Do("doctor", "NAME"),
	FragmentsDropped:     api.Say("use blocks that need no fragments: ").Set("tftp.max-block-size", "1468"),
	TransportRestricted:  api.Say("check on the device which protocols its software permits: ").Type(api.OnDevice, "copy ?"),
	Stalled:              api.Say("look for packet loss: ").Type(api.OnDevice, "show interfaces").Say(", ").Type(api.OnDevice, "show policy-map control-plane"),
	RefusedByServer:      api.Say("run it again with ").Option("verbose", "").Say(" and look at the requests that the server received"),
	SizeMismatch:         api.Say("the copy was deleted; run it again. If the error stays, compute the digest on the device twice: ").Type(api.OnDevice, "verify /md5 FILE"),
	DigestMismatch:       api.Say("the copy was deleted; run it again. If the error stays, compute the digest on the device twice: ").Type(api.OnDevice, "verify /md5 FILE"),
	SpoolFull:            api.Say("make room on the file system of the data directory: ").Type(api.OnHost, "df -h"),
	VaultError:           api.Say("run ").Do("check"),
	DeviceNoSpace:        api.Say("check the free space on the device: ").Type(api.OnDevice, "dir").Say("; delete files that you no longer need"),
	UnsafePrompt:         api.Say("nothing was changed; find out what the command would do on the device"),
	UnsafeBoot:           api.Say("look on the device at what it would start from: ").Type(api.OnDevice, "show boot").Say(", ").Type(api.OnDevice, "show version | include register"),
	Cancelled:            api.Say("run the same command again"),
	Internal:             api.Say("run it again with ").Option("verbose", "").Say(" and look at the log"),
}
