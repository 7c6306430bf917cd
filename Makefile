# make run: the whole product with its demo world. make test: everything that CI runs. Both install what is missing.
SHELL := /bin/bash
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

export GRIDWALL_ADDR ?= 127.0.0.1:8080
export GRIDWALL_DATA_DIR ?= $(CURDIR)/data

RUN_PACKAGES := postgresql postgresql-postgis
TEST_PACKAGES := $(RUN_PACKAGES) gcc libc6-dev chromium fonts-noto-cjk ffmpeg \
	python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good
CLIP_PACKAGES := ffmpeg fonts-noto-cjk

# install: the packages of $(1) that Debian's or Ubuntu's apt does not have installed yet.
define install
	@missing=; for p in $(1); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing:$$missing"; \
		$(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi
endef

.PHONY: run build test check go-test e2e shots bench fuzz clips clean

run: build
	$(call install,$(RUN_PACKAGES))
	bin/gridwall demo

build: assets/node_modules/.package-lock.json
	@echo "building the pages …"
	cd assets && npm run --silent build -- --logLevel warn
	@echo "building gridwall (a first build takes a minute or two) …"
	go build -o bin/gridwall ./cmd/gridwall

assets/node_modules/.package-lock.json: assets/package-lock.json assets/package.json
	@echo "fetching the browser libraries …"
	cd assets && npm ci --no-audit --no-fund --loglevel=error

test: check go-test e2e

check: build
	go vet ./...
	go tool staticcheck ./...
	@unformatted=$$(gofmt -l cmd dashboard geo migrations streams assets/*.go); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted"; exit 1; }
	cd assets && npm run --silent check && npm run --silent test

# Every test of a database gets a clone of a migrated template on this private server.
go-test: build
	$(call install,$(TEST_PACKAGES))
	bin/gridwall postgres --volatile --env=GRIDWALL_TEST_DATABASE_URL -- go test -race -timeout 30m ./...
	bin/gridwall scenario run sc-1

e2e: build
	$(call install,$(TEST_PACKAGES))
	cd assets && npm run --silent e2e

# Pictures of every page, into assets/shots.
shots: build
	$(call install,$(TEST_PACKAGES))
	cd assets && npm run --silent shots

bench: build
	$(call install,$(RUN_PACKAGES))
	bin/gridwall postgres --volatile --env=GRIDWALL_TEST_DATABASE_URL -- go test -run '^$$' -bench . -benchtime 1s ./geo/... ./dashboard/cases

# Every fuzz target for FUZZTIME.
FUZZTIME ?= 30s
fuzz:
	@grep -rho '^func Fuzz[A-Za-z0-9]*' --include='*_test.go' -l . | xargs -n1 dirname | sort -u | while read -r dir; do \
		for target in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$dir/*_test.go | sed 's/func //'); do \
			echo "$$dir $$target"; go test $$dir -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x || exit 1; done; done

# Draws the demo cameras' clips anew (a few minutes); they are committed.
clips:
	$(call install,$(CLIP_PACKAGES))
	go run ./streams/streamtest/render -out assets/demo

clean:
	rm -rf bin assets/node_modules assets/shots assets/dist/*
