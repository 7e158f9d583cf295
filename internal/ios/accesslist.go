package ios

import (
	"regexp"
	"strconv"
	"strings"
)

// AccessList is one list of show access-lists.
type AccessList struct {
	Name    string
	Type    string // "standard", "extended"; empty for IPv6 and others without
	Family  string // "ip", "ipv6", "mac", …
	Entries []AccessListEntry
}

// AccessListEntry is one line of an access list.
type AccessListEntry struct {
	Sequence int    // -1 when not printed
	Action   string // "permit", "deny"
	Text     string // the rest of the line, without the counter
	Matches  int64  // packets that matched; -1 when not printed
}

var (
	listHeader = regexp.MustCompile(`^(?:(Standard|Extended|Reflexive|Role-based) )?(IPv6|IP|MAC) access list (\S.*?)(?: *\(per-user\))?$`)
	listEntry  = regexp.MustCompile(`^(?:(\d{1,10}) +)?(permit|deny) +(.*?)(?: +\((\d{1,18}) match(?:es)?\))?(?: +sequence (\d{1,10}))?$`)
	// Some platforms add more counters, and the remaining time of a dynamic
	// entry.
	otherCounter = regexp.MustCompile(` +\((?:\d+ )?(?:estimate|time left|hwcounter)[^)]*\)`)
)

// ParseAccessLists reads show access-lists (Cisco IOS Security Command
// Reference), for IPv4 and IPv6. Output without a list gives an empty result,
// because a device may have none. A refusal by the device is the error of
// [Rejected].
func ParseAccessLists(text string) ([]AccessList, error) {
	if err := Rejected(text); err != nil {
		return nil, nothingRead("show access-lists", "list", text)
	}
	var lists []AccessList
	for _, line := range linesOf(text) {
		line = strings.TrimSpace(line)
		if m := listHeader.FindStringSubmatch(line); m != nil {
			lists = append(lists, AccessList{Name: m[3], Type: strings.ToLower(m[1]), Family: strings.ToLower(m[2])})
			continue
		}
		if m := listEntry.FindStringSubmatch(otherCounter.ReplaceAllString(line, "")); m != nil && len(lists) > 0 {
			l := &lists[len(lists)-1]
			l.Entries = append(l.Entries, AccessListEntry{
				Sequence: sequence(m[1] + m[5]), Action: m[2], Text: m[3], Matches: numberOr(m[4], -1),
			})
		}
	}
	return lists, nil
}

func sequence(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}
