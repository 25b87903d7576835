PYTHON ?= python3.11
BIN := .venv/bin
FUNCTIONS := lambdas/alerts_to_sns lambdas/kinesis_to_dynamo
# Quiet, but for its errors. Without --no-compile pip compiles all of PyFlink's and Beam's modules, most of which nothing
# imports: half a minute.
INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes
COMPILE := $(BIN)/uv pip compile -q --no-header --generate-hashes --python-version 3.11

# The line of the connector (docs/lines.md); with CONNECTOR_JAR=FILE a jar of it from elsewhere.
LINE ?= connector-4
export CONNECTOR_LINE := $(LINE)
LINE_ENVS := .venv/dev $(if $(filter flink-2.2,$(LINE)),.venv-2.2/run)
BUILD := ./build.sh --line $(LINE) $(if $(CONNECTOR_JAR),--connector-jar "$(CONNECTOR_JAR)")
# `up`, which pipeline and rehearsal run, builds everything but a jar from elsewhere.
TAKE_JAR := $(if $(CONNECTOR_JAR),$(BUILD))

# The Flink that `run` and `test` use; if none is named, `test` uses both. 2.2 has an environment of its own, and only what
# needs no connector runs on it.
ifneq ($(filter-out 1.20 2.2,$(FLINK)),)
$(error FLINK=$(FLINK): expected 1.20 or 2.2)
endif
FLINK_ENV := .venv$(if $(filter 2.2,$(FLINK)),-2.2)

.PHONY: run pipeline rehearsal test test-fast faults lint lock bench figures docs clean

run: $(FLINK_ENV)/run
	$(FLINK_ENV)/bin/python jobs/low_inventory.py

pipeline: $(LINE_ENVS)
	@$(TAKE_JAR)
	@$(BIN)/python -m local.pipeline $(ARGS)

rehearsal: $(LINE_ENVS)
	@$(TAKE_JAR)
	@$(BIN)/python -m local.rehearsal $(ARGS)

ifeq ($(FLINK),2.2)
test: .venv-2.2/run
	.venv-2.2/bin/python -m pytest tests/faults/test_fuzz.py tests/jobs/test_dashboard.py tests/jobs/test_options.py \
		$(foreach name,contract prefilter property stream_order,tests/jobs/sql/test_$(name).py) $(ARGS)
else
test: .venv/dev .venv/scan $(if $(FLINK),,.venv-2.2/run) lint
	$(BUILD) --if-possible
	$(BIN)/python -m pytest -n 3 $(if $(FLINK),--ignore tests/jobs/test_flink_2_2.py)
endif

# For daily work: all that needs no JVM.
test-fast: .venv/dev lint
	$(BIN)/python -m pytest -n 4 -m "not jvm"

# Each scenario with real processes and real kills. FAULTS_SEED draws another run; ARGS='-k "SNS away"' chooses some.
faults: $(LINE_ENVS)
	$(BUILD) --if-possible
	FAULTS=full $(BIN)/python -m pytest tests/faults -s $(ARGS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@for function in $(FUNCTIONS); do echo "mypy $$function"; MYPYPATH=$$function $(BIN)/mypy $$function || exit; done

bench: .venv/dev .venv/baselines/installed
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.producer_throughput
	$(BUILD) --if-possible
	$(BIN)/python -m benchmarks.function_usage
	$(BIN)/python -m deploy.costs.monthly
	$(BIN)/python -m deploy.costs.scale --output build/benchmarks/costs.json

# Draws docs/figures from what `make bench`, `make pipeline ARGS='--latencies build/benchmarks/latencies.json'` and the
# soak of `make faults` have measured.
figures: .venv/dev .venv/baselines/installed
	$(BIN)/python -m deploy.costs.scale --output build/benchmarks/costs.json >/dev/null
	.venv/baselines/bin/python -m benchmarks.figures

docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 .venv/site/bin/mkdocs build --strict
	@echo "the documentation is in build/site; open build/site/index.html"

.venv/bin/python .venv-2.2/bin/python: %/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing; install Python 3.11, or name it with PYTHON=" >&2; exit 2; }
	@echo "creating a Python environment in $*" >&2
	@$(PYTHON) -m venv $*

.venv/run: requirements.txt | .venv/bin/python
	@echo "installing Flink and what else the job needs into .venv, once: about 395 MB to download, 724 MiB on disk, a minute or two on a fast line" >&2
	@$(BIN)/python $(INSTALL) -r requirements.txt
	@echo "installed" >&2
	@touch $@

.venv/dev: requirements-dev.txt | .venv/bin/python
	@echo "installing Flink, the emulator and the tools for tests into .venv, once: about 460 MB to download, 959 MiB on disk, two or three minutes on a fast line" >&2
	@$(BIN)/python $(INSTALL) -r requirements-dev.txt
	@echo "installed" >&2
	@touch $@ .venv/run

.venv-2.2/run: requirements-flink-2.2.txt | .venv-2.2/bin/python
	@echo "installing Flink 2.2 into .venv-2.2, once: about 485 MB to download, 835 MiB on disk, two or three minutes on a fast line; FLINK=1.20 does without" >&2
	@.venv-2.2/bin/python $(INSTALL) -r requirements-flink-2.2.txt
	@echo "installed" >&2
	@touch $@

# The scanner of the templates pins other versions of what we use, so it has an environment of its own.
.venv/scan: tests/deploy/templates/requirements-scan.txt | .venv/bin/python
	$(PYTHON) -m venv .venv/scanner
	.venv/scanner/bin/python $(INSTALL) -r tests/deploy/templates/requirements-scan.txt
	@touch $@

# What the job is measured against.
.venv/baselines/installed: benchmarks/requirements.txt | .venv/bin/python
	$(PYTHON) -m venv .venv/baselines
	.venv/baselines/bin/python $(INSTALL) -r benchmarks/requirements.txt
	@touch $@

.venv/docs: docs/site/requirements.txt | .venv/bin/python
	$(PYTHON) -m venv .venv/site
	.venv/site/bin/python $(INSTALL) -r docs/site/requirements.txt
	@touch $@

lock: .venv/dev
	$(BIN)/python -m pip install --disable-pip-version-check uv
	$(COMPILE) requirements-dev.in -o requirements-dev.txt
	$(COMPILE) -c requirements-dev.txt requirements.in -o requirements.txt
	$(COMPILE) requirements-flink-2.2.in -o requirements-flink-2.2.txt
	$(COMPILE) tests/deploy/templates/requirements-scan.in -o tests/deploy/templates/requirements-scan.txt
	$(COMPILE) benchmarks/requirements.in -o benchmarks/requirements.txt
	$(COMPILE) docs/site/requirements.in -o docs/site/requirements.txt
	@for function in $(FUNCTIONS); do \
		$(COMPILE) --python-platform x86_64-manylinux2014 --no-emit-package jmespath \
			-c requirements-dev.txt $$function/requirements.in -o $$function/requirements.txt || exit; \
	done

clean:
	rm -rf .venv .venv-2.2 build lib connectors/target
