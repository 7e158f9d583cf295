package password

import (
	"strings"
	"testing"
)

func TestMatches(t *testing.T) {
	hash := Hash("correct horse")
	if other := Hash("correct horse"); hash == other {
		t.Error("two hashes of one password are equal: they have no salt")
	}
	for password, want := range map[string]bool{"correct horse": true, "Correct horse": false, "": false, strings.Repeat("x", MaxLength+1): false} {
		if got := Matches(hash, password); got != want {
			t.Errorf("%.20q: %t", password, got)
		}
	}
	for _, broken := range []string{"", "$argon2id$", hash[:len(hash)-1], strings.Replace(hash, "m=19456", "m=8", 1), strings.Replace(hash, "argon2id", "argon2i", 1)} {
		if Matches(broken, "correct horse") || Matches(broken, "") {
			t.Errorf("the hash %q has a password", broken)
		}
	}
	if len(hash) != len("$argon2id$v=19$m=19456,t=2,p=1$")+22+1+43 {
		t.Errorf("the form of %s", hash)
	}
}

func TestCheck(t *testing.T) {
	for password, ok := range map[string]bool{"": false, "seven 7": false, "eight 88": true, "        ": false, strings.Repeat("x", MaxLength+1): false} {
		if err := Check(password); (err == nil) != ok {
			t.Errorf("%.20q: %v", password, err)
		}
	}
}
