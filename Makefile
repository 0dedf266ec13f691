# Two commands: `make run` and `make test`. The others serve them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
EXPORT = $(UV) export --quiet --format requirements-txt --no-emit-project --no-annotate --no-header
# Once the tools for tests and benchmarks are there they stay, or `make run` would take them away again.
LOCKS = requirements.lock $(if $(wildcard $(VENV)/installed-dev),requirements-dev.lock) \
	$(if $(wildcard $(VENV)/installed-bench),requirements-bench.lock)
BEGAN := $(shell date +%s)

export UV_LINK_MODE ?= copy
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test faults simulate fuzz bench fmt lock clean help
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

help:
	@echo "make run    start Patchbay here (Ctrl-C stops it)"
	@echo "make test   check everything"
	@echo "make fuzz   send each provider's door 100,000 broken requests"
	@echo "make faults break everything that can break, and see that nothing is lost (up to 40 minutes)"
	@echo "make simulate  play 2,000 runs of sending with everything going wrong, each from a seed"
	@echo "make bench  measure against the goals, some 15 minutes; BENCH_ARGS=\"--only P1,P2\" for less"
	@echo "make fmt    format the code and mend what can be mended"
	@echo "make lock   resolve the dependencies anew into the lock files"
	@echo "make clean  remove what was installed and built; the data in .patchbay stays"

run: $(VENV)/installed
	@if [ "$$PATCHBAY_ENV" != production ]; then PATCHBAY_SANDBOX="$${PATCHBAY_SANDBOX-1}"; export PATCHBAY_SANDBOX; fi; \
	exec $(BIN)/patchbay run --began $(BEGAN)

test: $(VENV)/installed-dev
	@echo "== style";    $(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .
	@echo "== types";    PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pyright --warnings
	@echo "== imports";  $(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@echo "== browser";  $(BIN)/python -m tests.support.chromium
	@echo "== tests";    $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

fuzz: $(VENV)/installed-dev
	@FUZZ_BODIES="$${FUZZ_BODIES-100000}" $(BIN)/pytest -q -s tests/conformance/test_fuzz.py $(PYTEST_ARGS)

faults: $(VENV)/installed-dev
	@FAULTS=all $(BIN)/pytest tests/faults $(PYTEST_ARGS)

simulate: $(VENV)/installed-dev
	@$(BIN)/python -m tests.simulation --seeds "$${PATCHBAY_SEEDS-2000}"

bench: $(VENV)/installed-bench
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

fmt: $(VENV)/installed-dev
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

lock: $(UV)
	@$(UV) lock --upgrade
	@$(EXPORT) --no-dev --group build -o requirements.lock
	@$(EXPORT) --only-group dev -o requirements-dev.lock
	@$(EXPORT) --only-group bench -o requirements-bench.lock
	@$(EXPORT) --only-group installer -o requirements-installer.lock
	@echo "Locked. The pages' packages are in reflex.lock/, which a build of the pages keeps up to date."

clean:
	@rm -rf $(VENV) .web

$(VENV)/installed: requirements.lock pyproject.toml | $(UV)
	@echo "Installing Python packages"
	@$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes $(LOCKS)
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed
	@echo "Installing tools for tests"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock -r requirements-dev.lock
	@touch $@

$(VENV)/installed-bench: requirements-bench.lock $(VENV)/installed
	@echo "Installing what the benchmarks compare with"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock -r requirements-bench.lock
	@touch $@

$(UV): requirements-installer.lock
	@$(PYTHON) -c 'import sys; sys.exit("Patchbay needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Creating the virtual environment $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip $(VENV)
	@$(BIN)/python -m ensurepip --upgrade >/dev/null
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-installer.lock
	@touch $@
