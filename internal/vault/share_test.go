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

func TestShareOfBytes(t *testing.T) {
	for _, c := range []struct {
		share   Share
		n, want int64
	}{
		{Share{1, 3}, 0, 0}, {Share{1, 3}, 9, 3}, {Share{1, 3}, 10, 4}, {Share{2, 3}, 10, 7}, {Share{1, 30}, 1, 1}, {Share{7, 7}, 10, 10},
		{Share{1000000000, 1000000000}, 12e9, 12e9}, {Share{999999999, 1000000000}, 20e12, 20e12 - 20000},
	} {
		if got := c.share.of(c.n); got != c.want {
			t.Errorf("%v of %d bytes: %d; want %d", c.share, c.n, got, c.want)
		}
	}
}
