# Everything goes through one virtual environment; `make help` lists what there is.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help venv run test check format protos facts components clients bench chaos soak mutation clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z.]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Installs again only when pyproject.toml changed, so a second run costs nothing.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Trunkline needs Python 3.11 or later; $(PYTHON) is {v.major}.{v.minor}. Name another: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all,dev]'
	@touch $@

venv: $(STAMP) ## set up .venv

run: $(STAMP) ## start router and workers, send a first prompt, stay up until Ctrl-C
	@exec $(BIN)/trunkline up --first-prompt

# The tests mostly wait, for processes and for time to pass: two at once take little more than half the time.
test: $(STAMP) ## run the tests; what needs Jaeger or Ollama is skipped where they are missing
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

check: $(STAMP) ## lint, formatting, types, import rules, contracts, generated files
	@PATH="$(CURDIR)/$(BIN):$$PATH" tools/check.sh

format: $(STAMP) ## format the code
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

protos: $(STAMP) ## generate the stubs of protos/ again
	@$(BIN)/python tools/generate_stubs.py
	@tools/clients.sh --stubs

facts: $(STAMP) ## generate the table of model facts out of the installed litellm again
	@$(BIN)/python tools/generate_facts.py

components: $(STAMP) ## build Jaeger, Ollama and a tiny model for the tests (about 5 minutes, once)
	@PYTHON=$(CURDIR)/$(BIN)/python tools/components.sh

clients: $(STAMP) ## build the clients in Go, TypeScript and Java; a language whose tools are missing is skipped
	@tools/clients.sh

bench: $(STAMP) ## measure what a request costs (docs/performance.md); JSON into build/bench.json
	@$(BIN)/python -m tests.bench --json build/bench.json

chaos: $(STAMP) ## random faults over thousands of calls with real processes (a few minutes)
	@$(BIN)/python -m tests.chaos storm

soak: $(STAMP) ## 200,000 short calls, a fifth cancelled; memory must stay flat (tens of minutes)
	@$(BIN)/python -m tests.chaos soak

mutation: $(STAMP) ## change each rule of the attempt machine and the circuit; the tests must notice (a few minutes)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[mutation]'
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/mutmut run

clean: ## remove the virtual environment and all caches
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache
	rm -rf clients/go/bin clients/java/target clients/typescript/dist clients/typescript/node_modules clients/typescript/src/gen
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
