package credential

import (
	"errors"
	"fmt"
	"strings"
)

// special are the characters that make a shell do more than run one program.
const special = "|&;<>()$`*?[]{}#~!\n"

// Words splits a command line into a program and its arguments. It knows the quotes of a shell,
// '…' and "…", and the backslash. Everything that a shell would expand, or by which it would run
// several programs, is an error: no shell runs the command.
func Words(line string) ([]string, error) {
	var words []string
	for rest := strings.TrimLeft(line, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		word, after, err := nextWord(rest)
		if err != nil {
			return nil, err
		}
		words, rest = append(words, word), after
	}
	switch {
	case len(words) == 0 || words[0] == "":
		return nil, errors.New("the command is empty")
	case strings.Contains(words[0], "="):
		return nil, errors.New("the command begins with a variable: begin it with the program env")
	}
	return words, nil
}

// nextWord takes one word from the beginning of a line.
func nextWord(line string) (word, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
			return b.String(), line[i:], nil
		case c == '\'' || c == '"':
			n, err := quoted(&b, line[i:])
			if err != nil {
				return "", "", err
			}
			i += n
		case c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		case c == '\\' || strings.IndexByte(special, c) >= 0:
			return "", "", noShell(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", nil
}

// quoted adds the text in the quotes at the beginning of a line to b. It returns the place of the
// closing quote.
func quoted(b *strings.Builder, line string) (int, error) {
	quote := line[0]
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == quote:
			return i, nil
		case quote == '"' && (c == '$' || c == '`'):
			return 0, noShell(c)
		case quote == '"' && c == '\\' && i+1 < len(line) && strings.IndexByte("\\\"$`", line[i+1]) >= 0:
			i++
			b.WriteByte(line[i])
		default:
			b.WriteByte(c)
		}
	}
	return 0, fmt.Errorf("the command has a %c without its partner", quote)
}

func noShell(c byte) error {
	return fmt.Errorf("the command has a %q, but no shell runs it: put the character in single quotes, or the whole line into a script", string(c))
}
