# Everything runs in .venv, which the first target that needs it creates. PYTHON names the interpreter to build it from.
PYTHON ?= python3
PIP_FLAGS ?=
BIN := .venv/bin
# A process a core, one thread each: tiny models gain nothing from more.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n auto
ABLATION := $(addprefix ablation/,interleaved no-attention attention-only pixelcnn gated-pixelcnn imagegpt pixelrnn)

.PHONY: install demo compare test test-all test-processors lint bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      install, train a small PixelSNAIL on real digits, and leave pictures in runs/demo"
	@echo "make compare   train seven small models for equal time, and leave a table and curves in runs/compare"
	@echo "make test      install, then ruff, the type checker and the tests"
	@echo "make test-all  the same with the slow tests"
	@echo "make test-processors  the quick tests as on processors with fewer instructions, and with more threads"
	@echo "make bench     the benchmarks"
	@echo "make install   only the installation, into .venv"

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "pixelsnail needs Python 3.10 or newer; name one with 'make PYTHON=/path/to/python3.12 ...'." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) --constraint constraints.txt --editable '.[dev]'
	@touch $@

install: .venv/.installed

demo: .venv/.installed
	$(BIN)/pixelsnail demo --out runs/demo --overwrite

compare: .venv/.installed
	$(BIN)/pixelsnail compare $(ABLATION) --seconds 20 --parameters 53569 --seeds 1 --out runs/compare --overwrite

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(PYTEST) -m "not slow" --durations 15

test-all: lint
	$(PYTEST)

test-processors: .venv/.installed
	$(BIN)/python scripts/processors.py $(TESTS)

bench: .venv/.installed
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv runs .pytest_cache .mypy_cache .ruff_cache
