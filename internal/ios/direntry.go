package ios

import (
	"strings"

	"flashwarden/internal/lazyregexp"
)

// dateTime is a date as listings print it: Mar 1 1993 00:09:35 +00:00, with a
// fraction of a second on IOS-XE disks, or the placeholders of boot loaders.
const dateTime = `[A-Z][a-z]{2} +\d{1,2} +\d{4} +\d{2}:\d{2}:\d{2}(?:\.\d+)?(?: +[+-]\d{2}:\d{2})?`

// entryFormats has the known line formats of listings, tried in order. Each
// group has the name of its content.
var entryFormats = []*lazyregexp.Regexp{
	// dir: "  407  -rw-    58969072  May 10 2022 00:42:58 +09:00  c800m.bin",
	// "190  ----  5  <no date>  private-config", "0  dr--  <no size>  <no date>";
	// ASA: "97     -rwx  108563072    06:43:00 Jun 30 2018  asa982-lfbff-k8.SPA"
	lazyregexp.New(`^\s*(?:(?P<index>\d{1,18})\s+)?(?P<perm>[-dl?](?:[-r][-w][-xst]){1,3})\s+(?:(?P<size>\d{1,18})|<no size>)` +
		`(?:\s+(?:(?P<date>` + dateTime + `|\d{2}:\d{2}:\d{2} [A-Z][a-z]{2} +\d{1,2} +\d{4})|<(?:no )?date>))?(?:\s+(?P<name>\S.*))?$`),
	// boot loader: "2      85053068  -rw-     c1900-….bin"
	lazyregexp.New(`^\s*(?P<index>\d{1,18})\s+(?P<size>\d{1,18})\s+(?P<perm>[-d](?:[-r][-w][-x]){1,3})\s+(?P<name>\S.*)$`),
	// Class B: "  2   .. image  C2BDD16F 22A8D24   33 36199852 Jun 26 2006 19:17:23 +01:00 c6k222.bin"
	lazyregexp.New(`^\s*(?P<index>\d{1,18})\s+(?P<state>[.A-Z][.A-Z])\s+\S+\s+[0-9A-Fa-f]+\s+[0-9A-Fa-f]+\s+\d+\s+(?P<size>\d{1,18})` +
		`\s+(?P<date>` + dateTime + `)\s+(?P<name>\S.*)$`),
	// show flash of a disk: "1     45832792 Jul 02 2015 22:03:42 c1900-….bin"
	lazyregexp.New(`^\s*(?P<index>\d{1,18})\s+(?P<size>\d{1,18})\s+(?P<date>` + dateTime + `)\s+(?P<name>\S.*)$`),
	// NX-OS: "      4096    Apr 20 10:23:05 2017  .patch/"
	lazyregexp.New(`^\s*(?P<size>\d{1,18})\s+(?P<date>[A-Z][a-z]{2} +\d{1,2} \d{2}:\d{2}:\d{2} \d{4})\s+(?P<name>\S.*)$`),
	// Class A: "  1   5427700  c2600-i-mz.122-12e.bin [deleted]"; one
	// simulator omits the blank: "3   486899872isr4300-….bin"
	lazyregexp.New(`^\s*(?P<index>\d{1,18})\s+(?P<size>\d{1,18})(?:\s+(?P<name>[^\s\d(-]\S*|\d\S*[^\s\d]\S*)|(?P<glued>[A-Za-z]\S*))(?P<status>(?: \[[a-z ]+\])*)$`),
}

// Places in entryFormats.
const (
	formatNXOS   = 4
	formatClassA = 5
)

// parseEntry reads one line of a listing. ok is false for an unknown format. A
// line of Class A is three words that may be anything, so this format counts
// only under its header (classA).
func parseEntry(line string, classA bool) (entry Entry, ok bool) {
	for i, format := range entryFormats {
		if i == formatClassA && !classA {
			continue
		}
		m := format.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		group := func(name string) string {
			if i := format.SubexpIndex(name); i >= 0 {
				return m[i]
			}
			return ""
		}
		entry = Entry{
			Index: int(numberOr(group("index"), -1)), Size: numberOr(group("size"), -1),
			Name: strings.TrimRight(group("name")+group("glued"), " "), Permissions: group("perm"), Modified: group("date"),
			Deleted: strings.Contains(group("state"), "D") || strings.Contains(group("status"), "[deleted]"),
		}
		if entry.Name == "" && entry.Modified == "" && entry.Size >= 0 {
			continue // numbers alone; after a date, the name may be on the next line
		}
		entry.Type = typeOf(entry.Permissions)
		if entry.Permissions == "" && !strings.HasPrefix(entry.Name, "/") {
			entry = slashed(entry, i == formatNXOS)
		}
		return entry, true
	}
	return Entry{}, false
}

func typeOf(permissions string) EntryType {
	switch {
	case strings.HasPrefix(permissions, "d"):
		return TypeDirectory
	case strings.HasPrefix(permissions, "-"):
		return TypeFile
	}
	return TypeUnknown
}

// slashed reads the directory mark of NX-OS, a slash after the name. Only on
// NX-OS is a name without a slash surely a file.
func slashed(e Entry, nxos bool) Entry {
	name, isDirectory := strings.CutSuffix(e.Name, "/")
	switch {
	case isDirectory:
		e.Name, e.Type = name, TypeDirectory
	case nxos:
		e.Type = TypeFile
	}
	return e
}
