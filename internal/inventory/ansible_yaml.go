package inventory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// readYAML reads an inventory in the YAML form of Ansible: groups with hosts, vars and children.
func (a *ansible) readYAML(text []byte) error {
	body, err := document(text, "")
	if err != nil || body == nil {
		return errors.Join(err, orEmpty(body))
	}
	return eachKey(body, "", func(name string, value ast.Node, at place) error { return a.yamlGroup(name, value, at, 0) })
}

func orEmpty(body ast.Node) error {
	if body == nil {
		return errors.New("it is empty")
	}
	return nil
}

// deepest is how deep groups may lie in each other.
const deepest = 100

// yamlGroup reads a group and the groups in it.
func (a *ansible) yamlGroup(name string, body ast.Node, at place, depth int) error {
	if depth > deepest {
		return fmt.Errorf("%v: more than %d groups in each other", at, deepest)
	}
	g := a.group(name)
	return eachKey(body, "", func(key string, value ast.Node, at place) error {
		switch key {
		case "hosts":
			return eachKey(value, "", func(host string, value ast.Node, at place) error {
				vars, err := yamlVars(value, "")
				if err != nil {
					return err
				}
				return a.host(name, host, vars, at)
			})
		case "vars":
			vars, err := yamlVars(value, "")
			g.vars.add(vars)
			return err
		case "children":
			return eachKey(value, "", func(child string, value ast.Node, at place) error {
				g.children = append(g.children, child)
				return a.yamlGroup(child, value, at, depth+1)
			})
		}
		return fmt.Errorf("%v: a group has hosts, vars and children, not %q", at, key)
	})
}

// document parses a text with one YAML document; nil: it is empty. An error does not quote the text,
// which may have secrets.
func document(text []byte, file string) (ast.Node, error) {
	tree, err := parser.ParseBytes(text, 0)
	var wrong yaml.Error
	switch {
	case errors.As(err, &wrong) && wrong.GetToken() != nil && wrong.GetToken().Position != nil:
		return nil, fmt.Errorf("%v: this is not YAML that can be read", place{file, wrong.GetToken().Position.Line})
	case err != nil:
		return nil, fmt.Errorf("%s: this is not YAML that can be read", orInventory(file))
	}
	var body ast.Node
	for _, doc := range tree.Docs {
		if isNull(doc.Body) {
			continue
		}
		if body != nil {
			return nil, fmt.Errorf("%s has a second YAML document", orInventory(file))
		}
		body = doc.Body
	}
	return body, nil
}

func orInventory(file string) string {
	if file == "" {
		return "the inventory"
	}
	return file
}

func isNull(n ast.Node) bool {
	switch n.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return true
	}
	return false
}

// eachKey calls do for each key of a mapping; an empty one has none.
func eachKey(body ast.Node, file string, do func(name string, value ast.Node, at place) error) error {
	if anchor, ok := body.(*ast.AnchorNode); ok {
		body = anchor.Value
	}
	if isNull(body) {
		return nil
	}
	mapping, ok := body.(ast.MapNode)
	if !ok {
		return fmt.Errorf("%v: expected KEY: VALUE in each line", placeOf(body, file))
	}
	for entries := mapping.MapRange(); entries.Next(); {
		key, at := entries.Key(), placeOf(entries.Key(), file)
		if _, merges := key.(*ast.MergeKeyNode); merges {
			return fmt.Errorf("%v: <<: is not read here; write the values out", at)
		}
		text, problem := scalarOf(key)
		if problem != "" {
			return fmt.Errorf("%v: expected a plain key", at)
		}
		if err := do(text, entries.Value(), at); err != nil {
			return err
		}
	}
	return nil
}

func placeOf(n ast.Node, file string) place {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return place{file, t.Position.Line}
	}
	return place{file, 1}
}

// yamlVars reads a mapping of variables. A value that cannot be used is a problem only where it is
// used.
func yamlVars(body ast.Node, file string) (variables, error) {
	vars := variables{}
	err := eachKey(body, file, func(name string, value ast.Node, at place) error {
		text, problem := scalarOf(value)
		vars[name] = variable{text: text, problem: problem, at: at}
		return nil
	})
	return vars, err
}

// scalarOf returns the text of a plain or quoted value, or why it is none.
func scalarOf(n ast.Node) (text, problem string) {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return "", ""
	case *ast.StringNode:
		return checkedText(n.Value)
	case *ast.LiteralNode:
		return checkedText(n.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, ""
	case *ast.AnchorNode:
		return scalarOf(n.Value)
	case *ast.TagNode:
		if strings.HasPrefix(n.Start.Value, "!vault") {
			return "", vaultedValue
		}
		if strings.HasPrefix(n.Start.Value, "!unsafe") || strings.HasPrefix(n.Start.Value, "!!str") {
			return scalarOf(n.Value)
		}
		return "", "has the tag " + n.Start.Value + ", which is not read"
	}
	return "", "is not a single plain value"
}

const vaultedValue = "is encrypted by ansible-vault, which flashwarden does not open: write this value in clear; it is no secret"

func checkedText(text string) (string, string) {
	if vaulted([]byte(text)) {
		return "", vaultedValue
	}
	return text, ""
}
