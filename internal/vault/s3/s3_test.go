package s3

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

// The keys of the server for tests.
const accessKey, secretKey = "testkey", "testsecret123"

// gateway starts versitygw, a server that keeps objects in a directory, with an
// empty bucket called vault. options are those of its command posix. It returns the address.
func gateway(t testing.TB, options ...string) (address string) {
	t.Helper()
	program, err := exec.LookPath("versitygw")
	if err != nil && testlevel.Current() < testlevel.Soak {
		t.Skipf("no S3 server (make soak builds one, which takes minutes): %v", err)
	}
	if err != nil {
		testlevel.Missing(t, fmt.Sprintf("no S3 server: %v", err))
	}
	address = freeAddress(t)
	dir := t.TempDir()
	for _, sub := range []string{"objects/vault", "attributes"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	args := append([]string{"--port", address, "--quiet", "posix", "--sidecar", filepath.Join(dir, "attributes")}, options...)
	cmd := exec.Command(program, append(args, filepath.Join(dir, "objects"))...)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+accessKey, "ROOT_SECRET_KEY="+secretKey)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	awaitListener(t, address, ended)
	setKeys(t)
	return address
}

func setKeys(t testing.TB) {
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
}

// onServers runs a test with a server in memory, and with versitygw, each with an empty bucket
// called vault.
func onServers(t *testing.T, test func(t *testing.T, address string)) {
	t.Run("memory", func(t *testing.T) { test(t, memoryServer(t)) })
	t.Run("versitygw", func(t *testing.T) { test(t, gateway(t)) })
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// awaitListener waits until a server answers, at most a minute.
func awaitListener(t testing.TB, address string, ended <-chan error) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return
		}
		select {
		case err := <-ended:
			t.Fatalf("the S3 server ended: %v", err)
		case <-limit:
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond): // then it is asked again
		}
	}
}

// open returns the store below a prefix.
func open(t testing.TB, address, prefix string) *Store {
	t.Helper()
	u, err := url.Parse("s3://vault/" + prefix + "?region=us-east-1&endpoint=http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(u)
	if err == nil {
		err = s.Reach(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		n := 0
		vaulttest.Test(t, func(t *testing.T) vault.Store {
			n++
			return open(t, address, fmt.Sprintf("backups/%d", n))
		})
	})
}

// TestChecksum: the server has computed the SHA-256 of what arrived, and refuses
// other bytes than those that were sent.
func TestChecksum(t *testing.T) { onServers(t, testChecksum) }

func testChecksum(t *testing.T, address string) {
	s := open(t, address, "")
	key := vault.BlobKey("9f00d4fbe5cb1d6efca44ffb44cfb4b9b5afd4fa9dc4ef9b2be2a2f1c3dd4ef5")
	if err := s.Put(t.Context(), key, strings.NewReader("an image"), 8); err != nil {
		t.Fatal(err)
	}
	const want = "a5df3fde7b200c3fa2791144c7e05c5c2bced4c6ad863d3a4cf76c972c1712f9"
	if got, err := s.Checksum(t.Context(), key); err != nil || got != want {
		t.Errorf("checksum %q, error %v; want %s", got, err, want)
	}
}

// TestManyParts: an object of several parts has no SHA-256 of the whole.
func TestManyParts(t *testing.T) {
	if got := checksumOf("ZTliMGE4MmJhYTI2YjQ3Mg==-2"); got != "" {
		t.Errorf("checksum %q of several parts", got)
	}
}

// TestServerIsGone: a server that does not answer is no answer.
func TestServerIsGone(t *testing.T) {
	s := &Store{bucket: "vault"}
	var err error
	if s.client, err = minio.New(freeAddress(t), &minio.Options{MaxRetries: 1, Region: "us-east-1"}); err != nil {
		t.Fatal(err)
	}
	if has, err := vault.New(s).HasBlob(t.Context(), strings.Repeat("a", 64), 8); has || err == nil {
		t.Errorf("HasBlob %v, error %v; want that it cannot say", has, err)
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"s3://bucket": "{bucket  s3.amazonaws.com  true 0 }",
		"s3://bucket/a/b/?region=eu-west-1&endpoint=https://s3.example.net:9000": "{bucket a/b/ s3.example.net:9000 eu-west-1 true 0 }",
		"s3://bucket/x?endpoint=http://127.0.0.1:9000":                           "{bucket x/ 127.0.0.1:9000  false 0 }",
		"s3://bucket/x?endpoint=http://192.0.2.1:9000":                           `its endpoint "http://192.0.2.1:9000" would send the vault unencrypted: use https`,
		"s3://bucket/x?endpoint=192.0.2.1":                                       `its endpoint "192.0.2.1" is not https://HOST[:PORT]`,
		"s3://bucket/x?endpiont=https://h":                                       `it has "endpiont": only endpoint, region, lock and lock-mode are known`,
		"s3://key:secret@bucket/x":                                               "it has a user: keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from ~/.aws/credentials",
		"s3://bucket?lock=90d":                                                   "{bucket  s3.amazonaws.com  true 90 GOVERNANCE}",
		"s3://bucket?lock=1d&lock-mode=compliance":                               "{bucket  s3.amazonaws.com  true 1 COMPLIANCE}",
		"s3://bucket?lock=90":                                                    `its lock "90" is not a number of days such as 90d`,
		"s3://bucket?lock=0d":                                                    `its lock "0d" is not a number of days such as 90d`,
		"s3://bucket?lock-mode=compliance":                                       `its lock "" is not a number of days such as 90d`,
		"s3://bucket?lock=1d&lock-mode=strict":                                   `its lock-mode "strict" is neither governance nor compliance`,
		"s3://x/y":                                                               `no bucket can have the name "x": Bucket name cannot be shorter than 3 characters`,
		"s3:///x":                                                                "it names no bucket: write s3://BUCKET/PREFIX?endpoint=https://HOST",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parse(u)
		line := fmt.Sprint(got)
		if err != nil {
			line = err.Error()
		}
		if line != want {
			t.Errorf("%s: %s; want %s", u.Redacted(), line, want)
		}
	}
}

// TestSamePlace: another name of the server leads to the same place, another prefix does not.
func TestSamePlace(t *testing.T) { onServers(t, testSamePlace) }

func testSamePlace(t *testing.T, address string) {
	s := open(t, address, "a")
	if _, err := vault.New(s).Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"localhost:" + port + " a": true, address + " b": false} {
		at, prefix, _ := strings.Cut(name, " ")
		if same, err := vault.SamePlace(t.Context(), s, open(t, at, prefix)); same != want || err != nil {
			t.Errorf("%s: %t, error %v; want %t", name, same, err, want)
		}
	}
}
