# Thin: every target does its own set-up in .venv and calls one command.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format bench viewers clean

demo: .venv/installed
	$(BIN)/cxr-node demo

test: .venv/installed-dev
	$(BIN)/python -m pytest

lint: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/installed
	$(BIN)/python -m tests.bench

# What only conformance tests need, and skip without: OHIF as built, and Node packages.
VIEWERS := tests/conformance/viewers
OHIF := @ohif/app@3.13.2

viewers: $(VIEWERS)/node_modules/installed $(VIEWERS)/dist/installed

$(VIEWERS)/node_modules/installed: $(VIEWERS)/package-lock.json
	cd $(VIEWERS) && npm ci
	touch $@

$(VIEWERS)/dist/installed: $(VIEWERS)/ohif.sha512
	mkdir -p $(VIEWERS)/dist
	cd $(VIEWERS)/dist && npm pack --silent $(OHIF) && sha512sum --check --quiet ../ohif.sha512
	cd $(VIEWERS)/dist && tar -xzf *.tgz --strip-components 2 package/dist && rm *.tgz
	touch $@

clean:
	rm -rf .venv demo-out state $(VIEWERS)/node_modules $(VIEWERS)/dist

INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable

# A torch and torchvision already in .venv (a CUDA pair, say) are kept if constraints.txt allows.
.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) .
	touch $@

.venv/installed-dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) '.[dev]'
	touch $@
