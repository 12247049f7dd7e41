PYTHON ?= python3
BIN := .venv/bin
DATA ?= data
SAMPLE := tests/examples/flattened.txt
DEV = $(wildcard $(DATA)/dev*.jsonl*)
TRAPS := tests/examples/traps.jsonl

.PHONY: demo test slow train evaluate bench clean

demo: .venv/demo  ## install, clean a sample document, show its labels
	@echo; echo "== $(SAMPLE), labelled =="; $(BIN)/classifier label --format text $(SAMPLE)
	@echo; echo "== what is kept =="; $(BIN)/classifier clean $(SAMPLE)

test: .venv/test  ## lint, types and tests
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

slow: .venv/test  ## the tests that take minutes; Spark and Ray need Java and half a gigabyte
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[engines]"
	$(BIN)/pytest -m slow

train: .venv/test  ## fit the shipped model again from its feature rows, in about ten minutes
	$(BIN)/python -m training.train --output models/default $(if $(DEV),--measure $(DEV))

evaluate: .venv/test  ## hold the shipped model to its pinned floors, on the annotated documents of DATA and our own traps
	$(BIN)/python -m training.evaluate $(DEV) $(TRAPS)
	$(BIN)/python -m training.gate $(DEV) $(wildcard $(DATA)/cases*.jsonl*) $(TRAPS)

bench: .venv/test  ## throughput beside other tools, and how it scales, on the documents of DATA
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[bench]"
	$(BIN)/python -m training.benchmark $(DATA) --output training/benchmark
	$(BIN)/python -m training.scaling $(DATA) --output training/scaling

clean:  ## remove what make made
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/demo: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/test: .venv/demo
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[test]"
	touch $@
