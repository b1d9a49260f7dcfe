# `make run` and `make test` work on a fresh machine with Python 3.11; everything goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: install run quickstart random-search test test-fast lint format clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# The campaign and the random search that it is held against run side by side, each on one core.
run: install
	OMP_NUM_THREADS=1 $(MAKE) --no-print-directory -j2 quickstart random-search
	$(BIN)/gfnmat report experiments/quickstart.yaml --against experiments/quickstart-random.yaml

quickstart:
	$(BIN)/gfnmat run experiments/quickstart.yaml

random-search:
	$(BIN)/gfnmat run --quiet experiments/quickstart-random.yaml

# Two processes on two cores: more threads than cores wait for one another.
test: install
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

test-fast: install
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -m 'not slow'

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
