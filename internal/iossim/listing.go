package iossim

import (
	"fmt"
	"path"
	"strings"
)

// dirLine prints one entry as dir does: index, permissions, size, date, name.
func (p *profile) dirLine(f file) string {
	name := path.Base(f.path)
	if f.deleted { // Configuration Fundamentals Command Reference, "dir": "Deleted files are in brackets"
		name = "[" + name + "]"
	}
	return fmt.Sprintf(p.DirFormat, f.index, f.perm, f.size, p.dated(f), name)
}

// dated returns the date of a file, with the time zone if there is one.
func (p *profile) dated(f file) string {
	if strings.HasPrefix(f.date, "<") {
		return f.date
	}
	return f.date + p.Zone
}

// dirText returns the output of dir for a path as typed.
func (s *Switch) dirText(typed string, deleted bool) string {
	fs, rest, err := s.flash.split(typed)
	if err != nil {
		return fmt.Sprintf("%%Error opening %s (%v)\n", typed, err)
	}
	f, err := s.flash.lookup(typed)
	if err == nil && f.dir && len(s.flash.partitions(fs)) > 0 {
		err = errInvalid // it takes the name of one partition; the refusal is written by hand
	}
	if err != nil {
		return fmt.Sprintf("%%Error opening %s/%s (%v)\n", fs.prefix, rest, err)
	}
	entries := []file{f}
	if f.dir {
		entries = s.flash.children(fs, rest, deleted)
	}
	return fmt.Sprintf("Directory of %s/%s\n\n", fs.prefix, withSlash(rest, f.dir)) + s.dirBody(entries) + "\n" + s.spaceLine(fs)
}

// withSlash returns the path of a directory for the heading of a listing.
func withSlash(rest string, dir bool) string {
	if rest == "" || !dir {
		return rest
	}
	return rest + "/"
}

func (s *Switch) dirBody(entries []file) string {
	var b strings.Builder
	for _, f := range entries {
		b.WriteString(s.profile.dirLine(f) + "\n")
	}
	if len(entries) > 0 && s.strikes(func(f *Faults) *Times { return &f.OddRow }) {
		b.WriteString("    ?  -rw-  <damaged>  odd.txt\n")
	}
	if len(entries) == 0 {
		b.WriteString("No files in directory\n")
	}
	return b.String()
}

// spaceLine returns the last line of a listing.
func (s *Switch) spaceLine(fs *fileSystem) string {
	if fs.total == 0 {
		return "No space information available\n"
	}
	return fmt.Sprintf("%d bytes total (%d bytes free)\n", fs.total, s.flash.free(fs))
}

// dirRecursive returns the output of dir /recursive: the directory and
// everything below it, each under its own heading, and one line about the
// space.
func (s *Switch) dirRecursive(typed string) string {
	fs, rest, err := s.flash.split(typed)
	if err != nil {
		return fmt.Sprintf("%%Error opening %s (%v)\n", typed, err)
	}
	f, err := s.flash.lookup(typed)
	if err != nil || !f.dir {
		return s.dirText(typed, false)
	}
	return s.dirTree(fs, rest) + s.spaceLine(fs)
}

func (s *Switch) dirTree(fs *fileSystem, dir string) string {
	entries := s.flash.children(fs, dir, false)
	out := fmt.Sprintf("Directory of %s/%s\n\n%s\n", fs.prefix, dir, s.dirBody(entries))
	for _, f := range entries {
		if f.dir {
			out += s.dirTree(fs, f.path)
		}
	}
	return out
}

// dirAllFileSystems returns the output of dir all-filesystems.
func (s *Switch) dirAllFileSystems(recursive bool) string {
	var b strings.Builder
	for _, fs := range s.flash.systems {
		switch {
		case fs.total == 0:
			continue
		case recursive:
			b.WriteString(s.dirRecursive(fs.prefix))
		default:
			b.WriteString(s.dirText(fs.prefix, false))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// flashByPartition returns show flash: of a divided flash (Configuration
// Fundamentals Command Reference, "show flash").
func (s *Switch) flashByPartition(whole *fileSystem) string {
	var b strings.Builder
	for i, fs := range s.flash.partitions(whole) {
		fmt.Fprintf(&b, "\nSystem flash directory, partition %d:\nFile  Length   Name/status\n", i+1)
		for _, f := range s.flash.all(fs) {
			status := ""
			if f.deleted {
				status = " [deleted]"
			}
			fmt.Fprintf(&b, "%3d  %8d  %s%s\n", f.index, f.size, f.path, status)
		}
		free := s.flash.free(fs)
		fmt.Fprintf(&b, "[%d bytes used, %d available, %d total]\n%dK bytes of processor board System flash (Read/Write)\n", fs.total-free, free, fs.total, fs.total/1024)
	}
	return b.String()
}

// flashByNumber returns show flash: of IOS-XE: every file and directory with
// its whole path, numbered from 1. Its last line has available and used bytes,
// where dir has total and free ones.
func (s *Switch) flashByNumber() string {
	fs, _, err := s.flash.split("")
	if err != nil { // a defect of the profile: a person must see it
		return "% " + err.Error() + "\n"
	}
	var b strings.Builder
	b.WriteString("-#- --length-- ---------date/time--------- path\n")
	for i, f := range s.flash.files(fs) {
		fmt.Fprintf(&b, "%3d %10d %s %s\n", i+1, f.size, fullDate(f.date)+s.profile.Zone, s.profile.Mount+f.path)
	}
	free := s.flash.free(fs)
	fmt.Fprintf(&b, "\n%d bytes available (%d bytes used)\n", free, fs.total-free)
	return b.String()
}

// fullDate converts " Mar 1 2024 10:25:11" to "Mar 01 2024
// 10:25:11.0000000000".
func fullDate(date string) string {
	w := strings.Fields(date)
	if len(w) != 4 {
		return date
	}
	if len(w[1]) == 1 {
		w[1] = "0" + w[1]
	}
	return strings.Join(w, " ") + ".0000000000"
}

// fileSystemsText returns the output of show file systems.
func (s *Switch) fileSystemsText() string {
	out, more := "File Systems:\n\n"+s.profile.FSHeading+"\n", ""
	for _, fs := range s.flash.systems {
		if fs.within != "" {
			continue
		}
		out += s.fileSystemRow(fs, strings.Join(append([]string{fs.prefix}, fs.aliases...), " ")+fs.mark)
		for _, name := range fs.ownRows {
			more += s.fileSystemRow(fs, name)
		}
	}
	return out + more
}

func (s *Switch) fileSystemRow(fs *fileSystem, names string) string {
	star, total, free := " ", "-", "-"
	if fs.total > 0 {
		total, free = fmt.Sprint(fs.total), fmt.Sprint(s.flash.free(fs))
	}
	if fs.named(s.flash.home) {
		star = "*"
	}
	return fmt.Sprintf(s.profile.FSFormat, star, total, free, fs.kind, fs.flags, names)
}
