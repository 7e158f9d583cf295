package ios

import (
	"strconv"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// AccessList is one list of show access-lists.
type AccessList struct {
	Name    string
	Type    string // "standard", "extended"; empty for IPv6 and others without
	Family  string // "ip", "ipv6", "mac", "arp", "fqdn ip", …: the words of the header between type and name
	Entries []AccessListEntry
}

// AccessListEntry is one line of an access list.
type AccessListEntry struct {
	Sequence int    // -1 when not printed
	Action   string // "permit", "deny"; empty for a line that is neither, as "evaluate"
	Text     string // the rest of the line, without the counter; the whole line without an Action
	Matches  int64  // packets that matched; -1 when not printed
}

var (
	// Extended IP access list 101 (Compiled) · IPv6 FQDN access list WEB
	listHeader = lazyregexp.New(`^(?i:(?:(standard|extended|reflexive|role-based) )?((?:[a-z][\w-]* ){1,3}?)access[ -]list) (\S.*?)(?: +\([^()]*\))*$`)
	listEntry  = lazyregexp.New(`^(?:(\d{1,10}) +)?(permit|deny) +(.*?)(?: +\((\d{1,18}) match(?:es)?\))?(?: +sequence (\d{1,10}))?$`)
	listRemark = lazyregexp.New(`^(?:\d{1,10} +)?remark\b`)
	// entryLike matches a line within a list. Other lines are not indented and
	// begin with no number.
	entryLike = lazyregexp.New(`^(?:[ \t]+\S|\d)`)
	// Some platforms add more counters, and the remaining time of a dynamic
	// entry.
	otherCounter = lazyregexp.New(` +\((?:\d+ )?(?:estimate|time left|hwcounter)[^)]*\)`)
)

// ParseAccessLists reads show access-lists (Cisco IOS Security Command
// Reference), for IPv4, IPv6 and others. Output without a list gives an empty
// result, because a device may have none. An unknown line ends the list before
// it, so that no entry joins a list that it does not belong to. An unknown line
// within a list is an entry without an Action. A refusal by the device is the
// error of [Rejected].
func ParseAccessLists(text string) ([]AccessList, error) {
	if err := Rejected(text); err != nil {
		return nil, nothingRead("show access-lists", "list", text)
	}
	var lists []AccessList
	open := false // the next entry belongs to the last list
	for _, line := range linesOf(text) {
		trimmed := strings.TrimSpace(line)
		e, known := accessListEntry(trimmed)
		m := listHeader.FindStringSubmatch(trimmed)
		switch {
		case trimmed == "" || listRemark.MatchString(trimmed):
		case !known && m != nil:
			lists = append(lists, AccessList{Name: m[3], Type: strings.ToLower(m[1]), Family: strings.ToLower(strings.TrimSpace(m[2]))})
			open = true
		case open && (known || entryLike.MatchString(line)):
			l := &lists[len(lists)-1]
			l.Entries = append(l.Entries, e)
		default:
			open = false
		}
	}
	return lists, nil
}

// accessListEntry reads a line of a list. known is false for a line that
// neither permits nor denies.
func accessListEntry(line string) (e AccessListEntry, known bool) {
	m := listEntry.FindStringSubmatch(otherCounter.ReplaceAllString(line, ""))
	if m == nil {
		return AccessListEntry{Sequence: -1, Text: line, Matches: -1}, false
	}
	return AccessListEntry{Sequence: sequence(m[1] + m[5]), Action: m[2], Text: m[3], Matches: numberOr(m[4], -1)}, true
}

func sequence(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}
