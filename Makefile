# City Goals. `make` alone lists what can be done.
SHELL := /bin/sh
PYTHON ?= python3
MEMBERS := shared services/intake services/kpi services/notify services/reporting deploy/local
BIN := .venv/bin
WORKERS ?= 5  # a test mostly waits, so there may be more of them than cores

.PHONY: help setup up down lint types test test-explore test-campaign test-fault bench lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

setup: .venv/.ready  ## create .venv with everything in it

.venv/.ready: requirements-dev.lock $(addsuffix /pyproject.toml,$(MEMBERS))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "City Goals needs Python 3.11 or newer; try: make setup PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing the pinned dependencies ..."
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --no-deps $(addprefix -e ,$(MEMBERS))
	@touch $@

up: setup  ## start the demo city on this machine and print the dashboard's address
	@$(BIN)/citygoals up --demo

down: setup  ## stop it
	@$(BIN)/citygoals down

lint: setup  ## ruff, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: setup  ## mypy, strict
	@$(BIN)/mypy

test: setup lint types  ## everything that must always hold, in under ten minutes
	@$(BIN)/pytest -m "not fault and not campaign" -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-explore: setup  ## the property tests with examples that nobody has tried yet
	@$(BIN)/pytest -m "not fault and not campaign" --hypothesis-profile explore -n $(WORKERS) --dist loadfile --no-loadscope-reorder tests/unit tests/integration/laws

test-campaign: setup  ## real data and real load, for minutes; needs CITYGOALS_REAL_DATA for the city files
	@$(BIN)/pytest -m campaign -s

test-fault: setup  ## kill every process of the city, many times, under load
	@$(BIN)/pytest -m fault -s

bench: setup  ## floors, the kpi stage, door to snapshot, freshness, CPU per hop
	@$(BIN)/python -m tests.bench

lock:  ## resolve the dependencies anew and write both lock files (needs uv)
	uv lock --upgrade
	uv export --quiet --all-packages --no-dev --no-emit-workspace --no-emit-index-url --no-header -o requirements.lock
	uv export --quiet --all-packages --all-groups --no-emit-workspace --no-emit-index-url --no-header -o requirements-dev.lock

clean:  ## remove what setup and the tools made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
