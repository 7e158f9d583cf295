package ios

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"flashwarden/internal/lazyregexp"
)

var (
	// System flash directory, partition 2:
	partitionHeader = lazyregexp.New(`^System [Ff]lash directory, partition (\d{1,2}):$`)
	dirHeader       = lazyregexp.New(`^Directory of ([A-Za-z][\w-]*:)(.*)$`)
	// Bootflash:  -#- --length-- ---------date/time--------- path
	columnHeader = lazyregexp.New(`-#-|^File +Length +Name/status|^Attributes +Size +Name`)
	// 512065536 bytes total (27852800 bytes free)
	totalFree = lazyregexp.New(`^(-?\d{1,18}) bytes total \((-?\d{1,18}) bytes free(?:/\d+% free)?\)`)
	// 13755338752 bytes available (489017344 bytes used)
	availableUsed = lazyregexp.New(`^(-?\d{1,18}) bytes available \((-?\d{1,18}) bytes used\)`)
	// [9939304 bytes used, 6313624 available, 16252928 total]
	usedAvailableTotal = lazyregexp.New(`^\[(-?\d{1,18}) bytes used, (-?\d{1,18}) available, (-?\d{1,18}) total\]`)
	// 108449792 bytes used
	usage    = lazyregexp.New(`^(-?\d{1,18}) bytes (used|free|total)$`)
	usageFor = lazyregexp.New(`^Usage for ([A-Za-z][\w-]*:)//`)
	// Lines without facts: separators, and additions of simulators and boot
	// loaders.
	noFacts   = lazyregexp.New(`^(?:[- ]+|\^|System .*directory.*:|PCMCIA .*directory:|.*[Ff]lash directory:|[\d.e+]+K bytes of .*|Partition +Size .*|\d+ +\d+K +\d+K +.*|\d+ file\(s\) total size: .*)$`)
	emptyList = lazyregexp.New(`^(?:No files? (?:in|on) |No space information available)`)
)

// ErrUnread says that a listing has a line that cannot be read.
var ErrUnread = errors.New("cannot read the line")

// ParseDir reads the output of command: every form of dir (plain, /all,
// /recursive, all-filesystems), every format of show flash:, and the lists of
// the boot loaders (Cisco IOS Configuration Fundamentals Command Reference,
// "dir" and "show flash"). If the output has no header, the command names the
// file system. A refusal by the device is the error of [Rejected]; ParseDir
// returns it together with any listings that the device printed. For a line that
// is neither an entry nor a known line of a listing the error wraps [ErrUnread]
// and quotes the first one; ParseDir returns the rest of the listings together
// with it, if there are any.
func ParseDir(command, text string) ([]Listing, error) {
	if err := cutOff(command, text); err != nil {
		return nil, err
	}
	p := dirParser{command: command}
	var unread error
	for _, line := range linesOf(text) {
		if err := p.line(line); err != nil {
			unread = cmp.Or(unread, fmt.Errorf("%s: %w", command, err))
			p.unreadable(line)
		}
	}
	p.endHeader()
	if p.refused != nil {
		return p.listings, fmt.Errorf("%s: %w", command, p.refused)
	}
	if unread != nil {
		return p.listings, unread
	}
	if len(p.listings) == 0 {
		return nil, fmt.Errorf("%s: no directory in the output, which begins with %s", command, quote(firstLine(text)))
	}
	return p.listings, nil
}

// dirParser remembers the listing to which the next line belongs.
type dirParser struct {
	command  string
	listings []Listing
	header   string // the last header, as a path, while no line has followed it
	last     string // the line of the last entry, for wrapped names
	refused  error
	classA   bool // after the header of Class A, an entry is index, length and name
}

func (p *dirParser) line(line string) error {
	trimmed := strings.TrimSpace(line)
	entryBefore := p.last
	p.last = ""
	if trimmed == "" || trimmed == p.command || isPromptOrEcho(trimmed) {
		return nil
	}
	if strings.HasPrefix(trimmed, "File ") {
		p.classA = p.classA || columnHeader.MatchString(trimmed)
	}
	if m := partitionHeader.FindStringSubmatch(trimmed); m != nil {
		fileSystem, _ := splitPath(askedPath(p.command))
		p.begin(wholeSystem(fileSystem) + m[1] + ":")
		return nil
	}
	if m := dirHeader.FindStringSubmatch(trimmed); m != nil {
		p.header = m[1] + strings.TrimSpace(m[2])
		return nil
	}
	if p.totals(trimmed) || p.entry(line) {
		return nil
	}
	if emptyList.MatchString(trimmed) {
		p.current()
		return nil
	}
	if columnHeader.MatchString(trimmed) || noFacts.MatchString(trimmed) {
		return nil
	}
	if err := refusalOf(trimmed); err != nil {
		p.refused, p.header = err, ""
		return nil
	}
	if p.rejoin(entryBefore, line) {
		return nil
	}
	return fmt.Errorf("%w %s", ErrUnread, quote(line))
}

// unreadable notes a line that cannot be read in the listing that it stands in.
// Before the first listing it belongs to none.
func (p *dirParser) unreadable(line string) {
	if p.header == "" && len(p.listings) == 0 {
		return
	}
	l := p.current()
	l.Unread = append(l.Unread, quote(line))
}

// entry keeps a line about a file. It reports whether the line is one.
func (p *dirParser) entry(line string) bool {
	e, ok := parseEntry(line, p.classA)
	if ok {
		p.last = line
		list := p.current()
		list.Entries = append(list.Entries, p.bracketed(e))
	}
	return ok
}

// current returns the listing to which the next entry or total belongs.
func (p *dirParser) current() *Listing {
	if p.header != "" {
		p.begin(p.header)
	} else if len(p.listings) == 0 {
		p.begin(askedPath(p.command))
	}
	return &p.listings[len(p.listings)-1]
}

func (p *dirParser) begin(path string) {
	fileSystem, _ := splitPath(path)
	p.listings = append(p.listings, Listing{
		FileSystem: fileSystem, Path: path, Total: -1, Free: -1, Used: -1,
	})
	p.header = ""
}

// endHeader makes a listing of a header at the very end: a directory without
// files and totals. A header before another header makes none.
func (p *dirParser) endHeader() {
	if p.header != "" {
		p.begin(p.header)
	}
}

// totals keeps a line about space. It reports whether the line is one.
func (p *dirParser) totals(line string) bool {
	if m := totalFree.FindStringSubmatch(line); m != nil {
		l := p.current()
		l.Total, l.Free = numberOr(m[1], -1), numberOr(m[2], -1)
	} else if m := availableUsed.FindStringSubmatch(line); m != nil {
		l := p.current()
		l.Free, l.Used = numberOr(m[1], -1), numberOr(m[2], -1)
		l.Total = l.Free + l.Used
	} else if m := usedAvailableTotal.FindStringSubmatch(line); m != nil {
		l := p.current()
		l.Used, l.Free, l.Total = numberOr(m[1], -1), numberOr(m[2], -1), numberOr(m[3], -1)
	} else {
		return p.nxosTotals(line)
	}
	return true
}

// nxosTotals does the same for NX-OS, which prints each number on a line of its
// own.
func (p *dirParser) nxosTotals(line string) bool {
	if m := usageFor.FindStringSubmatch(line); m != nil {
		l := p.current()
		l.FileSystem, l.Path = m[1], m[1]+strings.TrimPrefix(l.Path, l.FileSystem)
		return true
	}
	m := usage.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	l, n := p.current(), numberOr(m[1], -1)
	switch m[2] {
	case "used":
		l.Used = n
	case "free":
		l.Free = n
	case "total":
		l.Total = n
	}
	return true
}

// bracketed reads a name in brackets. dir /all and dir /deleted print files in
// this way that are deleted and not yet squeezed.
func (p *dirParser) bracketed(e Entry) Entry {
	inner, ok := strings.CutPrefix(e.Name, "[")
	inner, ok2 := strings.CutSuffix(inner, "]")
	if ok && ok2 && (strings.Contains(p.command, "/all") || strings.Contains(p.command, "/deleted")) {
		e.Name, e.Deleted = inner, true
	}
	return e
}

// rejoin adds the rest of a wrapped name to the entry before it. A terminal of
// 80 columns breaks a long line anywhere in the name.
func (p *dirParser) rejoin(last, line string) bool {
	const width, indent = 80, 8 // a capture may have lost some leading blanks
	if len(last) > width || len(last) < width-indent || strings.ContainsAny(line, " \t") {
		return false
	}
	list := p.current()
	e := &list.Entries[len(list.Entries)-1]
	e.Name += line
	return true
}

var (
	askedFileSystem = lazyregexp.New(`(?:^|\s)([A-Za-z][\w-]*:)(\S*)`)
	askedFlash      = lazyregexp.New(`^sho?w? +([a-z][\w-]*)`)
)

// askedPath returns the path that the command lists, for output without a
// header: the path in the command, "show bootflash" without a colon too, or
// flash:/ for a plain dir.
func askedPath(command string) string {
	if m := askedFileSystem.FindStringSubmatch(command); m != nil {
		return m[1] + "/" + strings.TrimPrefix(m[2], "/")
	}
	if m := askedFlash.FindStringSubmatch(command); m != nil {
		return m[1] + ":/"
	}
	return "flash:/"
}

// FilePath returns the full path of an entry: flash:/html/x.htm. Where show
// flash prints absolute names (/bootflash/x, /vol/usb0/x), the mount point
// names the file system.
func (l Listing) FilePath(e Entry) string {
	name := e.Name
	if strings.HasPrefix(name, "/") {
		return Mounted(name)
	}
	if strings.HasSuffix(l.Path, ":") || strings.HasSuffix(l.Path, "/") {
		return l.Path + name
	}
	return l.Path + "/" + name
}

// Mounted converts an absolute path of IOS-XE to the form that commands accept:
// /bootflash/x is bootflash:/x, /vol/usb0/x is usb0:/x. It returns other paths
// unchanged.
func Mounted(path string) string {
	rest, absolute := strings.CutPrefix(strings.TrimPrefix(path, "/vol"), "/")
	mount, name, below := strings.Cut(rest, "/")
	if !absolute || !below {
		return path
	}
	return mount + ":/" + name
}

// CleanPath returns path with exactly one slash after the colon of the file
// system, and no double or trailing slash. So two spellings of one path are
// equal: flash:x.bin and flash://x.bin are flash:/x.bin. It returns a path
// without a file system unchanged.
func CleanPath(path string) string {
	fileSystem, rest := splitPath(path)
	if fileSystem == "" {
		return path
	}
	var parts []string
	for part := range strings.SplitSeq(rest, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	if fileSystem != wholeSystem(fileSystem) { // a partition has no directories
		return fileSystem + strings.Join(parts, "/")
	}
	return fileSystem + "/" + strings.Join(parts, "/")
}

// partition matches the file system of a path with a partition. IOS up to 12.0
// divides the flash of small routers (Cisco IOS Configuration Fundamentals
// Command Reference, "partition flash"): flash:2:x.
var partition = lazyregexp.New(`^([A-Za-z][\w-]*:)(\d{1,2}):`)

// splitPath parts a path into its file system, with colon and partition, and the
// rest. The file system of a path that names none is empty.
func splitPath(path string) (fileSystem, rest string) {
	if m := partition.FindString(path); m != "" {
		return m, path[len(m):]
	}
	at := strings.IndexByte(path, ':')
	if at < 0 {
		return "", path
	}
	return path[:at+1], path[at+1:]
}

// wholeSystem returns a file system without its partition.
func wholeSystem(fileSystem string) string {
	if m := partition.FindStringSubmatch(fileSystem); m != nil {
		return m[1]
	}
	return fileSystem
}

// Partition returns the number of the partition in a path, or "".
func Partition(path string) string {
	if m := partition.FindStringSubmatch(path); m != nil {
		return m[2]
	}
	return ""
}
