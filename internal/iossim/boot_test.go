package iossim

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"flashwarden/internal/testlevel"
)

func TestBootSettings(t *testing.T) {
	testlevel.NeedFull(t, "the tests of restore use it")
	t.Parallel()
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
			l.run("write memory", s.Hostname()+"#")
			if out := l.run("show boot", s.Hostname()+"#"); !strings.Contains(out, want.first) {
				t.Errorf("after the first:\n%s", out)
			}
			l.run("conf t", "(config)#")
			l.send("boot system flash:b.bin\r\x1a")
			l.expect(s.Hostname() + "#")
			l.run("write memory", s.Hostname()+"#")
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
	t.Parallel()
	s := launch(t, "c3750", Options{})
	l := atPrompt(t, s)
	other := atPrompt(t, s)
	if err := errors.Join(s.flash.write("flash:new.bin", []byte("image")), s.Remove("flash:private-config.text")); err != nil {
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
	if keys, _ := s.File("flash:private-config.text"); !slices.Equal(keys, noKeys) {
		t.Errorf("the private keys are % x", keys)
	}
	for _, path := range []string{"nvram:startup-config", "flash:config.text"} {
		if text, _ := s.File(path); !strings.Contains(string(text), "boot system flash:/new.bin") {
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

// TestWipedSwitch restores an image by hand: a directory, the copy, the
// restart. A switch without an image answers nobody.
func TestWipedSwitch(t *testing.T) {
	testlevel.NeedFull(t, "the tests of restore use it")
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c3750", Options{TFTPPort: st.port, LargestImage: 300_000})
	image, _ := s.File(s.profile.Image)
	st.put("x", image)
	if err := s.Wipe(); err != nil {
		t.Fatal(err)
	}
	if s.Bootable() || len(s.BootNext()) != 0 {
		t.Error("a wiped switch finds something to boot")
	}
	l := atPrompt(t, s)
	if out := l.run("dir flash:", "sw-office#"); !strings.Contains(out, "No files in directory") {
		t.Errorf("dir: %s", out)
	}
	l.send("copy tftp://127.0.0.1/x flash:/new/x.bin\r\r")
	l.expect("%Error")
	l.expect("sw-office#")
	l.send("mkdir flash:/new\r")
	l.expect("Create directory filename [new]? ")
	l.send("\r")
	l.expect("Created dir flash:/new\r\n")
	l.expect("sw-office#")
	l.send("copy tftp://127.0.0.1/x flash:/x.bin\r\r")
	l.expect("300000 bytes copied")
	l.expect("sw-office#")
	if !s.Bootable() {
		t.Error("with an image in flash it finds nothing to boot")
	}
	l.send("reload\r")
	l.expect("[confirm]")
	l.send("\r")
	l.expectEnd()
	l = atPrompt(t, s)
	if out := l.run("show version", "sw-office#"); !strings.Contains(out, `"flash:/x.bin"`) || !strings.Contains(out, "uptime is 0 hours, 0 minutes") {
		t.Errorf("after the reload: %s", out)
	}
	if err := s.Wipe(); err != nil {
		t.Fatal(err)
	}
	s.restart()
	if _, err := dialSSH(t, s, "cisco"); err == nil {
		t.Error("a switch in its boot loader answers")
	}
}

func TestInstallAdd(t *testing.T) {
	t.Parallel()
	s := launch(t, "c9300", Options{})
	if err := s.flash.write("flash:/new.bin", []byte("packages")); err != nil {
		t.Fatal(err)
	}
	l := atPrompt(t, s)
	l.send("install add file flash:/new.bin activate commit\r")
	l.expect("Do you want to proceed? [y/n]")
	l.send("n\r")
	l.expect("sw-core#")
	l.send("install add file flash:/new.bin activate commit\r")
	l.expect("[y/n]")
	l.send("y\r")
	l.expect("SUCCESS: install_add_activate_commit")
	l.expectEnd()
	if text, _ := s.File("flash:/packages.conf"); !strings.Contains(string(text), " new.pkg\n") {
		t.Errorf("packages.conf is %s", text)
	}
}

func TestIntrudingQuestion(t *testing.T) {
	t.Parallel()
	s := launch(t, "c3750", Options{Faults: Faults{Ask: func(command string) string {
		if command == "show clock" {
			return "Reformat flash: now?"
		}
		return ""
	}}})
	l := atPrompt(t, s)
	l.send("show clock\r")
	l.expect("Reformat flash: now? [confirm]")
	l.send("n")
	l.expect("sw-office#")
	if len(s.Files()) < 5 {
		t.Error("no was taken as yes")
	}
	l.send("show clock\r")
	l.expect("[confirm]")
	l.send("y")
	l.expect("sw-office#")
	if _, ok := s.File("flash:config.text"); ok {
		t.Error("yes did no harm")
	}
}
