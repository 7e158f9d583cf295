#!/usr/bin/env bash
# Measures the care of a large vault and of a large catalog: time and memory of
# whole commands, on generated data without any device.
#
#   bench/vault.sh                       10,000 devices with 500 snapshots each in the catalog, 200,000 snapshots in the vault, 20 GB of blobs
#   bench/vault.sh 1000 20 5000 1        other numbers: DEVICES EACH SNAPSHOTS GIGABYTES
#
# Needs about 12 GB of disk, with 20 GB of blobs 32, in $BENCH_DIR (default: a new
# directory in /tmp, which it removes).
set -euo pipefail
umask 077 # as in a vault
cd "$(dirname "$0")/.."
devices=${1:-10000} each=${2:-500} snapshots=${3:-200000} gigabytes=${4:-20}
work=${BENCH_DIR:-$(mktemp -d /tmp/flashwarden-vault-XXXXXX)}
[ -n "${BENCH_DIR:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
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

echo "blobs: $gigabytes GB"
mkdir -p "$work/blobs/vault"
export FLASHWARDEN_DATA=$work/blobs
largevault vault "$work/blobs" 10
flashwarden rebuild >/dev/null
for i in $(seq "$gigabytes"); do
    head -c 1000000000 /dev/urandom >"$work/blob"
    sum=$(sha256sum "$work/blob" | cut -d' ' -f1)
    mkdir -p "$work/blobs/vault/blobs/${sum:0:2}/${sum:2:2}"
    chmod 0400 "$work/blob"
    mv "$work/blob" "$work/blobs/vault/blobs/${sum:0:2}/${sum:2:2}/$sum"
done
measure "check --read-data" flashwarden check --read-data
measure "sha256sum of the same files" sh -c "find '$work/blobs/vault/blobs' -type f -print0 | xargs -0 -n 1 -P $(nproc) sha256sum"
