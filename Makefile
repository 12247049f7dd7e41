PYTHON ?= python3
BIN := .venv/bin
DATA ?= data
SAMPLE := tests/examples/flattened.txt
DEV = $(wildcard $(DATA)/dev*.jsonl*)
TRAPS := tests/examples/traps.jsonl
MINUTES ?= 60

# The tests start hundreds of processes, each of which would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test slow train evaluate bench fuzz mutants coverage lock clean

demo: .venv/demo  ## install, clean a sample document, show its labels
	@echo; echo "== $(SAMPLE), labelled =="; $(BIN)/classifier label --format text $(SAMPLE)
	@echo; echo "== what is kept =="; $(BIN)/classifier clean $(SAMPLE)

test: .venv/test  ## lint, types and tests
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses logical --dist worksteal

slow: .venv/test  ## the tests that take minutes; Spark and Ray need Java and half a gigabyte, pages a Chromium
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[engines]"
	$(BIN)/pytest -m slow

train: .venv/test  ## fit the shipped model again from its feature rows, in thirteen minutes on two cores
	$(BIN)/python -m training.train --output models/default $(if $(DEV),--measure $(DEV))

evaluate: .venv/test  ## hold the shipped model to its pinned floors, on the annotated documents of DATA and our own traps
	$(BIN)/python -m training.evaluate $(DEV) $(TRAPS)
	$(BIN)/python -m training.gate $(DEV) $(wildcard $(DATA)/cases*.jsonl*) $(TRAPS)

bench: .venv/test  ## throughput beside other tools, and how it scales, on the documents of DATA
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[bench]"
	$(BIN)/python -m training.benchmark $(DATA) --output training/benchmark
	$(BIN)/python -m training.scaling $(DATA) --output training/scaling

fuzz: .venv/test  ## strangers' text and files for so many MINUTES, by coverage
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[doubt]"
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

mutants: .venv/test  ## which small changes of the code no test notices
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[doubt]"
	$(BIN)/mutmut run && $(BIN)/mutmut results

coverage: .venv/test  ## which lines and branches no test reaches
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[doubt]"
	$(BIN)/coverage run -m pytest; $(BIN)/coverage combine --quiet && $(BIN)/coverage report --show-missing --skip-covered

lock: .venv/test  ## the versions and hashes that development was tested with
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml --extra test --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command "make lock" --quiet --output-file .ci/requirements.lock

clean:  ## remove what make made
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* mutants

.venv/demo: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/test: .venv/demo
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[test]"
	touch $@
