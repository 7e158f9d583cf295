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
# directory in /tmp, which it removes), and 100 MB in $BENCH_MEMORY, a directory on tmpfs
# (default: /dev/shm), where an fsync costs nothing.
#
# It takes half an hour. In shorter runs, while the machine is quiet, with one BENCH_DIR:
#   PARTS=generate bench/vault.sh        makes the data, which may be done on a busy machine
#   PARTS='catalog vault' bench/vault.sh measures some parts: catalog vault adopt images s3. It adds to the figures of
#                                        the runs before, in $BENCH_DIR/figures; of each command the fastest counts
set -euo pipefail
umask 077 # as in a vault
cd "$(dirname "$0")/.."
devices=${1:-10000} each=${2:-500} snapshots=${3:-200000} gigabytes=${4:-20}
work=${BENCH_DIR:-$(mktemp -d /tmp/flashwarden-vault-XXXXXX)}
clean() {
    [ -z "${server:-}" ] || kill "$server"
    [ -z "${memory:-}" ] || rm -rf "$memory"
    [ -n "${BENCH_DIR:-}" ] || rm -rf "$work"
}
trap clean EXIT
mkdir -p "$work"
[ -n "${PARTS:-}" ] || rm -f "$work/figures"
touch "$work/figures"
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

# median NAME COMMAND... notes the seconds that largevault measured.
median() {
    local name=$1 seconds
    shift
    seconds=$("$@")
    echo "$name|$seconds 0 0 0|0" >>"$work/figures"
    echo "$seconds" | awk -v name="$name" '{ printf "%-36s %8.2f ms\n", name, $1 * 1000 }'
}

# made KIND SIZE... generates data, unless it is there.
made() {
    local kind=$1
    shift
    [ ! -e "$work/$kind.made" ] || return 0
    echo "generating: $kind $*"
    rm -rf "${work:?}/$kind"
    mkdir -p "$work/$kind"
    largevault "$kind" "$work/$kind" "$@"
    touch "$work/$kind.made"
}
made_catalog() { made catalog "$devices" "$each"; }
made_vault() { made vault "$snapshots"; }
made_images() {
    made images $((gigabytes * 1000))
    [ -e "$work/images/catalog.db" ] || FLASHWARDEN_DATA=$work/images flashwarden rebuild >/dev/null
}

part_generate() { made_catalog && made_vault && made_images; }

part_catalog() {
    made_catalog
    local some runs=5
    export FLASHWARDEN_DATA=$work/catalog
    some=$(printf 'sw%05d' $((devices / 2)))
    measure "start (device show)" flashwarden device show "$some"
    measure "status" flashwarden status
    measure "snapshots NAME" flashwarden snapshots "$some"
    measure "images" flashwarden images
    measure "images --missing" flashwarden images --missing
    measure "completion" flashwarden __complete show sw
    measure "doctor" flashwarden doctor
    for _ in 1 2 3; do median "host key" largevault hostkeys "$work/catalog" 1000; done
    [ -n "${BENCH_DIR:-}" ] || rm -rf "$work/catalog"
}

part_vault() {
    made_vault
    export FLASHWARDEN_DATA=$work/vault
    rm -f "$work"/vault/catalog.db*
    measure "rebuild" flashwarden rebuild
    measure "check" flashwarden check
    measure "check --share 1/30" flashwarden check --share 1/30
    rm "$work/vault.made" # the next run needs all snapshots again
    measure "prune --keep-last 10" flashwarden prune --keep-last 10
}

part_adopt() {
    memory=$(mktemp -d "${BENCH_MEMORY:-/dev/shm}/flashwarden-vault-XXXXXX")
    rm -rf "$work"/adopt?
    for n in 1 2 3; do
        mkdir "$memory/$n" "$work/adopt$n"
        median "adopt" largevault adopt "$memory/$n" 20
        median "adopt on disk" largevault adopt "$work/adopt$n" 20
    done
    rm -rf "$memory" "$work"/adopt?
}

part_images() {
    made_images
    local blobs=$work/images/vault/blobs runs=3
    export FLASHWARDEN_DATA=$work/images
    measure "check --read-data" flashwarden check --read-data
    measure "sha256sum of the same files" sh -c "find '$blobs' -type f -print0 | xargs -0 -n 1 -P $(nproc) sha256sum"
}

# An S3 server on loopback. Each put begins with an empty bucket; both take turns.
part_s3() {
    if ! command -v versitygw >/dev/null; then
        echo "no versitygw (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0): mirror to S3 is not measured" >&2
        return
    fi
    made_images
    export FLASHWARDEN_DATA=$work/images AWS_ACCESS_KEY_ID=bench AWS_SECRET_ACCESS_KEY=bench-secret
    local port=${BENCH_PORT:-17070} round kind target
    rm -rf "$work/s3"
    mkdir -p "$work/s3/objects" "$work/s3/attributes"
    ROOT_ACCESS_KEY=$AWS_ACCESS_KEY_ID ROOT_SECRET_KEY=$AWS_SECRET_ACCESS_KEY \
        versitygw --port "127.0.0.1:$port" --quiet posix --sidecar "$work/s3/attributes" "$work/s3/objects" >"$work/s3/log" 2>&1 &
    server=$!
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
    kill "$server"
    wait "$server" || true
    server=''
}

for part in ${PARTS:-catalog vault adopt images s3}; do "part_$part"; done
[ ! -s "$work/figures" ] || python3 bench/vault_table.py "$work/figures" "$devices" "$each" "$snapshots" "$gigabytes"
