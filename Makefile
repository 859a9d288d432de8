# Everything is made from a checkout with python3 (3.11 or newer), python3-venv and make.
#
#   make demo                 the whole line on this machine, with sample alerts
#   make demo ARGS=--once     the same, one pass
#   make test                 everything that must hold before a change goes in
#   make test PYTHON=python3.12 VENV=.venv-3.12 ARGS="-k retry"

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)

# A venv always holds a link named after its Python's version, so another PYTHON makes the venv anew.
MADE := $(BIN)/python$(VERSION)
# What is installed stands until pyproject.toml or a version changes; our own packages are used from the checkout.
DEMO := $(VENV)/installed-demo
TEST := $(VENV)/installed-test
# Programs of others, each as it is published, for the examples: an environment of their own.
EXAMPLE_CLIENTS ?= .venv-examples
CLIENTS := $(EXAMPLE_CLIENTS)/installed-clients

.PHONY: help demo test test-on-bookworm test-on-trixie proof chaos bench map site example-clients examples clean

help:
	@echo 'make demo    the whole line on this machine, with sample alerts (ARGS=--once: one pass)'
	@echo 'make test    lint, format, types, imports, tests (ARGS="-k retry": some of them)'
	@echo 'make test-on-trixie  the same on Debian 13 with its own Python, in a tree of its own (root; 1 GB); test-on-bookworm: 12'
	@echo 'make proof   the long tests: kills, chaos, soaks, a fresh installation; 40 minutes at most'
	@echo 'make chaos   of those: faults of every kind at once, 200 rounds, with what happened'
	@echo 'make bench   measure everything into docs/performance.md (ARGS=--quick: a look)'
	@echo 'make examples  every example as its page says, the eight systems with the real programs of others; a table'
	@echo 'make example-clients  those programs, into .venv-examples; tests that need them are skipped without'
	@echo 'make site    these pages as a site with search, in build/site'
	@echo 'make map     the rooms of the code, their layers, and who imports whom'
	@echo 'make clean   remove everything made here'

demo: $(DEMO)
	@$(BIN)/ams-bridge demo $(ARGS)

test: $(TEST)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -n 2 -m 'not proof' $(ARGS)

test-on-bookworm test-on-trixie:
	@ARGS="$(ARGS)" SUITE="$(@:test-on-%=%)" deploy/test-on-debian

proof: $(TEST)
	timeout --kill-after=30s 40m $(BIN)/pytest -n 2 --dist loadfile -m proof $(ARGS)

chaos: $(TEST)
	timeout --kill-after=30s 20m $(BIN)/pytest -m proof -s tests/line/test_chaos.py $(ARGS)

bench: $(TEST)
	$(BIN)/python -m benchmarks $(ARGS)

examples: $(TEST) example-clients
	$(BIN)/pytest -v tests/examples $(ARGS)

example-clients: $(CLIENTS)

site: $(TEST)
	$(BIN)/python docs/generate_site.py
	$(BIN)/python -m mkdocs build --strict
	@echo 'open build/site/index.html'

map: $(TEST)
	@$(BIN)/python -m tests.house.map

clean:
	rm -rf $(VENV) $(EXAMPLE_CLIENTS) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(CLIENTS): tests/examples/clients.txt tests/examples/cloud_clients.txt $(MADE)
	@echo 'installing programs of others into $(EXAMPLE_CLIENTS) ...'
	@$(PYTHON) -m venv --clear $(EXAMPLE_CLIENTS)
	@$(EXAMPLE_CLIENTS)/bin/python -m pip install --disable-pip-version-check --requirement tests/examples/clients.txt
	@$(PYTHON) -m venv $(EXAMPLE_CLIENTS)/cloud-info
	@$(EXAMPLE_CLIENTS)/cloud-info/bin/python -m pip install --disable-pip-version-check --requirement tests/examples/cloud_clients.txt
	@touch $@

$(DEMO): pyproject.toml constraints.txt $(MADE)
	@echo 'installing ams-bridge into $(VENV) ...'
	@$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(TEST): pyproject.toml constraints.txt $(MADE)
	@echo 'installing ams-bridge and what its tests need into $(VENV) ...'
	@$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@ $(DEMO)

$(MADE):
	@command -v $(PYTHON) >/dev/null || { \
	  echo 'no $(PYTHON) here: apt-get install python3-venv, or name another one with PYTHON=' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo '$(PYTHON) is version $(VERSION); ams-bridge needs 3.11 or newer. Name another one with PYTHON=' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '$(PYTHON) cannot make virtual environments: apt-get install python3-venv' >&2; exit 1; }
	@echo 'making $(VENV) with $(PYTHON) ($(VERSION)) ...'
	@$(PYTHON) -m venv --clear $(VENV)
