#!/usr/bin/env bash
# Measures the transports over SSH and TLS beside OpenSSH's scp and nginx, which take turns in one
# run. Prints the chapter of docs/performance.md.
#
#   bench/transports.sh                 500 MB, 5 rounds, 200 at once: about five minutes
#   bench/transports.sh 20 1 20         other numbers: MEGABYTES ROUNDS TRANSFERS
#   PAGE=1 bench/transports.sh          also writes the chapter into docs/performance.md
#
# Needs root for a sshd of its own, python3, curl, OpenSSH and nginx with DAV. All traffic is on
# loopback, all files are in $BENCH_DIR (default: a new directory in /dev/shm, which it removes).
set -euo pipefail
cd "$(dirname "$0")/.."
work=${BENCH_DIR:-$(mktemp -d /dev/shm/flashwarden-transports-XXXXXX)}
[ -n "${BENCH_DIR:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
go build -o "$work/transports" ./bench/transports
python3 bench/transports.py "$work" "${1:-500}" "${2:-5}" "${3:-200}" >"$work/chapter.md"
cat "$work/chapter.md"
if [ -n "${PAGE:-}" ]; then
    python3 bench/chapter.py docs/performance.md "## Transports over SSH and TLS" "$work/chapter.md"
fi
