package ios

import (
	"strings"
	"testing"

	"flashwarden/internal/cause"
)

var (
	backup  = Copy{Source: "flash:/d/x.bin", Server: "10.0.0.1", Name: "k3f9-2m7x-q1zz"}
	restore = Copy{ToDevice: true, Destination: "flash:/x.bin", Server: "10.0.0.1", Name: "k3f9-2m7x-q1zz"}
	upload  = Copy{Scheme: HTTPS, Source: "flash:/d/x.bin", Server: "10.0.0.1", Port: 8443, Name: "k3f9-2m7x-q1zz", Password: "0nce-w0rd"}
	over    = Copy{ToDevice: true, Overwrite: true, Destination: "nvram:startup-config", Server: "10.0.0.1", Name: "k3f9-2m7x-q1zz"}
)

func TestCommand(t *testing.T) {
	vrf := backup
	vrf.VRF = "Mgmt-vrf"
	six := backup
	six.Server = "2001:db8::1"
	for want, c := range map[string]Copy{
		"copy flash:/d/x.bin tftp://10.0.0.1/k3f9-2m7x-q1zz":              backup,
		"copy tftp://10.0.0.1/k3f9-2m7x-q1zz flash:/x.bin":                restore,
		"copy flash:/d/x.bin tftp://10.0.0.1/k3f9-2m7x-q1zz vrf Mgmt-vrf": vrf,
		"copy flash:/d/x.bin tftp://[2001:db8::1]/k3f9-2m7x-q1zz":         six,

		"copy flash:/d/x.bin https://k3f9-2m7x-q1zz:0nce-w0rd@10.0.0.1:8443/k3f9-2m7x-q1zz": upload,
	} {
		if got := c.Command(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]Copy{
		"blank":             {Source: "flash:/a b", Server: "10.0.0.1", Name: "n"},
		"question mark":     {Source: "flash:/a?", Server: "10.0.0.1", Name: "n"},
		"pipe":              {Source: "flash:/a", Server: "10.0.0.1", Name: "n|m"},
		"quote":             {Source: `flash:/"a"`, Server: "10.0.0.1", Name: "n"},
		"apostrophe":        {Source: "flash:/a'b", Server: "10.0.0.1", Name: "n"},
		"newline":           {Source: "flash:/a\nreload", Server: "10.0.0.1", Name: "n"},
		"control character": {Source: "flash:/a", Server: "10.0.0.1", Name: "n\x03"},
		"not ASCII":         {Source: "flash:/ä", Server: "10.0.0.1", Name: "n"},
		"hex pattern":       {Source: "flash:/a%20b", Server: "10.0.0.1", Name: "n"},
		"no file system":    {Source: "x.bin", Server: "10.0.0.1", Name: "n"},
		"an option":         {Source: "/erase", Server: "10.0.0.1", Name: "n"},
		"no source":         {Server: "10.0.0.1", Name: "n"},
		"no name":           {Source: "flash:/a", Server: "10.0.0.1"},
		"server is a name":  {Source: "flash:/a", Server: "tftp.example.net", Name: "n"},
		"two words of VRF":  {Source: "flash:/a", Server: "10.0.0.1", Name: "n", VRF: "a b"},
		"too long":          {Source: "flash:/" + strings.Repeat("a", 240), Server: "10.0.0.1", Name: "n"},
		"to device, blank":  {ToDevice: true, Destination: "flash:/a b", Server: "10.0.0.1", Name: "n"},
	} {
		if err := c.Validate(); cause.Of(err) != cause.CommandRejected {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnswer(t *testing.T) {
	for _, test := range []struct {
		c                Copy
		question, answer string
		stop             cause.Cause
	}{
		{backup, "Source filename []?", "d/x.bin", ""},
		{backup, "Source filename [d/x.bin]? ", "d/x.bin", ""},
		{backup, "Source file name?", "d/x.bin", ""},
		{backup, "Name of file to copy?", "d/x.bin", ""},
		{backup, "Address or name of remote host []?", "10.0.0.1", ""},
		{backup, "Address or name of remote host [10.0.0.9]? ", "10.0.0.1", ""},
		{backup, "IP address of remote host [255.255.255.255]?", "10.0.0.1", ""},
		{backup, "Remote host[]?", "10.0.0.1", ""},
		{backup, "Destination filename [x.bin.bin]?", "k3f9-2m7x-q1zz", ""},
		{backup, "Destination file name [default = source name]?", "k3f9-2m7x-q1zz", ""},
		{backup, "Name of configuration file to write [sw1-confg]?", "k3f9-2m7x-q1zz", ""},
		{backup, "Write file k3f9-2m7x-q1zz on host 10.0.0.1?[confirm]", "y", ""},
		{backup, "Which partition? [default = 2]", "", ""},
		{backup, "Verifying checksum for 'x' (file # 1)... OK\nCopy 'x' from Flash to server\n  as 'x'? [yes/no]", "yes", ""},
		{backup, "Copy 'erase' from Flash to server\n  as 'x'? [yes/no]", "yes", ""},
		// A file may have a dangerous word as its name.
		{backup, "Destination filename [format.txt]?", "k3f9-2m7x-q1zz", ""},
		{backup, "*Mar  1 00:01:39: %SYS-5-CONFIG_I: erase of nvram: complete\nDestination filename [x.bin]?", "k3f9-2m7x-q1zz", ""},

		{upload, "Destination filename [k3f9-2m7x-q1zz]?", "k3f9-2m7x-q1zz", ""},
		{upload, "Address or name of remote host [10.0.0.1:8443]?", "10.0.0.1:8443", ""},
		{upload, "Erase flash: before copying? [confirm]", "n", cause.UnsafePrompt},
		{upload, "Send https://k3f9-2m7x-q1zz:0nce-w0rd@10.0.0.1:8443/x? [confirm]", "", cause.PromptUnrecognised},

		{backup, "Erase flash: before copying? [confirm]", "n", cause.UnsafePrompt},
		{backup, "Erasing the flash filesystem will remove all files!\nContinue? [confirm]", "n", cause.UnsafePrompt},
		{backup, "Erase flash device before writing? [confirm]", "n", cause.UnsafePrompt},
		{backup, "Flash contains files. Are you sure? [confirm]", "n", cause.UnsafePrompt},
		{backup, "Flash contains files. Are you sure you want to erase? [confirm]", "n", cause.UnsafePrompt},
		{backup, "%Warning:There is a file already existing with this name\nDo you want to over write? [confirm]", "n", cause.UnsafePrompt},
		{backup, "Do you want to overwrite? [y/n]", "n", cause.UnsafePrompt},
		{backup, "Overwrite the previous NVRAM configuration?[confirm]", "n", cause.UnsafePrompt},
		{backup, "Format operation may take a while. Continue? [confirm]", "n", cause.UnsafePrompt},
		{backup, "Copy 'x' from server\n  as 'x' into Flash WITH erase? [yes/no]", "no", cause.UnsafePrompt},
		{backup, "Destination filename [x]? Erase flash: before copying? [confirm]", "n", cause.UnsafePrompt},
		{backup, "Don't worry: erase flash? It's empty [confirm]", "n", cause.UnsafePrompt},
		{backup, "ERASE/FORMAT flash? [yes/no]", "no", cause.UnsafePrompt},
		// Flash of class B asks this before every copy, and copies after a
		// no.
		{restore, "Erase flash: before copying? [confirm]", "n", ""},
		{restore, "Erase flash device before writing? [confirm]", "n", ""},
		{restore, "Erasing the flash filesystem will remove all files!\nContinue? [confirm]", "n", cause.UnsafePrompt},
		{restore, "Erase flash: before copying? [yes/no]", "no", cause.UnsafePrompt},
		{restore, "%Warning:There is a file already existing with this name\nDo you want to over write? [confirm]", "n", cause.UnsafePrompt},
		{restore, "Copy 'x' from server\n  as 'x' into Flash WITH erase? [yes/no]", "no", cause.UnsafePrompt},

		{backup, "Copy 'x' from server\n  as 'x' into Flash WITHOUT erase? [yes/no]", "", cause.PromptUnrecognised},
		{restore, "Copy 'x' from Flash to server\n  as 'x'? [yes/no]", "", cause.PromptUnrecognised},
		{backup, "as 'x'? [yes/no]", "", cause.PromptUnrecognised},
		{backup, "Proceed? [confirm]", "n", cause.UnsafePrompt},
		{backup, "*Apr  1 15:26:17.047: %LINK-3-UPDOWN: Interface Vlan1, changed state to upSource filename []?", "d/x.bin", ""},
		{backup, "%LINK-3-UPDOWN: Interface Vlan1, changed state to upWhat? [confirm]", "", cause.PromptUnrecognised},
		{backup, "Username:", "", cause.PromptUnrecognised},
		{backup, "Destination username [admin]?", "", cause.PromptUnrecognised},
		{backup, "", "", cause.PromptUnrecognised},
		{backup, "Enter vrf (If no input, current vrf 'default' is considered):", "", cause.UnsupportedDevice},

		{restore, "Copy 'x' from server\n  as 'x' into Flash WITHOUT erase? [yes/no]", "yes", ""},
		{over, "%Warning:There is a file already existing with this name \nDo you want to over write? [confirm]", "y", ""},
		{over, "Destination filename [startup-config]?\n%Warning:There is a file already existing with this name\nDo you want to over write? [confirm]", "y", ""},
		// Nothing says what would be overwritten.
		{over, "Do you want to over write? [confirm]", "n", cause.UnsafePrompt},
		{over, "Overwrite the previous NVRAM configuration?[confirm]", "n", cause.UnsafePrompt},
		{restore, "Source filename []?", "k3f9-2m7x-q1zz", ""},
		{restore, "Destination filename [k3f9-2m7x-q1zz]?", "x.bin", ""},
		{restore, "Address or name of remote host []?", "10.0.0.1", ""},
	} {
		answer, stop := test.c.Answer(test.question)
		if stop != nil && strings.Contains(stop.Error()+cause.Hint(stop), "0nce-w0rd") {
			t.Errorf("%q: the password is in the error: %v; %s", test.question, stop, cause.Hint(stop))
		}
		if answer != test.answer || cause.Of(stop) != test.stop {
			t.Errorf("%q: answer %q, %v", test.question, answer, stop)
		}
		if test.stop == cause.UnsafePrompt {
			line := strings.TrimSpace(test.question[strings.LastIndexByte(test.question, '\n')+1:])
			if !strings.Contains(stop.Error(), line) || cause.Hint(stop) == "" {
				t.Errorf("%q: the error does not quote it or has no hint: %v", test.question, stop)
			}
		}
	}
}

// TestAnswerEraseBehindMessage tests a dangerous question on the line of a
// message.
func TestAnswerEraseBehindMessage(t *testing.T) {
	answer, stop := backup.Answer("%LINK-3-UPDOWN: Interface Vlan1, changed state to upErase flash: before copying? [confirm]")
	if answer != "n" || cause.Of(stop) != cause.UnsafePrompt || !strings.Contains(stop.Error(), `"Erase flash: before`) {
		t.Errorf("answer %q, %v", answer, stop)
	}
}

// TestAnswerNeverConsents tries every phrase about destruction in every place
// of a question.
func TestAnswerNeverConsents(t *testing.T) {
	phrases := []string{"erase", "Erasing", "format", "FORMAT", "overwrite", "over write", "over-write", "Overwriting", "squeeze", "delete"}
	frames := []string{
		"% flash: before copying? [confirm]", "Do you want to %? [confirm]", "Copy 'x' from Flash to server\n as 'x' WITH %? [yes/no]",
		"% [yes/no]", "Address or name of remote host []? %? [confirm]", "%\nDestination filename [x]?", "Source filename [x]? (%)",
		"This will %\nthe disk\nSource filename []?", "Which partition? [default = 2] %?",
	}
	for _, c := range []Copy{backup, restore} {
		for _, phrase := range phrases {
			for _, frame := range frames {
				question := strings.ReplaceAll(frame, "%", phrase)
				answer, stop := c.Answer(question)
				if c.ToDevice && asksErase.MatchString(question) && answer == "n" {
					continue // a no, and the copy continues without erasing
				}
				if answer != "n" && answer != "no" || cause.Of(stop) != cause.UnsafePrompt {
					t.Errorf("%q: answer %q, %v", question, answer, stop)
				}
			}
		}
	}
}

func TestResult(t *testing.T) {
	empty := backup
	empty.Empty = true
	url := "tftp://10.0.0.1/k3f9-2m7x-q1zz"
	// Written by hand: no public text shows how IOS-XE 26.x refuses a copy.
	const restricted = "SECURITY WARNING - Module: TFTP, Command: copy tftp:, Reason: Insecure protocol, Remediation: Use SCP\n" +
		"% Command rejected: tftp is insecure, insecure mode is not configured\n"
	for _, test := range []struct {
		name   string
		c      Copy
		output string
		want   CopyResult
	}{
		{"backup", backup, "!!!!!!\n18286080 bytes copied in 58.989 secs (309991 bytes/sec)\n", CopyResult{Bytes: 18286080, Seconds: 58.989, OK: true}},
		{"restore", restore, "Accessing " + url + "...\nLoading x from 10.0.0.1 (via Vlan1): !!!\n[OK - 1580 bytes]\n\n1580 bytes copied in 9.118 secs (173 bytes/sec)\n",
			CopyResult{Bytes: 1580, Seconds: 9.118, OK: true}},
		{"no rate", backup, "!!\n1278 bytes copied in 0.100 secs\n", CopyResult{Bytes: 1278, Seconds: 0.1, OK: true}},
		{"old software", backup, "!!!!\nUpload to server done\nFlash copy took 0:01:02 [hh:mm:ss]\n", CopyResult{Bytes: -1, Seconds: 62, OK: true}},
		{"nothing", backup, "!!!!!!\nsw1#\n", CopyResult{Bytes: -1}},
		{"empty output", backup, "", CopyResult{Bytes: -1}},
		{"0 bytes", backup, "0 bytes copied in 0.028 secs (0 bytes/sec)\n", CopyResult{Bytes: 0, Seconds: 0.028}},
		{"0 bytes of an empty file", empty, "0 bytes copied in 0.028 secs (0 bytes/sec)\n", CopyResult{Bytes: 0, Seconds: 0.028, OK: true}},
		{"message within the progress", backup, "!!!\n*Apr  1 15:26:17.047: %LINEPROTO-5-UPDOWN: Line protocol on Interface Vlan1, changed state to up!!!!\n10 bytes copied in 1.0 secs (10 bytes/sec)\n",
			CopyResult{Bytes: 10, Seconds: 1, OK: true}},
		{"AutoInstall within the progress", backup, "!!!\n%Error opening tftp://255.255.255.255/network-confg (Timed out)!!!!\n10 bytes copied in 1.0 secs\n",
			CopyResult{Bytes: 10, Seconds: 1, OK: true}},
		{"another copy's error", backup, "!!!\n%Error opening tftp://10.0.0.9/sw1-archive (Timed out)\n!!!%Error opening tftp://10.0.0.1/sw1-archive (Undefined error)\n10 bytes copied in 1.0 secs\n",
			CopyResult{Bytes: 10, Seconds: 1, OK: true}},
		{"our name on another server", backup, "%Error opening tftp://10.0.0.9/k3f9-2m7x-q1zz (Timed out)\n10 bytes copied in 1.0 secs\n",
			CopyResult{Bytes: 10, Seconds: 1, OK: true}},
		{"a bare %Error", restore, "!!!\n%Error\n[OK - 10 bytes]\n10 bytes copied in 1.0 secs\n", CopyResult{Bytes: 10, Seconds: 1, OK: true}},
		{"timed out", backup, ".....\n%Error opening " + url + " (Timed out)\n", CopyResult{Bytes: -1, Error: "%Error opening " + url + " (Timed out)"}},
		{"timed out after progress", backup, "!!!!....%Error writing " + url + " (Timed out)\n", CopyResult{Bytes: -1, Error: "%Error writing " + url + " (Timed out)"}},
		{"error despite a byte count", backup, "%Error writing " + url + " (Undefined error)\n10 bytes copied in 1.0 secs\n",
			CopyResult{Bytes: 10, Seconds: 1, Error: "%Error writing " + url + " (Undefined error)", Cause: cause.RefusedByServer}},
		{"refused", backup, "%Error opening " + url + " (Permission denied)\n",
			CopyResult{Bytes: -1, Error: "%Error opening " + url + " (Permission denied)", Cause: cause.RefusedByServer}},
		{"server full", backup, "%Error writing " + url + " (No space left on device)\n",
			CopyResult{Bytes: -1, Error: "%Error writing " + url + " (No space left on device)", Cause: cause.RefusedByServer}},
		{"absolute name", backup, "%Error opening tftp://10.0.0.1//k3f9-2m7x-q1zz (No such file or directory)\n",
			CopyResult{Bytes: -1, Error: "%Error opening tftp://10.0.0.1//k3f9-2m7x-q1zz (No such file or directory)", Cause: cause.RefusedByServer}},
		{"missing source", backup, "%Error opening flash:d/x.bin (No such file or directory)\n",
			CopyResult{Bytes: -1, Error: "%Error opening flash:d/x.bin (No such file or directory)", Cause: cause.SourceMissing}},
		{"directory", backup, "%Error reading flash:/d/x.bin (Is a directory)\n",
			CopyResult{Bytes: -1, Error: "%Error reading flash:/d/x.bin (Is a directory)", Cause: cause.SourceMissing}},
		{"forbidden source", backup, "%Error opening flash:/d/x.bin (Permission denied)\n",
			CopyResult{Bytes: -1, Error: "%Error opening flash:/d/x.bin (Permission denied)", Cause: cause.NotPermittedOnDevice}},
		{"another file's error", backup, "%Error opening nvram:/persistent-data (No such file or directory)\n10 bytes copied in 1.0 secs\n",
			CopyResult{Bytes: 10, Seconds: 1, OK: true}},
		{"device full", restore, "!!!\n%Error copying flash:/x.bin (Not enough space on device)\n",
			CopyResult{Bytes: -1, Error: "%Error copying flash:/x.bin (Not enough space on device)", Cause: cause.DeviceNoSpace}},
		{"device full, named by our URL", restore, "!!!\n%Error copying " + url + " (Not enough space on device)\n",
			CopyResult{Bytes: -1, Error: "%Error copying " + url + " (Not enough space on device)", Cause: cause.DeviceNoSpace}},
		{"device full while it writes", restore, "!!!%Error writing " + url + " (No space left on device)\n",
			CopyResult{Bytes: -1, Error: "%Error writing " + url + " (No space left on device)", Cause: cause.DeviceNoSpace}},
		{"device full, without %Error", restore, "insufficient space in flash:\n",
			CopyResult{Bytes: -1, Error: "insufficient space in flash:", Cause: cause.DeviceNoSpace}},
		{"device full, IOS-XE", restore, "ERROR: Not enough free space in \"flash:/\"\n",
			CopyResult{Bytes: -1, Error: "ERROR: Not enough free space in \"flash:/\"", Cause: cause.DeviceNoSpace}},
		{"TFTP is restricted", backup, restricted, CopyResult{Bytes: -1, Error: "% Command rejected: tftp is insecure, insecure mode is not configured", Cause: cause.TransportRestricted}},
		{"a warning about TFTP", backup, "SECURITY WARNING - Module: TFTP, Command: copy tftp:, Reason: Insecure protocol, Remediation: Use SCP\n!!!\n10 bytes copied in 1.0 secs\n",
			CopyResult{Bytes: 10, Seconds: 1, OK: true}},
		{"no vrf on this software", backup, "copy flash:/d/x.bin tftp://10.0.0.1/n vrf V\n                      ^\n% Invalid input detected at '^' marker.\n",
			CopyResult{Bytes: -1, Error: "% Invalid input detected at '^' marker.", Cause: cause.CommandRejected}},
		{"AAA", backup, "Command authorization failed.\n\n",
			CopyResult{Bytes: -1, Error: "Command authorization failed.", Cause: cause.NotPermittedOnDevice}},
		{"run-from-flash router", restore, "ERR: Device in READ-ONLY state\n",
			CopyResult{Bytes: -1, Error: "ERR: Device in READ-ONLY state", Cause: cause.CommandRejected}},
	} {
		if got := test.c.Result(test.output); got != test.want {
			t.Errorf("%s:\n got %+v\nwant %+v", test.name, got, test.want)
		}
	}
}
