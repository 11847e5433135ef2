# make demo: set everything up and run the default configuration.   make test: run the tests.
# Run either again at any time; finished work is kept.

PYTHON ?= python3.11
CORES ?= all
CORE := $(shell $(PYTHON) workflow/umui/environments/build.py --print-path envs/core.txt 2>/dev/null)
STUDENT := $(shell $(PYTHON) workflow/umui/environments/build.py --print-path envs/student.txt 2>/dev/null)
TEACHER := $(shell $(PYTHON) workflow/umui/environments/build.py --print-path envs/teacher.txt 2>/dev/null)
export PATH := $(CURDIR)/$(CORE)/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/workflow

# The lock ends with its holder, even one that was killed; Snakemake's own would then have to be unlocked by hand.
define SNAKEMAKE
flock --nonblock --conflict-exit-code 75 .snakemake.lock snakemake --nolock --cores $(CORES) $(1) || { code=$$?; \
test $$code != 75 || echo "make: another run works in this directory; wait for it, or end it" >&2; exit $$code; }
endef

.PHONY: demo all environments cost explain report test test-cluster test-faults bench bench-stages check schema clean help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

demo: $(CORE)/ready  ## results/table3.csv in the default configuration
	@$(call SNAKEMAKE,results/table3.csv)

all: $(CORE)/ready  ## every table and figure
	@$(call SNAKEMAKE,all)

environments: $(CORE)/ready  ## the heavy stages' environments, without running anything
	@$(call SNAKEMAKE,environments)

cost: $(CORE)/ready  ## what a run will ask of its models; CONFIG=configs/paper.yaml for that one
	@$(call SNAKEMAKE,results/cost.csv $(if $(CONFIG),--configfile $(CONFIG)))

explain: $(CORE)/ready  ## which jobs would run, why, and what they cost; CONFIG=overlay.yaml, TARGET=results/table3.csv
	@python -m umui.cli explain $(or $(TARGET),all) $(if $(CONFIG),--configfiles $(CONFIG))

report: all  ## results/report.zip, to be opened in a browser, offline too
	@$(call SNAKEMAKE,all --report results/report.zip)

test: $(CORE)/test-ready environments  ## all tests, the whole pipeline at a small size included
	python -m pytest
	$(STUDENT)/bin/python -m pytest tests/student -m "slow or not slow"

test-faults: $(CORE)/ready environments  ## kill and damage a small run; SEED=0 COUNT=100
	PYTHONPATH=workflow:tests python tests/faults/kills.py --seed $(or $(SEED),0) --count $(or $(COUNT),100)

test-cluster: $(CORE)/test-ready  ## SLURM jobs on a cluster brought up here, as root; SHORT=1 for the quick ones
	python -m pytest tests/cluster $(if $(SHORT),-m "not slow")

# A benchmark is a script of tests/bench, run alone the same way with its own options.
IN_STUDENT := PYTHONPATH=workflow:tests/student $(STUDENT)/bin/python

bench: environments  ## benchmarks against other ways of doing the same, into results/bench/
	$(IN_STUDENT) tests/bench/premise_sharing.py --memory
	$(IN_STUDENT) tests/bench/hf_trainer.py
	$(IN_STUDENT) tests/bench/feature_cache.py
	-$(IN_STUDENT) tests/bench/gpu.py  # says so where there is no GPU
	python tests/bench/plot.py

bench: bench-stages

bench-stages: demo  ## the part of `make bench` that needs a finished demo, or no training
	python tests/bench/media.py
	python tests/bench/planning.py --finished .
	python tests/bench/scaling.py
	$(TEACHER)/bin/python tests/bench/teacher.py
	$(TEACHER)/bin/python tests/bench/teacher.py --hidden-size 512 --layers 8 --premises 4 --against engine
	$(TEACHER)/bin/python tests/bench/server_settings.py
	PYTHONPATH=workflow:tests python tests/bench/end_to_end.py

check: $(CORE)/test-ready  ## formatting, lint, types
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow/Snakefile workflow/rules
	snakemake --lint

schema: $(CORE)/ready  ## workflow/schemas/config.schema.json from the configuration's model
	python -m umui.config.run > workflow/schemas/config.schema.json

clean:  ## remove results, not the environments
	rm -rf results

$(CORE)/ready: envs/core.txt workflow/umui/environments/build.py
	@test -n "$(CORE)" || { echo "make: $(PYTHON) was not found; name a Python 3.11 with PYTHON=..." >&2; exit 1; }
	$(PYTHON) workflow/umui/environments/build.py envs/core.txt
	@touch $@

$(CORE)/test-ready: $(CORE)/ready envs/test.txt
	python -m pip install --disable-pip-version-check --quiet --no-deps --require-hashes -r envs/test.txt
	@touch $@
