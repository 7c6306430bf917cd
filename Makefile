# make run: the whole product with its demo world. make test: everything that CI runs. Both set up what they need.
SHELL := /bin/bash
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
export GRIDWALL_DATA_DIR ?= $(CURDIR)/data

RUN_PACKAGES := postgresql postgis postgresql-postgis
TEST_PACKAGES := $(RUN_PACKAGES) gcc libc6-dev ffmpeg

.PHONY: run test build setup-run setup-test
run: setup-run build
	bin/gridwall demo

build: assets/node_modules/.package-lock.json
	cd assets && npm run build
	go build -o bin/gridwall ./cmd/gridwall

assets/node_modules/.package-lock.json: assets/package-lock.json
	cd assets && npm ci --no-audit --no-fund

setup-run:
	@ls /usr/share/postgresql/*/extension/postgis.control >/dev/null 2>&1 || { $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(RUN_PACKAGES); }

setup-test: setup-run
	@command -v gcc >/dev/null && command -v ffmpeg >/dev/null || { $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(TEST_PACKAGES); }

test: setup-test build
	go vet ./...
	go tool staticcheck ./...
	cd assets && npm run check && npm test
	bin/gridwall postgres --volatile --env=GRIDWALL_TEST_DATABASE_URL -- go test -race -timeout 30m ./...
