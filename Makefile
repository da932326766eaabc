# Everything a developer runs. Needs make and Python 3.11 or later; the rest it installs into this folder.

PYTHON ?= python3
UV_VERSION := 0.13.9
PYTEST_ARGS ?=
# Most tests wait for something, so three at once keep two cores busy. 0: all in one process, for a debugger.
PYTEST_WORKERS ?= 3
# Measured when all tests run: some of them cannot cover enough.
COVERAGE := --cov --cov-report=term
SAMPLE_DATA_ARGS ?=
BENCH_ARGS ?=

UV := .dev/uv/bin/uv
UV_INSTALLED := .dev/uv/installed-$(UV_VERSION)
PROJECT_INSTALLED := .venv/installed
SERVICES_INSTALLED := .dev/venv/installed
PEERS_INSTALLED := .bench/venv/installed

# Some machines set this. Without compiled modules each Airflow process takes eight seconds more to start.
unexport PYTHONDONTWRITEBYTECODE

# The project's environment and the services' addresses, then the command.
WITH_ENV := . .dev/env &&
# Each lock installs on each of these from wheels alone: nobody needs a compiler.
PYTHONS := 3.11 3.12 3.13
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --python-version 3.11

SHELL := /bin/sh
.SHELLFLAGS := -euc
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install lock wheel services services-stop migrate sample-data demo up down bench lint types test test-long test-compose mutants screenshots docs format clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(PROJECT_INSTALLED) $(SERVICES_INSTALLED) ## Install the locked dependencies into .venv and .dev/venv

lock: $(UV_INSTALLED) ## Lock the newest allowed versions into requirements*.txt
	$(COMPILE) --upgrade pyproject.toml --output-file requirements.txt
	$(COMPILE) --upgrade requirements-celery.in --output-file requirements-celery.txt
	$(COMPILE) --upgrade requirements-extras.in --output-file requirements-extras.txt
	$(COMPILE) --upgrade requirements-dev.in --output-file requirements-dev.txt
	$(COMPILE) --upgrade requirements-devstack.in --output-file requirements-devstack.txt
	$(COMPILE) --upgrade requirements-bench.in --output-file requirements-bench.txt
	@for python in $(PYTHONS); do for lock in requirements*.txt; do echo "$$lock on Python $$python, from wheels"; \
	  $(UV) pip install --quiet --dry-run --only-binary :all: --python-version $$python --target build/nothing -r $$lock; done; done

wheel: install ## Build the provider as a wheel into dist/
	@$(UV) build --wheel --quiet --no-build-isolation --python .venv/bin/python
	@ls dist/*.whl

services: install ## Start PostgreSQL and the BigQuery emulator, write .dev/env
	@.dev/venv/bin/python -m dev.services start

services-stop: ## Stop both, and Airflow if it runs (the emulator forgets its data)
	@if test -x .dev/venv/bin/python; then .dev/venv/bin/python -m dev.services stop; fi

migrate: services ## Bring the target schema up to date
	@$(WITH_ENV) python -m sqp_provider migrate

sample-data: services ## Fill the emulator with weeks of sample figures (SAMPLE_DATA_ARGS="--weeks 6 …")
	@$(WITH_ENV) python -m dev.sample_data $(SAMPLE_DATA_ARGS)

demo: services migrate sample-data ## Sync sample weeks through Airflow and show what happened
	@$(WITH_ENV) python -m dev.demo

up: services migrate ## Start Airflow on sample data in the background and print the status page's address
	@$(WITH_ENV) exec python -m dev.up

down: services-stop ## End everything that was started

bench: services $(PEERS_INSTALLED) ## Measure a week of 1,000,000 rows against the limit and against others (BENCH_ARGS="--rows 50000")
	@$(WITH_ENV) python -m bench $(BENCH_ARGS)

lint: install ## Check style and format
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types: install ## Check types
	@.venv/bin/mypy

test: install services lint types ## Lint, types and all tests that do not take long (PYTEST_ARGS="-k week")
	@$(WITH_ENV) pytest --numprocesses $(PYTEST_WORKERS) -m "not long" $(if $(PYTEST_ARGS),,$(COVERAGE)) $(PYTEST_ARGS)

test-long: install services ## The others: random histories, a year's backfill, many workers, make up
	@$(WITH_ENV) pytest --numprocesses $(PYTEST_WORKERS) -m long $(PYTEST_ARGS)

test-compose: install services ## Of these, docker-compose.yaml in containers; it needs root, dockerd and mmdebstrap
	@$(WITH_ENV) SQP_REQUIRE_DOCKER=1 pytest tests/compose $(PYTEST_ARGS)

# The tests that take a picture of docs/screenshots, under the name it has there.
PICTURED := tests/e2e/screenshots.py tests/integration/status/test_states_in_browser.py \
  tests/e2e/test_status_page.py::test_a_runs_own_tab_shows_its_sync \
  tests/e2e/test_status_page.py::test_rejects_are_downloaded_from_within_the_frame

mutants: install ## Change core in a thousand ways and count what no test of it notices
	@rm -rf build/mutants && mkdir -p build/mutants && cp -r plugins build/mutants/src
	@cp -r pyproject.toml tests sql dags dev docs build/mutants/
	@cd build/mutants && env -u PYTHONPATH ../../.venv/bin/mutmut run --max-children 2 | tail -n 3
	@cd build/mutants && ../../.venv/bin/mutmut results

screenshots: services ## Take every picture of docs/screenshots again; it needs Chromium and some ten minutes
	@rm -rf build/screenshots
	@$(WITH_ENV) SQP_REQUIRE_CHROMIUM=1 pytest $(PICTURED)
	@for picture in docs/screenshots/*.png; do cp "build/screenshots/$${picture##*/}" docs/screenshots/; done

docs: install ## Write docs/configuration.md and docs/status-json.md from the code
	@PYTHONPATH=plugins .venv/bin/python -m dev.config_reference
	@PYTHONPATH=plugins .venv/bin/python -m dev.json_reference

format: install ## Fix style and format
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format .

clean: ## Stop the services and delete their data, logs and caches
	@if test -x .dev/venv/bin/python; then .dev/venv/bin/python -m dev.services remove; fi
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* dist build
	@find . -path './.*' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## Delete the environments too
	@rm -rf .venv .dev .bench

$(UV_INSTALLED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or later is needed; $(PYTHON) is: $$($(PYTHON) --version 2>&1 || true)"; \
	  echo "Name another one: make PYTHON=python3.12 ..."; exit 1; } >&2
	@echo "Installing uv $(UV_VERSION)"
	@rm -rf .dev/uv && mkdir -p .dev && $(PYTHON) -m venv .dev/uv
	@.dev/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(PROJECT_INSTALLED): requirements.txt requirements-celery.txt requirements-extras.txt requirements-dev.txt $(UV_INSTALLED)
	@echo "Installing Airflow and the project's other dependencies into .venv"
	@test -x .venv/bin/python || $(PYTHON) -m venv --without-pip .venv
	@$(UV) pip sync --quiet --python .venv/bin/python requirements.txt requirements-celery.txt requirements-extras.txt requirements-dev.txt
	@touch $@

$(SERVICES_INSTALLED): requirements-devstack.txt $(UV_INSTALLED)
	@echo "Installing PostgreSQL and the BigQuery emulator into .dev/venv"
	@test -x .dev/venv/bin/python || $(PYTHON) -m venv --without-pip .dev/venv
	@$(UV) pip sync --quiet --python .dev/venv/bin/python requirements-devstack.txt
	@touch $@

$(PEERS_INSTALLED): requirements-bench.txt $(UV_INSTALLED)
	@echo "Installing what the benchmark compares with into .bench/venv"
	@test -x .bench/venv/bin/python || $(PYTHON) -m venv --without-pip .bench/venv
	@$(UV) pip sync --quiet --python .bench/venv/bin/python requirements-bench.txt
	@touch $@
