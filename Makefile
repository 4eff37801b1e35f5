# Everything that is done with this repository. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export CGO_ENABLED := 0

GO    := tools/go
TOOL  := cd tools && ./go tool
BUILD := .build/ebpfnetreceiver

SOURCES := $(shell find . \( -path ./_build -o -path ./.build -o -path ./e2e -o -path ./.git \) -prune -o \
	\( -name '*.go' ! -name '*_test.go' -o -name '*.o' -o -name 'go.*' -o -name builder-config.yaml \) -print)

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build the collector and show who talks to whom on this host (needs root; Ctrl-C ends it)
	@echo "Capturing on this host. Connections show when they end, and every 10 s while they go on; sums of bytes every 10 s."
	@sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; exec $$sudo bin/otelcol-ebpfnet --config deploy/host.yaml

.PHONY: build
build: bin/otelcol-ebpfnet ## build bin/otelcol-ebpfnet with ocb (the first time takes some minutes)

bin/otelcol-ebpfnet: $(SOURCES)
	@tools/setup.sh build
	@echo "Building $@: 4 minutes on 2 cores with empty caches, seconds after an edit."
	$(GO) tool -modfile=tools/go.mod builder --config builder-config.yaml
	@mkdir -p bin && mv _build/otelcol-ebpfnet $@

.PHONY: test
test: ## run all tests that this machine allows (as root: all of them; EBPFNET_REQUIRE_ROOT=1 makes a skip for want of root a failure)
	@tools/setup.sh test
	CGO_ENABLED=1 $(GO) test -race -timeout 25m ./...

.PHONY: apiserver apiserver-there test-apiserver
apiserver: ## build the real API server that some tests use (ten minutes once; then `make test` uses it)
	@tools/setup.sh build
	@e2e/apiserver/build.sh

apiserver-there:
	@e2e/apiserver/build.sh --check

test-apiserver: apiserver ## run the tests that need a real API server
	EBPFNET_REQUIRE_APISERVER=1 CGO_ENABLED=1 $(GO) test -race -timeout 15m ./internal/kube/

.PHONY: bench
bench: ## run the benchmarks whose figures docs/performance.md quotes (needs root)
	$(GO) test -run '^$$' -bench . -benchtime 5x -timeout 30m ./...

.PHONY: generate
generate: ## make again what is generated: BPF objects, metadata, documentation
	@tools/setup.sh generate
	cd bpf && ../$(GO) generate ./...
	@mkdir -p .build && ln -sfn "$(CURDIR)" $(BUILD)
	$(TOOL) mdatagen ../$(BUILD)/metadata.yaml
	@chmod -R u+rwX,go+rX internal/metadata internal/metadatatest generated_*.go documentation.md

.PHONY: lint
lint: ## check formatting, vet, and that other systems and arm64 still build
	@tools/setup.sh generate
	@unformatted=$$($$($(GO) env GOROOT)/bin/gofmt -l bpf internal receiver *.go); [ -z "$$unformatted" ] || { echo "not gofmt'ed: $$unformatted"; exit 1; }
	clang-format-19 --dry-run -Werror bpf/*.h bpf/*.c bpf/*/*.c
	$(GO) vet ./...
	GOARCH=arm64 $(GO) build ./...
	GOOS=darwin $(GO) build ./...
	GOOS=windows $(GO) build ./...

.PHONY: clean
clean: ## remove what was built here
	rm -rf bin .build _build
