package vty

import (
	"testing"
	"time"
)

// securityWarning is a line of IOS-XE 17.18 and later, after the form in
// Cisco's "Security Warnings Reference" and in Unicon's patterns.
const securityWarning = "SECURITY WARNING - Module: SSH, Command: ip ssh *, Reason: Weak algorithm?, Remediation: Use a stronger one"

// TestLook tests ends of texts and their meaning.
func TestLook(t *testing.T) {
	tests := []struct {
		text, line string
		want       endingKind
		quiet      time.Duration
	}{
		{"", "", endNone, 0},
		{"one\n", "", endNone, 0},
		{"one\n", "!!!!!", endNone, 0},
		{"one\n", "SW1#", endPrompt, sureQuiet},
		{"one\n", "SW1#show", endNone, 0},
		{"one\n", "SW1(config-if)#", endPrompt, sureQuiet},
		{"one\n", "SW1(config)#no", endNone, 0},
		{"one\n", "SW2(config)#", endPrompt, oddQuiet},
		{"one\n", "Other#", endPrompt, oddQuiet},
		{"one\n", "#", endNone, 0},
		{"one\n", "!!!#", endNone, 0},
		{"one\n", "no prompt#", endNone, 0},
		{"one\n", " --More--", endMore, sureQuiet},
		{"one\n", "description --More--", endNone, 0},
		{"one\n", "Destination filename [x]?", endQuestion, sureQuiet},
		{"one\n", "Do you want to over write? [confirm]", endQuestion, sureQuiet},
		{"one\n", "[confirm]", endQuestion, sureQuiet},
		{"one\n", "%PARSER-5-CFGLOG_LOGGEDCMD: User:x  logged command:format [confirm]", endQuestion, vagueQuiet},
		{"one\n", "Continue (y/n)", endQuestion, sureQuiet},
		{"one\n", "Continue? y/n: [n]:", endQuestion, vagueQuiet},
		{"one\n", "Which partition? [default = 2]", endQuestion, sureQuiet},
		{"one\n", "Source file name?", endQuestion, sureQuiet},
		{"one\n", "Name of file to copy?", endQuestion, sureQuiet},
		{"one\n", "What is it?", endQuestion, vagueQuiet},
		{"one\n", "Loading x from 192.0.2.1 (via Vlan1):", endNone, 0},
		{"one\n", "[OK - 1580 bytes]", endNone, 0},
		{"SW1#\n%SYS-5-X: y\n", "", endPrompt, unsureQuiet},
		{"SW1#\n\n", "", endNone, 0},
		{"Name []?\n%SYS-5-X: y\n", "", endQuestion, oddQuiet},
		{"Name []?\n", "", endNone, 0},
		{"Name []? *Mar  1 00:01:39.123: %SYS-5-X: y\n", "", endQuestion, oddQuiet},
		{"Source file name?\n%SYS-5-X: y\n", "", endQuestion, oddQuiet},
		{"Which partition? [default = 2]\n%SYS-5-X: y\n", "", endQuestion, oddQuiet},
		{"What is it?\n%SYS-5-X: y\n", "", endQuestion, vagueQuiet},
		{"Which partition?\nno message\n", "", endNone, 0},
		{"SW1#\nDec  7 20:43:11.712: Released port 51337\nDec  7 20:43:11.712: Released port 51338\n", "", endPrompt, unsureQuiet},
		{"SW1#\n000123: 1w2d: %SYS-5-X: y\n", "", endPrompt, unsureQuiet},
		{"SW1#\nAutoinstall trying DHCPv4 on Vlan1\n", "", endPrompt, unsureQuiet},
		{"Switch1#\n%SYS-5-X: y\n", "", endPrompt, vagueQuiet},
		{"SW1#\n" + securityWarning + "\n", "", endPrompt, unsureQuiet},
		{"SW1#" + securityWarning + "\n", "", endPrompt, unsureQuiet},
		{"Name []?\n" + securityWarning + "\n", "", endQuestion, oddQuiet},
		{"SW1#\n%SYS-4-INSECURE_DYNAMIC_WARNING: Module: SSH, Reason: x\n", "", endPrompt, unsureQuiet},
		{"SW1#\n*Mar  1 00:01:39.123: %SYS-4-INSECURE _WARNING: Module: SSH, Reason: x\n", "", endPrompt, unsureQuiet},
		{"SW1#\n%SYS-4-INSECURE _WARNING: Module: SSH, Reason: x\n", "", endPrompt, unsureQuiet},
		{"one\n", "SECURITY WARNING - Module: SSH, Command: copy [confirm]", endQuestion, vagueQuiet},
		{"SW1#\nSECURITY WARNING: authorised users only\n", "", endNone, 0},
		{"SW1-Slot1#\n%SYS-5-X: y\n", "", endPrompt, vagueQuiet},
	}
	for _, test := range tests {
		got := look([]byte(test.text), test.line, "SW1#", true)
		if got.kind != test.want || got.quiet != test.quiet {
			t.Errorf("%q %q: %+v, want %v after %s", test.text, test.line, got, test.want, test.quiet)
		}
		if early := look([]byte(test.text), test.line, "SW1#", false); early.kind != endNone && early.kind != endMore && early.quiet < oddQuiet {
			t.Errorf("%q %q without echo: %+v", test.text, test.line, early)
		}
	}
}

func FuzzLook(f *testing.F) {
	f.Add("one\nSW1#\n%SYS-5-X: y\n", "Name []? ", "SW1#", "copy x")
	f.Fuzz(func(t *testing.T, text, line, prompt, typed string) {
		start, ok := echoEnd([]byte(text), typed)
		if start < 0 || start > len(text) || !ok && start != 0 {
			t.Fatalf("echo ends at %d of %d", start, len(text))
		}
		if e := look([]byte(text), line, prompt, ok); e.cut > len(text) {
			t.Fatalf("cut %d of %d", e.cut, len(text))
		}
	})
}

// TestLooksOwn tests prompts of one host and of others.
func TestLooksOwn(t *testing.T) {
	const long = "core-switch-of-the-main-building#" // IOS shows 20 characters of it in configuration mode
	for _, test := range []struct {
		line, prompt string
		want         bool
	}{
		{"SW1(config)#", "SW1#", true}, {"SW1(config-if)#", "SW1#", true}, {"SW1>", "SW1#", true}, {"SW1-stby#", "SW1#", true},
		{"SW1-Slot1#", "SW1#", true}, {"SW1#", "SW1(boot)#", true}, {"core-switch-of-the-m(config)#", long, true}, {"core-switch-of-t(config)#", long, true},
		{"core-switch-of#", long, false}, {"Other#", "SW1#", false}, {"SW1", "SW1#", false}, {"SW1 is mine#", "SW1#", false}, {"#", "#", false},
	} {
		if got := looksOwn(test.line, test.prompt); got != test.want {
			t.Errorf("%q of %q: %t", test.line, test.prompt, got)
		}
	}
}

func TestHostname(t *testing.T) {
	for prompt, want := range map[string]string{"SW1#": "SW1", "SW1>": "SW1", "SW1(config-if)#": "SW1", "SW1-stby#": "SW1", "a.b-c_d#": "a.b-c_d"} {
		if got := hostname(prompt); got != want {
			t.Errorf("%s: %q", prompt, got)
		}
	}
}

// TestConfigures: IOS shortens a long name to 20 characters in the configuration mode.
func TestConfigures(t *testing.T) {
	const long = "a-very-long-name-of-a-switch#"
	for line, want := range map[string]bool{
		"a-very-long-name-of-(config)#": true, "a-very-long-name-of-(config-line)#": true, "a-very-long-name-of-a-switch#": false,
		"another-long-name-of(config)#": false, "a-very-long-name-of-(config": false, "a-very-long-name-of-(boot)#": false, "": false,
	} {
		if got := configures(line, long); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
	if configures("(config)#", "") {
		t.Error("a prompt without a name")
	}
}
