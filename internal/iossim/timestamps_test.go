package iossim

import (
	"testing"
)

// The clock in a prompt goes on, and each output begins with load and time.
func TestClocks(t *testing.T) {
	s := launch(t, "c2960", Options{PromptClock: "[15:04:05] ", TimeSource: "none"})
	c, err := dialSSH(t, s, "cisco")
	if err != nil {
		t.Fatal(err)
	}
	l := shell(t, c, 80, 24)
	l.expect("[09:59:51] "+s.Hostname()+"#", "\n"+s.Hostname()+"#")
	l.send("show clock\r")
	l.expect("Load for five secs: 1%/0%; one minute: 1%; five minutes: 1%\r\nNo time source, *09:59:58.313 UTC Sun Nov 22 2026\r\n", "[09:59:52] ")
	l.expect("[09:59:52] " + s.Hostname() + "#")
}

func TestSecurityWarnings(t *testing.T) {
	s := launch(t, "c9300", Options{Faults: Faults{SecurityWarnings: 1}})
	c, err := dialSSH(t, s, "cisco")
	if err != nil {
		t.Fatal(err)
	}
	l := shell(t, c, 80, 0)
	l.expect("#")
	l.send("terminal length 0\rshow version\r")
	for _, want := range securityTexts()[:1] {
		l.expect(want)
	}
	l.expect("%SYS-4-INSECURE_DYNAMIC_WARNING: ")
	l.expect("%SYS-4-INSECURE_CONFIG: ")
	l.expect("%SYS-4-INSECURE _WARNING: ")
}
