package iossim

// Times says how often a fault happens: 0 never, n the first n times,
// Always each time.
type Times int

// Always makes a fault happen each time.
const Always Times = -1

// After is a fault that happens in the middle of a transfer, limited like the
// others.
type After struct {
	Bytes int64 // the block that would bring the transfer beyond so many does not pass any more
	Times Times
}

// Faults is what goes wrong. The zero value is a healthy switch. Each field
// says where the behaviour or the text comes from.
type Faults struct {
	// AskErase makes a copy ask "Erase flash: before copying? [confirm]" and,
	// unless the answer is no, "Erasing the flash filesystem will remove all
	// files! Continue? [confirm]". Confirmed twice, the files are gone. Real
	// ones ask it when a copy writes into flash; a mistyped destination got
	// there in one public transcript (Tokyo#copy running-config start-config).
	AskErase Times
	// AskOverwrite makes a copy to a TFTP server print "%Warning:There is a
	// file already existing with this name" and ask "Do you want to over
	// write? [confirm]". Confirmed, the source file in flash is ruined. IOS
	// asks it when a copy writes into flash.
	AskOverwrite Times
	// AskPartition makes a copy show the partitions of the flash and ask "Which
	// partition? [default = 1]": run-from-flash routers with partitioned flash
	// (Configuration Fundamentals Command Reference, "copy").
	AskPartition Times
	// AskUnknown makes a copy ask a question that no known IOS asks.
	AskUnknown Times
	// Ask asks a question before a command of privileged EXEC or configuration
	// mode runs; "" asks none. Confirmed, the flash is gone: no such question
	// was to be answered with yes.
	Ask func(command string) (question string)
	// ShortBlock sends one block less than the file has and tells success:
	// the truncated last block of domain knowledge about TFTP servers that
	// count the end wrong.
	ShortBlock Times
	// FlipBit inverts one bit in the middle of what is sent, or of what was
	// received when it is written to flash; IOS 12.0 has no
	// digest with which to notice.
	FlipBit Times
	// OtherName asks the server for the file's own name and not for the one
	// that the copy was told, as after a question that was answered wrong: a
	// public transcript has a configuration saved as "192.168.1.1".
	OtherName Times
	// Hangup ends the terminal and the transfer at once, without a word on
	// either: the power cut, the crash.
	Hangup After
	// HangTerminal ends the terminal in the middle of a copy, which goes on
	// and completes: an idle timeout or a firewall that forgot the session.
	HangTerminal Times
	// Stall stops the transfer; the terminal stays, and after Options.Timeout
	// tells "(Timed out)".
	Stall After
	// LoseLarge loses every datagram that would be cut into fragments, in both
	// directions: a path that drops fragments. It needs a profile that asks
	// for large blocks.
	LoseLarge Times
	// LoseAnswers loses every answer of the server: a firewall that lets port
	// 69 pass and not the ports of the transfer.
	LoseAnswers Times
	// LeavePartial leaves what came of a file in flash when its copy from a
	// server fails.
	LeavePartial Times
	// IgnoreBoot takes boot system lines without a word and forgets them, as
	// some devices do with a file that they will not boot.
	IgnoreBoot Times
	// BootOld starts what ran before, whatever BOOT names, as a loader does
	// that finds an image damaged.
	BootOld Times
	// NoTFTP sends nothing at all; after Options.Timeout the terminal tells
	// "%Error opening tftp://… (Timed out)", as for an access list, a missing
	// route or the wrong VRF.
	NoTFTP Times
	// SyslogNoise, per session, prints log messages and the errors of
	// AutoInstall between lines, inside "!!!!" and after prompts, whatever
	// terminal monitor says.
	SyslogNoise Times
	// SlowPrint, per session, sends every character in a packet of its own,
	// as a 9600 baud console server does.
	SlowPrint Times
	// KeepPaging, per command, makes terminal length have no effect: --More--
	// stays. Written after accounts whose AAA server takes the command and whose
	// line is set otherwise; no real text is known.
	KeepPaging Times
	// KeepWidth, per command, makes the switch reject terminal width, so that it
	// echoes a long command scrolled, behind a "$", as in a public transcript
	// (LBJ-F6IDF-SW2#$z.152-7.E10/c1000-universalk9-mz.152-7.E10.bin usbflash0:).
	KeepWidth Times
	// SetupDialogue, per session, asks for the initial configuration dialog
	// behind the login, as a device without configuration does on its console
	// (prompts as netmiko and Unicon know them).
	SetupDialogue Times
	// Rename changes the host name in the prompt once a copy has ended, as a
	// public transcript shows it (S1# became Switch1#); empty: it stays.
	Rename string
	// RejectVerify makes the switch reject verify as an unknown command, as
	// IOS before 12.2(4)T rejects verify /md5.
	RejectVerify Times
	// RejectMD5 makes the switch reject verify /md5 alone; the other forms of
	// verify work.
	RejectMD5 Times
	// DamagedImages has one bit inverted in the middle of each image and package
	// in flash, as flash that wears out does: it is read, sent and digested so.
	// What plain verify then prints is put together from the lines that it prints
	// for other failures: no session with a damaged image is public.
	DamagedImages bool
}

// strikes reports whether a fault happens now, and uses it up. pick names the
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

// strikesAfter is strikes for a fault in the middle of a transfer that would
// have moved so many bytes with its next block.
func (s *Switch) strikesAfter(bytes int64, pick func(*Faults) *After) bool {
	s.mu.Lock()
	early := bytes <= pick(&s.faults).Bytes
	s.mu.Unlock()
	return !early && s.strikes(func(f *Faults) *Times { return &pick(f).Times })
}
