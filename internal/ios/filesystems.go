package ios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// *  11353194496    9936510976      disk     rw   flash: bootflash: flash-1:
var fileSystemRow = lazyregexp.New(`^(\*)?\s*(-|\d{1,18})\s+(-|-?\d{1,18})\s+(\S+)\s+(rw|ro|wo)\s+(\S.*)$`)

// fileSystemLike matches a row of the table, readable or not: it begins with
// sizes.
var fileSystemLike = lazyregexp.New(`^\*?\s*(?:-|\d+)\s+(?:-|-?\d+)\s`)

// ParseFileSystems reads show file systems (Cisco IOS Configuration
// Fundamentals Command Reference). A row that it cannot read is an error that
// quotes the row; it returns the other rows together with the error.
func ParseFileSystems(text string) ([]FileSystem, error) {
	if err := cutOff("show file systems", text); err != nil {
		return nil, err
	}
	var systems []FileSystem
	var unread error
	for _, line := range linesOf(text) {
		line = strings.TrimSpace(line)
		row := fileSystemRow.FindStringSubmatch(line)
		if row == nil && unread == nil && fileSystemLike.MatchString(line) {
			unread = fmt.Errorf("show file systems: cannot read the line %s", quote(line))
		}
		if row == nil {
			continue
		}
		systems = append(systems, FileSystem{
			Prefixes: prefixes(row[6]), Type: row[4], Flags: row[5], Default: row[1] == "*",
			Size: numberOr(row[2], -1), Free: numberOr(row[3], -1),
		})
	}
	if len(systems) > 0 || unread != nil {
		return systems, unread
	}
	return nil, nothingRead("show file systems", "file system", text)
}

// prefix matches one name in the last column. Older software marks it with #,
// and Cisco's own examples print several names without blanks: flash:flash-1:.
var prefix = lazyregexp.New(`[^\s:#]+:?`)

// prefixes splits the last column.
func prefixes(column string) []string { return prefix.FindAllString(column, -1) }

// bootflash-1: and bootflash-1-1:, by the switch or by the chassis and supervisor.
var numbered = lazyregexp.New(`^(.+?)(?:-\d+){1,2}:$`)

// JoinStandby returns the table with the flash of another unit in one row. Some
// Catalyst 9000s print it in two: a pair of 9500s (StackWise Virtual) as
// bootflash-1: and stby-bootflash:, a chassis with two supervisors as
// bootflash-1-1: and stby-bootflash:. With several other units it is not certain
// which one is the standby, and the rows stay.
func JoinStandby(table []FileSystem) []FileSystem {
	joined := slices.Clone(table)
	for _, row := range table {
		own, standby := strings.CutPrefix(row.Prefixes[0], "stby-")
		if !standby || len(row.Prefixes) > 1 {
			continue
		}
		other := func(r FileSystem) bool {
			return !slices.Contains(r.Prefixes, own) && slices.ContainsFunc(r.Prefixes, func(name string) bool { return first(numbered, name)+":" == own })
		}
		i := slices.IndexFunc(joined, other)
		if i < 0 || slices.ContainsFunc(joined[i+1:], other) {
			continue
		}
		joined[i].Prefixes = append(slices.Clone(joined[i].Prefixes), row.Prefixes[0])
		joined = slices.DeleteFunc(joined, func(r FileSystem) bool { return r.Prefixes[0] == row.Prefixes[0] })
	}
	return joined
}

// numberOr returns text as a number, or missing if it is none.
func numberOr(text string, missing int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return missing
	}
	return n
}
