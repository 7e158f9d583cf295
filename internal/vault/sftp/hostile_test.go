package sftp

import (
	"io"
	"io/fs"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"flashwarden/internal/vault"
)

// lyingServer answers every listing with one set of names, and every other
// question for attributes with one size.
type lyingServer struct {
	names []string // all are directories
	size  int64

	mu     sync.Mutex
	listed []string // the directories that were listed
}

// Filelist implements sftp.FileLister.
func (l *lyingServer) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	if r.Method != "List" {
		return lies{lie{name: r.Filepath, size: l.size, mode: 0o400}}, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listed = append(l.listed, r.Filepath); len(l.listed) > 100 {
		return nil, sftp.ErrSSHFxFailure // a listing without an end ends here
	}
	var all lies
	for _, name := range l.names {
		all = append(all, lie{name: name, size: l.size, mode: fs.ModeDir | 0o700})
	}
	return all, nil
}

// Fileread implements sftp.FileReader.
func (l *lyingServer) Fileread(*sftp.Request) (io.ReaderAt, error) {
	return strings.NewReader("{}"), nil
}

// lies is the answer to a listing.
type lies []fs.FileInfo

// ListAt implements sftp.ListerAt.
func (l lies) ListAt(to []fs.FileInfo, offset int64) (int, error) {
	if offset >= int64(len(l)) {
		return 0, io.EOF
	}
	return copy(to, l[offset:]), nil
}

// lie is a fs.FileInfo.
type lie struct {
	name string
	size int64
	mode fs.FileMode
}

func (l lie) Name() string       { return l.name }
func (l lie) Size() int64        { return l.size }
func (l lie) Mode() fs.FileMode  { return l.mode }
func (l lie) ModTime() time.Time { return time.Now() }
func (l lie) IsDir() bool        { return l.mode.IsDir() }
func (l lie) Sys() any           { return nil }

// openLying returns a store on a server that lies.
func openLying(t *testing.T, l *lyingServer) *Store {
	t.Helper()
	ours, theirs := net.Pipe()
	server := sftp.NewRequestServer(theirs, sftp.Handlers{FileGet: l, FileList: l})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve() }()
	client, err := sftp.NewClientPipe(ours, ours)
	if err != nil {
		t.Fatal(err)
	}
	s := once(client, "/vault", func() error { <-ended; return nil })
	t.Cleanup(func() { s.Close() })
	return s
}

// TestServerLiesAboutSizes has sizes that no file has.
func TestServerLiesAboutSizes(t *testing.T) {
	for _, size := range []int64{-1, -1 << 63, 1<<63 - 1} {
		s := openLying(t, &lyingServer{size: size})
		if id, err := vault.New(s).Identity(t.Context()); err == nil {
			t.Errorf("%d bytes: identity %+v", size, id)
		}
		if info, err := s.Stat(t.Context(), vault.IdentityKey); size < 0 && err == nil {
			t.Errorf("%d bytes: %+v", size, info)
		}
	}
}

// TestServerLiesAboutNames has names that lead upwards, or that are no names.
func TestServerLiesAboutNames(t *testing.T) {
	for _, name := range []string{"..", ".", "x/..", "x/.", "ab/../..", "/", "//", ""} {
		l := &lyingServer{names: []string{name}}
		s := openLying(t, l)
		for _, part := range vault.Parts() {
			if err := s.List(t.Context(), part+"/", func(i vault.Info) error { t.Errorf("%q: key %s", name, i.Key); return nil }); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
		if len(l.listed) > len(vault.Parts()) {
			t.Errorf("%q: listed %q", name, l.listed)
		}
	}
}
