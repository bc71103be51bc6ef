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

# The build of torch that fits: without CUDA where no NVIDIA driver answers, which saves gigabytes. uv
# knows where each is kept; where it cannot be reached, pip takes the one it finds. A torch that is in
# .venv already is left alone.
TORCH := $(shell sed -n '/^torch\(vision\)\{0,1\}==/p' constraints.txt)

.venv/torch: constraints.txt
	@test -x $(BIN)/python || { echo "Making a virtual environment in .venv ..."; $(PYTHON) -m venv .venv; }
	@$(BIN)/python -c 'import torch' 2>/dev/null || { \
		echo "Installing torch: the build for this machine, a minute or two ..."; \
		$(BIN)/python -m pip install --quiet uv && VIRTUAL_ENV=.venv $(BIN)/uv pip install \
			--quiet --torch-backend=auto $(TORCH) 2>.venv/torch.log || \
		echo "... by pip (.venv/torch.log says why)"; }
	@touch $@

.venv/installed: pyproject.toml constraints.txt .venv/torch
	@echo "Installing the node and what it needs ..."
	@$(INSTALL) '.[train]'
	@touch $@

.venv/installed-dev: pyproject.toml constraints.txt .venv/torch
	@echo "Installing the node, what it needs and what its tests need ..."
	@$(INSTALL) '.[dev]'
	@touch $@
