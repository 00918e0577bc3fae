# Everything runs in a virtual environment of its own; nothing else is needed but Python >= 3.11.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
SCENARIO ?= scenarios/message_halt_march_2020.toml

.PHONY: run test quick check bench format clean help

help: ## say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	touch $@

run: $(VENV)/installed ## set up and run the flagship scenario
	$(BIN)/abm run $(SCENARIO)

test: $(VENV)/installed ## set up and run all tests
	$(BIN)/python -m pytest --numprocesses auto

quick: $(VENV)/installed ## run the tests that take little time
	$(BIN)/python -m pytest --numprocesses auto -m "not slow"

check: $(VENV)/installed ## style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed ## how fast it is, as ratios within one run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m tests.benchmarks.margin
	$(BIN)/python -m tests.benchmarks.matching
	$(BIN)/python -m tests.benchmarks.run
	$(BIN)/python -m tests.benchmarks.sweeps

format: $(VENV)/installed ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
