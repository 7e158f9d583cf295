package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// notCommands are lines of the documentation that begin like commands of this program.
var notCommands = map[string]string{
	"ping NAME": "the example of CONTRIBUTING.md, a command that is not there",
}

// TestDocsCommandLines reads each command line of this program in the documentation: the command
// and all its flags exist, the values have the right form, and no argument is missing. Scripts in testdata run whole chapters:
// start.txtar, simulate.txtar, recovery.txtar, deadswitch.txtar.
func TestDocsCommandLines(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "/design.md") }) // no manual
	lines := 0
	for _, file := range append(files, "../../README.md", "../../SECURITY.md", "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range commandLines(string(text)) {
			if lines++; notCommands[strings.TrimSpace(line.text)] != "" {
				continue
			}
			if err := parses(line); err != nil {
				t.Errorf("%s: flashwarden %s: %v", filepath.Base(file), line.text, err)
			}
		}
	}
	if lines < 200 {
		t.Errorf("only %d command lines found", lines)
	}
}

// docLine is the part of a command line behind the name of the program. A span in a sentence may
// leave out arguments.
type docLine struct {
	text string
	span bool
}

var (
	inBlock = regexp.MustCompile(`(?:^|[|;(]|&&|sudo|sudo -u \S+|bin/|\./|env|nohup|'|\s{2}root )\s*(?:/usr/bin/)?flashwarden ((?:'[^']*'|[^|;>&#)'])+)`)
	inSpan  = regexp.MustCompile(`\x60(?:sudo )?flashwarden ([^\x60|;>&#]+)\x60`)
)

// commandLines finds the command lines in blocks of code and in spans of code.
func commandLines(text string) (found []docLine) {
	fenced := false
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if fenced || strings.HasPrefix(line, "    ") {
			for _, m := range inBlock.FindAllStringSubmatch(line, -1) {
				found = append(found, docLine{text: strings.TrimSpace(m[1])})
			}
			continue
		}
		for _, m := range inSpan.FindAllStringSubmatch(line, -1) {
			found = append(found, docLine{m[1], true})
		}
	}
	return found
}

// parses reads a command line without running it.
func parses(line docLine) error {
	words, err := shellWords(line.text)
	if err != nil || slices.ContainsFunc(words, func(w string) bool { return strings.ContainsAny(w, "[…") }) {
		return err // a line with […] shows its form
	}
	cmd, rest, err := (&program{}).command().Find(words)
	if err != nil {
		return err
	}
	err = cmd.ParseFlags(rest)
	switch {
	case errors.Is(err, pflag.ErrHelp), line.span && err != nil && strings.HasPrefix(err.Error(), "flag needs an argument"):
		return nil
	case err != nil:
		return err
	}
	if line.span || cmd.Name() == "help" {
		return nil
	}
	return checkArguments(cmd, cmd.Flags().Args())
}

// shellWords splits a line as a shell does.
func shellWords(line string) (words []string, err error) {
	var word strings.Builder
	quote, open := rune(0), false
	for _, r := range line + " " {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, open = r, true
		case quote == 0 && r == ' ':
			if word.Len() > 0 || open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	return words, nil
}
