package e2e

import (
	"os"
	"strings"
	"testing"

	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// TestSetupAsks: a person answers the questions of setup. The answer no changes nothing; yes adds
// the device and the user, and the next setup has nothing to ask.
func TestSetupAsks(t *testing.T) {
	testlevel.NeedFull(t, "starts the program")
	t.Parallel()
	s := newSite(t)
	sw := s.switchOn("sw1", "c3750", iossim.Options{LargestImage: 40_000})
	for _, consent := range []string{"n", "y"} {
		p := s.atTerminal("setup", "--legacy-crypto")
		for _, exchange := range [][2]string{
			{"first device", "sw1\n"}, {"Its address: ", sw.Addr().String() + "\n"}, {"User name on it: ", user + "\n"}, {"first user of the page", "anna\n"},
			{"Password of sw1: ", password + "\n"}, {"Enable password of sw1", enable + "\n"}, {"Password of anna: ", "long-enough-1\n"}, {"Again, ", "long-enough-1\n"}, {"Do this? [y/n] ", consent + "\n"},
		} {
			p.await(exchange[0])
			p.typeText(exchange[1])
		}
		code := p.wait()
		if strings.Contains(p.text, password) || strings.Contains(p.text, "long-enough") {
			t.Errorf("the terminal shows a password:\n%s", p.text)
		}
		_, err := os.Stat(s.data)
		switch {
		case consent == "n" && (code != 4 || err == nil || !strings.Contains(p.text, "Nothing was changed")):
			t.Errorf("no: code %d, %v\n%s", code, err, p.text)
		case consent == "y" && (code != 0 || !strings.Contains(p.text, "WS-C3750G")):
			t.Errorf("yes: code %d\n%s", code, p.text)
		}
	}
	p := s.atTerminal("setup")
	if code := p.wait(); code != 0 || !strings.Contains(p.text, "nothing to change") {
		t.Errorf("again: code %d\n%s", code, p.text)
	}
}
