# Brookmill's tasks; `make` alone lists them.
# `make demo` and `make test` need Python >= 3.11 with venv, and the network for packages: nothing else.

PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,\
  $(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)) python3)
PYTEST_ARGS ?=
PROCESSES ?= 3
CRASHES ?= 200
FUZZ ?= 100000
INPUTS ?= 1000000
EXAMPLES ?= 10000
ROTATIONS ?= 200

BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types fix bench docs serve crash soak fuzz windows rotations changelog lock jars clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## the main job with real curl and two real Kafka-protocol brokers, every step checked
	@$(BIN)/python -m demo

test: $(READY) ## all tests but the slow ones, in PROCESSES; PYTEST_ARGS="-k kafka" narrows
	@$(BIN)/pytest -n $(PROCESSES) --dist loadfile $(PYTEST_ARGS)

check: lint types test ## lint + types + test

lint: $(READY)
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --check --quiet && echo "lint: clean"

types: $(READY)
	@$(BIN)/mypy --no-error-summary && echo "types: clean"

fix: $(READY) ## format, and repair what ruff can repair
	@$(BIN)/ruff check --fix --quiet; $(BIN)/ruff format --quiet

bench: $(READY) ## pipelines, start and PATCH, in one table; fails when a promise is broken
	@$(BIN)/python -m benchmarks

docs: $(READY) ## docs/coverage.md and docs/lint.md, from the registries
	@$(BIN)/python -m docs.coverage && $(BIN)/python -m docs.lint

serve: $(READY) ## a development server: data in ./data, http://127.0.0.1:8080
	@$(BIN)/brookmill serve --dev

crash: $(READY) ## kill -9 the server CRASHES times under parallel writes, and workers of every source and sink
	@CRASHES=$(CRASHES) STREAM_KILLS=100 STREAM_DOCUMENTS=100000 $(BIN)/pytest -m "slow or not slow" --timeout 3600 tests/crash $(PYTEST_ARGS)

soak: $(READY) ## half an hour of processors started, stopped, updated and dropped at random
	@SOAK_MINUTES=30 $(BIN)/pytest -s -m slow --timeout 0 tests/crash/test_soak.py $(PYTEST_ARGS)

fuzz: $(READY) ## FUZZ random pipelines through both evaluators, INPUTS hostile ones, and bombs; SEED=n asks the same again
	@FUZZ=$(FUZZ) INPUTS=$(INPUTS) $(BIN)/pytest -m slow -s --timeout 7200 tests/mql tests/fuzz $(PYTEST_ARGS)

rotations: $(READY) ## ROTATIONS changes of a key under load, each rolled out, each followed by a wrong one
	@ROTATIONS=$(ROTATIONS) $(BIN)/pytest -s --timeout 3600 tests/runtime/test_rotations.py $(PYTEST_ARGS)

windows: $(READY) ## EXAMPLES random streams through each kind of window, judged by a model
	@EXAMPLES=$(EXAMPLES) $(BIN)/pytest -m slow --timeout 3600 tests/plan/test_windows_of_all_kinds.py $(PYTEST_ARGS)

changelog: $(READY) ## fold changelog.d/ into CHANGELOG.md under the version of pyproject.toml
	@$(BIN)/python -m docs.changelog

lock: $(READY) ## pin the newest versions of what pyproject.toml asks for, with hashes
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --upgrade \
	  --python-version 3.11 pyproject.toml --all-extras --group dev -o requirements.lock

jars: $(READY) ## what the tests of logging in to Kafka run: Apache Kafka; needs Java and Maven. They fetch it themselves
	@$(BIN)/python tests/kafka_broker.py

clean: ## remove the environment and caches
	@rm -rf .venv .jars .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The stamp is younger than the lock: the second run of anything starts at once.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"Brookmill needs Python 3.11 or newer; this is {v[0]}.{v[1]}. Try: make PYTHON=path/to/python ...")'
	@echo "installing the locked packages into .venv (once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q -j 0 .venv/lib src >/dev/null || true  # else every start of a server compiles it all
	@touch $@
