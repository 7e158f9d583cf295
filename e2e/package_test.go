package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"flashwarden/internal/testlevel"
)

// TestPackage packs the program twice, installs it in a copy of this host, upgrades it, and
// removes it.
func TestPackage(t *testing.T) {
	testlevel.NeedFull(t, "packs the program, and installs it with dpkg")
	t.Parallel()
	needRoot(t)
	need(t, "dpkg-deb")
	need(t, "in.tftpd")
	first, again := pack(t, "1.0"), pack(t, "1.0")
	if !bytes.Equal(readAll(t, first), readAll(t, again)) {
		t.Error("the same program made two different packages")
	}
	dir := t.TempDir()
	cmd := exec.Command(need(t, "unshare"), "--mount", "--net", "--pid", "--fork", "sh", "-eu", "-c", copyOfHost, "sh", dir, first, pack(t, "2.0"), "../internal/vault/testdata/format-2/plain", installSteps+setupSteps+removeSteps)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() == 77 {
		t.Skipf("no overlay on the root of this host: %s", out)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// pack makes a package of the program under test.
func pack(t *testing.T, version string) string {
	t.Helper()
	out := t.TempDir()
	cmd := exec.Command("sh", "../packaging/deb.sh", out, "amd64")
	cmd.Env = append(os.Environ(), "BINARY="+binary, "VERSION="+version, "SOURCE_DATE_EPOCH=1795982384", "COMPRESSION=none", "TMPDIR="+out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("deb.sh: %v\n%s", err, text)
	}
	return filepath.Join(out, "flashwarden_"+version+"_amd64.deb")
}

// copyOfHost runs steps in a root that has the files of this host, and whose changes stay in
// memory: DIRECTORY PACKAGE NEWER-PACKAGE VAULT STEPS. No systemd runs there.
const copyOfHost = `
mount -t tmpfs tmpfs "$1"
mkdir "$1/changes" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" "$1/root" || exit 77
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/run"
cp "$2" "$1/root/run/1.deb"
cp "$3" "$1/root/run/2.deb"
cp -R "$4" "$1/root/run/vault"
rm -f "$1/root/var/lib/man-db/auto-update" # its index takes long
exec chroot "$1/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive sh -euxc "$5"
`

// installSteps are what administrators do with a package.
const installSteps = `
data=/var/lib/flashwarden
asService() { setpriv --reuid=flashwarden --regid=flashwarden --clear-groups flashwarden --data $data "$@"; }
install() { dpkg --force-unsafe-io -i "$1"; }
files() { find /etc /usr /lib/systemd /var/lib/systemd /var/lib/dpkg/info -path '*flashwarden*' -not -path '/usr/local/*'; }
rm -rf $data /etc/flashwarden # of this host, in this copy
files > /run/before

install /run/1.deb
flashwarden version
[ "$(stat -c '%U:%G %a' $data)" = "flashwarden:flashwarden 700" ]
[ -L /etc/systemd/system/multi-user.target.wants/flashwarden.service ]
[ ! -e /etc/systemd/system/sockets.target.wants/flashwarden.socket ]
[ ! -e /etc/systemd/system/timers.target.wants/flashwarden-backup.timer ]
dpkg --verify flashwarden
bash -n /usr/share/bash-completion/completions/flashwarden
[ -s /usr/share/man/man1/flashwarden-backup.1.gz ]
[ -s /usr/share/man/man5/flashwarden.yaml.5.gz ]
systemd-analyze verify --man=no /lib/systemd/system/flashwarden.service /lib/systemd/system/flashwarden-backup.timer /lib/systemd/system/flashwarden.socket

: an upgrade keeps the inventory, the configuration, and keeps services disabled
echo secret | asService device add sw1 --address 192.0.2.11 --username backup --password-file -
echo '# ours' >> /etc/flashwarden/flashwarden.yaml
rm /etc/systemd/system/multi-user.target.wants/flashwarden.service
install /run/2.deb
asService device list | grep sw1
grep '# ours' /etc/flashwarden/flashwarden.yaml
[ ! -e /etc/systemd/system/multi-user.target.wants/flashwarden.service ]
`

// setupSteps are the first steps, on a host where tftpd-hpa runs. In place of systemd a script
// starts and stops the programs.
const setupSteps = `
mkdir /run/bin
PATH=/run/bin:$PATH:/usr/local/sbin # where a test host may have in.tftpd
cat >/run/end <<'END'
# end ends a process. Here nobody reaps a process whose parent has gone: Z is its state then.
end() {
	kill "$1"
	while grep -qs '^State:.[^Z]' "/proc/$1/status"; do sleep 0.05; done
}
END
. /run/end
cat >/run/bin/systemctl <<'END'
#!/bin/sh
. /run/end
echo "$*" >>/run/systemctl
service=/run/service.pid
case "$*" in
"show "*) echo LoadState=loaded; if [ -e $service ]; then echo ActiveState=active; else echo ActiveState=failed; fi ;;
"is-active tftpd-hpa.service") [ -e /run/tftpd.pid ] ;;
"stop tftpd-hpa.service") end "$(cat /run/tftpd.pid)" ;;
"restart flashwarden.service")
	[ ! -e $service ] || end "$(cat $service)"
	setpriv --reuid=flashwarden --regid=flashwarden --clear-groups --inh-caps=+net_bind_service --ambient-caps=+net_bind_service flashwarden serve --data /var/lib/flashwarden </dev/null >>/run/serve 2>&1 &
	echo $! >$service
	n=0
	until flashwarden user list --quiet || [ $((n += 1)) -gt 100 ]; do sleep 0.1; done ;;
esac
END
chmod 755 /run/bin/systemctl
ip link set lo up
ip address add 192.0.2.5/32 dev lo
ip address add 192.0.2.6/32 dev lo
mkdir /run/tftp
echo 'hostname sw9' >/run/tftp/sw9.cfg
in.tftpd --listen --address :69 --pidfile /run/tftpd.pid --secure /run/tftp
echo 'long enough' >/run/word
run() { flashwarden setup --user anna --user-password-file /run/word --schedule 'daily 03:00' --images /run/tftp --yes "$@" >/run/said 2>&1; }

: setup stops no other server without a word
run && exit 1 || [ $? = 4 ]
grep 'UDP :69 is in use by in.tftpd (tftpd-hpa.service)' /run/said
grep 'which serves 1 file in /run/tftp' /run/said
! grep -v -e ^show -e ^is-active /run/systemctl

: the move, and the same again changes nothing
run --stop-tftpd
grep 'done: stop in.tftpd (tftpd-hpa.service), and keep it off' /run/said
grep '1 file imported' /run/said
grep '^  backup: "daily 03:00"' /etc/flashwarden/flashwarden.yaml
grep '# ours' /etc/flashwarden/flashwarden.yaml
flashwarden user list | grep '^anna *admin'
[ "$(stat -c %U $data/key $data/vault | sort -u)" = flashwarden ]
: >/run/systemctl
run --stop-tftpd
grep '1 known' /run/said
! grep -v -e ^show -e ^is-active /run/systemctl

: the old directory stays served, at a second address
run --stop-tftpd --advertise 192.0.2.5 --keep-tftpd 192.0.2.6
grep '^  listen: "192.0.2.5:69"' /etc/flashwarden/flashwarden.yaml
grep -F 'address 192.0.2.6:69 ' /etc/systemd/system/flashwarden-tftpd.service.d/setup.conf
grep 'restart flashwarden-tftpd.service' /run/systemctl
systemd-analyze verify --man=no /lib/systemd/system/flashwarden-tftpd.service
end "$(cat /run/service.pid)"
`

// removeSteps remove the package, with and without backups.
const removeSteps = `
: removed, the data and the configuration stay, and after a purge the backups
rm -r $data/vault
cp -R /run/vault $data/vault
dpkg -r flashwarden
[ ! -e /usr/bin/flashwarden ]
[ -e /etc/flashwarden/flashwarden.yaml ]
[ -e $data/catalog.db ]
dpkg -P flashwarden 2>/run/said
grep "has backups, so it stays. To remove them: rm -r $data" /run/said
[ ! -e /etc/flashwarden ]
[ -e $data/catalog.db ]

: nor does a purge remove a key that a vault in another place may need
rm -r $data/vault
install /run/2.deb
dpkg -P flashwarden 2>/run/said
grep "$data stays: a vault or catalog in another place may need its key" /run/said
[ -e $data/key ]
[ -e $data/catalog.db ]

: without backups, a purge leaves nothing
mkdir -p $data/vault
cp /run/vault/vault.json $data/vault/
install /run/2.deb
dpkg -P flashwarden
[ ! -e $data ]
files | diff /run/before -
`

// TestRelease makes the files of a release of the program under test, and checks them as a
// user would.
func TestRelease(t *testing.T) {
	testlevel.NeedFull(t, "copies the program")
	t.Parallel()
	out := t.TempDir()
	cmd := exec.Command("sh", "../packaging/release.sh", out, "amd64")
	cmd.Env = append(os.Environ(), "BINARY="+binary, "VERSION=1.0", "SOURCE_DATE_EPOCH=1795982384")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("release.sh: %v\n%s", err, text)
	}
	check := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = out
	text, err := check.CombinedOutput()
	if err != nil || strings.Count(string(text), ": OK") != 2 {
		t.Errorf("%v\n%s", err, text)
	}
	var bill struct {
		Components []struct{ Name, PURL string }
	}
	if err := json.Unmarshal(readAll(t, filepath.Join(out, "flashwarden_1.0_linux_amd64.cdx.json")), &bill); err != nil || len(bill.Components) < 50 {
		t.Errorf("%v, %d components", err, len(bill.Components))
	}
}

// TestReproducible builds the packages of the last commit in two directories. They are the
// same, bit for bit, and lintian finds no error in them.
func TestReproducible(t *testing.T) {
	if testlevel.Current() < testlevel.Soak {
		t.Skip("compiles everything twice: FLASHWARDEN_TEST=soak")
	}
	var packages [2][]byte
	for i, name := range []string{"one", "another-directory"} {
		dir := filepath.Join(t.TempDir(), name)
		if out, err := exec.Command("git", "clone", "-q", "..", dir).CombinedOutput(); err != nil {
			t.Fatalf("git clone: %v\n%s", err, out)
		}
		build := exec.Command("sh", "packaging/deb.sh", ".", "amd64", "arm64")
		build.Dir = dir
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("deb.sh: %v\n%s", err, out)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.deb"))
		if err != nil || len(files) != 2 {
			t.Fatalf("packages: %v, %v", files, err)
		}
		if out, err := exec.Command(need(t, "lintian"), append([]string{"--allow-root", "--fail-on=error"}, files...)...).CombinedOutput(); err != nil {
			t.Errorf("lintian: %v\n%s", err, out)
		}
		packages[i] = append(readAll(t, files[0]), readAll(t, files[1])...)
	}
	if !bytes.Equal(packages[0], packages[1]) {
		t.Error("two directories, two different packages")
	}
}
