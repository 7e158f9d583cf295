package cause

import (
	"os"
	"path/filepath"

	"flashwarden/api"
)

// Program is the path of this program as a word for a shell: the file itself, not a link to it,
// because rights belong to a file.
func Program() string {
	path, err := os.Executable()
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "$(command -v flashwarden)"
	}
	return api.ShellWord(path)
}
