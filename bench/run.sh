#!/usr/bin/env bash
# Measures flashwarden tftpd, tftpd-hpa, atftpd and dnsmasq, which take turns in
# one run, and writes docs/performance.md.
#
#   bench/run.sh                  every case of the table, 5 rounds (about an hour)
#   bench/run.sh lockstep many    some groups: lockstep many four-ports windows loss durability idle
#   REPS=3 bench/run.sh windows   another number of rounds
#
# The load generator and the harness are not part of this project. They are in
# $FLASHWARDEN_BENCH (default: ../shared/bench beside the module). All traffic is
# on loopback. Needs a C compiler, Python 3 and, for the peers,
# apt-get on Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${FLASHWARDEN_BENCH:-../shared/bench}
reps=${REPS:-5}
[ -x "$tools/bench.py" ] || { echo "no load generator in $tools; set FLASHWARDEN_BENCH" >&2; exit 1; }

work=${BENCH_DIR:-$(mktemp -d /tmp/flashwarden-bench-XXXXXX)}
mkdir -p "$work"
cp -r "$tools/." "$work/"
chmod -R u+w "$work"
CGO_ENABLED=0 go build -trimpath -o "$work/flashwarden" ./cmd/flashwarden
(cd "$work/tftpload" && cc -O2 -pthread -o tftpload tftpload.c && cc -O2 -o floorserver floorserver.c)
cc -O2 -o "$work/nosync" bench/nosync.c
[ -d "$work/peers/tftpd-hpa" ] || (cd "$work" && ./run_peers.sh setup >setup.log 2>&1)
grep -v '^#' "$work/peers.conf" >"$work/peers.new"
cat >>"$work/peers.new" <<EOT
ours  | put get blksize windowsize | $work/flashwarden tftpd --quiet --address 127.0.0.1:{port} --create --secure --permissive {dir}
ours4 | put                        | $work/flashwarden tftpd --quiet --address 127.0.0.1:{port} --create --secure --permissive --port-range 21056:21059 {dir}
nosync | put                       | $work/nosync $work/flashwarden tftpd --quiet --address 127.0.0.1:{port} --create --secure --permissive {dir}
EOT
mv "$work/peers.new" "$work/peers.conf"
mkdir -p "$work/raw" "$work/out"

run() { (cd "$work" && python3 bench.py --out out "$@"); }
[ $# -gt 0 ] || set -- lockstep many four-ports windows loss durability idle
for group; do
    case $group in
    lockstep) run --reps "$reps" --peers hpa,atftpd,ours a-put32m-1cpu a-put256m-1cpu a-put32m ;;
    many) run --reps "$reps" --peers hpa,atftpd,ours c-put1m-c10 c-put1m-c100 c-put1m-c1000 ;;
    four-ports) run --reps 3 --peers ours4 c-put256k-c5000 ;;
    windows)
        run --reps "$reps" --peers atftpd,hpa,ours b-get256m-1468-w16-1cpu b-get256m-1468-w64-1cpu b-get256m-8192-w16-1cpu \
            b-put256m-1468-w16-1cpu b-put256m-1468-w64-1cpu b-put256m-8192-w1-1cpu
        ;;
    loss)
        run --reps 1 --peers hpa,ours d-get1m-loss0.01-rto10s d-put1m-acklost0.01-rto10s
        run --reps 1 --peers ours d-get1m-loss0.05-rto10s d-put8m-loss0.01 d-put8m-loss0.05
        ;;
    # The cost of fsync on the disk of $work: nosync is our server without the system call.
    durability) run --reps "$reps" --no-floor --root "$work/disk" --suffix=-disk --peers hpa,ours,nosync c-put1m-c100 a-put32m ;;
    idle) (cd "$work" && python3 startup.py --out out --reps "$reps" --peers ours) ;;
    *) echo "unknown group $group" >&2; exit 2 ;;
    esac
done
python3 bench/table.py "$work/out" >docs/performance.md
echo "wrote docs/performance.md; raw figures are in $work/out"
