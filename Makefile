# Longwave: set-up, the tour, tests and docs. `make help` lists what there is.
#
# Needs python3 (3.11 or newer), pip and make. Everything is installed into .venv, which is made when it is missing and
# brought up to date when pyproject.toml or constraints.txt changed.

PYTHON ?= python3
ARGS ?=
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
RUN_READY := $(VENV)/.ready-run
DEV_READY := $(VENV)/.ready-dev
PIP_VERSION := 26.3
INSTALL := $(BIN)/python -m pip --disable-pip-version-check -qq install -c constraints.txt --build-constraint constraints.txt

# one thread a process: the tests run several processes at once, and sums come out the same everywhere
PYTEST := OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
EVERYWHERE := not gpu and not net

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
.PHONY: help quickstart doctor test test-slow test-all check lint types docs reference clean

help:  ## List the targets
	@echo "make TARGET [ARGS='...'] [PYTHON=python3.12]"
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-14s%s\n", $$1, $$2 }'

quickstart: $(RUN_READY)  ## Train, generate, evaluate, vote, monitor, repair, report on real data (about 5 minutes)
	@$(BIN)/longwave quickstart $(ARGS)

doctor: $(RUN_READY)  ## Tell what is installed, what of it works, and how to get the rest
	@$(BIN)/longwave doctor $(ARGS)

test: check  ## Format, lint, types and every test but the slow ones
	@echo "Tests:"
	@$(PYTEST) -m "not slow and $(EVERYWHERE)" $(ARGS)

test-slow: $(DEV_READY)  ## The slow tests alone: learning, resume after kill, two processes, examples
	@echo "Slow tests:"
	@$(PYTEST) -m "slow and $(EVERYWHERE)" $(ARGS)

test-all: check  ## Format, lint, types and every test that needs no GPU
	@echo "All tests:"
	@LONGWAVE_EXAMPLES=100 $(PYTEST) -m "$(EVERYWHERE)" $(ARGS)

check: lint types

lint: $(DEV_READY)  ## Check format and style with ruff
	@echo "Format and lint:"
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(DEV_READY)  ## Check types with mypy
	@echo "Types:"
	@$(BIN)/mypy

reference: $(DEV_READY)  ## Write docs/reference/, the frozen --help texts and the pictures of the docs anew from the program
	@$(BIN)/python docs/build_reference.py
	@$(BIN)/python tests/house/test_help.py
	@$(BIN)/python docs/build_figures.py
	@$(BIN)/python docs/build_results.py

docs: $(DEV_READY)  ## Build the documentation site in site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html"

clean:  ## Remove .venv, caches and built files; results stay
	rm -rf $(VENV) site dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN_READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Longwave needs Python 3.11 or newer; $(PYTHON) is not. Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || { echo "Making a virtual environment in $(VENV) with $$($(PYTHON) --version)"; \
		rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); } || \
		{ echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing Longwave and PyTorch into $(VENV) (once; a few minutes, most of it PyTorch)"
	@$(BIN)/python -m pip --disable-pip-version-check -qq install pip==$(PIP_VERSION)
	@$(INSTALL) -e ".[torch]"
	@touch $@

$(DEV_READY): $(RUN_READY)
	@echo "Installing the tools of the tests into $(VENV) (once)"
	@$(INSTALL) --group dev
	@touch $@
