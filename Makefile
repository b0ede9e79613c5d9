# Two commands: `make demo` and `make test`. Each makes its own virtual environment first.
PYTHON ?= python3
VENV ?= .venv
# Install this wheel instead of the source tree (continuous integration tests the built wheel).
WHEEL ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCE := $(if $(WHEEL),$(WHEEL)[dev],-e .[dev])

.PHONY: demo test lint wheel clean

demo: $(STAMP)
	$(BIN)/piirag demo

test: $(STAMP)
	$(BIN)/pytest $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel: $(STAMP)
	$(BIN)/python -m build --wheel --outdir dist

$(STAMP): pyproject.toml $(WHEEL)
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(SOURCE)
	touch $(STAMP)

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
