package config

import (
	_ "embed"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Starter is a configuration file for a new host: common settings as comments.
//
//go:embed starter.yaml
var Starter []byte

// Value is a key of the configuration, as "tftp.listen", and its new value.
type Value struct{ Key, Value string }

// Change returns the text of a configuration file with these values. All other lines stay as they
// are. If a comment has the key, as in Starter, the key takes the place of the comment. file is
// the name of the file for errors. Before it returns the new text, Change reads it: exactly these
// keys must have changed.
func Change(file string, text []byte, values []Value) ([]byte, error) {
	want := Default()
	if err := parse(&want, file, text); err != nil {
		return nil, err
	}
	var lines []string
	if len(text) > 0 {
		lines = strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	}
	if err := setAll(&want, values); err != nil {
		return nil, err
	}
	for _, err := range []error{want.Web.check(), want.Transports.check()} {
		if err != nil {
			return nil, err
		}
	}
	for _, v := range values {
		of := settings()[indexOf(v.Key)]
		lines = changeKey(lines, of.section, of.key, fmt.Sprintf("%q", v.Value))
	}
	changed := []byte(strings.Join(lines, "\n") + "\n")
	got := Default()
	if err := parse(&got, file, changed); err != nil || !reflect.DeepEqual(got, want) {
		return nil, &Error{File: file, Key: values[0].Key, Problem: "the file is written in a way that cannot be changed automatically: set the key by hand"}
	}
	return changed, nil
}

// CheckValues returns an error for a key that does not exist, and for a value that it cannot have.
func CheckValues(values []Value) error {
	c := Default()
	return setAll(&c, values)
}

func setAll(c *Config, values []Value) error {
	for _, v := range values {
		i := indexOf(v.Key)
		if i < 0 {
			return &Error{Key: v.Key, Problem: "no such setting"}
		}
		if err := settings()[i].set(c, v.Value); err != nil {
			return &Error{Key: v.Key, Problem: err.Error()}
		}
	}
	return nil
}

// indexOf is the place of a key among the settings; -1: there is no such key.
func indexOf(key string) int {
	return slices.IndexFunc(settings(), func(s setting) bool { return s.name() == key })
}

// changeKey sets one key in the lines of a file.
func changeKey(lines []string, section, key, value string) []string {
	if section == "" {
		if at := find(lines, `^#? ?`+regexp.QuoteMeta(key)+`:`); at >= 0 {
			lines[at] = key + ": " + value + remark(lines[at])
			return lines
		}
		return append(lines, key+": "+value)
	}
	at := find(lines, `^`+section+`:\s*(#.*)?$`)
	if at < 0 {
		if at = find(lines, `^# ?`+section+`:\s*(#.*)?$`); at < 0 {
			return append(lines, section+":", "  "+key+": "+value)
		}
		lines[at] = section + ":"
	}
	block := lines[at+1 : at+1+blockLength(lines[at+1:])]
	indent := "  "
	if first := find(block, `^ +[^ #]`); first >= 0 {
		indent = block[first][:len(block[first])-len(strings.TrimLeft(block[first], " "))]
	}
	for _, pattern := range []string{`^` + indent, `^# +`} {
		if has := find(block, pattern+regexp.QuoteMeta(key)+`:`); has >= 0 {
			block[has] = indent + key + ": " + value + remark(block[has])
			return lines
		}
	}
	return slices.Insert(lines, at+1, indent+key+": "+value)
}

// find returns the first line that matches; -1 if there is none.
func find(lines []string, pattern string) int {
	return slices.IndexFunc(lines, regexp.MustCompile(pattern).MatchString)
}

// blockLength is how many of these lines belong to the section before them.
func blockLength(lines []string) int {
	if n := find(lines, `^(# ?)?[A-Za-z]`); n >= 0 {
		return n
	}
	return len(lines)
}

// remark is the comment at the end of a line with a key, with the blanks before it.
func remark(line string) string {
	return regexp.MustCompile(`\s+#[^"']*$`).FindString(line)
}

// Answers reads a YAML file with one mapping of scalars, in the order of the file.
func Answers(file string) ([]Value, error) {
	text, err := read(file)
	if err != nil {
		return nil, err
	}
	s := source{file: file, lines: strings.Split(string(text), "\n")}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, s.syntax(err)
	}
	var values []Value
	for _, doc := range tree.Docs {
		if isEmpty(doc.Body) {
			continue
		}
		err := s.each(doc.Body, "", func(name string, _, value ast.Node) error {
			text, err := scalar(value)
			if err != nil {
				return s.at(value.GetToken(), name, err.Error())
			}
			values = append(values, Value{name, text})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return values, nil
}
