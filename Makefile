# The two commands are `make serve` and `make test`; each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: serve test compat playground pictures engines torture check fix setup clean
.DEFAULT_GOAL := help

help:
	@echo "make serve   start the server on 127.0.0.1:8000; ARGS='--port 8001' are passed on"
	@echo "make test    run the tests"
	@echo "make compat  run other people's clients against the server; installs each of them once"
	@echo "make playground try the page in Chromium (apt install chromium); installs Playwright once"
	@echo "make torture throw things at the server and its parsers, for MINUTES=10 and what has an end beside it"
	@echo "make engines test the engines of the extras, each in an environment of its own; installs each of them once"
	@echo "make check   format, lint, types, import contracts"
	@echo "make fix     format and mend what can be mended"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Viva Voce needs Python 3.11 to 3.13: make serve PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/.serve

setup: $(VENV)/.test

serve: $(VENV)/.serve
	$(BIN)/vivavoce serve $(ARGS)

# What is compiled is kept: the tests start some thousand processes.
unexport PYTHONDONTWRITEBYTECODE

# Two at a time, each file in one of the two processes; what measures the machine's time has it to itself.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder
ALONE = $(shell grep -rl --include='test_*.py' 'pytest\.mark\.alone' tests)

test: $(VENV)/.test
	$(BIN)/python -m vivavoce.catalogue
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'not alone' --ignore=tests/core --ignore=tests/wire --durations=15
	$(BIN)/python -m pytest -m alone $(ALONE) --durations=5
	$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) tests/core tests/wire --cov=vivavoce.core --cov=vivavoce.wire --cov-branch \
	  --cov-report=term:skip-covered --cov-fail-under=100

compat: $(VENV)/.test
	$(BIN)/python -m vivavoce.catalogue
	$(BIN)/python -m pytest tests/compat --durations=15

$(VENV)/.browser: pyproject.toml constraints.txt | $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,test-browser]'
	@touch $@

playground: $(VENV)/.browser
	$(BIN)/python -m vivavoce.catalogue
	$(BIN)/python -m pytest tests/playground --durations=15

pictures: $(VENV)/.browser
	$(BIN)/python -m vivavoce.catalogue
	$(BIN)/python -m bench.pictures

MINUTES ?= 10
torture: $(VENV)/.test
	$(BIN)/python -m vivavoce.catalogue
	TORTURE_MINUTES=$(MINUTES) $(BIN)/python -m pytest -q tests/torture -rs --durations=10 --durations-min=1

engines: $(VENV)/.test
	$(BIN)/python -m tests.extras $(ARGS)

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

fix: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV)
