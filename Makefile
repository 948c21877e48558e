# Sets up .venv from the hash-pinned locks, then demonstrates, tests, checks and measures mirrord.
# Needs Python 3.11 to 3.13 with venv, and make; nothing else.  PYTHON=... names another interpreter.

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench fuzz placement-report pictures dashboards lint-dashboards proto lock clean
ARGS ?=
BIN := .venv/bin

help:  ## say what can be made
	@echo 'make TARGET [ARGS="..."]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.installed  ## show a network share, lose and heal a collection (ARGS="--nodes 7")
	@$(BIN)/python -m mirrord demo $(ARGS)

test: .venv/.installed-dev  ## run the whole test suite (ARGS="-k store")
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

# Most tests wait for daemons, so one file more than there are cores runs at once; ARGS="-n 0" is one after the other.
# In the order of the folders: what takes longest, tests of real daemons, comes before the many quick ones.
PARALLEL = -n $(shell expr $$(nproc) + 1) --dist loadfile --no-loadscope-reorder

lint: .venv/.installed-dev  ## check style, format, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: .venv/.installed-dev  ## measure each figure, print it, write bench.json
	@$(BIN)/python -m tests.bench $(ARGS)

fuzz: .venv/.installed-dev build/fuzz/.installed  ## feed 10 million hostile inputs to every decoder (ARGS="--inputs 100000 --target wire")
	@PYTHONPATH=build/fuzz/atheris $(BIN)/python -m tests.fuzz $(ARGS)

# atheris is in no lock and not in .venv: this target alone wants its 35 MB, and no one version of it has wheels
# for every Python of ours (3.1 begins at 3.12, 3.0 is the last for 3.11).  It lies beside .venv, whose pins it shares.
build/fuzz/.installed: | .venv/.installed-dev
	@echo 'Installing atheris into build/fuzz/atheris'
	@mkdir -p build/fuzz
	@$(BIN)/python -m pip install $(PIP_FLAGS) --only-binary=:all: --upgrade --target build/fuzz/atheris 'atheris>=3.0,<4'
	@touch $@

placement-report: .venv/.installed-dev  ## simulate every policy, write docs/placement-results.md (hours)
	@$(BIN)/python -m mirrord.simulation.report $(ARGS)

dashboards: .venv/.installed-dev  ## generate deploy/grafana/dashboards/*.json
	@$(BIN)/python -m deploy.grafana.generate

lint-dashboards: .venv/.installed-dev build/grafana-lint/.installed  ## check the dashboards by Grafana's own types (needs npm)
	@$(BIN)/python deploy/grafana/lint/write_types.py build/grafana-lint
	@node build/grafana-lint/node_modules/typescript/bin/tsc --project build/grafana-lint
	@$(BIN)/python -m pytest -q $(wildcard tests/contract/test_grafana_*.py)

build/grafana-lint/.installed: deploy/grafana/lint/package.json deploy/grafana/lint/tsconfig.json
	@echo 'Installing what deploy/grafana/lint/package.json pins into build/grafana-lint'
	@mkdir -p $(@D) && cp $^ $(@D)
	@cd $(@D) && npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error
	@touch $@

pictures: .venv/.installed-dev  ## draw the pictures of the README from one run of the demo (wants chromium)
	@$(BIN)/python docs/pictures/make_pictures.py

proto: .venv/.installed-dev  ## generate the Python code of proto/*.proto
	@$(BIN)/python proto/generate.py

# An environment is made again only where a lock or pyproject.toml changed: pip finds what is there
# already.  Build isolation would fetch what no lock pins, so hatchling is in the locks.
.venv/.installed: requirements.lock
.venv/.installed-dev: requirements-dev.lock
.venv/.installed .venv/.installed-dev: pyproject.toml | .venv/bin/pip
	@echo 'Installing what $(filter %.lock,$^) pins into .venv (the first time takes about a minute)'
	@$(BIN)/python -m pip install $(PIP_FLAGS) --require-hashes --only-binary=:all: -r $(filter %.lock,$^)
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation --editable .
	@touch $@

PIP_FLAGS := --quiet --no-input --disable-pip-version-check --progress-bar=off

# Debian splits venv from Python, so say which package is missing before venv fails half-way.
.venv/bin/pip:
	@set -e; for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11) ""; do \
	    test -n "$$python" || { echo 'mirrord needs Python 3.11, 3.12 or 3.13 (Debian 12: sudo apt install python3)' >&2; exit 1; }; \
	    "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && break; \
	done; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null || { \
	    "$$python" -c 'import sys; print("Python lacks venv: sudo apt install python3-venv  (or python%d.%d-venv)" % sys.version_info[:2])' >&2; exit 1; }; \
	"$$python" -m venv --clear .venv

lock:  ## pin the newest versions that pyproject.toml allows, with hashes (needs an index)
	@test -x build/uv/bin/uv || { python3 -m venv build/uv && build/uv/bin/pip install --quiet 'uv>=0.9,<1'; }
	@$(LOCK) --extra dev pyproject.toml -o requirements-dev.lock
	@$(LOCK) -c requirements-dev.lock pyproject.toml -o requirements.lock

LOCK = UV_CUSTOM_COMPILE_COMMAND='make lock' build/uv/bin/uv pip compile --upgrade --quiet --universal \
    --python-version 3.11 --generate-hashes --extra build --extra simulation

clean:  ## remove what was made: .venv, caches, build folders
	rm -rf .venv build dist bench.json .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find mirrord tests proto -name __pycache__ -prune -exec rm -rf {} +
