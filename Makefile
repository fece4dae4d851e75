# The two commands that matter are demo and test. Both do all set-up: Debian
# packages, Go modules, and what must be built, once, kept in the user's cache
# folder. README.md says what they show.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BED := go run ./test/bed/cmd/bed
# A crash loop that backs off as slowly as a real one would make tests slow.
QUICK := --crash-loop-backoff=1s --crash-loop-backoff-max=4s

.PHONY: help
help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: build
build: ## Build the daemon and the command line into bin/, static and without symbols
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/ ./cmd/...

VERSION ?= $(shell git describe --tags --always --dirty)
VERSION := $(VERSION)# said once, though somebody may commit meanwhile

.PHONY: programs
programs: ## Build the programs of a release into bin/build and pack them into bin/release, with the bill of materials; VERSION=v1.2.3
	rm -rf bin/release
	go run ./deploy/release --version=$(VERSION)

.PHONY: image
image: programs ## Pack the image for amd64 and arm64, and the chart, into bin/release as a registry has them, without a container engine
	go -C deploy/image run . --version=$(VERSION) --revision=$$(git rev-parse HEAD) --time=$$(git log -1 --format=%cI) \
		--programs=$(CURDIR)/bin/build --out=$(CURDIR)/bin/release/remediated-$(VERSION)-image.tar
	go -C deploy/image run . --time=$$(git log -1 --format=%cI) \
		--chart=$$(echo $(CURDIR)/bin/release/remediated-*.tgz) --out=$(CURDIR)/bin/release/remediated-$(VERSION)-chart.tar

.PHONY: release
release: programs image ## Build all that is published into bin/release, with checksums
	cd bin/release && sha256sum * >checksums.txt

.PHONY: reproducible
reproducible: image ## See that a release is the same bytes from two folders, and what was built here runs from its image (as root)
	go test -count=1 -timeout 30m -tags release ./deploy/release
	cd deploy/image && go test -count=1 -tags release ./...

.PHONY: setup
setup: ## Install packages, download modules, build the bed
	go mod download
	$(BED) packages
	$(BED) build

.PHONY: demo
demo: setup build ## Break a database under a real control plane and see it healed; SCENARIO=name for another one of test/scenarios
	go build -o bin/demo ./test/demo
	$(BED) --publish=9095 run -- bin/demo $(SCENARIO)

.PHONY: test
test: setup vet unit simulation e2e ## Run every test

.PHONY: vet
vet: ## Look for what a compiler does not see
	go vet ./...
	go vet -tags e2e ./test/e2e/
	go vet -tags crash ./cmd/remediated/
	go vet -tags nosync ./remediate/journal
	go vet -tags release ./deploy/release
	go vet -tags systemd ./deploy/systemd
	cd test/controlplane && go vet ./nodeagent/...
	cd test/operator && go vet ./...
	cd deploy/image && go vet -tags release ./...
	@unformatted=$$(git ls-files '*.go' | xargs gofmt -l); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }

.PHONY: unit
unit: ## Run the tests that need no bed, with the race detector; but not of the decider, which has no goroutine (TestFloor), and whose stories it makes slow
	go test -race -timeout 30m $$(go list ./... | grep -vx '.*/remediate')
	go test -timeout 30m ./remediate
	cd test/controlplane && go test ./nodeagent/...
	cd deploy/image && go test ./...
	cd test/operator && go test ./...

.PHONY: simulation
simulation: ## Live through 1,000 random days and hold them against the laws; decide 200 of them again
	go test -count=1 -v -run 'TestSimulation$$' ./test/simulate -seeds 1000 -steps 500
	go test -count=1 -run 'TestAgainIsTheSame$$' ./policies/replay -seeds 200

SEEDS ?= 20000
FIRST ?= 1
.PHONY: simulate
simulate: ## Live through more of them: SEEDS=20000 from FIRST=1 on
	go run ./test/simulate/cmd/simulate -seed $(FIRST) -seeds $(SEEDS)

.PHONY: torture
torture: setup build ## Have 1,000,000 alerts storm at the daemon, kill it 1,000 times under load, cut its power 200 times, as root, and count what that cost
	go test -count=1 -v -run 'TestStormOfWebhooks$$' ./cmd/remediated -storm 1000000
	go build -tags nosync -o bin/remediated-nosync ./cmd/remediated
	go build -o bin/torture ./test/torture
	bin/torture --unsync bin/remediated-nosync

SOAK ?= 20m
.PHONY: soak
soak: setup build ## Let the daemon live under a mixed load with faults for SOAK=20m, and 90 days of virtual time, and see that nothing grows
	go build -o bin/torture ./test/torture
	bin/torture --soak=$(SOAK) --senders=4
	go run ./test/simulate/cmd/simulate -seed 1 -steps 100000 -flat

.PHONY: systemd
systemd: ## Install the service under a systemd of its own, as root, kill it, and take it away again
	go test -count=1 -v -tags systemd -run 'TestService' ./deploy/systemd

.PHONY: mutants
mutants: ## Plant bugs in the decider and see that each is noticed
	go run ./test/mutants

# They mostly wait, so two beds run side by side: one for those that take long,
# and one for all others.
E2E := $(BED) $(QUICK) run -- go test -tags e2e -count=1 -timeout 40m
LONG := ^Test(Backup|Chart|ConfigBackup|DataLoss|Dies|EachPart|Fence|Heals|HelmRelease|Printed)

.PHONY: e2e
e2e: setup ## Run the end-to-end tests, on two beds at a time
	$(E2E) -run '$(LONG)' ./test/e2e/ & long=$$!; \
	$(E2E) -skip '$(LONG)' ./test/e2e/ || others=$$?; \
	wait $$long && exit $${others:-0}

.PHONY: bench
bench: setup build ## Measure, and print ratios; docs/performance.md explains them
	go build -o bin/bench ./test/bench
	bin/bench --keep=bin/bench-$$(git rev-parse --short HEAD).json

FUZZ ?= 30s
.PHONY: fuzz
fuzz: ## Fuzz what reads bytes from outside, and what writes for terminals, Slack and Markdown, FUZZ=30s each
	go test -run '^$$' -fuzz '^FuzzFill$$' -fuzztime $(FUZZ) ./remediate
	go test -run '^$$' -fuzz '^FuzzMatch$$' -fuzztime $(FUZZ) ./remediate
	go test -run '^$$' -fuzz '^FuzzRecord$$' -fuzztime $(FUZZ) ./remediate
	go test -run '^$$' -fuzz '^FuzzLabels$$' -fuzztime $(FUZZ) ./remediate
	go test -run '^$$' -fuzz '^FuzzExport$$' -fuzztime $(FUZZ) -fuzzminimizetime 1s ./remediate/journal
	go test -run '^$$' -fuzz '^FuzzScanWAL$$' -fuzztime $(FUZZ) -fuzzminimizetime 1s ./remediate/journal
	go test -run '^$$' -fuzz '^FuzzPacked$$' -fuzztime $(FUZZ) -fuzzminimizetime 1s ./remediate/journal
	go test -run '^$$' -fuzz '^FuzzRecords$$' -fuzztime $(FUZZ) -fuzzminimizetime 1s ./remediate/journal
	go test -run '^$$' -fuzz '^FuzzRound$$' -fuzztime $(FUZZ) -fuzzminimizetime 1s ./remediate/journal/etcd
	go test -run '^$$' -fuzz '^FuzzWebhook$$' -fuzztime $(FUZZ) ./remediate/alertmanager
	go test -run '^$$' -fuzz '^FuzzUsual$$' -fuzztime $(FUZZ) ./remediate/alertmanager
	go test -run '^$$' -fuzz '^FuzzWebhook$$' -fuzztime $(FUZZ) ./notify/pagerduty
	go test -run '^$$' -fuzz '^FuzzInteraction$$' -fuzztime $(FUZZ) ./notify/slack
	go test -run '^$$' -fuzz '^FuzzEscape$$' -fuzztime $(FUZZ) ./notify/slack
	go test -run '^$$' -fuzz '^FuzzLink$$' -fuzztime $(FUZZ) ./notify/slack
	go test -run '^$$' -fuzz '^FuzzClean$$' -fuzztime $(FUZZ) ./notify
	go test -run '^$$' -fuzz '^FuzzTemplates$$' -fuzztime $(FUZZ) -fuzzminimizetime 1s ./notify
	go test -run '^$$' -fuzz '^FuzzRedisInfo$$' -fuzztime $(FUZZ) ./remediate/probe
	go test -run '^$$' -fuzz '^FuzzListing$$' -fuzztime $(FUZZ) -fuzzminimizetime 1s ./remediate/probe
	go test -run '^$$' -fuzz '^FuzzCredentials$$' -fuzztime $(FUZZ) ./remediate/probe
	go test -run '^$$' -fuzz '^FuzzJSON$$' -fuzztime $(FUZZ) ./remediate/probe
	go test -run '^$$' -fuzz '^FuzzCommand$$' -fuzztime $(FUZZ) ./remediate/web
	go test -run '^$$' -fuzz '^FuzzPolicies$$' -fuzztime $(FUZZ) ./policies
	go test -run '^$$' -fuzz '^FuzzConfig$$' -fuzztime $(FUZZ) ./policies
	go test -run '^$$' -fuzz '^FuzzSuite$$' -fuzztime $(FUZZ) -fuzzminimizetime 1s ./policies/replay
	go test -run '^$$' -fuzz '^FuzzPauseFile$$' -fuzztime $(FUZZ) ./cmd/remediated
	go test -run '^$$' -fuzz '^FuzzWebConfig$$' -fuzztime $(FUZZ) ./cmd/remediated
	go test -run '^$$' -fuzz '^FuzzTerminal$$' -fuzztime $(FUZZ) ./cmd/remedy
	go test -run '^$$' -fuzz '^FuzzMarkdown$$' -fuzztime $(FUZZ) ./cmd/remedy
	go test -run '^$$' -fuzz '^FuzzRaw$$' -fuzztime $(FUZZ) ./cmd/remedy
	go test -run '^$$' -fuzz '^FuzzYAML$$' -fuzztime $(FUZZ) ./cmd/remedy

# actionlint is no tool of that module: it wants another version of a package than
# golangci-lint.
.PHONY: lint
lint: ## Run the linters of .golangci.yml, and of the workflows
	go tool -modfile=test/tools/go.mod golangci-lint run ./...
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

.PHONY: vulnerabilities
vulnerabilities: ## Look for known vulnerabilities that are reached from here
	go tool -modfile=test/tools/go.mod govulncheck ./...

.PHONY: bed
bed: setup ## Start the bed, print its addresses, stop on Ctrl-C
	$(BED) up

.PHONY: clean
clean: ## Remove what was built here; the cache folder stays
	rm -rf bin
