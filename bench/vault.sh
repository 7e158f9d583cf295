#!/usr/bin/env bash
# Measures the care of a large vault and of a large catalog: time and memory of
# whole commands, on generated data without any device. Prints
# the chapter of docs/performance.md.
#
#   bench/vault.sh                       10,000 devices with 500 snapshots each in the catalog, 200,000 snapshots in the vault, 20 GB of blobs
#   bench/vault.sh 1000 20 5000 1        other numbers: DEVICES EACH SNAPSHOTS GIGABYTES
#   PAGE=1 bench/vault.sh                also writes the chapter into docs/performance.md
#
# Needs about 12 GB of disk, with 20 GB of images 52, in $BENCH_DIR (default: a new
# directory in /tmp, which it removes).
set -euo pipefail
umask 077 # as in a vault
cd "$(dirname "$0")/.."
devices=${1:-10000} each=${2:-500} snapshots=${3:-200000} gigabytes=${4:-20}
work=${BENCH_DIR:-$(mktemp -d /tmp/flashwarden-vault-XXXXXX)}
[ -n "${BENCH_DIR:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
: >"$work/figures"
CGO_ENABLED=0 go build -trimpath -o "$work/flashwarden" ./cmd/flashwarden
go build -o "$work/largevault" ./bench/largevault
export PATH="$work:$PATH"

# measure NAME COMMAND... prints the time that a command takes, the processor time, and the
# memory. With $runs it is the fastest of so many runs: other programs only slow it down.
measure() {
    local name=$1 code=0 best=''
    shift
    for _ in $(seq "${runs:-1}"); do
        code=0
        command time -o "$work/time" -f '%e %U %S %M' "$@" >"$work/out" 2>"$work/err" || code=$?
        best=$(printf '%s\n%s\n' "$best" "$(tail -n 1 "$work/time")" | grep . | sort -n | head -n 1)
    done
    echo "$name|$best|$code" >>"$work/figures"
    echo "$best" | awk -v name="$name" -v code="$code" '{ printf "%-36s %8.2f s  %8.2f s CPU  %8d kB  (exit %s)\n", name, $1, $2 + $3, $4, code }'
}

echo "catalog: $devices devices with $each snapshots each"
mkdir -p "$work/catalog"
measure "generate the catalog" largevault catalog "$work/catalog" "$devices" "$each"
export FLASHWARDEN_DATA=$work/catalog
some=$(printf 'sw%05d' $((devices / 2)))
runs=5
measure "start (device show)" flashwarden device show "$some"
measure "status" flashwarden status
measure "snapshots NAME" flashwarden snapshots "$some"
measure "images" flashwarden images
measure "images --missing" flashwarden images --missing
measure "completion" flashwarden __complete show sw
runs=1
[ -n "${BENCH_DIR:-}" ] || rm -rf "$work/catalog"

echo "vault: $snapshots snapshots"
mkdir -p "$work/vault"
measure "generate the vault" largevault vault "$work/vault" "$snapshots"
export FLASHWARDEN_DATA=$work/vault
measure "rebuild" flashwarden rebuild
measure "check" flashwarden check
measure "check --share 1/30" flashwarden check --share 1/30
measure "prune --keep-last 10" flashwarden prune --keep-last 10

echo "images: $gigabytes GB"
mkdir -p "$work/images/vault"
chmod 0700 "$work/images/vault"
largevault images "$work/images" $((gigabytes * 1000))
export FLASHWARDEN_DATA=$work/images
flashwarden rebuild >/dev/null
blobs=$work/images/vault/blobs
runs=3
measure "check --read-data" flashwarden check --read-data
measure "sha256sum of the same files" sh -c "find '$blobs' -type f -print0 | xargs -0 -n 1 -P $(nproc) sha256sum"
runs=1

# An S3 server on loopback. Each put begins with an empty bucket; both take turns.
if command -v versitygw >/dev/null; then
    export AWS_ACCESS_KEY_ID=bench AWS_SECRET_ACCESS_KEY=bench-secret
    port=${BENCH_PORT:-17070}
    mkdir -p "$work/s3/objects" "$work/s3/attributes"
    ROOT_ACCESS_KEY=$AWS_ACCESS_KEY_ID ROOT_SECRET_KEY=$AWS_SECRET_ACCESS_KEY \
        versitygw --port "127.0.0.1:$port" --quiet posix --sidecar "$work/s3/attributes" "$work/s3/objects" >"$work/s3/log" 2>&1 &
    server=$!
    trap 'kill $server; [ -n "${BENCH_DIR:-}" ] || rm -rf "$work"' EXIT
    until curl -s -o "$work/out" "http://127.0.0.1:$port/"; do
        kill -0 "$server" || { cat "$work/s3/log" >&2; exit 1; }
        sleep 0.1
    done
    for round in 1 2 3; do
        for kind in mirror library; do
            mkdir "$work/s3/objects/$kind$round"
            target="s3://$kind$round/?endpoint=http://127.0.0.1:$port&region=us-east-1"
            case $kind in
            mirror) measure "mirror to S3" flashwarden mirror "$target" ;;
            library) measure "put by the S3 library alone" largevault put "$work/images" "$target" ;;
            esac
            rm -rf "$work/s3/objects/$kind$round" "$work/s3/attributes/$kind$round"
        done
    done
else
    echo "no versitygw (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0): mirror to S3 is not measured" >&2
fi
python3 bench/vault_table.py "$work/figures" "$devices" "$each" "$snapshots" "$gigabytes"
