package api

import (
	"fmt"
	"strings"
	"unicode"
)

// Fix is the next step after a failure, as data: words and actions in the
// order of reading. The packages that see a failure build it; a face renders
// it. The zero Fix means that there is nothing to do.
type Fix []FixPart

// The places where a line is typed.
const (
	OnHost   = "host"   // the machine that runs flashwarden
	OnDevice = "device" // the device, in privileged EXEC where the words do not say otherwise
	OnJump   = "jump"   // the jump host through which the device is reached
	OnPath   = "path"   // a firewall or router between the two
)

// FixPart is one part of a Fix. Exactly one of Text, Line, Call, Option and
// Setting is set.
type FixPart struct {
	Text    string      `json:"text,omitempty"`    // words
	Line    string      `json:"line,omitempty"`    // to type, at Where
	Where   string      `json:"where,omitempty"`   // OnHost, OnDevice, OnJump, OnPath
	Call    *Call       `json:"call,omitempty"`    // an operation to run
	Option  *CallOption `json:"option,omitempty"`  // an option to add to the operation that failed
	Setting *CallOption `json:"setting,omitempty"` // a key of the configuration
}

// Call names one operation with its arguments: {"operation":"backup",
// "args":["sw1"],"options":[{"name":"files","value":"all"}]}.
type Call struct {
	Operation string       `json:"operation"`      // with blanks between its words: "device edit"
	User      string       `json:"user,omitempty"` // the user of this host who must run it; empty: any
	Args      []string     `json:"args,omitempty"`
	Options   []CallOption `json:"options,omitempty"`
}

// CallOption is an option of an operation under the name of its JSON field, or
// a key of the configuration, with its value; without a value it is switched
// on, or its value is left to the user.
type CallOption struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

// Say begins a Fix with words.
func Say(format string, args ...any) Fix { return Fix(nil).Say(format, args...) }

// Do begins a Fix with an operation of ours.
func Do(operation string, args ...string) Fix { return Fix(nil).Do(operation, args...) }

// Type begins a Fix with a line to type at a place.
func Type(where, line string) Fix { return Fix(nil).Type(where, line) }

// Say adds words. Without args the format is taken as it is.
func (f Fix) Say(format string, args ...any) Fix {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	if format == "" {
		return f
	}
	return f.add(FixPart{Text: format})
}

// Type adds a line to type at a place: OnHost, OnDevice, OnJump or OnPath.
func (f Fix) Type(where, line string) Fix { return f.add(FixPart{Line: line, Where: where}) }

// Do adds an operation of ours: Do("backup", "sw1").
func (f Fix) Do(operation string, args ...string) Fix {
	return f.add(FixPart{Call: &Call{Operation: operation, Args: args}})
}

// With adds an option to the operation that Do added last. An empty value
// switches it on.
func (f Fix) With(name, value string) Fix {
	last := f[len(f)-1]
	call := *last.Call
	call.Options = append(call.Options[:len(call.Options):len(call.Options)], CallOption{name, value})
	last.Call = &call
	return f[:len(f)-1].add(last)
}

// As says which user of this host must run the operation that Do added last.
func (f Fix) As(user string) Fix {
	last := f[len(f)-1]
	call := *last.Call
	call.User = user
	last.Call = &call
	return f[:len(f)-1].add(last)
}

// Option adds the name of an option of the operation that failed, as in "add
// --replace".
func (f Fix) Option(name, value string) Fix { return f.add(FixPart{Option: &CallOption{name, value}}) }

// Set adds a key of the configuration, with its value where one is meant.
func (f Fix) Set(key, value string) Fix { return f.add(FixPart{Setting: &CallOption{key, value}}) }

// Then adds all parts of another Fix.
func (f Fix) Then(more Fix) Fix { return append(f[:len(f):len(f)], more...) }

// Map returns f with every text in it replaced by what change makes of it: words,
// lines, arguments and values.
func (f Fix) Map(change func(string) string) Fix {
	option := func(o CallOption) CallOption { return CallOption{o.Name, change(o.Value)} }
	var out Fix
	for _, p := range f {
		p.Text, p.Line = change(p.Text), change(p.Line)
		switch {
		case p.Call != nil:
			call := Call{Operation: p.Call.Operation, User: change(p.Call.User)}
			for _, arg := range p.Call.Args {
				call.Args = append(call.Args, change(arg))
			}
			for _, o := range p.Call.Options {
				call.Options = append(call.Options, option(o))
			}
			p.Call = &call
		case p.Option != nil:
			o := option(*p.Option)
			p.Option = &o
		case p.Setting != nil:
			o := option(*p.Setting)
			p.Setting = &o
		}
		out = append(out, p)
	}
	return out
}

func (f Fix) add(p FixPart) Fix { return append(f[:len(f):len(f)], p) }

// String renders f for a person at a command line: operations as commands of
// flashwarden, lines in back quotes.
func (f Fix) String() string {
	var b strings.Builder
	for _, p := range f {
		b.WriteString(p.text())
	}
	return b.String()
}

func (p FixPart) text() string {
	switch {
	case p.Line != "":
		return "`" + p.Line + "`"
	case p.Call != nil:
		return "`" + p.Call.CommandLine() + "`"
	case p.Option != nil:
		return p.Option.Flag()
	case p.Setting != nil && p.Setting.Value != "":
		return fmt.Sprintf("`%s: %s` in the configuration (or %s)", p.Setting.Name, p.Setting.Value, p.Setting.variable())
	case p.Setting != nil:
		return p.Setting.Name
	}
	return p.Text
}

// CommandLine renders c as a command of flashwarden, quoted for the shell.
func (c Call) CommandLine() string {
	words := []string{"flashwarden", c.Operation}
	if c.User != "" {
		words = []string{"sudo -u", ShellWord(c.User), "flashwarden", c.Operation}
	}
	for _, arg := range c.Args {
		words = append(words, ShellWord(arg))
	}
	for _, o := range c.Options {
		words = append(words, o.Flag())
	}
	return strings.Join(words, " ")
}

// variable is the environment variable of a key of the configuration.
func (o CallOption) variable() string {
	return "FLASHWARDEN_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(o.Name))
}

// Flag renders o as a flag of the command line.
func (o CallOption) Flag() string {
	flag := "--" + strings.ReplaceAll(o.Name, "_", "-")
	if o.Value != "" {
		flag += " " + ShellWord(o.Value)
	}
	return flag
}

// ShellWord quotes a word of a command line where the shell would take it for
// something else.
func ShellWord(word string) string {
	plain := func(r rune) bool {
		return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("/.,:=+-_@%", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
