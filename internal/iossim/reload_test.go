package iossim

import "testing"

// TestQuestionOfReload asks about the whole stack only on a stack with classic IOS.
func TestQuestionOfReload(t *testing.T) {
	t.Parallel()
	for profile, question := range map[string]string{
		"c2960x-stack": "reload\r\nProceed to reload the whole Stack? [confirm]",
		"c3750":        "reload\r\nProceed with reload? [confirm]",
		"c9300-stack":  "reload the whole stack\r\nProceed with reload? [confirm]",
	} {
		s := launch(t, profile, Options{})
		l := atPrompt(t, s)
		l.send("reload\r")
		l.expect(question)
		l.send("n")
		l.expect(s.Hostname() + "#")
	}
}

// TestBootsAgain reads the boot lines of the startup-config for the start after the next
// one, where BOOT is one setting and where it is a list.
func TestBootsAgain(t *testing.T) {
	for _, profile := range []string{"c2950", "isr2900"} {
		s, err := New(profile, Options{})
		if err == nil {
			err = s.Write("nvram:startup-config", []byte("hostname x\nboot system flash:gone.bin\nend\n"))
		}
		_, now := s.Boots(1)
		_, again := s.BootsAgain(1)
		s.PowerCycle()
		if _, after := s.Boots(1); err != nil || now != nil || again != errNoImage || after != errNoImage {
			t.Errorf("%s: %v, it starts now: %v, again: %v, after a power cut: %v", profile, err, now, again, after)
		}
	}
}

// TestRegisterIgnoresStartup starts without the startup-config by either bit of the
// config-register.
func TestRegisterIgnoresStartup(t *testing.T) {
	for register, ignored := range map[uint16]bool{0x2102: false, 0x2142: true, 0x8102: true, 0x9922: true} {
		s, err := New("isr4300", Options{RegisterNext: register})
		if err != nil {
			t.Fatal(err)
		}
		s.PowerCycle()
		if runs := s.textFile("system:running-config") == s.textFile("nvram:startup-config"); runs == ignored {
			t.Errorf("0x%X: it runs its startup-config: %t", register, runs)
		}
	}
}
