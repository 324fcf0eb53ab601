# hfver: every target runs the same on a developer's machine and in CI.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
# Which libraries: `dev`, what development and CI install; `oldest` and `newest`, the ends of pyproject.toml's ranges.
ENV ?= dev
VENV := $(if $(filter dev,$(ENV)),.venv,.venv-$(ENV))
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := requirements/$(ENV).txt
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# Warnings are errors, except where old libraries warn of each other.
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal $(if $(filter oldest,$(ENV)),-W default)
BENCH_SIZE ?= 2GB

.PHONY: help install lock demo test test-more test-all test-oldest test-newest live lint types format bench docs docs-check clean system

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

install: $(STAMP) ## Make .venv with all extras and the development tools, as requirements/ locks them

# pip first and alone, since it should not replace itself at work. Then what is locked, by hash. torch comes last: it
# brings CUDA's libraries where its build needs them, and finds everything else there.
$(STAMP): pyproject.toml $(LOCK) requirements/torch.txt | system
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "hfver needs Python 3.11 or newer: make install PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --no-deps "$$(grep -o '^pip==[^ ]*' $(LOCK))"
	$(PIP) install --no-deps --require-hashes --requirement $(LOCK)
	$(PIP) install --requirement requirements/torch.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	$(PIP) check
	@touch $@

RESOLVE := $(BIN)/uv pip compile pyproject.toml --extra all --group dev --quiet \
  --config-file requirements/uv.toml --constraints requirements/torch.txt --no-emit-package torch \
  --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock'
LOWER_BOUNDS := $(VENV)/lower-bounds.txt

# The oldest versions are pinned one by one: a resolver that may choose takes a newer one where that is quicker.
lock: install ## Refresh requirements/: oldest and newest afresh, dev with as few moves as possible (UPGRADE=1: with all)
	$(RESOLVE) $(if $(UPGRADE),--upgrade) --output-file requirements/dev.txt
	$(RESOLVE) --upgrade --output-file requirements/newest.txt
	sed '/^\[dependency-groups\]/q' pyproject.toml | grep -oE '"[A-Za-z_-]+[0-9]*(\[[a-z]+\])?>=[0-9.]+' \
	  | sed -E 's/"|\[.*\]//g; s/>=/==/; /^torch=/d' > $(LOWER_BOUNDS)
	$(RESOLVE) --upgrade --resolution lowest-direct --constraints $(LOWER_BOUNDS) --output-file requirements/oldest.txt

# git and git-lfs: installed where this user may, else named.
system:
	@git --version >/dev/null 2>&1 && git lfs version >/dev/null 2>&1 || { \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && apt-get install -y -qq git git-lfs >/dev/null; \
	  else \
	    echo "hfver's tests and demo need git and git-lfs. Install them first: sudo apt-get install git git-lfs (or: brew install git-lfs)"; exit 1; \
	  fi; }

demo: install ## Train, release, fine-tune, release, load back: the main job, for real, in .demo/
	$(BIN)/python examples/demo/run.py

test: install ## Run the tests: what CI runs in full, in minutes
	$(PYTEST)

test-more: install ## Run the tests that take long (FIFTH=1 to 5: a fifth of them)
	$(PYTEST) -m more $(if $(FIFTH),--fifth $(FIFTH))

test-all: install ## Run every test, and write down the result: before a release
	$(PYTEST) -m '' -p tests.full_run

# With HF_TOKEN and HFVER_LIVE_NAMESPACE: in private repos of that namespace, which are deleted in the end. A short
# traceback does not show the arguments of calls, among which are headers with the token.
live: install ## Compare what is believed of the Hub with huggingface.co (HF_TOKEN, HFVER_LIVE_NAMESPACE), see docs/live.md
	HFVER_LIVE_REPORT=live-report.md $(BIN)/python -m pytest -m live --tb=short tests/live

test-oldest: ## Run the tests with the oldest libraries that pyproject.toml allows, in .venv-oldest
	$(MAKE) test ENV=oldest

test-newest: ## Run the tests with the newest libraries that pyproject.toml allows, in .venv-newest
	$(MAKE) test ENV=newest

lint: install ## Check style, and that imports run downward
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: install ## Check types, tests too
	$(BIN)/mypy

format: install ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install ## Compare speed with git-lfs, huggingface_hub and model-signing (BENCH_SIZE=2GB)
	$(BIN)/python -m benchmarks --size $(BENCH_SIZE)
	$(BIN)/python -m benchmarks.loading --size $(BENCH_SIZE)

# -E: pages are made of more than their own files, so nothing of an earlier build is taken.
docs: install ## Build the documentation site: build/site/index.html
	$(BIN)/python -m sphinx -b html -q -E -W --keep-going -d build/doctrees docs build/site
	@echo build/site/index.html

docs-check: install ## Check the documents: their commands, their links, the site
	$(BIN)/python -m pytest tests/docs

clean: ## Remove everything that was made here
	rm -rf .venv .venv-* .demo .bench build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
