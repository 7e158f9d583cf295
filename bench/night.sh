#!/usr/bin/env bash
# Measures the service with a large fleet: the first backups, a night in which nothing has changed, a person's backup
# meanwhile, start and memory, uploads beside those to the bare TFTP server, and three workers over PostgreSQL, one
# of which is killed again and again. Prints the chapter of docs/performance.md.
#
#   bench/night.sh                  10,000 devices, 1,000 of them first, on 10 images: about a quarter of an hour on two idle cores
#   bench/night.sh 200 100 5        other numbers: DEVICES FIRST IMAGES
#   PAGE=1 bench/night.sh           also writes the chapter into docs/performance.md
#   WORKERS=1 bench/night.sh        also has three workers do 1,000 jobs, which takes 20 to 30 minutes and little of the processor
#
# All traffic is on loopback. Needs 10 GB of memory for 10,000 devices, and `ulimit -n` above that number. The data is in
# $BENCH_DIR (default: a new directory in /tmp, which is removed).
set -euo pipefail
umask 077
cd "$(dirname "$0")/.."
devices=${1:-10000} first=${2:-1000} images=${3:-10}
work=${BENCH_DIR:-$(mktemp -d /tmp/flashwarden-night-XXXXXX)}
[ -n "${BENCH_DIR:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin"
CGO_ENABLED=0 go build -trimpath -o "$work/bin/flashwarden" ./cmd/flashwarden
go build -o "$work/bin/night" ./bench/night
ulimit -n "$(ulimit -Hn)"
rm -rf "$work/fleet"
mkdir "$work/fleet"
{
    echo "## The service"
    "$work/bin/night" -flashwarden "$work/bin/flashwarden" -work "$work/fleet" -devices "$devices" -first "$first" -images "$images"
    if [ -n "${WORKERS:-}" ]; then
        echo "$(date +%T) three workers" >&2
        FLASHWARDEN_TEST=soak go test -timeout 2h -count=1 -run 'TestSeveralMachines$' -v ./e2e >"$work/workers"
        sed -n 's/.*[0-9]: \([0-9]* jobs on .*\)/| PostgreSQL, 3 workers, one killed every 20 s during 1,000 jobs | all done once, devices free within 60 s | \1 |/p' "$work/workers"
    fi
} >"$work/chapter"
cat "$work/chapter"
if [ "${PAGE:-}" = 1 ]; then
    python3 - "$work/chapter" <<'EOT'
import sys
page = "docs/performance.md"
heading = "## The service\n"
text = open(page).read()
before, _, after = text.partition(heading)
after = after.partition("\n## ")
with open(page, "w") as f:
    f.write(before.rstrip("\n") + "\n\n" + open(sys.argv[1]).read() + ("\n## " + after[2] if after[1] else ""))
EOT
fi
