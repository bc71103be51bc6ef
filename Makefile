# Thin: every target does its own set-up in .venv and calls one command.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format bench viewers hashes clean

demo: .venv/installed
	$(BIN)/cxr-node demo

test: .venv/installed
	$(BIN)/python -m pytest

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/installed
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

PIP = $(BIN)/python -m pip install --quiet

# Every package by its hash, but for torch and what comes with it: there is a build of it for each kind
# of machine. Then torch, then the node, without looking for more.
.venv/installed: .venv/packages .venv/torch pyproject.toml
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/packages: requirements/all.txt
	@test -x $(BIN)/python || { echo "Making a virtual environment in .venv ..."; $(PYTHON) -m venv .venv; }
	@echo "Installing what the node and its tests need ..."
	@$(PIP) --require-hashes --no-deps --requirement $<
	@touch $@

# The build of torch that fits: without CUDA where no NVIDIA driver answers, which saves gigabytes. uv
# knows where each is kept; where it cannot be reached, pip takes the one it finds. A torch that is in
# .venv already is left alone.
TORCH := $(shell sed -n '/^torch\(vision\)\{0,1\}==/p' constraints.txt)

.venv/torch: constraints.txt .venv/packages
	@$(BIN)/python -c 'import torch' 2>/dev/null || { \
		echo "Installing torch: the build for this machine, a minute or two ..."; \
		{ $(PIP) uv && VIRTUAL_ENV=.venv $(BIN)/uv pip install \
			--quiet --torch-backend=auto $(TORCH); } 2>.venv/torch.log || { \
		echo "... by pip (.venv/torch.log says why)"; \
		$(PIP) --constraint constraints.txt $(TORCH); }; }
	@touch $@

# After a change of constraints.txt or of the dependencies: the hashes of what they come to, for every
# machine and Python. setuptools is what builds the node. Left out: torch and what comes with it, and
# two packages that Linux has no use for.
NOT_HASHED := colorama httpx2-jsfetch torch torchvision triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas \
	nvidia-cuda-cupti nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft \
	nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 \
	nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx
COMPILE = echo setuptools | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --constraint constraints.txt \
	$(addprefix --no-emit-package ,$(NOT_HASHED)) pyproject.toml -

hashes:
	@$(PIP) uv
	$(COMPILE) --output-file requirements/listen.txt
	$(COMPILE) --extra dev --output-file requirements/all.txt
