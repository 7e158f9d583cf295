package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"flashwarden/internal/lazyregexp"
)

// source is the parsed file.
type source struct {
	file  string
	lines []string
}

// byteOrderMark is U+FEFF in UTF-8. Windows editors write it at the start of a
// file, and YAML 1.2 allows it there (section 5.2).
const byteOrderMark = "\xef\xbb\xbf"

// parse reads the YAML document data of the named file into c. It walks the syntax
// tree instead of decoding it, so that every error has its place.
func parse(c *Config, file string, data []byte) error {
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	s := source{file: file, lines: strings.Split(string(data), "\n")}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return s.syntax(err)
	}
	seen := 0
	for _, doc := range tree.Docs {
		if isEmpty(doc.Body) {
			continue
		}
		if seen++; seen > 1 {
			return s.at(doc.Body.GetToken(), "", "a second document; the configuration must be a single one")
		}
		if err := s.document(c, doc.Body); err != nil {
			return err
		}
	}
	return nil
}

func (s source) document(c *Config, body ast.Node) error {
	return s.each(body, "", func(name string, key, value ast.Node) error {
		switch {
		case name == receiveSection:
			return s.receive(c, value)
		case name == mirrorsSection:
			return s.mirrors(c, value)
		case name == inventorySection:
			return s.inventory(c, value)
		case name == notifySection:
			return s.notify(c, value)
		case slices.Contains(keys(""), name):
			return s.key(c, "", name, key, value)
		case !slices.Contains(sections(), name):
			return s.at(key.GetToken(), name, "unknown section"+instead(slices.Concat(keys(""), sections(), []string{receiveSection, mirrorsSection, inventorySection, notifySection})))
		}
		return s.section(c, name, value)
	})
}

func (s source) section(c *Config, section string, body ast.Node) error {
	if isEmpty(body) {
		return nil
	}
	return s.each(body, section, func(name string, key, value ast.Node) error {
		if own := ownSchedules(c, section, name); own != nil {
			return s.schedules(own, section+"."+name, value)
		}
		if own := ownCredentials(c, section, name); own != nil {
			return s.credentials(own, section+"."+name, value)
		}
		if _, ok := value.(ast.MapNode); ok && slices.ContainsFunc(keys(section), func(known string) bool { return strings.HasPrefix(known, name+".") }) {
			return s.each(value, section+"."+name, func(last string, key, value ast.Node) error {
				if section == "web" && name+"."+last == "oidc.roles" {
					return s.groupRoles(c, "web.oidc.roles", value)
				}
				return s.key(c, section, name+"."+last, key, value)
			})
		}
		return s.key(c, section, name, key, value)
	})
}

// key sets one key of a section.
func (s source) key(c *Config, section, name string, key, value ast.Node) error {
	i := slices.IndexFunc(settings(), func(s setting) bool { return s.section == section && s.key == name })
	if i < 0 {
		return s.at(key.GetToken(), section+"."+name, "unknown key"+instead(keys(section)))
	}
	text, err := scalar(value)
	if list, ok := value.(*ast.SequenceNode); ok && settings()[i].name() == listKey {
		text, err = scalars(list)
	}
	if err == nil {
		err = settings()[i].set(c, text)
	}
	if err != nil {
		return s.at(value.GetToken(), settings()[i].name(), err.Error())
	}
	return nil
}

// items calls do for each item of a list.
func (s source) items(body ast.Node, section string, do func(item ast.Node) error) error {
	if isEmpty(body) {
		return nil
	}
	list, ok := body.(*ast.SequenceNode)
	if !ok {
		return s.at(body.GetToken(), section, "expected a list here, with one item after each dash")
	}
	for _, item := range list.Values {
		if err := do(item); err != nil {
			return err
		}
	}
	return nil
}

// item calls set for each key of one item of a list.
func (s source) item(item ast.Node, section string, known []string, set func(key, value string) error) error {
	return s.each(item, section, func(name string, key, value ast.Node) error {
		if !slices.Contains(known, name) {
			return s.at(key.GetToken(), section+"."+name, "unknown key"+instead(known))
		}
		text, err := scalar(value)
		if err == nil {
			err = set(name, text)
		}
		if err != nil {
			return s.at(value.GetToken(), section+"."+name, err.Error())
		}
		return nil
	})
}

// each calls do for each key of a mapping.
func (s source) each(body ast.Node, where string, do func(name string, key, value ast.Node) error) error {
	mapping, ok := body.(ast.MapNode)
	if !ok {
		return s.at(body.GetToken(), where, "expected a mapping here, with KEY: VALUE in each line")
	}
	for entries := mapping.MapRange(); entries.Next(); {
		name, err := scalar(entries.Key())
		if err != nil {
			return s.at(entries.Key().GetToken(), where, "expected a plain key here")
		}
		if err := do(name, entries.Key(), entries.Value()); err != nil {
			return err
		}
	}
	return nil
}

// scalar returns the text of a plain or quoted value.
func scalar(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.NullNode:
		return "", nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	}
	return "", fmt.Errorf("expected a single plain value here, not a %s", strings.ToLower(n.Type().String()))
}

// scalars returns the texts of a list, with commas between them.
func scalars(list *ast.SequenceNode) (string, error) {
	var texts []string
	for _, item := range list.Values {
		text, err := scalar(item)
		if err != nil {
			return "", err
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ","), nil
}

func isEmpty(n ast.Node) bool {
	if n == nil {
		return true
	}
	switch n.(type) {
	case *ast.NullNode, *ast.CommentGroupNode:
		return true
	}
	return false
}

// syntax converts an error of the YAML parser to an *Error.
func (s source) syntax(err error) error {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		return &Error{File: s.file, Problem: err.Error()}
	}
	return s.at(e.GetToken(), "", e.GetMessage())
}

// at returns an error with the place of t.
func (s source) at(t *token.Token, key, problem string) error {
	e := &Error{File: s.file, Key: key, Problem: problem}
	if t == nil || t.Position == nil {
		return e
	}
	e.Line, e.Column = t.Position.Line, t.Position.Column
	if e.Line >= 1 && e.Line <= len(s.lines) && e.Column >= 1 {
		text := strings.TrimRight(s.lines[e.Line-1], "\r")
		e.Column = min(e.Column, utf8.RuneCountInString(text)+1)
		e.Excerpt = excerpt(passwordInURL.ReplaceAllString(text, "$1$2…"), e.Line, e.Column)
	}
	return e
}

// passwordInURL is a password where none belongs: in a URL. The line of an error must not
// show it.
var passwordInURL = lazyregexp.New(`(://[^/@:\s]*:)[^/@\s]+|([?&]password=)[^&\s"']+`)

// excerpt returns a line with a caret under a column. The column is at most one
// after the end of the line.
func excerpt(text string, line, column int) string {
	head := fmt.Sprintf("%5d | ", line)
	indent := []rune(strings.Repeat(" ", len(head)) + text)
	indent = indent[:len(head)+column-1]
	for i, r := range indent {
		if r != '\t' {
			indent[i] = ' '
		}
	}
	return head + text + "\n" + string(indent) + "^"
}
