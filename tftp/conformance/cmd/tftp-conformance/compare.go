package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"flashwarden/tftp/conformance"
)

// compare prints one table in Markdown of results in JSON. A column has the name of
// its file.
func compare(out io.Writer, files []string) error {
	if len(files) == 0 {
		return fmt.Errorf("-compare needs files that -json printed")
	}
	var names []string
	reports := make([]report, len(files))
	for i, file := range files {
		b, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(b, &reports[i])
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	row(out, append([]string{"case", "level", "source"}, names...))
	row(out, strings.Split(strings.Repeat("---|", 2+len(names))+"---", "|"))
	for _, c := range conformance.Cases() {
		cells := []string{c.String(), string(c.Level), c.Source}
		for _, r := range reports {
			cells = append(cells, mark(r, c.Number))
		}
		row(out, cells)
	}
	sums := []string{"passed, failed, skipped", "", ""}
	for _, r := range reports {
		sums = append(sums, fmt.Sprintf("%d, %d, %d", r.Passed, r.Failed, r.Skipped))
	}
	row(out, sums)
	for i, r := range reports {
		failures(out, names[i], r)
	}
	return nil
}

func row(out io.Writer, cells []string) { fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | ")) }

// mark returns the cell of a case.
func mark(r report, number int) string {
	for _, c := range r.Results {
		if c.Number != number {
			continue
		}
		switch c.Verdict {
		case conformance.Fail:
			return "**fail**"
		case conformance.Skip:
			return "–"
		}
		return "pass"
	}
	return ""
}

// failures lists the observations in each failed case.
func failures(out io.Writer, name string, r report) {
	if r.Failed == 0 {
		return
	}
	fmt.Fprintf(out, "\n### %s\n\n", name)
	for _, c := range r.Results {
		if c.Verdict == conformance.Fail {
			fmt.Fprintf(out, "- %03d: `%s`\n", c.Number, strings.ReplaceAll(c.Detail, "`", "'"))
		}
	}
}
