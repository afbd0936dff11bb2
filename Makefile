# ethmon: `make demo` and `make test` need python3 (3.11 or newer), node with npm, and make; nothing else.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST_WORKERS ?= 2

.PHONY: help setup demo run test soak check format bench clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("ethmon needs Python 3.11 or newer; set PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else None'
	@echo "Setting up Python packages in $(VENV) (about a minute, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

setup: $(READY) ## install what the other targets need

demo: $(READY) ## run the daemon on an embedded local chain for a few minutes
	@$(BIN)/ethmon demo

run: $(READY) ## run the daemon with config.env (mainnet, public endpoints by default)
	@$(BIN)/ethmon run

test: $(READY) ## all tests
	@$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal -m "not soak"

soak: $(READY) ## the long tests
	@$(BIN)/python -m pytest -m soak --timeout 3600

check: $(READY) ## format, lint, layers, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/basedpyright

format: $(READY) ## rewrite files in the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## measure speed against peers (installs them in .cache)
	@$(BIN)/python -m bench

lock: $(READY) ## pin the dependencies anew
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --group test --group check --group build \
	    --generate-hashes --no-header --no-emit-index-url --python-version 3.11 --output-file requirements/dev.txt
	@$(BIN)/uv pip compile --quiet pyproject.toml --all-extras \
	    --generate-hashes --no-header --no-emit-index-url --python-version 3.11 --output-file requirements/run.txt
	@$(BIN)/uv pip compile --quiet --group pyproject.toml:build \
	    --generate-hashes --no-header --no-emit-index-url --python-version 3.11 --output-file requirements/build.txt

clean: ## remove what make made
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis
