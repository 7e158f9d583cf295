# What the scripts beside this one share; they read it with ".", in the directory of the project.
# Variables: VERSION and SOURCE_DATE_EPOCH, in place of those of the last commit.
umask 022
export LC_ALL=C TZ=UTC
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
# 1.2.0, and 7 commits later 1.2.0+7.gabcdef0; without a tag, a version older than every release.
VERSION=${VERSION:-$(git describe --tags --match 'v[0-9]*' 2>/dev/null | sed 's/^v//; s/-rc/~rc/; s/-/+/; s/-/./g')}
VERSION=${VERSION:-0~git$(date -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$(git rev-parse --short=8 HEAD)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() { # ARCHITECTURE FILE
    CGO_ENABLED=0 GOOS=linux GOARCH=$1 go build -trimpath -ldflags='-s -w' -o "$2" ./cmd/flashwarden
}
