# hfver: every target runs the same on a developer's machine and in CI.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_SIZE ?= 2GB

.PHONY: help install demo test lint types format bench docs docs-check clean system

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

install: $(STAMP) ## Make .venv with all extras and the development tools

$(STAMP): pyproject.toml constraints.txt | system
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "hfver needs Python 3.11 or newer: make install PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all]' --group dev
	@touch $@

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

test: install ## Run the tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

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
	rm -rf $(VENV) .demo .bench build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
