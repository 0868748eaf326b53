# Commands of this project; `make` alone lists them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The versions of Airflow that are supported, the oldest first; each has an environment of its own, the newest .venv.
VERSIONS ?= 2.11 3.0 3.1 3.2 3.3
NEWEST := 3.3
OLDEST := 2.11
environment = $(VENV)$(if $(filter $(NEWEST),$(1)),,-$(1))
UV_VERSION := 0.13.9
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-header --no-annotate --no-emit-package pip \
	--upgrade --all-extras
# The oldest Airflow is tested with the oldest versions that pyproject.toml allows of what else is imported.
FLOORS = $(shell sed -nE '/^dependencies/,/^openlineage/ s/^    "(.+)>=([0-9]+\.[0-9]+\.[0-9]+)",$$/\1==\2/p' pyproject.toml)

# Where Python may not keep compiled modules, each process of the tests compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup e2e-older quickstart quickstart-druid mutation licences demo demo-aging demo-druid ui pictures emulator test schedules-aging schedules e2e e2e-211 e2e-smoke e2e-scale e2e-scale-smoke e2e-druid e2e-druid-smoke compat druid druid-stop referee referee-smoke bench bench-druid lint types docs format build release-check changelog constraints clean

help:  ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-16s %s\n", $$1, $$2}'

# Everything is pinned by constraints.txt: Airflow runs only with certain versions of its own dependencies.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group dev --editable '.[emulator,openlineage]'
	@touch $(READY)

# An older Airflow, beside the newest one.
$(VENV)-%/.ready: pyproject.toml constraints-%.txt | $(READY)
	$(PYTHON) -m venv $(VENV)-$*
	$(BIN)/uv pip install --quiet --python $(VENV)-$*/bin/python --constraint constraints-$*.txt --group dev --editable '.[emulator,openlineage]'
	@touch $@

setup: $(READY)  ## make .venv with the package, Airflow and the tools

demo: $(READY)  ## roll three days of Koalas up against a local Polaris
	$(BIN)/python scripts/demo.py

demo-druid: $(READY)  ## the same on a real Apache Druid; needs Java 17 and Maven
	$(BIN)/python scripts/demo_druid.py

demo-aging: $(READY)  ## age two of these days out into a smaller table and restore one
	$(BIN)/python scripts/demo_aging.py

# AIRFLOW_PORT=N and POLARIS_PORT=N take other ports than 8080 and 8099.
ui: $(READY)  ## a local Polaris and a whole Airflow to look at, until Ctrl-C
	$(BIN)/python scripts/ui.py $(if $(AIRFLOW_PORT),--airflow-port $(AIRFLOW_PORT)) $(if $(POLARIS_PORT),--polaris-port $(POLARIS_PORT))

pictures: $(READY)  ## take the pictures of README and docs from what `make ui` shows; needs Chromium
	$(BIN)/python scripts/ui.py --home .demo/pictures --for '$(BIN)/python scripts/pictures.py'

emulator: $(READY)  ## serve the demo's Polaris, with its pages
	@mkdir -p .demo
	$(BIN)/polaris-emulator --db .demo/polaris.db

test: $(READY)  ## run all tests
	$(BIN)/python -m pytest -n auto --dist worksteal

# Each in build/mutation, where it continues when it is run again. PACKAGES='jobs/guards' takes some packages, and TESTS=,
# pytest's -k, their fast tests: TESTS='druid or search or record' for operators/submission.
MUTATED = jobs/idempotency jobs/guards jobs/age_out operators/submission operators/guards task_groups/age_out jobs/status \
	jobs/spec jobs/tables jobs/time jobs/validation jobs/sql
mutation: $(READY)  ## changes of the code that no test notices, in jobs, submission, guards and aging; hours
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group mutation
	$(BIN)/python scripts/mutation.py $(or $(PACKAGES),$(MUTATED)) $(if $(TESTS),--tests '$(TESTS)')

schedules: $(READY)  ## 1,080 random schedules of faults and crashes, some 10 minutes; SCHEDULES_SEED=N repeats a run
	SCHEDULES=540 $(BIN)/python -m pytest tests/exactly_once/test_schedules.py tests/operators/submission/test_schedules.py

# SEED=N repeats a run.
schedules-aging: SEED := $(or $(SEED),$(shell date +%s))
schedules-aging: $(READY)  ## 300 random schedules of the age-out, some 15 minutes
	@echo "seed $(SEED)"
	AGING_SCHEDULES=300 $(BIN)/python -m pytest tests/task_groups/age_out/test_conservation.py --hypothesis-seed=$(SEED)

e2e: $(READY)  ## every end-to-end scenario on a real Airflow, some 10 minutes
	$(BIN)/python -m pytest tests/e2e -m e2e

e2e-211: $(VENV)-$(OLDEST)/.ready  ## the same on Airflow 2.11
	$(VENV)-$(OLDEST)/bin/python -m pytest tests/e2e -m e2e

e2e-druid: $(READY)  ## end-to-end scenarios on a real Apache Druid 27; needs Java 17 and Maven
	$(BIN)/python -m pytest tests/e2e/druid -m e2e_druid

e2e-druid-smoke: $(READY)  ## two of them
	$(BIN)/python -m pytest tests/e2e/druid -m druid_smoke

# SCALE_TASKS=N takes another number.
e2e-scale: $(READY)  ## 300 tasks on a real Airflow with two triggerers, killed, cleared and marked; needs PostgreSQL
	$(BIN)/python -m pytest tests/e2e/test_scale.py -m e2e_scale

e2e-scale-smoke: $(READY)  ## 60 of them
	SCALE_TASKS=60 SCALE_COMPARED=20 $(BIN)/python -m pytest tests/e2e/test_scale.py -m e2e_scale

e2e-smoke: $(READY)  ## one Airflow, a handful of scenarios
	$(BIN)/python -m pytest tests/e2e -m smoke

# OLDER="3.1" takes one.
OLDER ?= 3.0 3.1 3.2
e2e-older: $(foreach version,$(OLDER),$(call environment,$(version))/.ready)  ## the same on real schedulers of Airflow 3.0, 3.1 and 3.2
	for version in $(OLDER); do $(VENV)-$$version/bin/python -m pytest tests/e2e/test_smoke.py -m smoke || exit 1; done

compat: $(foreach version,$(VERSIONS),$(call environment,$(version))/.ready)  ## the tests on Airflow 2.11 to 3.3; VERSIONS="3.0 3.3" takes some
	$(BIN)/python scripts/compat.py $(foreach version,$(VERSIONS),$(version)=$(call environment,$(version)))

# 27 has the multi-stage query engine, which runs jobs; 33 has the SQL of today without that engine.
DRUID ?= 27 33
druid:  ## start a real Apache Druid 27 and 33 on loopback; DRUID=27 starts one, 27-secure one with basic authentication. Needs Java 17 and Maven
	$(PYTHON) scripts/druid start $(DRUID)

druid-stop:  ## stop every Druid that was started here; their data stays in .druid
	$(PYTHON) scripts/druid stop

# SEED=N repeats a run, PARTS="expressions syntax" takes some parts, COUNT=N cases of each.
referee: SEED := $(or $(SEED),$(shell date +%s))
referee: $(READY)  ## a real Druid judges the emulator, some 10 minutes; starts the versions that don't run
	$(BIN)/python scripts/referee --seed $(SEED) $(if $(COUNT),--count $(COUNT)) $(PARTS)

referee-smoke: $(READY)  ## the bounded part of it, some 3 minutes; one line where Java or Maven is missing
	$(BIN)/python scripts/referee --smoke

bench: $(READY)  ## what imports, the emulator's jobs and 1 to 100,000 waiting jobs cost, here and in other providers
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group bench
	$(BIN)/python scripts/bench_small.py
	$(BIN)/python scripts/bench.py
	$(BIN)/python scripts/bench_many.py

bench-druid: $(VENV)-airflow-druid/.ready  ## jobs beside those of Airflow's own Druid provider, on a real Druid 27, some 15 minutes
	$(VENV)-airflow-druid/bin/python scripts/bench_druid

# An environment of its own: no other command needs Airflow's provider.
$(VENV)-airflow-druid/.ready: pyproject.toml constraints.txt | $(READY)
	$(PYTHON) -m venv $(VENV)-airflow-druid
	$(BIN)/uv pip install --quiet --python $(VENV)-airflow-druid/bin/python --constraint constraints.txt --editable . asyncpg psycopg2-binary apache-airflow-providers-apache-druid==4.6.1
	touch $@

lint: $(READY)  ## ruff and the import arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)  ## mypy, strict
	$(BIN)/python -m mypy

docs: $(READY)  ## the documentation as web pages in site/; a warning is an error
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --doctree-dir site/.doctrees docs site

format: $(READY)  ## apply the fixes of ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: $(READY)  ## wheel and sdist in dist/
	$(BIN)/uv build --python $(BIN)/python

quickstart: $(READY)  ## run the pages of docs/quickstart for laptops and Polaris line by line, some 3 minutes
	$(BIN)/python scripts/quickstart.py laptop polaris

quickstart-druid: $(READY)  ## the page for your own Druid, on a real Druid 27; needs Java 17 and Maven
	$(BIN)/python scripts/quickstart.py druid

release-check: $(READY)  ## build, let twine check, and run a DAG from the wheel in a new environment, about a minute
	$(BIN)/python scripts/release_check.py

licences: $(READY)  ## the licences of all dependencies, in dist/licences.csv
	@mkdir -p dist
	$(BIN)/python scripts/licences.py | tee dist/licences.csv

changelog: $(READY)  ## show what is not released yet
	@$(BIN)/towncrier build --draft --version Unreleased

# Pins that an Airflow needs and doesn't ask for itself: without them it installs, and its tasks fail.
constraints: $(READY)  ## resolve constraints.txt and those of the older versions again
	$(COMPILE) --group dev --group bench --group docs --output-file constraints.txt pyproject.toml
	printf '%s\n' 'apache-airflow==2.11.*' $(FLOORS) | $(COMPILE) --group dev --output-file constraints-2.11.txt - pyproject.toml
	printf '%s\n' 'apache-airflow==3.0.*' 'fastapi<0.117' | $(COMPILE) --group dev --output-file constraints-3.0.txt - pyproject.toml
	printf '%s\n' 'apache-airflow==3.1.*' 'sqlalchemy<2.1' | $(COMPILE) --group dev --output-file constraints-3.1.txt - pyproject.toml
	printf '%s\n' 'apache-airflow==3.2.*' 'fastapi<0.137' 'svcs<26' | $(COMPILE) --group dev --output-file constraints-3.2.txt - pyproject.toml

clean: druid-stop  ## remove what the other commands made
	rm -rf $(VENV) $(VENV)-* .bench .demo .druid site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
