package ios

import (
	"regexp"
	"slices"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// ownDirectories are the directories in which a device writes by itself at any time: no
// backup needs these files. tracelogs: Cisco IOS XE, "Tracing"; license_evlog: "Smart Licensing
// Using Policy"; dc_profile_dir: the device classifier; crashinfo: "exception crashinfo";
// core: core dumps; the others are databases of IOS-XE processes.
var ownDirectories = []string{"tracelogs", "license_evlog", ".prst_sync", ".dbpersist", "dc_profile_dir", "crashinfo", "crashinfo_ext", "core"}

// persistentLogs is the directory of persistent system messages where the configuration
// names none (Cisco IOS, "logging persistent").
const persistentLogs = "syslog"

var (
	logDirectory = lazyregexp.New(`^logging persistent(?: .*)?$`)
	logURL       = lazyregexp.New(` url (\S+)`)
	logFile      = lazyregexp.New(`^logging file (\S+)`)
	// archivePath is in the submode archive (Configuration Fundamentals, "path (archive configuration)").
	archivePath = lazyregexp.New(`^path ([A-Za-z][\w-]*:\S+)$`)
	// appended matches the file to which an applet or a scheduled command sends output.
	appended = lazyregexp.New(`\| *(?:append|redirect|tee(?: /append)?) +([A-Za-z][\w-]*:[^\s"]+)`)
	hostname = lazyregexp.New(`(?m)^hostname (\S+)\r?$`)
	logName  = lazyregexp.New(`\.log(?:\.old|\.\d+)?$`)
	crashed  = lazyregexp.New(`^crashinfo[_-]?[\w-]*(?:\.\w+)?$`)
)

// WrittenByItself returns a function that reports whether a device with this
// running-config writes a file all the time by itself: traces, logs, crash dumps, archives of
// its configuration, the bindings of DHCP. Its argument is the path with its file system.
func WrittenByItself(config string) func(path string) bool {
	o := ownFiles{names: make(map[string]bool), directories: slices.Clone(ownDirectories)}
	host := ""
	if m := hostname.FindStringSubmatch(config); m != nil {
		host = m[1]
	}
	for line := range strings.Lines(withoutBanners(config)) {
		o.add(strings.TrimSpace(line), host)
	}
	return o.has
}

// ownFiles are the files that a device writes by itself. Paths are without the file system,
// because it may have several names.
type ownFiles struct {
	names       map[string]bool
	directories []string
	archives    []*regexp.Regexp
}

// add adds the files that one line of the running-config names.
func (o *ownFiles) add(line, host string) {
	if strings.HasPrefix(line, "ip") && useOf(line) == Writes {
		for _, path := range pathsIn(line, "") {
			o.names[below(path)] = true
		}
	} else if m := logFile.FindStringSubmatch(line); m != nil {
		o.names[below(m[1])], o.names[below(m[1])+".old"] = true, true
	} else if logDirectory.MatchString(line) {
		directory := persistentLogs
		if m := logURL.FindStringSubmatch(line); m != nil {
			directory = below(m[1])
		}
		if directory != "" {
			o.directories = append(o.directories, directory)
		}
	} else if m := archivePath.FindStringSubmatch(line); m != nil {
		o.addArchive(below(m[1]), host)
	} else if m := appended.FindStringSubmatch(line); m != nil {
		o.names[below(m[1])] = true
	}
}

// addArchive adds the archives of the configuration: the path, then the time, then a number.
// $h in the path is the host name, $t the time.
func (o *ownFiles) addArchive(path, host string) {
	if path == "" || strings.HasPrefix(path, "$t") || strings.HasPrefix(path, "$h") && host == "" {
		return // it could be any file
	}
	pattern := regexp.QuoteMeta(strings.ReplaceAll(path, "$h", host))
	pattern = strings.ReplaceAll(pattern, `\$t`, `.+`)
	o.archives = append(o.archives, regexp.MustCompile("^"+pattern+`(?:-.+)?-\d+$`))
}

func (o *ownFiles) has(path string) bool {
	rest := below(path)
	inside := func(dir string) bool { return strings.HasPrefix(rest, dir) && strings.HasPrefix(rest[len(dir):], "/") }
	return o.names[rest] || logName.MatchString(rest) || strings.HasPrefix(path, "crashinfo") || crashed.MatchString(rest) ||
		slices.ContainsFunc(o.directories, inside) || slices.ContainsFunc(o.archives, func(a *regexp.Regexp) bool { return a.MatchString(rest) })
}

// below returns a path without its file system.
func below(path string) string {
	return strings.Trim(path[strings.LastIndexByte(path, ':')+1:], "/")
}
