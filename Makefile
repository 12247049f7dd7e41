PYTHON ?= python3
BIN := .venv/bin
DATA ?= data
SAMPLE := tests/examples/flattened.txt

.PHONY: demo test slow train bench clean

demo: .venv/demo  ## install, clean a sample document, show its labels
	@echo; echo "== $(SAMPLE), labelled =="; $(BIN)/classifier label --format text $(SAMPLE)
	@echo; echo "== what is kept =="; $(BIN)/classifier clean $(SAMPLE)

test: .venv/test  ## lint, types and tests
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

slow: .venv/test  ## the tests that take minutes
	$(BIN)/pytest -m slow

train: .venv/test  ## fit the model on DATA, a folder of annotated documents
	$(BIN)/python -m training.train $(DATA) --output models/default

bench: .venv/test  ## throughput beside fastText's predict, on the documents of DATA
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[bench]"
	$(BIN)/python -m training.benchmark $(DATA)

clean:  ## remove what make made
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/demo: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/test: .venv/demo
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[test]"
	touch $@
