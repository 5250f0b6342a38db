# Everything below runs offline but for Go modules.

GO ?= go
BIN := bin/kubeteus

.PHONY: demo test samples model-faults model-shuffle model-speed apiserver bench build check fmt

# demo compiles the intents of examples/online-boutique and shows what they mean.
demo: build
	cd examples/online-boutique && ../../$(BIN) compile ./intents

# test passes every test, and holds the examples' committed overlays against
# their intents.
test: build
	$(GO) vet ./...
	$(GO) test ./...
	cd examples/online-boutique && ../../$(BIN) check ./intents >/dev/null
	cd examples/ferry && ../../$(BIN) check ./intents >/dev/null

# samples prints per sample statement: right, refused or wrong, decided by probes.
samples:
	$(GO) test ./compiler -run '^TestSamples$$' -count=1 -v -args -table

# model-faults prints what becomes of everything that a scripted server or model
# does wrong.
model-faults:
	$(GO) test ./cmd/kubeteus -run '^TestModelFaults$$' -count=1 -v -args -table | grep -v -e '^=== ' -e '^ *--- PASS'

# model-shuffle prints what becomes of right answers, of right answers to other
# statements, and of answers with one thing wrong.
model-shuffle:
	$(GO) test ./compiler -run '^(TestAnswers|TestShuffledAnswers|TestBentAnswers)$$' -count=1 -v -args -seeds 5 -table

# model-speed times 100 intents against a scripted server that takes 1 s a call.
model-speed:
	$(GO) test ./cmd/kubeteus -run '^TestModelSpeed$$' -count=1 -v -args -speed

# apiserver asks a real kube-apiserver about every document of compiler/validate's
# corpus: make apiserver APISERVER=DIR, a folder with kube-apiserver; etcd lies
# there or on the PATH. ARGS='-args -update' records the verdicts anew.
apiserver:
	BIN=$(APISERVER) $(GO) test ./compiler/validate -run '^TestAPIServer$$' -count=1 -v $(ARGS)

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
