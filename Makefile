# The commands of this checkout; `make` lists them.

PYTHON ?= python3
BIN := .venv/bin
MADE := .venv/.made
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input

# Without cached bytecode each test worker and each child process compiles this project again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help .venv demo dev test test-slow test-lowest test-newest drills thirty-days mutation lint lock build containers bench clean docs

help:  ## this list
	@awk -F ':.*## ' '/^[.a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv: $(MADE)  ## the environment; recreated when requirements.lock or pyproject.toml change

$(MADE): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || { \
	  echo "whoop-assets needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is not: name one, as in 'make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12'." >&2; exit 1; }
	@echo "Making the environment in .venv (a minute or two the first time) ..."
	@$(PYTHON) -m venv .venv || { \
	  echo "'$(PYTHON) -m venv' failed: Debian and Ubuntu keep it in the package python3-venv." >&2; exit 1; }
	@$(PIP) install --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# Dagster's own commands (`dagster dev`, `dg launch`) read DAGSTER_HOME from .env.
.env: | .env.example
	@cp .env.example $@

demo: $(MADE) .env  ## a simulated WHOOP, two members, 120 days through Dagster: no account needed
	@$(BIN)/whoop-assets demo

dev: $(MADE) .env  ## the Dagster UI with its daemon, on the demo's data or on a real account
	@$(BIN)/whoop-assets dev

test: $(MADE)  ## the fast tests, on SQLite and on a PostgreSQL that the tests start themselves
	@$(BIN)/python -m pytest -n 4 --dist worksteal -m "not slow and not drill and not thirty_days"

test-slow: $(MADE)  ## tests that start and kill processes, a browser or Dagster's daemon
	@$(BIN)/python -m pytest -n 4 --dist worksteal -m "slow and not drill and not thirty_days"

# Creates an environment with the oldest or newest versions that pyproject.toml allows, and runs the fast tests in it.
define test-resolution
  @$(BIN)/uv venv --quiet --clear --python $(PYTHON) .venv-resolution
  @$(BIN)/uv pip install --quiet --python .venv-resolution --resolution $(1) --editable '.[dev]'
  @.venv-resolution/bin/python -m pytest -n 4 --dist worksteal -m "not slow and not drill and not thirty_days" $(TESTS)
endef

test-lowest: $(MADE)  ## the fast tests with the oldest versions that pyproject.toml allows; TESTS=PATH selects some
	$(call test-resolution,lowest-direct)

test-newest: $(MADE)  ## the fast tests with the newest versions that pyproject.toml allows; TESTS=PATH selects some
	$(call test-resolution,highest)

drills: $(MADE)  ## the long tests, run before a release
	@$(BIN)/python -m pytest -m drill || [ $$? -eq 5 ]  # 5: there are none

thirty-days: $(MADE)  ## 30 days of 20 members in fast motion, everything killed 100 times: half an hour and more
	@$(BIN)/python -m pytest -s -m thirty_days

mutation: $(MADE)  ## mutation tests: hours; MUTANTS='whoop_assets.whoop_day.*' selects some
	@CI=true $(BIN)/mutmut run $(MUTANTS)
	@$(BIN)/mutmut results

lint: $(MADE)  ## ruff, codespell, mypy, and the import contracts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/codespell
	@$(BIN)/mypy
	@$(BIN)/lint-imports

LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-emit-index-url

lock: $(MADE)  ## requirements.lock from pyproject.toml, with the newest releases it allows; then the image's
	@$(LOCK) --extra dev --extra docs --upgrade --output-file requirements.lock
	@$(LOCK) --extra celery --extra kubernetes --extra notion --extra build --upgrade --constraint requirements.lock \
	  --output-file deploy/requirements.lock

build: $(MADE)  ## wheel and sdist in dist/, checked with twine
	@rm -rf build dist
	@$(BIN)/python -m build --no-isolation
	@$(BIN)/python -m twine check --strict dist/*

containers: $(MADE)  ## the image and compose on a container engine, end to end; skipped with the reason where there is none
	@$(BIN)/python -m whoop_assets_tests.support.deployments.containers

docs: $(MADE)  ## the documentation site in site/, with checked links
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(MADE)  ## all benchmarks; they print ratios
	@$(BIN)/python -m benchmarks

clean:  ## remove generated files; keeps data, .env and Dagster's state
	@rm -rf .venv .venv-resolution mutants build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
