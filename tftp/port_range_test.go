package tftp_test

import (
	"testing"

	"flashwarden/tftp"
)

func TestPortRange(t *testing.T) {
	for text, want := range map[string]tftp.PortRange{
		"1056:1059": {First: 1056, Last: 1059},
		"7:7":       {First: 7, Last: 7},
		"1:65535":   {First: 1, Last: 65535},
	} {
		got, err := tftp.ParsePortRange(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %v, error %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1056", "1056-1059", "1059:1056", "0:5", "0:0", "1:65536", "a:b", "1:2:3", " 1:2", "+1:2"} {
		if got, err := tftp.ParsePortRange(text); err == nil || got != (tftp.PortRange{}) {
			t.Errorf("%q: %v, error %v", text, got, err)
		}
	}
}
