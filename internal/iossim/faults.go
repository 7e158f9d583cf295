package iossim

// Times is the number of times that a fault happens: 0 never, n the first n
// times, Always each time.
type Times int

// Always makes a fault happen each time.
const Always Times = -1

// After is a fault in the middle of a transfer.
type After struct {
	Bytes int64 // the block that would take the transfer beyond this number of bytes does not pass
	Times Times
}

// Faults describes everything that goes wrong. The zero value is a healthy
// switch. Each field names the source of its behaviour or text.
type Faults struct {
	// AskErase makes a copy ask "Erase flash: before copying? [confirm]" and,
	// unless the answer is no, "Erasing the flash filesystem will remove all
	// files! Continue? [confirm]". Two confirmations erase the files. Real
	// devices ask this when a copy writes into flash. In one public transcript
	// a mistyped destination did so (Tokyo#copy running-config start-config).
	AskErase Times
	// AskOverwrite makes a copy to a TFTP server print "%Warning:There is a
	// file already existing with this name" and ask "Do you want to over
	// write? [confirm]". A confirmation ruins the source file in flash. IOS
	// asks this when a copy writes into flash.
	AskOverwrite Times
	// AskPartition makes a copy show the partitions of the flash and ask "Which
	// partition? [default = 1]": run-from-flash routers with partitioned flash
	// (Configuration Fundamentals Command Reference, "copy").
	AskPartition Times
	// AskUnknown makes a copy ask a question that no known IOS asks.
	AskUnknown Times
	// Ask returns a question to ask before a command of privileged EXEC or
	// configuration mode; "" asks none. A confirmation erases the flash,
	// because nobody should answer such a question with yes.
	Ask func(command string) (question string)
	// ShortBlock sends one block less than the file has and reports success,
	// like TFTP clients that count the last block wrong.
	ShortBlock Times
	// FlipBit inverts one bit in the middle of the data, as sent to a server
	// or as written to flash. IOS 12.0 has no digest that would show it.
	FlipBit Times
	// OtherName requests the file's own name from the server instead of the
	// name in the copy command, as after a wrong answer to a question. In a
	// public transcript a configuration was saved as "192.168.1.1".
	OtherName Times
	// Hangup ends the terminal and the transfer at once, without any message:
	// a power cut or a crash.
	Hangup After
	// HangTerminal ends the terminal in the middle of a copy. The copy goes on
	// and completes: an idle timeout, or a firewall that forgot the session.
	HangTerminal Times
	// Stall stops the transfer. The terminal stays, and prints "(Timed out)"
	// after Options.Timeout.
	Stall After
	// LoseLarge loses every datagram that needs fragments, in both directions:
	// a path that drops fragments. It needs a profile that requests large
	// blocks.
	LoseLarge Times
	// LoseAnswers loses every answer of the server: a firewall that permits
	// port 69 but not the ports of the transfer.
	LoseAnswers Times
	// LeavePartial keeps the received part of a file in flash when its copy
	// from a server fails.
	LeavePartial Times
	// IgnoreBoot accepts boot system lines without a message and forgets them,
	// as some devices do for a file that they cannot boot.
	IgnoreBoot Times
	// BusyNVRAM makes write memory fail: "startup-config file open failed
	// (Device or resource busy)", as in Cisco's tech notes about it.
	BusyNVRAM Times
	// Break ends the terminal at a command: before it runs, or, if after is true,
	// as soon as it has run.
	Break func(command string) (broken, after bool)
	// CutOutput ends the terminal after this number of bytes of a command's output.
	// The command goes on to its end. 0: not at this command.
	CutOutput func(command string) (bytes int)
	// ReloadAsks is asked by reload and by redundancy reload shelf in place of
	// their last question. A confirmation restarts the switch.
	ReloadAsks string
	// CutPower makes each end of a terminal by Break a power cut: every unit starts
	// again.
	CutPower bool
	// RefuseLine makes the switch reject a line of configuration mode.
	RefuseLine func(line string) bool
	// BootOld starts the previous image again and ignores BOOT, like a loader
	// that finds an image damaged.
	BootOld Times
	// NoTFTP sends nothing at all. After Options.Timeout the terminal prints
	// "%Error opening tftp://… (Timed out)", as for an access list, a missing
	// route or the wrong VRF.
	NoTFTP Times
	// RestrictTFTP makes a copy over TFTP print a SECURITY WARNING and a
	// rejection, like software that refuses insecure protocols (Cisco,
	// "Insecure Feature Restrictions on IOS XE", for 26.1.1). Both lines are
	// written by hand: the document has no text of a rejection.
	RestrictTFTP Times
	// SCP is everything that goes wrong with the SCP server.
	SCP SCPFaults
	// SyslogNoise, per session, prints log messages and the errors of
	// AutoInstall between lines, inside "!!!!" and after prompts, even without
	// terminal monitor.
	SyslogNoise Times
	// SecurityWarnings, per session, is SyslogNoise with the warnings of IOS-XE
	// 17.18 and later (form of the lines: Cisco, "Resilient Infrastructure
	// Security Warnings Reference", and Unicon's patterns).
	SecurityWarnings Times
	// SlowPrint, per session, sends every character in a packet of its own,
	// like a console server at 9600 baud.
	SlowPrint Times
	// OddRow, per listing, makes dir print a row in a form that no known IOS
	// has. It is written by hand.
	OddRow Times
	// KeepPaging, per command, makes terminal length have no effect: --More--
	// stays. It imitates an AAA server that accepts the command on a line with
	// another setting. We know no real text.
	KeepPaging Times
	// KeepWidth, per command, makes the switch reject terminal width. It then
	// echoes a long command scrolled, after a "$", as in a public transcript
	// (LBJ-F6IDF-SW2#$z.152-7.E10/c1000-universalk9-mz.152-7.E10.bin
	// usbflash0:).
	KeepWidth Times
	// NoSession, per session, prints "% Authorization failed." after the login
	// and hangs up, like a device whose AAA server permits the account no exec
	// (text as in Cisco's AAA tech notes).
	NoSession Times
	// SetupDialogue, per session, asks for the initial configuration dialog
	// after the login, like a device without configuration on its console
	// (prompts as in netmiko and Unicon).
	SetupDialogue Times
	// Rename changes the host name in the prompt at the end of a copy, as in a
	// public transcript (S1# became Switch1#). Empty: no change.
	Rename string
	// RejectVerify makes the switch reject verify as an unknown command, as
	// IOS before 12.2(4)T rejects verify /md5.
	RejectVerify Times
	// RejectMD5 makes the switch reject only verify /md5. The other forms of
	// verify work.
	RejectMD5 Times
	// RejectShelf makes the switch reject redundancy reload shelf as an unknown
	// command.
	RejectShelf Times
	// DamagedImages inverts one bit in the middle of each image and package in
	// flash, like worn-out flash. The switch reads, sends and digests the
	// damaged bytes. The output of plain verify is composed of its lines for
	// other failures, because no session with a damaged image is public.
	DamagedImages bool
}

// Arm sets everything that goes wrong from now on. Call it while nobody is logged
// in.
func (s *Switch) Arm(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.o.Faults = f, f
}

// strikes reports whether a fault happens now, and counts it. pick selects the
// field.
func (s *Switch) strikes(pick func(*Faults) *Times) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := pick(&s.faults)
	switch {
	case *left == 0:
		return false
	case *left > 0:
		*left--
	}
	return true
}

// strikesAfter is strikes for a fault in the middle of a transfer. bytes is the
// size of the transfer with its next block.
func (s *Switch) strikesAfter(bytes int64, pick func(*Faults) *After) bool {
	s.mu.Lock()
	early := bytes <= pick(&s.faults).Bytes
	s.mu.Unlock()
	return !early && s.strikes(func(f *Faults) *Times { return &pick(f).Times })
}
