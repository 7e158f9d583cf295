package api_test

import "flashwarden/api"

import "testing"

func TestImageContradicts(t *testing.T) {
	for _, test := range []struct {
		format, says, device string
		want                 bool
	}{
		{"elf-zip", "15.0(2)SE8", "15.0(2)SE8", false},
		{"elf-zip", "15.0(2)SE8", "15.0(2)SE11", true},
		{"tar", "12.2(55)SE7", "12.2(55)SE10", true},
		{"elf-zip", "15.0(2)se8,", "15.0(02)SE8", false},
		{"elf-zip", "15.0(2)SE10", "15.0(2)SE1", true},
		{"elf-zip", "", "15.0(2)SE8", false},
		{"elf-zip", "15.0(2)SE8", "", false},
		{"iosxe", "16.6.9", "03.16.04b", false},
	} {
		i := &api.Inspection{Format: test.format, Version: test.says}
		if got := i.Contradicts(test.device); got != test.want {
			t.Errorf("%s %q, device %q: %v", test.format, test.says, test.device, got)
		}
	}
	if (*api.Inspection)(nil).Contradicts("15.0(2)SE8") {
		t.Error("a file that was not inspected contradicts")
	}
}
