#!/bin/sh
# Removes every fsync of the project, one at a time, and checks each time that a test
# about power cuts fails. Takes a few minutes and changes no file.
set -eu
cd "$(dirname "$0")/.."
FLASHWARDEN_TEST=soak exec go test -count=1 -timeout=0 -v -run 'TestEveryFsyncCounts' .
