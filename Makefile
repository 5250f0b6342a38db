# Everything below runs offline but for Go modules.

GO ?= go
BIN := bin/kubeteus

.PHONY: demo test samples bench build check fmt

# demo compiles the intents of examples/online-boutique and shows what they mean.
demo: build
	cd examples/online-boutique && ../../$(BIN) compile ./intents

# test passes every test, and holds the examples' committed overlays against
# their intents.
test: build
	$(GO) vet ./...
	$(GO) test ./...
	cd examples/online-boutique && ../../$(BIN) check ./intents >/dev/null

# samples prints per sample statement: right, refused or wrong, decided by probes.
samples:
	$(GO) test ./compiler -run '^TestSamples$$' -count=1 -v -args -table

# bench measures the parts that grow with the cluster.
bench:
	$(GO) test ./compiler/... -run '^$$' -bench . -benchmem

build:
	$(GO) build -trimpath -o $(BIN) ./cmd/kubeteus

# check holds the formatting that CI holds.
check:
	test -z "$$(gofmt -l .)"

fmt:
	gofmt -w .
