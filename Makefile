# make demo: set everything up and run the default configuration.   make test: run the tests.
# Either may be repeated at any time: what is done is kept.

PYTHON ?= python3.11
CORES ?= all
CORE := $(shell $(PYTHON) workflow/umui/environment.py --print-path envs/core.txt 2>/dev/null)
BIN := $(CORE)/bin
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)

.PHONY: demo all test check environments report schema lock clean help

help:  ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

demo: $(CORE)/ready  ## results/table3.csv in the default configuration
	$(SNAKEMAKE) results/table3.csv

all: $(CORE)/ready  ## every table and figure
	$(SNAKEMAKE) all

environments: $(CORE)/ready  ## the heavy stages' environments, without running anything
	$(SNAKEMAKE) environments

report: $(CORE)/ready  ## results/report.zip, to be opened in a browser, offline too
	$(SNAKEMAKE) all --report results/report.zip

test: $(CORE)/test-ready  ## all tests, the whole pipeline at a small size included
	$(BIN)/python -m pytest

check: $(CORE)/test-ready  ## formatting, lint, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

schema: $(CORE)/ready  ## workflow/schemas/config.schema.json from the configuration's model
	PYTHONPATH=workflow $(BIN)/python -m umui.config > workflow/schemas/config.schema.json

clean:  ## remove results, not the environments
	rm -rf results

$(CORE)/ready: envs/core.txt workflow/umui/environment.py
	@test -n "$(CORE)" || { echo "make: $(PYTHON) was not found; name a Python 3.11 with PYTHON=..." >&2; exit 1; }
	$(PYTHON) workflow/umui/environment.py envs/core.txt
	@touch $@

$(CORE)/test-ready: $(CORE)/ready envs/test.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --require-hashes -r envs/test.txt
	@touch $@
