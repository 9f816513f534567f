# Needs Python 3.11 or newer (with venv) and make; everything else comes from the lock files.
PYTHON ?= python3
PYTEST_ARGS ?= -n 2 --dist worksteal

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
DEBIAN_PACKAGES := chromium fonts-noto-cjk gettext python3-venv

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint bench system-deps lock clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/runtime.stamp ## the whole system with fictional data, on http://localhost:8000
	@$(BIN)/banfa demo

test: $(VENV)/dev.stamp ## the tests; PYTEST_ARGS="-k word" chooses some
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/dev.stamp ## style, types, layers, and whether the docs are up to date
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@if [ -f tools/docs.py ]; then $(BIN)/python -m tools.docs --check; fi

bench: $(VENV)/dev.stamp ## measurements
	@$(BIN)/python -m bench

venv: $(VENV)/dev.stamp

system-deps: ## what only the system can give: Chromium, a Chinese font, gettext, venv (Debian, Ubuntu)
	@if ! command -v apt-get >/dev/null; then \
	  echo "This system has no apt-get. Install by its own means: Chromium, the Noto CJK fonts,"; \
	  echo "GNU gettext, and Python 3.11 or newer with venv. Only 'make test' needs the first three."; \
	  exit 1; \
	fi; \
	missing=; for package in $(DEBIAN_PACKAGES); do \
	  dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	[ -z "$$missing" ] || { \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get update -q && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing </dev/null; \
	}

# Make the lock files anew; needs uv. They hold hashes and name no host.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  requirements/runtime.in -o requirements/runtime.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  -c requirements/runtime.txt requirements/dev.in -o requirements/dev.txt

clean: ## remove what was made here (the demo's data stays)
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/python.stamp:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) was not found: install Python 3.11 or newer, or say where it is: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is older than 3.11: install a newer one and name it, as in: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make a virtual environment: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/runtime.stamp: $(VENV)/python.stamp requirements/runtime.txt pyproject.toml
	@echo "Installing what Banfa runs on into $(VENV) ..."
	@$(PIP) --require-hashes --only-binary :all: -r requirements/runtime.txt
	@$(PIP) --no-index --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/runtime.stamp requirements/dev.txt
	@echo "Installing what Banfa is tested with into $(VENV) ..."
	@$(PIP) --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@
