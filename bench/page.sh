#!/usr/bin/env bash
# Measures the page with a large fleet and many people, and how much the people slow a night down. A generated
# catalog has the fleet; a part of it are simulated switches, which are backed up meanwhile.
#
#   bench/page.sh                    10,000 devices, 200 simulated ones, 50 people, 60 s
#   bench/page.sh 1000 20 10 20s     other numbers: DEVICES SIMULATED PEOPLE DURATION
#
# Needs about 1 GB of disk in $BENCH_DIR (default: a new directory in /tmp, which it removes).
set -euo pipefail
umask 077
cd "$(dirname "$0")/.."
devices=${1:-10000} simulated=${2:-200} people=${3:-50} lasts=${4:-60s}
work=$(mktemp -d "${BENCH_DIR:-/tmp}/flashwarden-page-XXXXXX")
running=()
trap 'kill "${running[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -trimpath -o "$work/flashwarden" ./cmd/flashwarden
go build -o "$work/largevault" ./bench/largevault
go build -o "$work/pageload" ./bench/pageload
export PATH="$work:$PATH" FLASHWARDEN_DATA=$work/data FLASHWARDEN_TFTP_LISTEN=127.0.0.1:${BENCH_PORT:-17069} FLASHWARDEN_TFTP_PORT_RANGE=17056:17059 \
    FLASHWARDEN_WEB_LISTEN=127.0.0.1:${BENCH_WEB_PORT:-17080} FLASHWARDEN_SCHEDULE_BACKUP=never FLASHWARDEN_CHECK_SCHEDULE=never FLASHWARDEN_RETENTION_SCHEDULE=never

# until_that COMMAND... waits until a command succeeds, at most a minute.
until_that() {
    for _ in $(seq 300); do
        "$@" >"$work/out" 2>&1 && return
        sleep 0.2
    done
    cat "$work/out" "$work/log" >&2
    return 1
}

mkdir -p "$work/data"
largevault catalog "$work/data" "$devices" 20
flashwarden simulate --count "$simulated" --csv "$work/sims.csv" >"$work/simulate" 2>&1 &
running+=($!)
until_that test -s "$work/sims.csv"
until_that flashwarden device import "$work/sims.csv"
echo "long enough" >"$work/word"
flashwarden user add anna --role admin --password-file "$work/word"
flashwarden serve >"$work/log" 2>&1 &
running+=($!)
until_that curl -sf "http://$FLASHWARDEN_WEB_LISTEN/readyz"

views="/ /?page=100 /?q=sw0123 /?state=risk /?sort=backup&site=site3 /devices/sw1 /jobs /images /vault /transfers /audit /settings /live"
night() { # backs up all simulated switches, and prints how long it took
    local began=$EPOCHREALTIME
    flashwarden backup $(sed 1d "$work/sims.csv" | cut -d, -f1) >"$work/backup" 2>&1 || { tail -n 5 "$work/backup" >&2; return 1; }
    awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f s\n", b - a }'
}
look() { # shellcheck disable=SC2086 # a list of views
    pageload "http://$FLASHWARDEN_WEB_LISTEN" anna "long enough" "$people" "$1" $views
}

night >/dev/null # now the vault has all images, as after the first night
echo "$people people, nothing runs:"
look "$lasts"
for round in 1 2 3; do
    echo "round $round: the backup of $simulated switches without people: $(night)"
    look 10m >"$work/figures" 2>&1 &
    reading=$!
    sleep 10 # they log in
    echo "round $round: with $people people: $(night)"
    kill "$reading" 2>/dev/null || true
    wait "$reading" || true
    cat "$work/figures"
done
