# `make run` is the whole story; `make help` lists the rest.
# Nothing here names a registry or a proxy: pip and apt are set up by the machine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Builds run with the locked setuptools, so that nothing unlocked is fetched for them.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --require-hashes --no-build-isolation -r
SCENARIO ?= scenarios/morning_peak.yaml
CARD := card_applet/target/card.stamp
CARD_SOURCES := card_applet/pom.xml $(shell find card_applet/src -type f)
CAMPAIGNS := $(patsubst campaigns/%.py,%,$(wildcard campaigns/[a-z]*.py))

.DEFAULT_GOAL := help
.PHONY: help run test check clean venv lock packages card
.DELETE_ON_ERROR:

help:  ## list the targets
	@echo "Jakarta One testbed. Targets:"
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort -u -t: -k1,1 | expand -t 12 | sed 's/^/  make /'

run: $(VENV)/run.stamp  ## set up .venv and run the morning peak, card to verdict
	$(BIN)/jakarta-one run $(SCENARIO)

venv: $(VENV)/run.stamp  ## only set up .venv, so that .venv/bin/jakarta-one works

ifeq ($(NO_APT),1)
test:  ## everything that must hold; NO_APT=1 only prints the Debian packages it wants
	@scripts/debian-packages list
else
test: $(VENV)/test.stamp check  ## everything that must hold; NO_APT=1 only prints the Debian packages it wants
	@$(MAKE) --no-print-directory card
	@for name in $(CAMPAIGNS); do \
		$(BIN)/python -m campaigns $$name --fraction 0.02 || exit 1; done
	$(BIN)/python -m pytest tests scenarios --scenario-level smoke --numprocesses 2 --dist loadfile
endif

check: $(VENV)/test.stamp  ## style, types, import directions, orphans, duplicates
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/test_tidy.py

card: $(CARD)  ## build the card applet and its harness, for java:// and the tests

clean:  ## remove .venv, runs and everything that was built
	rm -rf $(VENV) runs build dist card_applet/target ./*.egg-info .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock:  ## write requirements/*.lock anew from pyproject.toml
	scripts/lock $(BIN)/python

packages:  ## install the Debian packages that `make test` wants
	@scripts/debian-packages install

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: expected Python 3.11 or newer as $(PYTHON); give another, as in: make PYTHON=python3.12 run" >&2; exit 3; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "make: $(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 3; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: pyproject.toml requirements/build.lock requirements/run.lock | $(BIN)/python
	@echo "Installing what a run needs into $(VENV) ..."
	@$(INSTALL) requirements/build.lock
	@$(INSTALL) requirements/run.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

# Maven knows by itself what is new, but takes seconds to find out.
$(CARD): $(CARD_SOURCES)
	@command -v mvn >/dev/null && command -v javac >/dev/null || \
		{ echo "make: expected Maven and a JDK; on Debian: apt-get install maven default-jdk-headless" >&2; exit 3; }
	@echo "Building the card applet ..."
	@mvn -q -B -Dstyle.color=never package -f card_applet
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements/test.lock scripts/debian-packages
	@scripts/debian-packages install
	@echo "Installing what the tests need into $(VENV) ..."
	@$(INSTALL) requirements/test.lock
	@touch $@
