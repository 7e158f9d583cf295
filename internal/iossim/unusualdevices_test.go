package iossim

import (
	"strings"
	"testing"
	"time"

	"flashwarden/internal/testlevel"
)

// A banner may contain text that looks like a prompt or a question. After it
// the dialogue of an unconfigured switch must be declined.
func TestBannerAndSetup(t *testing.T) {
	t.Parallel()
	const banner = "\n# Property of nobody #\nPassword: is asked below\nsw-fake#\n"
	for _, profile := range []string{"c2950", "c2960"} {
		s, err := New(profile, Options{Username: "admin", Password: "cisco", Banner: banner, Decoration: "-stby", Faults: Faults{SetupDialogue: 1}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		l := logIn(t, s, "sw-fake#\r\n")
		l.expect("Would you like to enter the initial configuration dialog? [yes/no]: ")
		l.send("no\r")
		l.expect("Press RETURN to get started!")
		l.send("\r")
		l.expect("\r\n" + s.Hostname() + "-stby#")
	}
}

// A terminal may ignore its settings.
func TestTerminalThatKeepsItsSize(t *testing.T) {
	t.Parallel()
	s := launch(t, "isr2900", Options{Faults: Faults{KeepPaging: Always, KeepWidth: Always}})
	c, err := dialSSH(t, s, "cisco")
	if err != nil {
		t.Fatal(err)
	}
	l := shell(t, c, 80, 24)
	l.expect(s.Hostname() + "#")
	l.send("terminal length 0\r")
	l.expect("#")
	l.send("terminal width 511\r")
	l.expect("% Invalid input detected at '^' marker.")
	l.expect("#")
	l.send("show version\r")
	l.expect(morePrompt)
	l.send("q")
	l.expect("#")
	l.send("verify /md5 flash0:" + strings.Repeat("long", 20))
	l.expect("\b$")
}

// A copy may change the name in the prompt, and may need a VRF.
func TestRenamedAndBehindAVRF(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "isr4300", Options{TFTPPort: st.port, VRF: "Mgmt-intf", Timeout: 3 * time.Second, Faults: Faults{Rename: "rt-new"}})
	l := atPrompt(t, s)
	l.send("copy bootflash:throughput_monitor_params tftp://127.0.0.1/a\r\r\r")
	l.expect("%Error opening tftp://127.0.0.1/a (Timed out)")
	l.expect("\r\nrt-new#")
	l.send("copy bootflash:throughput_monitor_params tftp://127.0.0.1/b vrf Mgmt-intf\r\r\r")
	l.expect("30 bytes copied in ")
	if _, ok := st.file("a"); ok {
		t.Error("a copy without the VRF arrived")
	}
	if _, ok := st.file("b"); !ok {
		t.Error("a copy through the VRF did not arrive")
	}
}
