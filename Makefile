# The commands of this project. `make run` and `make test` need nothing but Python 3.11 or newer and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: model run test test-train test-slow check lint types imports bench screenshots clean help

help:            ## list the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 16

run: $(VENV)/.base  ## open the workstation on the demo data
	@test -f data/flywheel.db || $(BIN)/flywheel demo data
	@$(BIN)/flywheel-tui data

test: $(VENV)/.dev  ## pass the tests (a few minutes)
	$(BIN)/python -m pytest -n 4 --dist loadfile  # more than cores: half of a screen test is waiting

test-train: $(VENV)/.train  ## the tests that train real (tiny) models; installs the extra `train`
	$(BIN)/python -m pytest -m "train and not slow"

test-slow: $(VENV)/.dev  ## the long tests too
	$(BIN)/python -m pytest -m "slow or not slow"

check: $(VENV)/.dev lint types imports test  ## everything that CI holds

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

bench: $(VENV)/.dev  ## measure against named alternatives; prints ratios
	$(BIN)/python -m benchmarks

model: $(VENV)/.train  ## make the small model again from nothing (20 minutes on two free cores); RESUME=1 goes on
	$(BIN)/python data/models/make_small_model.py $(if $(RESUME),--resume)

screenshots: $(VENV)/.dev  ## make the pictures of the README again
	$(BIN)/python docs/screenshots.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.base

$(VENV)/.train: $(VENV)/.dev
	$(PIP) install -c constraints.txt torch==2.13.0
	$(PIP) install -c constraints.txt -e '.[dev,train,gepa]'
	@touch $@

clean:
	rm -rf $(VENV) build dist
