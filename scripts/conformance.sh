#!/usr/bin/env bash
# Judges tftpd-hpa, atftpd, dnsmasq and `flashwarden tftpd` with tftp-conformance and
# writes docs/conformance.md. Takes about five minutes. Needs root, and Debian for the
# packages of the three others, which it unpacks into a temporary directory.
#
#   scripts/conformance.sh              all four
#   scripts/conformance.sh ours hpa     some; prints the table and writes no file
#
# Each server listens on port 69 of a network namespace of its own. A PID namespace ends its
# children too: one of in.tftpd waits for ever at a named pipe.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "needs root" >&2; exit 1; }

if [ "${1:-}" != inside ]; then
    work=$(mktemp -d /tmp/flashwarden-conformance-XXXXXX)
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work"
    CGO_ENABLED=0 go build -o "$work/flashwarden" ./cmd/flashwarden
    CGO_ENABLED=0 go build -o "$work/judge" ./tftp/conformance/cmd/tftp-conformance
    declare -A package=([hpa]=tftpd-hpa [atftpd]=atftpd [dnsmasq]=dnsmasq-base)
    servers=("$@")
    [ $# -gt 0 ] || servers=(ours hpa atftpd dnsmasq)
    versions=()
    for s in "${servers[@]}"; do
        p=${package[$s]:-}
        if [ -n "$p" ]; then
            (cd "$work" && apt-get download -q "$p" >/dev/null && dpkg -x "${p}"_*.deb "$s" && rm "${p}"_*.deb)
            versions+=("$p $(apt-cache policy "$p" | sed -n 's/ *Candidate: //p')")
        fi
        echo "judging $s" >&2
        unshare --net --pid --kill-child --mount-proc "$0" inside "$s" "$work"
    done
    tables=("${servers[@]/%/.json}")
    if [ $# -gt 0 ]; then
        (cd "$work" && ./judge -compare "${tables[@]}")
        exit
    fi
    {
        sed "s/@DATE@/$(date +%Y-%m-%d)/; s/@VERSIONS@/$(printf '%s, ' "${versions[@]}" | sed 's/, $//')/" scripts/conformance-page.md
        (cd "$work" && ./judge -compare "${tables[@]}")
    } >docs/conformance.md
    echo "wrote docs/conformance.md"
    exit
fi

# Inside the namespace: one server, judged.
server=$2 work=$3 dir=$3/$2-files
ip link set lo up
mkdir -m 755 "$dir"
chown nobody "$dir"
case $server in
ours) command=("$work/flashwarden" tftpd --quiet --user nobody --create --secure "$dir") ;;
hpa) command=("$work/hpa/usr/sbin/in.tftpd" --foreground --user nobody --create --secure "$dir") ;;
atftpd) command=("$work/atftpd/usr/sbin/atftpd" --daemon --no-fork --user nobody.nogroup --logfile /dev/null "$dir") ;;
dnsmasq) command=("$work/dnsmasq/usr/sbin/dnsmasq" --keep-in-foreground --conf-file=/dev/null --port=0 --enable-tftp --tftp-max=1000 --tftp-root="$dir" --user=nobody --pid-file= --log-facility=/dev/null) ;;
*) echo "unknown server $server: ours hpa atftpd dnsmasq" >&2; exit 2 ;;
esac
"${command[@]}" &
pid=$!
trap 'kill $pid; wait $pid || true' EXIT
for _ in $(seq 200); do
    ! grep -qiE ': (00000000|0*):0045 ' /proc/net/udp /proc/net/udp6 || break
    sleep 0.1
done
code=0
"$work/judge" -json -pid "$pid" -also 127.0.0.2 -broadcast 127.255.255.255 127.0.0.1:69 "$dir" >"$work/$server.json" || code=$?
[ $code -le 1 ] # 1: a case failed
