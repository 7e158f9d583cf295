package imagefile

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
)

// A block of tags is CW_BEGIN$NAME$CW_KEY$value$…CW_END$NAME$.
var (
	tagsBegin = []byte("CW_BEGIN$")
	tagsEnd   = []byte("CW_END$")
	tag       = regexp.MustCompile(`CW_([A-Z0-9]+)\$([^$]*)\$`)
)

const (
	maxTags = 8 << 10 // bytes of one block
	maxTag  = 256     // bytes of one value
	// A program that looks for tags contains their beginning as a text. A limit
	// stops the search in files that are made to contain very many.
	maxBeginnings = 100
)

// errTagsFound ends a search.
var errTagsFound = errors.New("tags found")

// tagFinder finds the first block of tags in the data that is written to it.
type tagFinder struct {
	held       []byte // a possible beginning of a block
	beginnings int
	found      map[string]string
}

// Write searches p. It returns errTagsFound when the search is over.
func (f *tagFinder) Write(p []byte) (int, error) {
	if f.found != nil || f.beginnings > maxBeginnings {
		return 0, errTagsFound
	}
	f.held = append(f.held, p...)
	for {
		i := bytes.Index(f.held, tagsBegin)
		if i < 0 {
			f.drop(len(f.held) - min(len(f.held), len(tagsBegin)-1))
			return len(p), nil
		}
		f.drop(i)
		block := f.held[:min(len(f.held), maxTags)]
		end := bytes.Index(block, tagsEnd)
		if end >= 0 {
			f.found = parseTags(block[:end])
		}
		switch {
		case f.found != nil:
			return len(p), nil
		case end < 0 && len(block) < maxTags:
			return len(p), nil // the block may continue in the next data
		}
		f.beginnings++
		if f.drop(len(tagsBegin)); f.beginnings > maxBeginnings {
			return 0, errTagsFound
		}
	}
}

func (f *tagFinder) drop(n int) { f.held = append(f.held[:0], f.held[n:]...) }

// parseTags returns the tags of a block; nil if there are none.
func parseTags(block []byte) map[string]string {
	var tags map[string]string
	for _, m := range tag.FindAllSubmatch(block[len(tagsBegin):], -1) {
		if tags == nil {
			tags = make(map[string]string)
		}
		tags[string(m[1])] = cleanTag(m[2])
	}
	return tags
}

// cleanTag removes unprintable characters from a value, and the comma after some
// versions.
func cleanTag(value []byte) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(value[:min(len(value), maxTag)]))
	return strings.Trim(text, " ,")
}

// tagSink is a tagFinder that accepts data after the search has ended.
type tagSink struct{ *tagFinder }

// Write searches p. It never fails.
func (t tagSink) Write(p []byte) (int, error) {
	t.tagFinder.Write(p)
	return len(p), nil
}

// addTags copies the tags into the report.
func (s *scan) addTags() {
	t := s.tags.found
	s.Name, s.Family, s.FeatureSet, s.Version = t["IMAGE"], t["FAMILY"], t["FEATURE"], t["VERSION"]
}
