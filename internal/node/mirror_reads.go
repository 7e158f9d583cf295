package node

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// mirrorReads remembers in a file when each content of one mirror was last read, so that
// checks of a share roll through the mirror. Each line has the SHA-256 of a content, the
// time in seconds since 1970, and whole or damaged; a later line takes the place of an
// earlier one. It is a memory and no proof: without it more is read.
type mirrorReads struct {
	path  string
	lines bytes.Buffer // not yet in the file
	err   error        // why the file could not be written
}

// readsForgotten is the age at which a content counts as never read: a mirror that lost
// contents does not make the file grow.
const readsForgotten = 400 * 24 * time.Hour

// memoryOf returns the path of a file of this data directory about the mirror at a place.
func (n *core) memoryOf(place, kind string) string {
	return n.path(filepath.Join("mirrors", fmt.Sprintf("%x.%s", sha256.Sum256([]byte(place)), kind)))
}

func openReads(path string) *mirrorReads {
	r := &mirrorReads{path: path}
	r.err = r.shorten()
	return r
}

// each yields all lines. One that was not written completely is left out.
func (r *mirrorReads) each(ctx context.Context, yield func(sha256 string, at time.Time, whole bool)) error {
	f, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	oldest := time.Now().Add(-readsForgotten)
	lines := bufio.NewScanner(f)
	for lines.Scan() && ctx.Err() == nil {
		var sum, state string
		var at int64
		if _, err := fmt.Sscanf(lines.Text(), "%64s %d %s", &sum, &at, &state); err != nil || state != "whole" && state != "damaged" {
			continue
		}
		if when := time.Unix(at, 0); when.After(oldest) {
			yield(sum, when, state == "whole")
		}
	}
	return errors.Join(lines.Err(), ctx.Err())
}

// shorten writes the file anew if most of its lines are out of date.
func (r *mirrorReads) shorten() error {
	if err := os.MkdirAll(filepath.Dir(r.path), 0o700); err != nil {
		return err
	}
	last, lines := map[string]string{}, 0
	err := r.each(context.Background(), func(sum string, at time.Time, whole bool) {
		last[sum] = readLine(sum, at, whole)
		lines++
	})
	if err != nil || lines < 2*len(last) {
		return err
	}
	var all bytes.Buffer
	for _, line := range last {
		all.WriteString(line)
	}
	if err := os.WriteFile(r.path+".new", all.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(r.path+".new", r.path)
}

func readLine(sum string, at time.Time, whole bool) string {
	state := "damaged"
	if whole {
		state = "whole"
	}
	return fmt.Sprintf("%s %d %s\n", sum, at.Unix(), state)
}

// add remembers that a content was read now.
func (r *mirrorReads) add(sum string, _ int64, whole bool) {
	r.lines.WriteString(readLine(sum, time.Now(), whole))
	if r.lines.Len() > 64<<10 {
		r.flush()
	}
}

// flush writes what add remembered, whole lines at once: several processes may do so.
func (r *mirrorReads) flush() {
	if r.err != nil || r.lines.Len() == 0 {
		return
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.Write(r.lines.Bytes())
		err = errors.Join(err, f.Close())
	}
	r.err = err
	r.lines.Reset()
}
