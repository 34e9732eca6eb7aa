# make demo   sets everything up and plays the exercise to its end
# make test   sets everything up and runs all the tests
# make check  format, lint, types, import contracts, doctests and tests: what the gate runs
VENV   := .venv
PYTHON ?= $(firstword $(shell command -v python3.12) $(shell command -v python3.11) python3)
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: help setup demo test check format bench clean
help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

setup: $(READY)
$(READY): pyproject.toml constraints.txt
	@echo "== Setting up $(VENV) with $$($(PYTHON) --version)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup
	@echo "== Playing the exercise (Ecuador, seed 7) from feed files to warnings"
	@$(BIN)/almenara drill --scenario ecuador --seed 7 --out demo

test: setup
	@echo "== Running all the tests"
	@$(BIN)/python -m pytest -n auto

check: setup
	@echo "== Format and lint"   && $(BIN)/ruff format --check . && $(BIN)/ruff check .
	@echo "== Types"             && $(BIN)/mypy
	@echo "== Import contracts"  && $(BIN)/lint-imports
	@echo "== Doctests and tests" && $(BIN)/python -m pytest -n auto

format: setup
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache
