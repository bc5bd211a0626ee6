# The README says what each target is for.
.PHONY: build install dist test lint bench demo demo-push chaos
export CGO_ENABLED ?= 0
PREFIX ?= /usr/local
OUTPUT ?= bin/slugc
# grpcnotrace leaves html/template out, and with it the reflection that keeps methods which nothing calls in the binary.
BUILD = go build -trimpath -tags grpcnotrace -buildmode pie -ldflags '-s -w'

build:
	$(BUILD) -o $(OUTPUT) ./cmd/slugc

install: build
	install -D -m 755 $(OUTPUT) $(DESTDIR)$(PREFIX)/bin/slugc

dist:
	.ci/dist

# Packages whose goroutines share memory are tested under the race detector. What the others run is one goroutine's, or in processes of its own, built as users build it.
RACE = ./buildpacks/command ./buildpacks/toolchain ./cache/logs ./compiler ./compiler/artifact/blobstore ./compiler/coordinator ./compiler/coordinator/local ./compiler/follow ./compiler/launch ./compiler/push ./compiler/release ./compiler/sandbox/... ./compiler/source

test: lint
	CGO_ENABLED=1 go test -race -timeout 20m $(RACE)
	CGO_ENABLED=1 go test -race -timeout 20m -run 'TestEqualTrees|TestPackAndUnpack|TestReuse|TestDamagedSegmentsHeal|TestArchives' ./compiler/slug
	go test -timeout 40m ./cmd/... $$(go list ./... | grep -v /cmd/ | grep -vxF "$$(go list $(RACE))")

lint:
	.ci/lint

bench: build
	go test -run '^$$' -bench . -benchtime 1x ./compiler/slug ./compiler/source
	go test -run '^$$' -bench Registrations -benchtime 2000x ./compiler/release/clustertest
	.ci/bench bin/slugc

demo: build
	.ci/demo bin/slugc

# Kills each process of a push fifty times, and has fifty push at once; kills leaders of a cluster and cuts its members off while releases are registered.
chaos:
	go test -count 1 -timeout 45m -v -run '^TestChaos$$' ./compiler/release/clustertest -long
	go test -timeout 120m -v ./cmd/slugc/e2e/push -run 'TestPush(Killed|Race)' -kills 50 -pushers 50

demo-push: build
	.ci/demo-push bin/slugc
