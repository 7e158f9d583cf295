package inventory

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Source is a list that another program keeps.
type Source struct {
	Place  string // a file, or a URL of a web server
	Format string // empty: by the name
	Map    Map
	Token  string // for the server; empty: none
}

// Load reads the list. stdin is read in place of a file if the place is "-".
func (s Source) Load(ctx context.Context, stdin io.Reader) (List, error) {
	if s.Token != "" {
		if err := mayHaveToken(s.Place); err != nil {
			return List{}, err
		}
	}
	switch cmp.Or(s.Format, FormatOf(s.Place)) {
	case NetBox:
		return ReadNetBox(ctx, s.Place, s.Token, s.Map)
	case Ansible:
		return s.loadAnsible(ctx, stdin)
	}
	r, err := s.open(ctx, stdin)
	if err != nil {
		return List{}, err
	}
	defer r.Close() // it was only read
	return Read(r, cmp.Or(s.Format, FormatOf(s.Place)), s.Map)
}

func (s Source) open(ctx context.Context, stdin io.Reader) (io.ReadCloser, error) {
	if s.Place == "-" {
		return io.NopCloser(stdin), nil
	}
	return Open(ctx, s.Place, s.Token)
}

// loadAnsible reads an inventory of Ansible. For a file, the variables in group_vars and host_vars
// beside it count too; nothing outside of its directory is read, whatever symbolic links say.
func (s Source) loadAnsible(ctx context.Context, stdin io.Reader) (List, error) {
	r, err := s.open(ctx, stdin)
	if err != nil {
		return List{}, err
	}
	text, err := io.ReadAll(io.LimitReader(r, largest+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return List{}, err
	}
	if len(text) > largest {
		return List{}, errTooLarge
	}
	var beside fs.FS
	if s.Place != "-" && !IsServer(s.Place) {
		root, err := os.OpenRoot(filepath.Dir(s.Place))
		if err != nil {
			return List{}, err
		}
		defer root.Close() // it was only read
		beside = root.FS()
	}
	return ReadAnsible(text, isYAML(s.Place, text), beside, s.Map)
}

// isYAML reports whether an inventory of Ansible is YAML, by its name or else by its first line.
func isYAML(name string, text []byte) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yml", ".yaml", ".json":
		return true
	case ".ini":
		return false
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(before(line, '#'))
		if line != "" {
			return line == "---" || strings.HasSuffix(line, ":") || line[0] == '{'
		}
	}
	return false
}

// IsServer reports whether a place is on a web server.
func IsServer(place string) bool {
	return strings.HasPrefix(place, "http://") || strings.HasPrefix(place, "https://")
}
