package iossim

import (
	"slices"
	"time"

	"flashwarden/tftp"
)

// Transfer is one transfer of a switch: of one of its clients, or of its SCP server.
type Transfer struct {
	SCP     bool          // of the SCP server; with Server, of the SCP client
	HTTPS   bool          // of the HTTPS client
	Op      tftp.Op       // tftp.Write: from the switch to the server
	Path    string        // the file on the switch: flash:/x.bin
	Name    string        // the file name in the request
	Server  string        // address and port asked
	Bytes   int64         // confirmed by the server, or received from it
	Code    int           // of the server's ERROR packet; -1 without one
	Message string        // of the server's ERROR packet
	Err     error         // nil: complete
	Elapsed time.Duration // from the request to the end
}

// hidden replaces typed text without echo in the journal.
const hidden = "<hidden>"

// Commands returns every command line that was typed and every answered
// question, as "question answer", in the order of all lines together. Secrets
// are left out.
func (s *Switch) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.journal)
}

// Transfers returns the transfers of the clients and of the SCP server, in the order in which they ended.
func (s *Switch) Transfers() []Transfer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.moved)
}

func (s *Switch) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal = append(s.journal, urlSecrets.ReplaceAllString(line, "https://*:*@"))
}

func (s *Switch) noteTransfer(t Transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved = append(s.moved, t)
}

// File returns the bytes of a file: "flash:/config.text", or "config.text" for
// a file in flash. It reports false if there is none.
func (s *Switch) File(path string) ([]byte, bool) {
	f, err := s.flash.lookup(path)
	if err != nil || f.dir {
		return nil, false
	}
	data, err := f.body.all()
	return data, err == nil
}

// Files returns the paths of all files, without directories, in the order of
// the listings: "flash:/html/homepage.htm".
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
