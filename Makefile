# make demo    sets everything up and plays the exercise to its end: feed files in, warnings and a report out
# make test    sets everything up and runs all the tests
# make check   format, lint, types, import contracts, doctests and tests: what the gate runs
# make console builds the console into the package (needs Node 20.19 or newer; `make setup` does it where that is found)
# make bench   measures against peers and writes docs/benchmarks.md (half an hour; SIZE=small: a trial of minutes)
# make format  puts the source into its form
# make clean   removes what the others made
VENV   := .venv
PYTHON ?= $(firstword $(shell command -v python3.12) $(shell command -v python3.11) python3)
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SIZE   ?= full
PEERS  := .bench/venv/.ready
BUILT  := src/almenara/web/console/index.html
NODE   := $(shell node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null && echo yes)

.PHONY: help setup servers demo console without-node test lint check bench format clean
help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

setup: $(READY) $(if $(NODE),$(BUILT),without-node)
$(READY): pyproject.toml constraints.txt
	@echo "== Setting up $(VENV) with $$($(PYTHON) --version)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@echo "== Compiling the kernels (once, about a minute)"
	@$(BIN)/almenara compile --quiet
	@touch $@

console: $(READY)
	@$(BIN)/python console/build.py

$(BUILT): $(READY) $(shell find console -type f -not -path '*/node_modules/*' -not -path '*/public/basemap.*' 2>/dev/null)
	@echo "== Building the console"
	@$(BIN)/python console/build.py || echo "The console could not be built (why stands above). Everything else works."

without-node:
	@echo "Node 20.19 or newer is not here: the console is not built. Everything else works without it."

demo: setup
	@echo "== Playing the exercise (Ecuador, seed 7) from feed files to warnings"
	@$(BIN)/almenara drill --scenario ecuador --seed 7 --out demo

# What the tests talk to and no Python package brings: an MQTT broker, and a browser.
servers:
	@command -v mosquitto >/dev/null || { echo "== Installing mosquitto, which the tests of the MQTT channel talk to"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends mosquitto; } \
	  || echo "mosquitto is missing and could not be installed: the tests of the MQTT channel will fail"
	@command -v chromium >/dev/null || { echo "== Installing Chromium, in which the console is tested"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; } \
	  || echo "chromium is missing and could not be installed: the tests of the console will fail"

test: setup servers
	@echo "== Running all the tests"
	@$(BIN)/python -m pytest -n auto

lint: setup
	@echo "== Format and lint"   && $(BIN)/ruff format --check . && $(BIN)/ruff check .
	@echo "== Types"             && $(BIN)/mypy
	@echo "== Import contracts"  && $(BIN)/lint-imports
	@$(if $(NODE),echo "== Console" && cd console && npm run --silent check,true)

check: lint test

# ONLY="exposure_batch cold_start" measures these alone and takes the rest from before.
bench: setup $(PEERS)
	@echo "== Measuring ($(SIZE))"
	@$(BIN)/python -m benchmarks --size $(SIZE) $(ONLY)

$(PEERS): benchmarks/peers-requirements.txt
	@echo "== Setting up the peers in .bench/venv"
	@test -x .bench/venv/bin/python || $(PYTHON) -m venv .bench/venv
	@.bench/venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

format: setup
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) src/almenara/kernels/_compiled .bench demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
	  .artefacts console/node_modules console/public/basemap.pmtiles console/basemap/.stamp src/almenara/web/console
