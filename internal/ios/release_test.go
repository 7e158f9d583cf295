package ios

import "testing"

func TestSameRelease(t *testing.T) {
	for _, same := range [][2]string{
		{"15.2(2)E6", "03.06.06E"}, {"15.2(2)E", "3.6.0E"}, {"15.5(3)S4b", "03.16.04b.S"}, {"17.09.04a", "17.9.4a"}, {"15.1(2)SG8", "03.04.08.SG"},
		{"12.2(55)SE11", "12.2(55)SE11"}, {"15.0(1)EX3", "03.02.03.SE"},
	} {
		if !SameRelease(same[0], same[1]) {
			t.Errorf("%s and %s are one release", same[0], same[1])
		}
	}
	for _, other := range [][2]string{
		{"15.2(2)E6", "03.06.07E"}, {"15.2(2)E6", "15.2(2)E7"}, {"17.09.04a", "17.09.04"}, {"15.0(2)SE8", "3.2.8SE"}, {"15.2(4)S", "03.08.00E"}, {"", "17.9.1"},
	} {
		if SameRelease(other[0], other[1]) {
			t.Errorf("%s and %s are two releases", other[0], other[1])
		}
	}
}

func TestRegister(t *testing.T) {
	for text, want := range map[string]struct {
		ignores bool
		field   int
		ok      bool
	}{
		"0x2102": {false, 2, true}, "0x2142": {true, 2, true}, "0x9922": {true, 2, true}, "0x2100": {false, 0, true}, "0x101": {false, 1, true}, "0xF": {false, 15, true},
		"": {}, "2102": {}, "0xzz": {},
	} {
		r, ok := ParseRegister(text)
		if ok != want.ok || ok && (r.IgnoresStartup() != want.ignores || r.BootField() != want.field) {
			t.Errorf("%q: %v %t %d", text, ok, r.IgnoresStartup(), r.BootField())
		}
		if r.ReadingStartup().IgnoresStartup() || r.ReadingStartup().BootField() != r.BootField() {
			t.Errorf("%q reads its startup-config with %#x", text, r.ReadingStartup())
		}
	}
}
