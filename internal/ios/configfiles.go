package ios

import (
	"slices"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// ConfigFile is a file of the device that a line of its configuration names.
type ConfigFile struct {
	Path string // flash:/pages/login.html; a name alone is in the default file system
	Use  ConfigUse
}

// ConfigUse says what the device does with a file that its configuration names.
type ConfigUse int

const (
	Reads  ConfigUse = iota // it reads it: policies, pages, certificates, scripts
	Boots                   // it starts from it
	VLANs                   // it keeps its VLANs there (vtp file)
	Writes                  // it writes it all the time: bindings of DHCP
)

var (
	// onFileSystem matches a path with its file system, as a word of a line, in
	// quotes, or in a list with semicolons.
	onFileSystem = lazyregexp.New(`(?:^|[\s";])([A-Za-z][\w-]*:[^\s";]*)`)
	// notFiles matches the lines with free text, with commands, or with the
	// place of logs, crash dumps and archives.
	notFiles   = lazyregexp.New(`^(?:!|description |remark |alias |action |cli |title |name |text |logging |exception |path |snmp-server |monitor |access-list )`)
	bannerLine = lazyregexp.New(`^banner [a-z-]+ (\^C|\S)`)
	bootLine   = lazyregexp.New(`^boot (?:system|bootldr|bootstrap) `)
	bindings   = lazyregexp.New(`^ip(?:v6)? dhcp (?:snooping )?database `)
	vtpFile    = lazyregexp.New(`^vtp file (\S+)$`)
	policies   = lazyregexp.New(`^event manager directory user policy "?([^"\s]+)"?`)
	policyLine = lazyregexp.New(`^event manager policy (\S+)( .*)?$`)
	servedOld  = lazyregexp.New(`^tftp-server flash ([^\s:]+)`)
	pkiChain   = lazyregexp.New(`(?m)^crypto (?:pki|ca) certificate chain `)
)

// ParseConfigFiles returns the files of the device that a running-config names,
// each once, in its order: every path with a file system, whatever the command
// is, except in free text. Three commands name a file without one: vtp file,
// event manager policy, and tftp-server flash of old IOS.
func ParseConfigFiles(config string) []ConfigFile {
	var all []ConfigFile
	add := func(path string, use ConfigUse) {
		if !slices.ContainsFunc(all, func(f ConfigFile) bool { return f.Path == path }) {
			all = append(all, ConfigFile{path, use})
		}
	}
	directory := ""
	for _, line := range linesOf(withoutBanners(config)) {
		line = strings.TrimSpace(line)
		if m := policies.FindStringSubmatch(line); m != nil {
			directory = strings.TrimSuffix(m[1], "/")
		} else if !notFiles.MatchString(line) {
			for _, path := range pathsIn(line, directory) {
				add(path, useOf(line))
			}
		}
	}
	return all
}

// pathsIn returns the paths in one line. directory is that of the policies.
func pathsIn(line, directory string) []string {
	if m := policyLine.FindStringSubmatch(line); m != nil {
		if strings.Contains(m[2], "type system") { // part of the software
			return nil
		}
		return []string{inDirectory(directory, m[1])}
	}
	if m := vtpFile.FindStringSubmatch(line); m != nil {
		return m[1:]
	}
	if m := servedOld.FindStringSubmatch(line); m != nil {
		return []string{"flash:" + m[1]}
	}
	var paths []string
	for _, m := range onFileSystem.FindAllStringSubmatch(line, -1) {
		paths = append(paths, m[1])
	}
	return paths
}

// inDirectory returns the path of a policy in the directory of the policies.
func inDirectory(directory, name string) string {
	switch {
	case directory == "" || strings.Contains(name, ":"):
		return name
	case strings.HasSuffix(directory, ":"):
		return directory + name
	}
	return directory + "/" + name
}

func useOf(line string) ConfigUse {
	switch {
	case bootLine.MatchString(line):
		return Boots
	case bindings.MatchString(line):
		return Writes
	case vtpFile.MatchString(line):
		return VLANs
	}
	return Reads
}

// withoutBanners removes the texts of banners, which may look like any line.
func withoutBanners(config string) string {
	var out strings.Builder
	end := ""
	for line := range strings.Lines(config) {
		if end != "" {
			if strings.Contains(line, end) {
				end = ""
			}
			continue
		}
		m := bannerLine.FindStringSubmatch(line)
		if m == nil {
			out.WriteString(line)
			continue
		}
		if !strings.Contains(strings.TrimPrefix(line, m[0]), m[1]) {
			end = m[1]
		}
	}
	return out.String()
}

// HasCertificates reports whether a running-config has certificates, whose
// private keys are in nvram: and cannot be copied.
func HasCertificates(config string) bool { return pkiChain.MatchString(config) }
