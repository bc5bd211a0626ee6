# The README says what each target is for.
.PHONY: build test lint bench demo
export CGO_ENABLED ?= 0

build:
	go build -trimpath -o bin/slugc ./cmd/slugc

test: lint
	CGO_ENABLED=1 go test -race -timeout 14m ./...

lint:
	@out=$$(gofmt -l $$(git ls-files '*.go' ':!fixtures')); [ -z "$$out" ] || { echo "not gofmt'd: $$out"; exit 1; }
	go vet ./...

bench: build
	go test -run '^$$' -bench . -benchtime 1x ./compiler/slug ./compiler/source
	.ci/bench bin/slugc

demo: build
	.ci/demo bin/slugc
