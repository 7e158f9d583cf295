package e2e

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// TestPage uses every form of the page with a real browser, on a real service with simulated switches:
// with scripts, through a real nginx that is set up as docs/web.md says; and without them, on loopback.
func TestPage(t *testing.T) {
	testlevel.NeedFull(t, "starts a browser")
	t.Parallel()
	chromium := browserProgram(t)
	s := newSite(t)
	s.env = append(s.env, "FLASHWARDEN_SCHEDULE_BACKUP=never", "FLASHWARDEN_WEB_TRUSTED_PROXIES="+trustedProxies(t))
	s.ok("user", "add", "anna", "--role", "admin", "--password-file", s.file("word", "long enough"))
	address, log := s.servePage()
	proxy := startNginx(t, address)
	passes := []string{"forms.mjs", chromium}
	for name, base := range map[string]string{"proxied": "https://" + proxy, "plain": "http://" + address} {
		sw := s.switchOn(name+"-sw1", "c3750", iossim.Options{LargestImage: imageSize})
		slow := s.switchOn(name+"-slow", "c2960", iossim.Options{LargestImage: imageSize, Pace: 1000})
		forget := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if err := sw.Remove("flash:/vlan.dat"); err != nil {
				t.Error(err)
			}
		}))
		t.Cleanup(forget.Close)
		passes = append(passes, fmt.Sprintf(`{"name": %q, "base": %q, "scripts": %t, "address": %q, "slow": %q, "forget": %q}`, name, base, name == "proxied", sw.Addr(), slow.Addr(), forget.URL))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", passes...)
	cmd.Dir, cmd.WaitDelay, cmd.Env = "browser", time.Minute, append(os.Environ(), "LOGIN="+password, "ENABLE="+enable)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	wantClientBehind(t, proxy, log)
}

// wantClientBehind sends a wrong password through the proxy from another address: the service knows
// that address.
func wantClientBehind(t *testing.T, proxy string, log *marker) {
	t.Helper()
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 77)}}
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: from.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	resp, err := client.PostForm("https://"+proxy+"/login", url.Values{"name": {"otto"}, "password": {"a guess"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong password behind the proxy: %s", resp.Status)
	}
	refused := regexp.MustCompile(`"login refused","user":"otto","from":"127\.0\.0\.77"`)
	for limit := time.Now().Add(time.Minute); !refused.MatchString(log.all()); time.Sleep(10 * time.Millisecond) { // the log comes through a pipe
		if time.Now().After(limit) {
			t.Fatalf("the log does not name the client:\n%s", log.all())
		}
	}
}

// browserProgram is the browser of the tests.
func browserProgram(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join("browser", "node_modules", "playwright-core")); err != nil {
		testlevel.Missing(t, "playwright-core: type npm ci in e2e/browser")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	testlevel.Missing(t, "no browser: install chromium")
	return ""
}

// servePage runs a service, and returns the address of its page and its log.
func (s *site) servePage() (address string, log *marker) {
	s.t.Helper()
	cmd, log := exec.Command(binary, "serve"), newMarker(`"msg":"serving"`)
	cmd.Env, cmd.Stderr = s.env, log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			s.t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			s.t.Errorf("the service ended with %v", err)
		}
	})
	select {
	case <-log.seen:
	case <-time.After(time.Minute):
		s.t.Fatalf("it does not serve: %s", log.all())
	}
	m := regexp.MustCompile(`"the API listens","address":"([0-9.:]+)"`).FindStringSubmatch(log.all())
	if m == nil {
		s.t.Fatalf("the log names no address:\n%s", log.all())
	}
	return m[1], log
}

// webPage is docs/web.md.
func webPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/web.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// trustedProxies is the setting that docs/web.md gives for a proxy on this machine.
func trustedProxies(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^  trusted-proxies: "(.*)"$`).FindStringSubmatch(webPage(t))
	if m == nil {
		t.Fatal("docs/web.md does not say which proxies are trusted")
	}
	return m[1]
}

// nginxFrame is what a server of nginx needs around the lines of docs/web.md. All its files are in one directory.
const nginxFrame = `daemon off;
worker_processes 1;
pid %[1]s/pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s ssl;
		ssl_certificate %[1]s/cert;
		ssl_certificate_key %[1]s/key;
%[3]s
	}
}
`

// startNginx runs nginx in front of a page, with the lines of docs/web.md, and returns its address. It gets
// its socket from this process, so no other program can have the port.
func startNginx(t *testing.T, page string) string {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		testlevel.Missing(t, "nginx: install it")
	}
	m := regexp.MustCompile("(?s)```nginx\n(.*?)```").FindStringSubmatch(webPage(t))
	if m == nil || strings.Count(m[1], "127.0.0.1:8480") != 1 {
		t.Fatal("docs/web.md has no lines for nginx")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	dir := t.TempDir()
	writeCertificate(t, dir)
	lines := fmt.Sprintf(nginxFrame, dir, l.Addr(), strings.Replace(m[1], "127.0.0.1:8480", page, 1))
	if os.Getuid() == 0 {
		lines = "user root;\n" + lines // the files of the test are for its own user alone
	}
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-p", dir, "-c", filepath.Join(dir, "conf"), "-e", "stderr")
	cmd.Env, cmd.ExtraFiles = append(os.Environ(), "NGINX=3;"), []*os.File{socket}
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if strings.Contains(lines.Text(), "[emerg]") {
				t.Error(lines.Text())
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		<-drained
		_ = cmd.Wait() // the browser has judged it
	})
	return l.Addr().String()
}

// writeCertificate makes a certificate and its key.
func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "proxy"}, NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert": {Type: "CERTIFICATE", Bytes: cert}, "key": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
