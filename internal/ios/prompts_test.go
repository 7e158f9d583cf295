package ios

import (
	"strings"
	"testing"

	"flashwarden/internal/cause"
)

// reply is the expected reply to a question: the answer, and the cause that
// ends the copy.
type reply struct {
	answer string
	stop   cause.Cause
}

// TestPrompts has one row for every known question of a copy, with the replies
// of a backup and of a restore. It asks each question alone, as the one-line
// form of the command does; after the other questions of the long form; and
// with a blank and messages around it.
func TestPrompts(t *testing.T) {
	no, stopYesNo, unknown := reply{"n", cause.UnsafePrompt}, reply{"no", cause.UnsafePrompt}, reply{"", cause.PromptUnrecognised}
	host, name, plainNo := reply{"10.0.0.1", ""}, reply{"k3f9-2m7x-q1zz", ""}, reply{"n", ""}
	source, destination := reply{"d/x.bin", ""}, reply{"x.bin", ""}
	for _, row := range []struct {
		prompt          string
		backup, restore reply
	}{
		{"Source filename []?", source, name},
		{"Source filename [other.bin]?", source, name},
		{"Source file name?", source, name},
		{"Name of file to copy?", source, name},
		{"Address or name of remote host []?", host, host},
		{"Address or name of remote host [10.9.9.9]?", host, host},
		{"IP address of remote host [255.255.255.255]?", host, host},
		{"Remote host[]?", host, host},
		{"Destination filename []?", name, destination},
		{"Destination filename [x.bin ]?", name, destination},
		{"Destination filename [x.bin.bin]?", name, destination},
		{"Destination file name [default = source name]?", name, destination},
		{"Name of configuration file to write [rtr2-confg]?", name, unknown},
		{"Write file k3f9-2m7x-q1zz on host 10.0.0.1?[confirm]", reply{"y", ""}, unknown},
		{"Verifying checksum for 'd/x.bin' (file # 1)... OK\nCopy 'd/x.bin' from Flash to server\n  as 'y'? [yes/no]", reply{"yes", ""}, unknown},
		{"Copy 'y' from server\n  as 'x.bin' into Flash WITHOUT erase? [yes/no]", unknown, reply{"yes", ""}},
		{"Copy 'y' from TFTP server\n  as 'x.bin' into Flash WITH erase? [yes/no]", stopYesNo, stopYesNo},
		{"Copy 'x.bin' from flash: device\n  as 'x.bin' into slot1: device WITH erase? [yes/no]", stopYesNo, stopYesNo},
		{"Which partition? [default = 2]", reply{}, reply{}},
		{"Which partition? [1]", reply{}, reply{}},
		{"%Warning:There is a file already existing with this name\nDo you want to over write? [confirm]", no, no},
		{"Erase flash: before copying? [confirm]", no, plainNo},
		{"Erase flash device before writing? [confirm]", no, plainNo},
		{"Erasing the flash filesystem will remove all files! Continue? [confirm]", no, no},
		{"Flash contains files. Are you sure? [confirm]", no, no},
		{"Flash contains files. Are you sure you want to erase? [confirm]", no, no},
		{"---- ******** ----\nProceed? [confirm]", no, no},
		{"Overwrite the previous NVRAM configuration?[confirm]", no, no},
		{"Delete filename [x.bin]?", reply{"", cause.UnsafePrompt}, reply{"", cause.UnsafePrompt}},
		{"Verify filename []?", source, destination},
		{"Abort Copy? [confirm]", unknown, unknown},
		{"Destination username [carl]?", unknown, unknown},
		{"Password:", unknown, unknown},
		{"Are you sure you want to continue connecting (yes/no)?", unknown, unknown},
		{"Enter destination filename: [x.bin]", reply{"", cause.UnsupportedDevice}, reply{"", cause.UnsupportedDevice}},
		{"Enter vrf (If no input, current vrf 'default' is considered):", reply{"", cause.UnsupportedDevice}, reply{"", cause.UnsupportedDevice}},
		{"Something that nobody has seen before? [confirm]", unknown, unknown},
	} {
		for _, question := range []string{
			row.prompt, row.prompt + " ",
			"Address or name of remote host []? 10.0.0.1\nSource filename []? d/x.bin\n" + row.prompt,
			"*Apr  1 15:26:17.047: %LINK-3-UPDOWN: Interface Vlan1, changed state to up\n" + row.prompt,
			"%Error opening tftp://255.255.255.255/network-confg (Timed out)\n" + row.prompt,
		} {
			for _, test := range []struct {
				c    Copy
				want reply
			}{{backup, row.backup}, {restore, row.restore}} {
				answer, stop := test.c.Answer(question)
				if got := (reply{answer, cause.Of(stop)}); got != test.want {
					t.Errorf("%s\n%q: %+v, want %+v", test.c.Command(), question, got, test.want)
				}
				if stop != nil && (cause.Hint(stop) == "" || cause.Of(stop) != cause.UnsupportedDevice && !strings.Contains(stop.Error(), lastWords(row.prompt))) {
					t.Errorf("%q: the error %q does not quote it, or has no hint", question, stop)
				}
			}
		}
	}
}

// lastWords returns the last line of a question, as an error quotes it.
func lastWords(prompt string) string {
	return strings.TrimSpace(prompt[strings.LastIndexByte(prompt, '\n')+1:])
}
