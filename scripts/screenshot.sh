#!/bin/sh
# Makes docs/page.png, the picture of the page in the README, from a demonstration. It needs
# node, npm and chromium.
set -eu
cd "$(dirname "$0")/.."
[ -d e2e/browser/node_modules/playwright-core ] || (cd e2e/browser && npm ci --no-audit --no-fund --silent)
work=$(mktemp -d)
go build -o "$work/flashwarden" ./cmd/flashwarden
"$work/flashwarden" demo --serve --json >"$work/out" &
demo=$!
trap 'kill -INT $demo; wait $demo || true; rm -rf "$work"' EXIT
until grep -q '^}' "$work/out"; do sleep 0.2; done
field() { sed -n 's/.*"'"$1"'": "\(.*\)".*/\1/p' "$work/out"; }
cd e2e/browser
node screenshot.mjs "$(command -v chromium || command -v google-chrome)" "$(field url)" "$(field user)" "$(field password)" ../../docs/page.png
