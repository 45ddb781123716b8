# Two commands are all the set-up: `make demo` and `make test`. Each installs what it
# needs into .venv, and only when requirements.lock or pyproject.toml has changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# compiled modules are kept: imports and tests start in half the time
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test check bench soak chaos walks oracle prompts asterisk lock install clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / /' | awk '{n=$$1; $$1=""; printf "  make %-10s%s\n", n, $$0}'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (PYTHON=... make)"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) || { apt-get update -qq && apt-get install -qq -y python3-venv && $(PYTHON) -m venv --clear $(VENV); }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: $(STAMP)  ## the environment in .venv, exact versions

demo: $(STAMP)  ## the main job, end to end, from real audio
	$(BIN)/dialer demo

check: $(STAMP)  ## format, lint, types, templates, fast tests: before every commit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/dialer templates lint
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not slow and not model and not live"

test: check  ## everything
	$(BIN)/pytest -q -n 2 --dist worksteal -m "(slow or model or live) and not alone and not long"
	$(BIN)/pytest -q -m alone

bench: $(STAMP)  ## every measurement; results in bench/results
	$(BIN)/python -m bench

soak: $(STAMP)  ## half an hour of calls through Asterisk: lost outcomes, memory
	$(BIN)/python -m bench.soak

oracle: $(STAMP)  ## a million cases, gate against a second opinion (about an hour)
	$(BIN)/python -m tests.oracle

chaos: $(STAMP)  ## nodes and their database killed at random for an hour; nobody rung twice
	$(BIN)/python -m tests.chaos

walks: $(STAMP)  ## eighty thousand random conversations more than `make test` has
	$(BIN)/pytest -q -n 2 --dist worksteal -m long

prompts: $(STAMP)  ## record the shared prompts and the demo's callees anew (minutes)
	$(BIN)/dialer templates render --lang zh --agency 和信调解服务中心 --pack templates/prompts.pack
	$(BIN)/dialer templates render --callees config/demo/callees --pack config/demo/callees.pack

asterisk: $(STAMP)  ## fetch Asterisk 22 for the live tests, into a cache outside the tree
	$(BIN)/python -m tests.kit.asterisk

lock:  ## resolve requirements.lock anew
	$(PYTHON) -m venv $(VENV) && $(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q --upgrade --all-extras --group build pyproject.toml --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements.lock

clean:  ## remove what was built here (not your data)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache
