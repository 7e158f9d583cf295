# The README's two commands are `go run ./cmd/flashwarden demo` and `make test`.

.PHONY: build test peers lint fuzz

build:
	CGO_ENABLED=0 go build -trimpath -o bin/flashwarden ./cmd/flashwarden

# Everything, slow tests too. Says which of the other implementations that judge ours are missing.
test: peers lint
	FLASHWARDEN_TEST=full go test -parallel 6 -timeout 10m ./...
	go test -race -timeout 10m ./...

peers:
	@sh scripts/peers.sh

lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt wants:"; gofmt -l .; exit 1; }
	go vet ./...
	go tool staticcheck ./...

# Each fuzz target for FUZZTIME.
FUZZTIME ?= 30s
fuzz:
	@sh scripts/fuzz.sh $(FUZZTIME)
