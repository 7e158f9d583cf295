package credential

import (
	"slices"
	"strings"
	"testing"
)

// TestWords splits command lines as a shell would, or refuses them.
func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		"pass show cisco/backup":                            {"pass", "show", "cisco/backup"},
		"  vault kv get -field=password  secret/cisco\t":    {"vault", "kv", "get", "-field=password", "secret/cisco"},
		`op read 'op://net/sw $1/password'`:                 {"op", "read", "op://net/sw $1/password"},
		`x "two words" a\ b "say \"hi\" \$5 \n" ''`:         {"x", "two words", "a b", `say "hi" $5 \n`, ""},
		`sh -c 'cat pw | head -n 1; echo "$HOME" >&2'`:      {"sh", "-c", `cat pw | head -n 1; echo "$HOME" >&2`},
		`curl 'https://vault/v1/x?version=2' -H"A: b"'c d'`: {"curl", "https://vault/v1/x?version=2", "-HA: bc d"},
	} {
		if got, err := Words(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, error %v; want %q", line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		"":                       "empty",
		" '' x":                  "empty",
		"pass show x | head -1":  `a "|"`,
		"cat $HOME/pw":           `a "$"`,
		`cat "$HOME/pw"`:         `a "$"`,
		"cat `which pw`":         "a \"`\"",
		"cat ~/pw":               `a "~"`,
		"cat pw; rm pw":          `a ";"`,
		"cat pw\nrm pw":          `a "\n"`,
		"cat 'pw":                "a ' without its partner",
		`cat "pw`:                `a " without its partner`,
		`cat pw\`:                `a "\\"`,
		"PASSWORD_STORE_DIR=x y": "begins with a variable",
	} {
		if got, err := Words(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, error %v; want %q", line, got, err, want)
		}
	}
}

// TestCommandHasNoShell: the words of a command reach its program as they are.
func TestCommandHasNoShell(t *testing.T) {
	got, err := run(t.Context(), `printf '%s' 'a; echo b $HOME *'`)
	if err != nil || got != "a; echo b $HOME *" {
		t.Errorf("%q, error %v", got, err)
	}
}

// TestErrorOfACommandHasNoSecret: a command that fails may repeat the password among its errors.
func TestErrorOfACommandHasNoSecret(t *testing.T) {
	_, err := run(t.Context(), `sh -c 'echo topsecret; echo "+ login topsecret refused" >&2; exit 2'`)
	if err == nil || strings.Contains(err.Error(), "topsecret") || !strings.Contains(err.Error(), "login … refused") {
		t.Errorf("error %v", err)
	}
}
