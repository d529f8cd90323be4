# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

PYTHON ?= python3
VENV ?= .venv
# More than two cores: tests wait for AWS as well as compute.
WORKERS ?= 4

# The test that goes through a migration's whole life with permissions enforced.
LIFE := test_what_is_printed_is_enough_for_the_whole_life_which_leaks_nothing

BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this help
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: venv
venv: ## Make .venv: every tool at its locked version, the collection linked in (PYTHON=…, 3.11 or newer)
	@command -v $(PYTHON) >/dev/null || { echo "Sealift needs Python 3.11 or newer; there is no $(PYTHON). Name another one: make venv PYTHON=python3.11"; exit 1; }
	@$(PYTHON) tests/tools/venv.py $(VENV)

.PHONY: demo
demo: venv ## Migrate a table under live writes on an emulator, and prove the result
	@$(BIN)/python -m tests.demo

.PHONY: test
test: venv ## Run every check and test (WORKERS=4)
	$(PYTEST) --numprocesses $(WORKERS) --dist worksteal $(ARGS)

.PHONY: long
long: venv ## Run the tests that repeat others with all of Ansible, or on another engine (not a part of `make test`)
	$(PYTEST) -m long --numprocesses $(WORKERS) --dist worksteal $(ARGS)

.PHONY: test-all
test-all: ## Run every check and test on both ends of the range, Python 3.11 and 3.13
	@$(PYTHON) -m tests.tools.test_all

# The parts of `make test`. More of pytest's options: make unit ARGS="-k canonical -x"

.PHONY: lint sanity build molecule integration
lint: ## ruff, mypy, ansible-lint, changelog and documentation
sanity: ## ansible-test sanity
build: ## Build the collection and install it into an empty path
molecule: ## The roles' molecule scenarios
integration: ## ansible-test integration, every target
lint sanity build molecule integration: venv
	$(PYTEST) -m "" tests/checks/test_$@.py $(ARGS)

.PHONY: unit emulator e2e
unit: ## Pure logic
emulator: ## The emulator's own tests
e2e: ## Whole migrations on the emulator
unit emulator e2e: venv
	$(PYTEST) tests/$@ $(ARGS)

.PHONY: bad-input leaks
bad-input: venv ## Bad input to every module and to the playbook: each said in words, nothing changed
	$(PYTEST) tests/bad_input $(ARGS)
leaks: venv ## Secret items and credentials through a whole migration, and the search for them
	$(PYTEST) tests/leaks tests/e2e/test_access.py::$(LIFE) $(ARGS)

.PHONY: torture planted
SEED ?= 1
MINUTES ?= 3
torture: venv ## A migration's whole life under random faults and kills (SEED=1 MINUTES=3)
	@$(BIN)/python -m tests.torture --seed $(SEED) --minutes $(MINUTES) $(ARGS)
planted: venv ## Plant bugs, one after the other, and see the tests find each
	@$(BIN)/python -m tests.torture.planted $(ARGS)

.PHONY: model
model: venv ## Try everything that can happen to a key, in the protocol and in wrong ones (WAY=… shows one's loss)
	@$(BIN)/python -m tests.model "$(WAY)"

.PHONY: properties
properties: venv ## Items of every kind through everything (SEALIFT_PROPERTIES=thorough draws far more)
	$(PYTEST) tests/properties $(ARGS)

.PHONY: coverage
coverage: venv ## Run every check and test, and show which code they have not run (slower than `make test`)
	@rm -rf build/coverage && mkdir -p build/coverage
	COVERAGE_FILE=$(CURDIR)/build/coverage/data $(BIN)/coverage run -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)
	@$(BIN)/python -m tests.tools.coverage_report

.PHONY: mutation
mutation: venv ## Change the code in small ways; the tests must notice (not a part of `make test`)
	@$(BIN)/python -m tests.tools.mutation

.PHONY: bench simulate
ROUNDS ?= 3
bench: venv ## Measure seed, compare and replicator beside other tools, on DynamoDB Local (needs wrk; an hour)
	@$(BIN)/python -m benchmarks --rounds $(ROUNDS) $(ARGS)
simulate: venv ## Seeds of tables that fit on no desk, simulated with the collection's own paces
	@$(BIN)/python -m benchmarks.simulate $(ARGS)

.PHONY: lock
lock: ## Resolve requirements/direct.txt anew for both ends of the range
	@$(PYTHON) -m tests.tools.lock

.PHONY: clean
clean: ## Delete all that these targets made
	rm -rf .venv .venv-* build dist .ansible .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
