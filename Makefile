# Everything below runs offline but for Go modules.

GO ?= go
BIN := bin/kubeteus

.PHONY: demo test samples model-faults model-shuffle model-speed apiserver action-test browser-test forge-test diff-speed release bench build check lint fmt

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

# diff-speed times diff on 500 intents and 2,000 workloads, and measures the comment.
diff-speed:
	$(GO) test ./cmd/kubeteus -run '^TestReviewLarge$$' -count=1 -v -args -speed

# forge-test comments on a real Gitea: make forge-test GITEA=DIR, a folder with gitea.
forge-test:
	GITEA=$(GITEA) $(GO) test ./cmd/kubeteus/internal/forge -run '^TestGitea$$' -count=1 -v

# browser-test opens the HTML report in headless Chromium, which has to be there.
browser-test:
	cd .github/tools/browser && BROWSER_TEST=required $(GO) test ./... -count=1 -v

# action-test runs the action in nektos/act, which ACT or the PATH names, or which
# is built from its pinned version (some minutes, once).
ACT ?= $(shell command -v act)
action-test: build
	$(GO) vet ./.github/release
	$(GO) test ./.github/release
	ACT=$(or $(ACT),$$($(GO) tool -n -modfile=.github/tools/act/go.mod act)) $(GO) test ./cmd/kubeteus -run '^(TestAction|TestAct|TestRelease)$$' -count=1 -v -timeout 20m $(ARGS)

# release builds a release's archives and checksums into bin/release:
# make release VERSION=v1.2.3, at a commit with that tag.
release:
	rm -rf bin/release
	$(GO) run ./.github/release $(VERSION) bin/release

# bench measures the parts that grow with the cluster.
bench:
	$(GO) test ./compiler/... -run '^$$' -bench . -benchmem

build:
	$(GO) build -trimpath -o $(BIN) ./cmd/kubeteus

# check holds the formatting that CI holds, and the workflows.
check: lint
	test -z "$$(gofmt -l .)"

# lint runs actionlint over the workflows, ours and those that users copy.
lint:
	$(GO) tool -modfile=.github/tools/go.mod actionlint .github/workflows/*.yml .github/action/examples/*.yml

fmt:
	gofmt -w .
