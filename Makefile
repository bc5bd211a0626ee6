# The README says what each target is for.
.PHONY: build install dist test test-race test-rest test-short fuzz cover lint bench bench-parts demo demo-push chaos
export CGO_ENABLED ?= 0
PREFIX ?= /usr/local
OUTPUT ?= bin/slugc
# grpcnotrace leaves html/template out, and with it the reflection that keeps methods which nothing calls in the binary.
BUILD = go build -buildvcs=auto -trimpath -tags grpcnotrace -buildmode pie -ldflags '-s -w'

build:
	$(BUILD) -o $(OUTPUT) ./cmd/slugc

install: build
	install -D -m 755 $(OUTPUT) $(DESTDIR)$(PREFIX)/bin/slugc

dist:
	.ci/dist

# Packages whose goroutines share memory are tested under the race detector. What the others run is one goroutine's, or in processes of its own, built as users build it.
RACE = ./buildpacks/command ./buildpacks/tree ./cache/beneath ./buildpacks/toolchain/... ./cache/logs ./compiler ./compiler/artifact ./compiler/artifact/blobstore ./compiler/coordinator ./compiler/coordinator/local ./compiler/follow ./compiler/launch ./compiler/push ./compiler/release ./compiler/sandbox/... ./compiler/source
# A skipped test is a failure. Vet is part of lint. Tests that wait leave the processors to others.
# With -trimpath, every clone on a machine shares what the compiler made; without debug information (-w) linking takes half as long. Compilers and linkers that collect garbage less often take a sixth less.
GOTEST = MAKEFLAGS= go run ./.ci/gotest -vet=off -trimpath -ldflags=-w -toolexec 'env GOGC=400' -parallel 4 -timeout 30m

test: test-race test-rest

# Three packages at once: most of these wait for a server or a timer now and then.
test-race:
	$(GOTEST) -race -p 3 $(RACE)
	$(GOTEST) -race -run 'TestEqualTrees|TestPackAndUnpack|TestReuse|TestDamagedSegments|TestArchives' ./compiler/slug

test-rest:
	$(GOTEST) ./cmd/... ./.ci/bench/... $$(go list ./... | grep -v /cmd/ | grep -vxF "$$(go list $(RACE))")

# For the inner loop: needs Go and git alone, and says what it leaves out.
test-short:
	$(GOTEST) -short ./... ./.ci/bench/...

TIME = 10s
fuzz:
	.ci/fuzz $(TIME)

# Coverage of each package by its own tests.
cover:
	go test -vet=off -cover $$(go list ./... | grep -v /e2e/)

lint:
	.ci/lint

# slugc beside what others use: ROWS=4,5 picks rows, ROUNDS=7 repeats more often, WHERE is a directory, or xfs for an XFS with reflink of its own.
ROUNDS = 5
WHERE = /dev/shm
bench: build
	@go run ./.ci/bench -slugc $(OUTPUT) -rows '$(ROWS)' -rounds $(ROUNDS) -where '$(WHERE)' -o bin/bench.json

# Parts of slugc alone, as Go benchmarks.
bench-parts:
	go test -run '^$$' -bench . -benchtime 1x ./compiler/slug ./compiler/source
	go test -run '^$$' -bench Registrations -benchtime 2000x ./compiler/release/clustertest

demo: build
	.ci/demo bin/slugc

# Kills each process of a push fifty times, and has fifty push at once; kills leaders of a cluster and cuts its members off while releases are registered.
# Rebuilds apps after thousands of random edits. Builds the fixtures that take minutes. Sweeps faults over slugc: five thousand kills, failing calls, power cuts and others. That needs root, loop devices and about two hours of two processors.
chaos:
	go test -count 1 -timeout 45m -v -run '^TestChaos$$' ./compiler/release/clustertest -long
	go test -timeout 120m -v ./cmd/slugc/e2e/push -run 'TestPush(Killed|Race)' -kills 50 -pushers 50
	go test -count 1 -timeout 240m -v ./cmd/slugc/e2e/chaos -long
	go test -count 1 -timeout 240m -v ./cmd/slugc/e2e/edits -long
	go test -count 1 -timeout 30m -v ./cmd/slugc/e2e/fixtures -run 'TestFixtures/node-create' -long

demo-push: build
	.ci/demo-push bin/slugc
