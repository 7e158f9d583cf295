package conformance

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// pathCases tests that names lead to no file outside of the directory.
func pathCases() []Case {
	return []Case{
		{Number: 30, Name: "a name with .. never leaves the directory", Source: "RFC 1123 section 4.2.3.4", Level: Should, run: traversal},
		{Number: 31, Name: "an upload to ../NAME does not become one to NAME", Source: "protects files", Level: Hardening, run: traversalOfUpload},
		{Number: 32, Name: "an absolute name never leaves the directory", Source: "RFC 1123 section 4.2.3.4", Level: Should, run: absoluteName},
		{Number: 33, Name: "a symbolic link never leaves the directory", Source: "protects files", Level: Hardening, run: linksOut},
		{Number: 34, Name: "a name that changes between file and link never leaves the directory", Source: "protects files", Level: Hardening, run: linkRace},
		{Number: 35, Name: "a sibling whose name begins like that of the directory is out of reach", Source: "protects files", Level: Hardening, run: prefixSibling},
		{Number: 38, Name: "a file that is being uploaded is never read half", Source: "protects files", Level: Hardening, run: readDuringUpload},
	}
}

// public is a file outside of the directory that every process may read.
const public = "/etc/passwd"

func (j *judge) needPublic() []byte {
	b, err := os.ReadFile(public)
	j.need(err)
	if dir, err := filepath.Abs(j.Dir); err != nil || dir == "/" {
		j.skipf("the directory is the root of the file system")
	}
	return b[:min(512, len(b))]
}

// wantNot checks that a name does not lead to this content. The name may be refused
// or mean another file.
func (j *judge) wantNot(name string, secret []byte) {
	p := j.peer()
	p.request(rrq(name, "octet"))
	if got := p.next(); got.op() != opERROR && bytes.Equal(got.body(), secret) {
		j.failf("%s leads to a file outside of the directory", name)
	}
}

func traversal(j *judge) {
	secret := j.needPublic()
	sub := j.name()
	j.need(os.Mkdir(j.path(sub), 0o755))
	up := strings.Repeat("../", 30)
	for _, name := range []string{up + public[1:], "/" + up + public[1:], sub + "/" + up + public[1:], "./" + up + public[1:]} {
		j.wantNot(name, secret)
	}
	for _, name := range []string{"..", sub + "/.."} {
		p := j.peer()
		p.request(rrq(name, "octet"))
		p.wantError()
	}
}

func traversalOfUpload(j *judge) {
	if j.upload == noUploads {
		j.skipf("the server accepts no uploads")
	}
	name := j.name()
	if j.upload == toWritableFiles {
		j.writeFile(name, nil, 0o666)
	}
	p := j.peer()
	p.request(wrq("../"+name, "octet"))
	if got := p.next(); got.op() != opERROR {
		p.send(data(1, []byte("x")))
		p.drain(300 * time.Millisecond)
		os.Remove(filepath.Join(j.Dir, "..", name))
		j.failf("got %v, want an ERROR", got)
	}
}

func absoluteName(j *judge) { j.wantNot(public, j.needPublic()) }

func linksOut(j *judge) {
	secret := j.needPublic()
	for name, target := range map[string]string{"file": public, "relative": strings.Repeat("../", 30) + public[1:], "directory": filepath.Dir(public)} {
		link := j.name()
		j.need(os.Symlink(target, j.path(link)))
		if name == "directory" {
			link += "/" + filepath.Base(public)
		}
		j.wantNot(link, secret)
	}
}

func linkRace(j *judge) {
	secret := j.needPublic()
	name, file, link := j.path(j.prefix+"-turns"), j.path(j.prefix+"-file"), j.path(j.prefix+"-link")
	j.writeFile(filepath.Base(name), []byte("public"), 0o644)
	j.need(os.Symlink(public, link))
	j.need(os.Remove(link))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			os.WriteFile(file, []byte("public"), 0o644)
			os.Rename(file, name)
			os.Symlink(public, link)
			os.Rename(link, name)
			runtime.Gosched()
		}
	}()
	defer func() { close(stop); <-stopped }()
	for range 200 {
		p := j.peer()
		p.request(rrq(j.prefix+"-turns", "octet"))
		if got := p.next(); got.op() == opDATA && bytes.Equal(got.body(), secret) {
			j.failf("the link was followed")
		} else if got.op() == opDATA {
			p.ack(1)
		}
		p.conn.Close()
	}
}

func prefixSibling(j *judge) {
	dir, err := filepath.Abs(j.Dir)
	j.need(err)
	sibling := dir + "-" + j.prefix
	j.need(os.Mkdir(sibling, 0o755))
	defer os.RemoveAll(sibling)
	secret := content(99)
	j.need(os.WriteFile(filepath.Join(sibling, "f"), secret, 0o644))
	j.wantNot("../"+filepath.Base(sibling)+"/f", secret)
	j.wantNot(sibling+"/f", secret)
}

func readDuringUpload(j *judge) {
	body := content(100_000)
	up, down := j.peer(), j.peer()
	name := up.writing()
	up.lockstep(body, 512, 1, 150)
	down.request(rrq(name, "octet"))
	if got := down.next(); got.op() != opERROR && len(got.body()) > 0 {
		j.failf("got %v in the middle of the upload", got)
	} else if got.op() == opDATA && j.upload == toNewNames {
		j.failf("got an empty file in the middle of the upload")
	}
	up.lockstep(body, 512, 151, blocks(body, 512))
	j.wantStored(name, body)
}
