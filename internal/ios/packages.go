package ios

import (
	"fmt"
	"strings"
)

// ParsePackages returns the names of the .pkg files in a packages.conf, each
// once, in its order. It ignores comments (#). A file without a package is an
// error.
func ParsePackages(text string) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range strings.Fields(line) {
			if strings.HasSuffix(word, ".pkg") && !seen[word] {
				seen[word] = true
				names = append(names, word)
			}
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("packages.conf names no package; it begins with %s", quote(firstLine(text)))
	}
	return names, nil
}
