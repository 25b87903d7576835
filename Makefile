PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: run test lint lock bench clean

run: .venv/run
	$(BIN)/python jobs/low_inventory.py

test: .venv/dev lint
	./build.sh --if-possible
	$(BIN)/python -m pytest

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/run
	PYTHONPATH=jobs $(BIN)/python benchmarks/throughput.py

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing; install Python 3.11, or name it with PYTHON=" >&2; exit 2; }
	$(PYTHON) -m venv .venv

.venv/run: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/dev: requirements-dev.txt | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ .venv/run

lock: .venv/dev
	$(BIN)/python -m pip install --disable-pip-version-check uv
	$(BIN)/uv pip compile -q --no-header --generate-hashes --python-version 3.11 requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile -q --no-header --generate-hashes --python-version 3.11 -c requirements-dev.txt requirements.in -o requirements.txt

clean:
	rm -rf .venv build lib connectors/target
