#!/bin/sh
# Lists missing programs with which the tests compare flashwarden. As root on Debian
# it installs them. Otherwise the tests that need them are skipped with a message; in
# CI ($CI is true) they fail.
set -eu
missing=""
need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need tftp tftp-hpa
need atftp atftp
need curl curl
need jq jq
need busybox busybox
need ssh openssh-client
[ -n "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || missing="$missing postgresql"
/usr/bin/python3 -c "import paramiko, scp" 2>/dev/null || missing="$missing python3-paramiko python3-scp"
[ -x /usr/sbin/sshd ] || missing="$missing openssh-server"
need telnet telnet
need node nodejs
need npm npm
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || need google-chrome chromium
need ip iproute2
need nft nftables
need iptables-nft-save iptables
need ufw ufw
need systemd-analyze systemd
[ "${FLASHWARDEN_TEST:-}" != soak ] || need lintian lintian
# The whole packages would start servers: of each, only one program is installed.
only() { # PROGRAM DIRECTORY PACKAGE PATH-IN-PACKAGE [FILES-THAT-IT-READS]
    command -v "$1" >/dev/null 2>&1 && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing: $1 into $2"
        unpacked=$(mktemp -d)
        apt-get update -q >/dev/null
        (cd "$unpacked" && apt-get download -q "$3" >/dev/null 2>&1 && dpkg -x "$3"_*.deb .)
        [ -z "${5:-}" ] || { mkdir -p "/$5" && cp -R "$unpacked/$5/." "/$5"; }
        install -m 755 "$unpacked/$4" "$2/$1"
        rm -rf "$unpacked"
    else
        echo "missing, so some tests are skipped: $1 (Debian: $3)"
    fi
}
if ! command -v in.tftpd >/dev/null 2>&1; then
    [ -e /usr/share/doc/libwrap0 ] || missing="$missing libwrap0"
fi
only in.tftpd /usr/local/sbin tftpd-hpa usr/sbin/in.tftpd
only nginx /usr/local/sbin nginx usr/sbin/nginx
only promtool /usr/local/bin prometheus usr/bin/promtool
only prometheus-alertmanager /usr/local/bin prometheus-alertmanager usr/bin/prometheus-alertmanager usr/share/prometheus/alertmanager
# An S3 server for make soak. Debian has none, and to build it takes minutes.
if [ "${FLASHWARDEN_TEST:-}" = soak ] && ! command -v versitygw >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ]; then
        echo "installing: versitygw"
        GOBIN=/usr/local/bin go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
    else
        echo "missing, so some tests are skipped: versitygw (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0)"
    fi
fi
if [ -z "$missing" ]; then
    :
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing:$missing"
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086 # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
else
    echo "missing, so some tests are skipped:$missing (sudo apt-get install$missing)"
fi
# What drives the browser in tests of the page, as its lock file has it.
if command -v npm >/dev/null 2>&1 && [ ! -d e2e/browser/node_modules/playwright-core ]; then
    echo "installing: playwright-core and axe-core into e2e/browser"
    (cd e2e/browser && npm ci --no-audit --no-fund --silent)
fi
