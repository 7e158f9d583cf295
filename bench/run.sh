#!/usr/bin/env bash
# Measures flashwarden tftpd, tftpd-hpa and atftpd, which take turns in one run, and
# writes docs/performance.md.
#
#   bench/run.sh                        everything, 5 rounds (about two hours)
#   REPS=3 bench/run.sh                 the same with 3 rounds (about 80 minutes)
#   bench/run.sh many-get memory        only these groups: prints the page, writes no file
#   bench/run.sh c-get1m-c10 f-get-*    only these cases
#   BENCH_DIR=DIR bench/run.sh windows  measure these once more in DIR, and print the page with what DIR already has
#   HURRY=1 REPS=1 bench/run.sh many    to try the script on a busy machine: the figures mean nothing
#   BENCH_DIR=DIR bench/run.sh page     write docs/performance.md of what DIR has, measure nothing
#
# Groups: lockstep many many-get four-ports windows long-links loss loss-put durability
# pinned memory idle. loss takes five minutes, loss-put a quarter of an hour.
#
# The load generator and the harness are not part of this project. They are in
# $FLASHWARDEN_BENCH (default: ../shared/bench beside the module). All traffic is
# on loopback. Needs a C compiler, Python 3 and, for the peers, apt-get on Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${FLASHWARDEN_BENCH:-../shared/bench}
reps=${REPS:-5}
[ -x "$tools/bench.py" ] || { echo "no load generator in $tools; set FLASHWARDEN_BENCH" >&2; exit 1; }

work=${BENCH_DIR:-$(mktemp -d /tmp/flashwarden-bench-XXXXXX)}
mkdir -p "$work/raw" "$work/out"
page() { python3 bench/table.py "$work/out" "$@"; }
# write_page writes the page, and keeps the chapter of bench/vault.sh.
write_page() {
    page whole >"$work/page.md"
    sed -n '/^## A large catalog and a large vault/,$p' docs/performance.md >"$work/vault.md"
    { cat "$work/page.md"; echo; cat "$work/vault.md"; } >docs/performance.md
}
if [ "$*" = page ]; then
    write_page
    exit
fi

cp -r "$tools/." "$work/"
chmod -R u+w "$work"
CGO_ENABLED=0 go build -trimpath -o "$work/flashwarden" ./cmd/flashwarden
(cd "$work/tftpload" && cc -O2 -pthread -o tftpload tftpload.c && cc -O2 -o floorserver floorserver.c)
cc -O2 -o "$work/nosync" bench/nosync.c
[ -d "$work/peers/tftpd-hpa" ] || (cd "$work" && ./run_peers.sh setup >setup.log 2>&1)
grep -v '^#' "$work/peers.conf" >"$work/peers.new"
ours="$work/flashwarden tftpd --quiet --address 127.0.0.1:{port} --create --secure --permissive"
cat >>"$work/peers.new" <<EOT
ours  | put get blksize windowsize | $ours {dir}
ours4 | put get blksize windowsize | $ours --port-range 21056:21059 {dir}
ours1 | put get blksize windowsize | env GOMAXPROCS=1 $ours {dir}
nosync | put                       | $work/nosync $ours {dir}
EOT
mv "$work/peers.new" "$work/peers.conf"

# run [--suffix S] [options] CASE...: measures cases, in place of older results.
run() {
    local suffix="" arg
    for arg; do
        case $arg in
        --suffix=*) suffix=${arg#*=} ;;
        [a-f]-*) rm -f "$work/out/"$arg"$suffix.jsonl" ;;
        esac
    done
    python3 bench/cases.py "$work" --out "$work/out" "$@"
}
all="lockstep many many-get four-ports windows long-links loss loss-put durability pinned memory idle"
# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] && whole="" || { whole=yes; set -- $all; }
for group; do
    echo "$(date +%T) $group" >&2
    case $group in
    lockstep) run --reps "$reps" --peers hpa,atftpd,ours a-put32m-1cpu a-put256m-1cpu a-put32m a-get32m-1cpu ;;
    many) run --reps "$reps" --peers hpa,atftpd,ours c-put1m-c10 c-put1m-c100 c-put1m-c1000 ;;
    many-get) run --reps "$reps" --peers hpa,atftpd,ours c-get1m-c10 c-get1m-c100 c-get1m-c1000 ;;
    four-ports) run --reps "$((reps < 3 ? reps : 3))" --peers ours4 c-put256k-c5000 ;;
    windows)
        run --reps "$reps" --peers atftpd,hpa,ours b-get256m-1468-w16-1cpu b-get256m-1468-w64-1cpu b-get256m-8192-w16-1cpu \
            b-put256m-1468-w16-1cpu b-put256m-1468-w64-1cpu b-put256m-8192-w1-1cpu
        ;;
    long-links)
        run --peers ours 'f-put-*' 'f-get-*'
        run --suffix=-ports --peers ours4 'f-get-1468-*'
        ;;
    loss)
        run --reps 1 --peers hpa,ours d-get1m-loss0.01-rto10s d-get1m-loss0.05-rto10s d-put1m-acklost0.01-rto10s
        ;;
    loss-put) run --reps 1 --peers ours d-put8m-loss0.01 d-put8m-loss0.05 ;;
    # The cost of fsync on the disk of $work: nosync is our server without the system call.
    durability) run --reps "$reps" --no-floor --root "$work/disk" --suffix=-disk --peers hpa,ours,nosync c-put1m-c100 a-put32m ;;
    # The server free on all cores against GOMAXPROCS=1.
    pinned) run --reps "$reps" --no-floor --suffix=-pinned --peers ours,ours1 c-put1m-c10 c-put1m-c100 c-get1m-c100 ;;
    memory) rm -f "$work/out/memory.jsonl" && python3 bench/memory.py "$work" ours "$reps" "$work/out" ;;
    idle) (cd "$work" && rm -f out/startup.jsonl && python3 startup.py --out out --reps "$reps" --peers ours) ;;
    [a-f]-*) run --reps "$reps" --peers hpa,atftpd,ours "$group" ;;
    *) echo "unknown group $group; the groups are $all" >&2; exit 2 ;;
    esac
done
if [ -n "$whole" ]; then
    write_page
    echo "wrote docs/performance.md; raw figures are in $work/out" >&2
else
    page
    echo "raw figures are in $work/out" >&2
fi
