# The README's two commands are `go run ./cmd/flashwarden demo` and `make test`.
# The tests have three levels: `go test ./...`, `make test`, `make soak`.

.PHONY: build deb release test full race soak peers lint systems race-commands

build:
	CGO_ENABLED=0 go build -trimpath -o bin/flashwarden ./cmd/flashwarden

# A package starts the service. On 32 bits (arm, 386) this needs a catalog in PostgreSQL, so there are only programs for them.
PACKAGES = amd64 arm64
PROGRAMS = $(PACKAGES) arm 386
deb:
	@mkdir -p dist
	sh packaging/deb.sh dist $(PACKAGES)

# Binaries, their bills of materials, checksums, and the packages.
release:
	rm -rf dist
	mkdir -p dist
	sh packaging/deb.sh dist $(PACKAGES)
	sh packaging/release.sh dist $(PROGRAMS)

# Everything, within minutes. Says which of the other implementations that judge ours are missing.
test: peers lint
	$(MAKE) full
	$(MAKE) race

# Many tests wait: more packages at once than there are processors. lint runs vet, and once is enough.
TEST = go test -vet=off -p 6 -timeout 15m
# The longest begin first. The others fill the time in which they wait.
LONGEST = ./e2e ./cmd/flashwarden ./tftp ./internal/restore ./tftp/...
full:
	FLASHWARDEN_TEST=full $(TEST) $(LONGEST) ./...

# The race detector sees what runs at the same time. These packages run nothing at the same time, or, as e2e, test a program that is built without it.
# catalog/sqlite and the stores of the vault: their libraries and their thousands of power cuts take minutes with it, and node and warden use them from many goroutines. restore works on one device in straight lines.
NO_RACE = /(api|e2e|tftp/conformance|tftp/conformance/cmd/.*|bench/.*|internal/(audit|password|protect|compare|hashlist|inventory|schedule|demo|catalog|catalog/tables|catalog/move|catalog/postgres|catalog/sqlite|catalog/sqlite/sqlitetest|vault/(dir|s3|sftp|sealed)|iossim|restore|cause|config|credential|doctor|firewall|flash|imagefile|ios|lazyregexp|netlab|systemd|testlevel)|cmd/flashwarden)$$
# Tests with much computing and one transfer, device or request after the other, which the level full runs without it.
RACE_SKIP = ^(TestBadNetworks|TestQueueLimitedLink|TestEveryProfile|TestCopyToEveryProfile|TestLookChanged|TestOKMeansAll|TestWhichAttemptIsTold|TestPruneOfSharedVaultDies|TestRotation|TestAccess|TestDescription|TestParseIdentity)$$
race:
	$(TEST) -race -skip '$(RACE_SKIP)' $$(go list ./... | grep -vxF "$$(go list -m)" | grep -vE '$(NO_RACE)')

# Of the command line, it sees the commands that work side by side, most of them with a daemon. Not part of test: a program with the race detector is
# linked and starts slowly.
RACE_COMMANDS = TestScriptsOverSocket/^(backup|doctorpath|offer|restore)$$|TestScripts$$/^(demo|failures|serve)$$|^Test[^S]
race-commands:
	FLASHWARDEN_TEST=full $(TEST) -race -run '$(RACE_COMMANDS)' ./cmd/flashwarden
	$(TEST) -race ./internal/restore
	$(TEST) -race -run '$(RACE_SKIP)' ./tftp ./internal/...

# Hours, by hand: the tests with large numbers, a night in which everything fails (go test ./e2e -run HardNight -night 50m), and each fuzz target for FUZZTIME.
FUZZTIME ?= 1m
soak: export FLASHWARDEN_TEST = soak
soak: peers systems race-commands
	go test -timeout 4h ./...
	@sh scripts/fuzz.sh $(FUZZTIME)

peers:
	@sh scripts/peers.sh

# The package tftp builds everywhere, the command on each Linux. FLASHWARDEN_TEST=full runs the tests of tftp for 386.
# Not part of test: each system compiles the standard library once more.
OTHER_SYSTEMS = darwin/arm64 windows/amd64 linux/arm linux/386
systems:
	@for system in $(OTHER_SYSTEMS); do echo "go vet ./tftp/... for $$system"; CGO_ENABLED=0 GOOS=$${system%/*} GOARCH=$${system#*/} go vet ./tftp/... || exit 1; done
	@for arch in 386 arm; do echo "go build ./cmd/flashwarden for linux/$$arch"; CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -o /dev/null ./cmd/flashwarden || exit 1; done

lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt wants:"; gofmt -l .; exit 1; }
	go mod tidy -diff
	go vet ./...
	go tool staticcheck ./...
