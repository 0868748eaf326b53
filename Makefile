# Commands of this project; `make` alone lists them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
VENV_211 ?= .venv-2.11
READY_211 := $(VENV_211)/.ready
UV_VERSION := 0.13.9
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-header --no-annotate --no-emit-package pip \
	--upgrade --all-extras

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-aging emulator test schedules-aging schedules e2e e2e-211 e2e-smoke bench lint types format build constraints clean

help:  ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-16s %s\n", $$1, $$2}'

# Everything is pinned by constraints.txt: Airflow runs only with certain versions of its own dependencies.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group dev --editable '.[emulator,openlineage]'
	@touch $(READY)

# The oldest Airflow that is supported, beside the newest one.
$(READY_211): pyproject.toml constraints-2.11.txt | $(READY)
	$(PYTHON) -m venv $(VENV_211)
	$(BIN)/uv pip install --quiet --python $(VENV_211)/bin/python --constraint constraints-2.11.txt --group dev --editable '.[emulator,openlineage]'
	@touch $(READY_211)

setup: $(READY)  ## make .venv with the package, Airflow and the tools

demo: $(READY)  ## roll three days of Koalas up against a local Polaris
	$(BIN)/python scripts/demo.py

demo-aging: $(READY)  ## age two of these days out into a smaller table and restore one
	$(BIN)/python scripts/demo_aging.py

emulator: $(READY)  ## serve the demo's Polaris, with its pages
	@mkdir -p .demo
	$(BIN)/polaris-emulator --db .demo/polaris.db

test: $(READY)  ## run all tests
	$(BIN)/python -m pytest

schedules: $(READY)  ## 1,080 random schedules of faults and crashes, some 10 minutes; SCHEDULES_SEED=N repeats a run
	SCHEDULES=540 $(BIN)/python -m pytest tests/provider/exactly_once/test_schedules.py tests/provider/submission/test_schedules.py

# SEED=N repeats a run.
schedules-aging: SEED := $(or $(SEED),$(shell date +%s))
schedules-aging: $(READY)  ## 300 random schedules of the age-out, some 15 minutes
	@echo "seed $(SEED)"
	AGING_SCHEDULES=300 $(BIN)/python -m pytest tests/provider/aging/test_conservation.py --hypothesis-seed=$(SEED)

e2e: $(READY)  ## every end-to-end scenario on a real Airflow, some 10 minutes
	$(BIN)/python -m pytest tests/e2e -m e2e

e2e-211: $(READY_211)  ## the same on Airflow 2.11
	$(VENV_211)/bin/python -m pytest tests/e2e -m e2e

e2e-smoke: $(READY)  ## one Airflow, a handful of scenarios
	$(BIN)/python -m pytest tests/e2e -m smoke

bench: $(READY)  ## what 1 to 10,000 waiting jobs cost, here and in other providers
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group bench
	$(BIN)/python scripts/bench.py

lint: $(READY)  ## ruff and the import arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)  ## mypy, strict
	$(BIN)/python -m mypy

format: $(READY)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: $(READY)  ## wheel and sdist in dist/
	$(BIN)/uv build --python $(BIN)/python

constraints: $(READY)  ## resolve constraints.txt and constraints-2.11.txt anew
	$(COMPILE) --group dev --group bench --output-file constraints.txt pyproject.toml
	echo 'apache-airflow==2.11.*' | $(COMPILE) --group dev --output-file constraints-2.11.txt - pyproject.toml

clean:  ## remove what the other commands made
	rm -rf $(VENV) $(VENV_211) .bench .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
