package iossim

import (
	"slices"
	"time"

	"flashwarden/tftp"
)

// Transfer is what the TFTP client of a switch did once.
type Transfer struct {
	Op      tftp.Op       // tftp.Write: from the switch to the server
	Path    string        // the file on the switch: flash:/x.bin
	Name    string        // the file name in the request
	Server  string        // address and port asked
	Bytes   int64         // confirmed by the server, or received from it
	Code    int           // of the server's ERROR packet; -1 when there was none
	Message string        // of the server's ERROR packet
	Err     error         // nil: complete
	Elapsed time.Duration // from the request to the end
}

// hidden stands in the journal for what was typed where no echo is given.
const hidden = "<hidden>"

// Commands is every command line that was typed and every question that was
// answered, as "question answer", in the order of all lines together. Secrets
// are left out.
func (s *Switch) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.journal)
}

// Transfers is what the TFTP client did, in the order in which it ended.
func (s *Switch) Transfers() []Transfer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.moved)
}

func (s *Switch) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal = append(s.journal, line)
}

func (s *Switch) noteTransfer(t Transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved = append(s.moved, t)
}

// File returns the bytes of a file: "flash:/config.text", or "config.text" for
// one in flash. It reports false when there is none.
func (s *Switch) File(path string) ([]byte, bool) {
	f, err := s.flash.lookup(path)
	if err != nil || f.dir {
		return nil, false
	}
	data, err := f.body.all()
	return data, err == nil
}

// Files names every file of every file system, in the order of the listings:
// "flash:/html/homepage.htm". Directories are left out.
func (s *Switch) Files() []string {
	var paths []string
	for _, fs := range s.flash.systems {
		for _, f := range s.flash.files(fs) {
			if !f.dir {
				paths = append(paths, fs.prefix+"/"+f.path)
			}
		}
	}
	return paths
}
