package iossim

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPrivilege(t *testing.T) {
	s := launch(t, "c2960", Options{Privilege: 7, EnablePassword: "enable-word"})
	c, err := dialSSH(t, s, "cisco")
	if err != nil {
		t.Fatal(err)
	}
	l := shell(t, c, 80, 0)
	l.expect("#")
	l.run("terminal length 0", "#")
	if got := l.run("show privilege", "#"); !strings.Contains(got, "level is 7") {
		t.Error(got)
	}
	if got := l.run("show running-config", s.Hostname()+"#"); strings.Contains(got, "hostname") || !strings.Contains(got, "\nend\r\n") {
		t.Error(got)
	}
	l.send("enable\r")
	l.expect("Password: ", s.Hostname()+"#")
	l.send("enable-word\r")
	l.expect("#")
	if got := l.run("show running-config", s.Hostname()+"#"); !strings.Contains(got, "\nhostname "+s.Hostname()) {
		t.Error(got)
	}
}

// TestConfigDelay is silent before the running-config.
func TestConfigDelay(t *testing.T) {
	const silent = 30 * time.Millisecond
	s := launch(t, "c2960", Options{ConfigDelay: silent})
	l := atPrompt(t, s)
	began := time.Now()
	l.run("show running-config", s.Hostname()+"#")
	if waited := time.Since(began); waited < silent {
		t.Errorf("it answered after %s", waited)
	}
}

// An account may have no session, or come to a menu or a token server.
func TestNoPrompt(t *testing.T) {
	s := launch(t, "c2960", Options{Menu: "\n 1  Show the version\n 2  Exit\nSelection: ", Faults: Faults{NoSession: 1}})
	c, err := dialSSH(t, s, "cisco")
	if err != nil {
		t.Fatal(err)
	}
	if got := shell(t, c, 80, 24).expectEnd(); !strings.Contains(got, "% Authorization failed.") {
		t.Error(got)
	}
	if c, err = dialSSH(t, s, "cisco"); err != nil {
		t.Fatal(err)
	}
	l := shell(t, c, 80, 24)
	l.expect("Selection: ", s.Hostname()+"#")
	l.send("1\r")
	l.expectEnd()
	if got := s.Commands(); !slices.Contains(got, "Selection: 1") {
		t.Errorf("journal %q", got)
	}
}
