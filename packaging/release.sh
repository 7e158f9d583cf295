#!/bin/sh
# Makes the files of a release: packaging/release.sh DIRECTORY ARCHITECTURE...
# For each architecture a program and what it contains (CycloneDX), and SHA256SUMS of all.
# $BINARY is a built program in place of a new one.
set -eu
out=$(realpath "$1")
shift
cd "$(dirname "$0")/.."
. packaging/build.sh
for arch in "$@"; do
    program=$out/flashwarden_${VERSION}_linux_$arch
    if [ -n "${BINARY:-}" ]; then cp "$BINARY" "$program"; else build "$arch" "$program"; fi
    go run ./packaging/modules sbom "$program" >"$program.cdx.json"
done
cd "$out"
sha256sum "flashwarden_${VERSION}"_* >SHA256SUMS
