# Each target makes what it needs: Python 3.11 or newer, make and a package index are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CDK_VENV := .venv-cdk
# A real cluster for `make workshop`: make workshop ENDPOINT=<cluster>.dsql.<region>.on.aws
ENDPOINT ?=
# Some of the tests: make test TESTS=tests/plans
TESTS :=

# What a shell may hold for other projects is not to change what is installed, or where.
unexport PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONWARNINGS PIP_PREFIX PIP_TARGET
# Nor is each process to compile the package anew.
unexport PYTHONDONTWRITEBYTECODE
export PIP_USER := 0

# Whether PYTHON is new enough, its version, and a name of its own. Any Python can read this.
PROBE := import sys, zlib; v = sys.version_info; p = getattr(sys, "base_prefix", sys.prefix); \
	print("%s %d.%d.%d %d.%d-%x" % (("old", "new")[v[:2] >= (3, 11)], v[0], v[1], v[2], v[0], v[1], \
	zlib.crc32(p.encode("utf-8")) & 0xffffffff))

ifneq ($(filter-out help clean,$(MAKECMDGOALS)),)
FOUND := $(shell $(PYTHON) -E -c '$(PROBE)')
GIVE := Give another one: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.12
ifeq ($(FOUND),)
$(error $(PYTHON) does not run, and dsqlkit needs Python 3.11 or newer. $(GIVE))
endif
ifeq ($(word 1,$(FOUND)),old)
$(error dsqlkit needs Python 3.11 or newer, and $(PYTHON) is $(word 2,$(FOUND)). $(GIVE))
endif
endif
MADE := made-$(word 3,$(FOUND))

# Three processes, each with a local cluster of its own, as tests wait at times; the tests of one file
# stay together.
PYTEST = $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: help workshop test slow quick test-cdk lint bench retries soak clean

help:
	@echo "make workshop  run the seven chapters (ENDPOINT=... for a real cluster)"
	@echo "make test      run the tests, some four minutes on two cores"
	@echo "make slow      run those that take seconds each, such as every guide as a reader follows it"
	@echo "make quick     run the tests that start no cluster of their own"
	@echo "make test-cdk  run the tests of the CDK stack, which need its extra and Node.js"
	@echo "make lint      check format, lint and types"
	@echo "make bench     measure, as ratios"
	@echo "make retries   compare retry policies, and write the guide's table"
	@echo "make soak      run the long tests, some half an hour on two cores"
	@echo "make clean     remove what these targets made"

workshop: $(VENV)/installed
	$(BIN)/dsqlkit workshop $(if $(ENDPOINT),--endpoint $(ENDPOINT),--endpoint local --user admin)
	@echo 'The command dsqlkit is there after: source $(BIN)/activate'

test: $(VENV)/developed
	@echo 'Running the tests: some four minutes on two cores.'
	$(PYTEST) $(TESTS)

slow: $(VENV)/developed
	$(PYTEST) -m slow $(TESTS)

quick: $(VENV)/developed
	$(PYTEST) -m 'not soak and not own_cluster and not slow' $(TESTS)

test-cdk: $(CDK_VENV)/developed
	$(CDK_VENV)/bin/python -m pytest tests/stack

lint: $(VENV)/developed
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

bench: $(VENV)/developed
	$(BIN)/python -m tests.bench

retries: $(VENV)/developed
	$(BIN)/python -m tests.retries --write

# The run of mixed clients has the machine to itself: it counts what eight clients can do.
soak: $(VENV)/developed
	$(BIN)/python -m pytest -m soak --timeout 3600 -rP tests/outages/test_leaks.py
	$(BIN)/python -m pytest -m soak --timeout 3600 -n 3 --dist worksteal --ignore tests/outages/test_leaks.py

clean:
	rm -rf $(VENV) $(VENV)-3.* $(CDK_VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment of another Python is made anew.
$(VENV)/$(MADE) $(CDK_VENV)/$(MADE):
	@test "$$($(@D)/bin/python -E -c '$(PROBE)' 2> /dev/null)" = "$(FOUND)" || { \
		echo '$(PYTHON) -m venv --clear $(@D)'; $(PYTHON) -m venv --clear $(@D); }
	@touch $@

$(VENV)/installed: pyproject.toml $(VENV)/$(MADE)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/developed: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

# CDK is large and pulls what nothing else here needs, so it has an environment of its own.
$(CDK_VENV)/developed: pyproject.toml $(CDK_VENV)/$(MADE)
	$(CDK_VENV)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(CDK_VENV)/bin/python -m pip install --quiet --editable '.[cdk]'
	$(CDK_VENV)/bin/python -m pip install --quiet --group cdk
	touch $@
