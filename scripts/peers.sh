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
[ -x /usr/sbin/sshd ] || missing="$missing openssh-server"
need telnet telnet
need ip iproute2
need nft nftables
need iptables-nft-save iptables
need ufw ufw
need systemd-analyze systemd
# The whole package would start a server on port 69.
if ! command -v in.tftpd >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing: in.tftpd into /usr/local/sbin"
        unpacked=$(mktemp -d)
        [ -e /usr/share/doc/libwrap0 ] || missing="$missing libwrap0"
        apt-get update -q >/dev/null
        (cd "$unpacked" && apt-get download -q tftpd-hpa >/dev/null 2>&1 && dpkg -x tftpd-hpa_*.deb .)
        install -m 755 "$unpacked/usr/sbin/in.tftpd" /usr/local/sbin/
        rm -rf "$unpacked"
    else
        echo "missing, so some tests are skipped: in.tftpd (Debian: tftpd-hpa)"
    fi
fi
# The whole package would start a server too.
if ! command -v promtool >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing: promtool into /usr/local/bin"
        unpacked=$(mktemp -d)
        apt-get update -q >/dev/null
        (cd "$unpacked" && apt-get download -q prometheus >/dev/null 2>&1 && dpkg -x prometheus_*.deb .)
        install -m 755 "$unpacked/usr/bin/promtool" /usr/local/bin/
        rm -rf "$unpacked"
    else
        echo "missing, so some tests are skipped: promtool (Debian: prometheus)"
    fi
fi
# An S3 server for make soak. Debian has none, and to build it takes minutes.
if [ "${FLASHWARDEN_TEST:-}" = soak ] && ! command -v versitygw >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ]; then
        echo "installing: versitygw"
        GOBIN=/usr/local/bin go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
    else
        echo "missing, so some tests are skipped: versitygw (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0)"
    fi
fi
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing:$missing"
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086 # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
else
    echo "missing, so some tests are skipped:$missing (sudo apt-get install$missing)"
fi
