// Package hashlist reads lists of published digests: Cisco's Bulk Hash File (CSV),
// and the output of md5sum, sha256sum and sha512sum. It is pure.
package hashlist

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/lazyregexp"
)

// Digits of the digests in hexadecimal.
const (
	md5Digits    = 32
	sha256Digits = 64
	sha512Digits = 128
)

// Forms of a line: "DIGEST  NAME" of coreutils, where * says that the file was
// read as binary, and "MD5 (NAME) = DIGEST" of BSD and of coreutils with --tag.
var (
	sumLine = lazyregexp.New(`^\\?([0-9A-Fa-f]{32}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{128}) [ *](.+)$`)
	tagLine = lazyregexp.New(`^(?:MD5|SHA256|SHA512) \((.+)\) = ([0-9A-Fa-f]+)$`)
)

// Read yields each line of a list. A list without any digest is an error.
func Read(r io.Reader, yield func(api.Hash)) error {
	b := bufio.NewReader(r)
	if start, _ := b.Peek(3); bytes.Equal(start, []byte("\ufeff")) { // as spreadsheets write it
		b.Discard(3) // cannot fail: these bytes are buffered
	}
	n := 0
	count := func(h api.Hash) { n++; yield(h) }
	first, err := firstLine(b)
	if err == nil {
		if sumLine.MatchString(first) || tagLine.MatchString(first) {
			err = readSums(b, count)
		} else {
			err = readCSV(b, count)
		}
	}
	if err == nil && n == 0 {
		err = errors.New("it has no MD5, SHA-256 or SHA-512: want Cisco's Bulk Hash File (CSV), or the output of md5sum, sha256sum or sha512sum")
	}
	return err
}

// About returns the lines of a list that may concern one of the images.
func About(images []api.Image, r io.Reader) ([]api.Hash, error) {
	known := make(map[string]bool)
	for _, i := range images {
		for _, text := range append([]string{i.MD5, i.SHA256}, i.Names...) {
			known[text] = text != ""
		}
	}
	var hashes []api.Hash
	err := Read(r, func(h api.Hash) {
		if known[h.Name] || known[h.MD5] || known[h.SHA256] {
			hashes = append(hashes, h)
		}
	})
	return hashes, err
}

// firstLine looks at the first line that is neither empty nor a comment. It skips
// those before it.
func firstLine(b *bufio.Reader) (string, error) {
	for {
		peeked, err := b.Peek(1 << 12)
		if len(peeked) == 0 {
			if err == io.EOF {
				return "", nil
			}
			return "", err
		}
		line, _, whole := bytes.Cut(peeked, []byte("\n"))
		text := strings.TrimSpace(string(line))
		if text != "" && !strings.HasPrefix(text, "#") {
			return strings.TrimRight(string(line), "\r"), nil
		}
		skip := len(line)
		if whole {
			skip++
		}
		if _, err := b.Discard(skip); err != nil {
			return "", err
		}
	}
}

func readSums(r io.Reader, yield func(api.Hash)) error {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimRight(lines.Text(), "\r")
		if strings.TrimSpace(text) == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, digest := "", ""
		if m := sumLine.FindStringSubmatch(text); m != nil {
			digest, name = m[1], m[2]
		} else if m := tagLine.FindStringSubmatch(text); m != nil {
			name, digest = m[1], m[2]
		}
		h := api.Hash{Name: baseName(name)}
		if !enter(&h, digest) {
			return fmt.Errorf("line %d: %q is not DIGEST  NAME", n, text)
		}
		yield(h)
	}
	return lines.Err()
}

// enter enters a digest where it belongs, by its length.
func enter(h *api.Hash, digest string) bool {
	digest = strings.ToLower(strings.TrimSpace(digest))
	if strings.Trim(digest, "0123456789abcdef") != "" {
		return false
	}
	switch len(digest) {
	case md5Digits:
		h.MD5 = digest
	case sha256Digits:
		h.SHA256 = digest
	case sha512Digits:
		h.SHA512 = digest
	default:
		return false
	}
	return true
}

// baseName is the last part of a path, as of Linux or of Windows.
func baseName(name string) string {
	return path.Base(strings.ReplaceAll(strings.TrimSpace(name), `\`, "/"))
}

// readCSV reads a table. Digests are found by their length, so the order of the
// columns does not matter. The first line may name them.
func readCSV(r io.Reader, yield func(api.Hash)) error {
	table := csv.NewReader(r)
	table.FieldsPerRecord, table.LazyQuotes, table.TrimLeadingSpace, table.ReuseRecord = -1, true, true, true
	column := -1 // of the file names; -1: the first field that may be one
	for first := true; ; first = false {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		h, found := api.Hash{}, false
		for _, field := range row {
			found = enter(&h, field) || found
		}
		if !found {
			if first {
				column = nameColumn(row)
			}
			continue // the heads, or a file without a digest
		}
		if h.Name = nameIn(row, column); h.Name != "" {
			yield(h)
		}
	}
}

// nameColumn finds the column of file names by its head: "Image Name", "File".
func nameColumn(heads []string) int {
	best := -1
	for i, head := range heads {
		head = strings.ToLower(head)
		switch {
		case (strings.Contains(head, "image") || strings.Contains(head, "file")) && strings.Contains(head, "name"):
			return i
		case best < 0 && (strings.Contains(head, "image") || strings.Contains(head, "file") && !strings.Contains(head, "size")):
			best = i
		}
	}
	return best
}

// nameIn returns the file name in a row.
func nameIn(row []string, column int) string {
	if column >= 0 && column < len(row) {
		return baseName(row[column])
	}
	for _, field := range row {
		var h api.Hash
		if !enter(&h, field) && strings.ContainsAny(field, "-.") && !strings.Contains(field, " ") {
			return baseName(field)
		}
	}
	return ""
}
