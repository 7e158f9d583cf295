package inventory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// varsSuffixes are the ends of the names of files with variables.
var varsSuffixes = []string{"", ".yml", ".yaml", ".json"}

// readBeside reads the files of group_vars or host_vars that belong to a group or a host: NAME,
// NAME.yml, NAME.yaml, NAME.json, and all such files in the directory NAME. It makes no path from a
// name in the inventory: it lists the directory, and compares.
func (a *ansible) readBeside(beside fs.FS, dir string) error {
	entries, err := fs.ReadDir(beside, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		owner := a.owner(dir, entry.Name())
		if owner == "" {
			continue
		}
		files, err := varsFiles(beside, path.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := a.readVars(beside, file, path.Join(dir, owner)); err != nil {
				return err
			}
		}
	}
	return nil
}

// owner is the group or host that a file or directory belongs to; empty: none of this inventory.
func (a *ansible) owner(dir, file string) string {
	for _, suffix := range varsSuffixes {
		name, ok := strings.CutSuffix(file, suffix)
		if !ok {
			continue
		}
		if dir == "group_vars" && a.groups[name] != nil || dir == "host_vars" && a.hosts[name] != nil {
			return name
		}
	}
	return ""
}

// varsFiles returns a file with variables, or those in a directory and below it.
func varsFiles(beside fs.FS, place string) (files []string, err error) {
	info, err := fs.Stat(beside, place)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{place}, nil
	}
	err = fs.WalkDir(beside, place, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err // and d may be nil
		}
		hidden := strings.HasPrefix(d.Name(), ".") || strings.HasSuffix(d.Name(), "~")
		switch {
		case hidden && d.IsDir():
			return fs.SkipDir
		case !hidden && !d.IsDir() && slices.Contains(varsSuffixes, path.Ext(file)):
			files = append(files, file)
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

// readVars adds the variables of a file. An encrypted file is left out, and noted.
func (a *ansible) readVars(beside fs.FS, file, owner string) error {
	f, err := beside.Open(file)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(f, largestVars+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if len(text) > largestVars {
		return fmt.Errorf("%s has more than %d bytes", file, largestVars)
	}
	if vaulted(text) {
		a.notes = append(a.notes, file+" (encrypted by ansible-vault)")
		return nil
	}
	body, err := document(text, file)
	if err != nil || body == nil {
		return err
	}
	vars, err := yamlVars(body, file)
	if a.beside[owner] == nil {
		a.beside[owner] = variables{}
	}
	a.beside[owner].add(vars)
	return err
}
