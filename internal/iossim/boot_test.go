package iossim

import (
	"slices"
	"strings"
	"testing"
)

func TestBootSettings(t *testing.T) {
	for profile, want := range map[string]struct{ first, second string }{
		"c3500xl": {"BOOT path-list:       flash:a.bin\r\n", "BOOT path-list:       flash:b.bin\r\n"},
		"c3750":   {"BOOT path-list      : flash:a.bin\r\n", "BOOT path-list      : flash:b.bin\r\n"},
		"c9300":   {"reload:\r\nBOOT variable = flash:a.bin;\r\n", "reload:\r\nBOOT variable = flash:a.bin;flash:b.bin;\r\n"},
	} {
		t.Run(profile, func(t *testing.T) {
			s := launch(t, profile, Options{})
			l := atPrompt(t, s)
			l.run("configure terminal", "(config)#")
			l.run("no boot system", "(config)#")
			l.run("boot system flash:a.bin", "(config)#")
			if out := l.run("show version", "(config)#"); !strings.Contains(out, "% Invalid input") {
				t.Errorf("show in configuration mode: %s", out)
			}
			l.run("end", s.Hostname()+"#")
			if out := l.run("show boot", s.Hostname()+"#"); !strings.Contains(out, want.first) {
				t.Errorf("after the first:\n%s", out)
			}
			l.run("conf t", "(config)#")
			l.send("boot system flash:b.bin\r\x1a")
			l.expect(s.Hostname() + "#")
			if out := l.run("show boot", s.Hostname()+"#"); !strings.Contains(out, want.second) {
				t.Errorf("after the second:\n%s", out)
			}
			if out := l.run("show run | include ^boot system", s.Hostname()+"#"); !strings.Contains(out, "flash:b.bin") {
				t.Errorf("the running-config says\n%s", out)
			}
		})
	}
}

func TestWriteMemoryAndReload(t *testing.T) {
	s := launch(t, "c3750", Options{})
	l := atPrompt(t, s)
	other := atPrompt(t, s)
	if err := s.flash.write("flash:new.bin", []byte("image")); err != nil {
		t.Fatal(err)
	}
	l.run("configure terminal", "(config)#")
	l.run("boot system flash:/new.bin", "(config)#")
	l.run("end", "sw-office#")
	l.send("reload\r")
	l.expect("System configuration has been modified. Save? [yes/no]: ")
	l.send("maybe\r")
	l.expect("% Please answer 'yes' or 'no'.")
	l.send("yes\r")
	l.expect("Building configuration...\r\n[OK]\r\nProceed with reload? [confirm]")
	l.send("n")
	l.expect("sw-office#")
	for _, path := range []string{"nvram:startup-config", "flash:config.text"} {
		if text, _ := s.File(path); !strings.Contains(string(text), "boot system switch all flash:/new.bin") {
			t.Errorf("%s was not written", path)
		}
	}
	if out := l.run("show version | include image file", "sw-office#"); !strings.Contains(out, "SE8.bin") {
		t.Errorf("before the reload: %s", out)
	}
	l.send("reload\r")
	l.expect("Proceed with reload? [confirm]")
	l.send("\r")
	l.expectEnd()
	other.expectEnd()
	l = atPrompt(t, s)
	if out := l.run("show version | include image file", "sw-office#"); !strings.Contains(out, `"flash:/new.bin"`) {
		t.Errorf("after the reload: %s", out)
	}
	if !slices.Contains(s.Commands(), "System configuration has been modified. Save? [yes/no]: maybe") {
		t.Error("the journal lacks the question about saving")
	}
}
