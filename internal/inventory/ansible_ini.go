package inventory

import (
	"errors"
	"fmt"
	"strings"
)

// readINI reads an inventory in the INI form of Ansible: hosts with variables in a line, and the
// sections [GROUP], [GROUP:vars] and [GROUP:children].
func (a *ansible) readINI(text []byte) error {
	group, kind := groupUngrouped, "hosts"
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		at := place{line: n}
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' && !strings.Contains(before(line, '#'), "=") && sectionEnd(line) {
			var err error
			if group, kind, err = section(line); err != nil {
				return fmt.Errorf("%v: %w", at, err)
			}
			a.group(group)
			continue
		}
		if err := a.iniLine(group, kind, line, at); err != nil {
			return err
		}
	}
	return nil
}

// before is the part of a text before a character.
func before(text string, c byte) string {
	head, _, _ := strings.Cut(text, string(c))
	return strings.TrimSpace(head)
}

// sectionEnd reports whether a line ends as the head of a section does.
func sectionEnd(line string) bool { return strings.HasSuffix(before(line, '#'), "]") }

// section reads [GROUP], [GROUP:vars] or [GROUP:children].
func section(line string) (group, kind string, err error) {
	inside := strings.TrimSuffix(strings.TrimPrefix(before(line, '#'), "["), "]")
	group, kind, ok := strings.Cut(inside, ":")
	if !ok {
		kind = "hosts"
	}
	switch {
	case group == "" || strings.ContainsAny(group, " \t[]"):
		return "", "", fmt.Errorf("%q is not the head of a section, such as [switches]", line)
	case kind != "hosts" && kind != "vars" && kind != "children":
		return "", "", fmt.Errorf("a section of a group ends with :vars or :children, not with :%s", kind)
	}
	return group, kind, nil
}

// iniLine reads one line of a section.
func (a *ansible) iniLine(group, kind, line string, at place) error {
	switch kind {
	case "vars":
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return fmt.Errorf("%v: want NAME=VALUE", at)
		}
		a.group(group).vars[strings.TrimSpace(name)] = variable{text: unquoted(strings.TrimSpace(value)), at: at}
		return nil
	case "children":
		child := before(line, '#')
		if strings.ContainsAny(child, " \t=") {
			return fmt.Errorf("%v: want the name of one group", at)
		}
		a.group(child)
		a.group(group).children = append(a.group(group).children, child)
		return nil
	}
	words, err := iniWords(line)
	if err != nil {
		return fmt.Errorf("%v: %w", at, err)
	}
	vars := variables{}
	for _, word := range words[1:] {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return fmt.Errorf("%v: want NAME=VALUE behind the name of the host", at)
		}
		vars[name] = variable{text: unquoted(value), at: at}
	}
	return a.host(group, words[0], vars, at)
}

// unquoted takes the quotes from a text that is one quoted value.
func unquoted(text string) string {
	if len(text) >= 2 && (text[0] == '"' || text[0] == '\'') && strings.IndexByte(text[1:], text[0]) == len(text)-2 {
		return text[1 : len(text)-1]
	}
	return text
}

// iniWords splits the line of a host as a shell does, without any expansion. A comment begins with #.
func iniWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	started, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != '\'' && c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			started = true
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, started = c, true
		case c == '#' && !started:
			return words, nil
		case c == ' ' || c == '\t':
			if started {
				words = append(words, word.String())
				word.Reset()
			}
			started = false
		default:
			word.WriteByte(c)
			started = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote has no partner")
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}
