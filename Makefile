# `make run` and `make test` work on a fresh machine with Python 3.11; everything goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: install run test test-fast lint format clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

run: install
	$(BIN)/gfnmat run experiments/quickstart.yaml
	$(BIN)/gfnmat run experiments/quickstart-random.yaml
	$(BIN)/gfnmat report experiments/quickstart.yaml --against experiments/quickstart-random.yaml

test: install
	$(BIN)/pytest

test-fast: install
	$(BIN)/pytest -m 'not slow'

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv runs
