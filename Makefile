# make run: the whole product with its demo world. make test: everything that CI runs. Both install what is missing.
SHELL := /bin/bash
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# The compiler is the one that go.mod names, fetched where Go's own setting would leave it at an older one: its library is part of
# what make vuln looks through.
export GOTOOLCHAIN := auto

export GRIDWALL_ADDR ?= 127.0.0.1:8080
export GRIDWALL_DATA_DIR ?= $(CURDIR)/data

RUN_PACKAGES := postgresql postgresql-postgis
TEST_PACKAGES := $(RUN_PACKAGES) gcc libc6-dev chromium fonts-noto-cjk ffmpeg curl \
	python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gdal-bin
CLIP_PACKAGES := ffmpeg fonts-noto-cjk

# install: the packages of $(1) that Debian's or Ubuntu's apt does not have installed yet.
define install
	@missing=; for p in $(1); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing:$$missing"; \
		$(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi
endef

# What gridwall version says. An archive without its history says it itself: make VERSION=0.N REVISION=….
VERSION ?= 0.$(shell git rev-list --count HEAD 2>/dev/null || echo 0)
REVISION ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)$(shell git diff --quiet HEAD 2>/dev/null || echo +)
STAMP = -X main.release=$(VERSION) -X main.revision=$(REVISION)

.PHONY: run build test check go-test e2e storm tour shots stale walks bench bench-live bench-video lint-deploy vuln gosec sbom fault fault-long fault-proxy fault-video soak-video soak-wall fuzz deb deb-test clips clean

run: build
	$(call install,$(RUN_PACKAGES))
	bin/gridwall demo

build: assets/node_modules/.package-lock.json
	@echo "building the pages …"
	cd assets && npm run --silent build -- --logLevel warn
	@echo "building gridwall (a first build takes a minute or two) …"
	go build -ldflags='$(STAMP)' -o bin/gridwall ./cmd/gridwall

assets/node_modules/.package-lock.json: assets/package-lock.json assets/package.json
	@echo "fetching the browser libraries …"
	cd assets && npm ci --no-audit --no-fund --loglevel=error

test: check go-test e2e

check: build
	go vet ./...
	go tool staticcheck ./...
	staticcheck=$$(go tool -n staticcheck); for module in cmd/fault dashboard/live/bench; do (cd $$module && go vet ./... && $$staticcheck ./...) || exit 1; done
	@unformatted=$$(gofmt -l cmd dashboard geo migrations streams assets/*.go); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted"; exit 1; }
	cd assets && npm run --silent check && npm run --silent test

# Every test of a database gets a clone of a migrated template on this private server.
go-test: build
	$(call install,$(TEST_PACKAGES))
	bin/gridwall postgres --volatile --env=GRIDWALL_TEST_DATABASE_URL -- go test -race -timeout 30m ./...
	bin/gridwall scenario run all
	cd cmd/fault && go test -timeout 5m ./...
	$(fault) --rounds=3

# Three nodes under faults, checked from outside. A module of its own: nothing of it is linked into the product.
fault = cd cmd/fault && go build -o ../../bin/fault . && ../../bin/fault --gridwall=../../bin/gridwall

fault: build
	$(call install,$(RUN_PACKAGES))
	$(fault) --rounds=3

# The long run: 40 rounds and more, until half a million cases were acknowledged; its output is kept in data/.
fault-long: build
	$(call install,$(RUN_PACKAGES))
	mkdir -p data
	set -o pipefail; ($(fault) --rounds=40 --length=45s --cases=500000) 2>&1 | tee data/fault-long-$$(date +%Y%m%d-%H%M%S).txt

# One round with all clients behind the proxy of .deploy.
fault-proxy: build
	$(call install,$(RUN_PACKAGES) haproxy)
	$(fault) --rounds=1 --haproxy=../../.deploy/haproxy.cfg

# A camera that reboots every 20 s for 10 min: pictures each time, no goroutine left, memory flat.
fault-video:
	go test ./streams -run RebootsAgainAndAgain -v -timeout 20m -args -long

e2e: build
	$(call install,$(TEST_PACKAGES))
	cd assets && npm run --silent e2e

# 5,000 cases in ten seconds, 23 dark cameras and a flapping sensor before one wall; it counts frames, so nothing else should run.
storm: build
	$(call install,$(TEST_PACKAGES))
	cd assets && npm run --silent storm

# A tour of 60 cameras for half an hour: no tile may be black for over 300 ms. MINUTES=2 for a look.
tour: build
	$(call install,$(TEST_PACKAGES))
	cd assets && npm run --silent tour

# Pictures of every page and scene in both languages and themes at four sizes, into assets/shots; SHOTS='desk zh-CN' chooses.
shots: build
	$(call install,$(TEST_PACKAGES))
	cd assets && npm run --silent shots -- $(SHOTS)

# 10,000 random edits with readers beside them; each must be seen within a second (about 15 minutes).
stale: build
	$(call install,$(RUN_PACKAGES))
	bin/gridwall postgres --volatile --env=GRIDWALL_TEST_DATABASE_URL -- go test -race -timeout 60m -run '^TestNoTileIsStale$$' -v ./dashboard -edits=10000

# 10,000 random walks of cases: over each flow in memory, and through the log, whose events must give every stored row (a few minutes).
walks: build
	$(call install,$(RUN_PACKAGES))
	bin/gridwall postgres --volatile --env=GRIDWALL_TEST_DATABASE_URL -- go test -timeout 30m -run 'UndeclaredState|RebuiltFromTheLog' -v ./dashboard/cases -walks=10000

bench: build
	$(call install,$(RUN_PACKAGES))
	bin/gridwall postgres --volatile --env=GRIDWALL_TEST_DATABASE_URL -- go test -run '^$$' -bench . -benchtime 1s -timeout 30m ./geo/... ./dashboard/cases
	bin/gridwall postgres --volatile --env=GRIDWALL_TEST_DATABASE_URL -- go test -run '^$$' -bench Targets -benchtime 1x -timeout 10m ./dashboard
	bin/gridwall postgres --volatile --env=GRIDWALL_TEST_DATABASE_URL -- go test -run '^$$' -bench AYearOfAMillionCases -benchtime 40x -timeout 20m ./dashboard

# The live channel beside centrifuge, gorilla and other designs of a log, a few minutes; BENCH=--full for three long rounds.
BENCH ?=
bench-live: build
	$(call install,$(RUN_PACKAGES))
	cd dashboard/live/bench && go build -o ../../../bin/bench-live .
	bin/gridwall postgres -- bin/bench-live --gridwall=bin/gridwall $(BENCH) all

# What a relay of video costs beside the least one, a few minutes; BENCH=--quick for one.
bench-video:
	go build -o bin/bench-video ./streams/bench
	bin/bench-video $(BENCH)

# An hour of a wall with sixteen pictures; SOAK_CASES=5 brings and closes as many cases a second beside them, SOAK_MINUTES is the length.
soak-wall: build
	$(call install,$(TEST_PACKAGES))
	cd assets && npm run --silent soak

# 309 cameras, each watched, for ten minutes: no frame may be missing.
soak-video:
	go build -o bin/bench-video ./streams/bench
	bin/bench-video --soak=10m

# Every fuzz target for FUZZTIME.
FUZZTIME ?= 30s
fuzz:
	@grep -rho '^func Fuzz[A-Za-z0-9]*' --include='*_test.go' -l . | xargs -n1 dirname | sort -u | while read -r dir; do \
		for target in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$dir/*_test.go | sed 's/func //'); do \
			echo "$$dir $$target"; go test $$dir -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x || exit 1; done; done

# A package for Debian and Ubuntu, into bin/: ARCH=arm64 for the other machines.
ARCH ?= $(shell dpkg --print-architecture)
deb: build sbom
	rm -rf bin/deb
	mkdir -p bin/deb/DEBIAN bin/deb/usr/bin bin/deb/lib/systemd/system bin/deb/etc/default bin/deb/usr/share/doc/gridwall
	cp .deploy/CHANGELOG.md LICENSE bin/sbom-server.cdx.json bin/sbom-pages.cdx.json bin/deb/usr/share/doc/gridwall/
	CGO_ENABLED=0 GOARCH=$(ARCH) go build -trimpath -ldflags='-s -w $(STAMP)' -o bin/deb/usr/bin/gridwall ./cmd/gridwall
	cp .deploy/gridwall.service bin/deb/lib/systemd/system/
	cp .deploy/deb/default bin/deb/etc/default/gridwall
	cp .deploy/deb/postinst .deploy/deb/prerm bin/deb/DEBIAN/
	sed 's/@VERSION@/$(VERSION)/; s/@ARCH@/$(ARCH)/' .deploy/deb/control >bin/deb/DEBIAN/control
	echo /etc/default/gridwall >bin/deb/DEBIAN/conffiles
	dpkg-deb --root-owner-group --build bin/deb bin/gridwall_$(VERSION)_$(ARCH).deb

# What is in the binary and in the pages, in CycloneDX.
sbom: build
	go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 bin -json -version=$(VERSION) -output=bin/sbom-server.cdx.json bin/gridwall
	cd assets && npm sbom --sbom-format=cyclonedx --omit=dev --package-lock-only >../bin/sbom-pages.cdx.json

# Known vulnerabilities that can be reached: govulncheck over Go's database, which is a module like any other, and npm audit,
# whose answer only a registry that has advisories can give.
vuln:
	osv=$$(go mod download -json golang.org/x/vulndb@latest | sed -n 's/.*"Dir": "\(.*\)",/\1/p')/data/osv; rm -rf bin/vulndb; \
	go run golang.org/x/vulndb/cmd/indexdb@latest -vulns "$$osv" -out bin/vulndb && echo "$$osv: $$(ls "$$osv" | wc -l) entries"
	for module in . cmd/fault dashboard/live/bench; do echo "$$module:"; (cd $$module && go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -db=file://$(CURDIR)/bin/vulndb ./...) || exit 1; done
	cd assets && { said=$$(npm audit 2>&1); status=$$?; echo "$$said"; \
		case "$$said" in *"audit endpoint returned an error"*) echo "npm audit: this registry refuses to say; nothing is known about the pages' libraries"; esac; exit $$status; }

# What gosec finds, held against the reviewed list .ci/gosec.tsv (a few minutes).
gosec:
	go run github.com/securego/gosec/v2/cmd/gosec@v2.30.0 -quiet -no-fail -exclude-dir=assets/node_modules -exclude-dir=cmd/fault -exclude-dir=dashboard/live/bench -fmt=json ./... | go run ./.ci/gosec.go

# The files of .deploy by their own checkers: Prometheus, Helm, compose, Dockerfile.
lint-deploy:
	$(call install,prometheus)
	promtool check rules .deploy/alerts.yml
	go run helm.sh/helm/v3/cmd/helm@v3.22.0 lint --strict .deploy/chart
	go run helm.sh/helm/v3/cmd/helm@v3.22.0 template gridwall .deploy/chart --kube-version=1.31 --set=relays[0].name=east,relays[0].url=https://east.example,ingress.enabled=true,checkpoints=c,files=f,webrtcPort=5000 >/dev/null
	go run github.com/compose-spec/compose-go/v2/cmd@v2.16.2 -no-interpolation .deploy/compose.yaml >/dev/null
	npx --yes dockerfile-utils@0.16.3 lint .deploy/Dockerfile

# Installs the package into a clean Debian root and signs in there (a few minutes; needs root).
deb-test: deb
	$(call install,debootstrap curl)
	.deploy/deb/test.sh bin/gridwall_$(VERSION)_$(ARCH).deb

# Draws the demo cameras' clips anew (a few minutes); they are committed.
clips:
	$(call install,$(CLIP_PACKAGES))
	go run ./streams/streamtest/render -out assets/demo

clean:
	rm -rf bin assets/node_modules assets/shots assets/dist/*
