package vault

import "testing"

func TestParseShare(t *testing.T) {
	for text, want := range map[string]Share{"1/30": {1, 30}, "7/7": {7, 7}, "1/1": {1, 1}} {
		if got, err := ParseShare(text); err != nil || got != want {
			t.Errorf("%q: %v, error %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "1/", "/7", "0/7", "8/7", "-1/7", "1/7x", "1 / 7", "01/7", "1/0", "0.5/7", "99999999999999999999/7"} {
		if got, err := ParseShare(text); err == nil {
			t.Errorf("%q: %v, no error", text, got)
		}
	}
}
