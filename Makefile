# The two commands of a fresh machine are `make run` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(wildcard requirements/*.txt)

# Of vLLM's requirements those that text does not need; their builds for CUDA break its import on a CPU.
NEEDLESS := torchaudio torchcodec torchvision

ENGINE_TESTS := tests/real tests/oracles tests/docker

# What depends on the processor; tests of processes are out, since QEMU shows itself in the command lines that they read.
CORE_TESTS := $(wildcard tests/models/test_formats_*.py) tests/machine/test_machine.py tests/standins/test_standins_checkpoint.py \
  tests/standins/test_standins_host.py tests/run/test_streams.py tests/run/test_expect.py tests/pages/test_header.py

SITE_ENV := PATH="$(CURDIR)/$(BIN):$$PATH" JUPYTER_PATH="$(CURDIR)/gb10docs/site/jupyter" NO_MKDOCS_2_WARNING=1

# What is quick: tests that do without servers and without whole runs, for the most part.
QUICK_TESTS := tests/test_rooms.py tests/pages tests/plan tests/results tests/machine/test_machine.py tests/machine/test_ports.py \
  tests/engines tests/evidence/test_evidence_status.py tests/run/test_expect.py tests/site/test_site_reference.py \
  tests/course/test_content.py

.PHONY: run check lint test test-bare test-arm64 test-site test-engines oracles engines site serve offline publish bench lock clean

run: $(VENV)/.run
	$(BIN)/gb10docs run lesson-03 $(FLAGS)

# Before each commit.
check: lint
	$(BIN)/python -m pytest -q $(QUICK_TESTS)

lint: $(VENV)/.test
	$(BIN)/ruff check gb10docs tests snippets
	$(BIN)/ruff format --check gb10docs tests snippets
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: lint
	$(BIN)/python -m pytest --ignore=tests/browser $(patsubst %,--ignore=%,$(ENGINE_TESTS))

# On minimal Debians, from nothing but what the README names, as another user than root. Needs root and debootstrap.
test-bare:
	tests/machines/machine.sh bookworm amd64 "make run" "make site" "make test"
	tests/machines/machine.sh trixie amd64 "make run" "make site" "make test"

# The processor of a GB10, emulated by QEMU: about an hour. Renews the ledger of lesson 3 that says so. Needs root,
# debootstrap, qemu-user-static and binfmt-support.
test-arm64:
	OUT=docs/evidence/lessons/lesson-03 tests/machines/machine.sh bookworm arm64 "make run FLAGS=--record" \
	  'cp docs/evidence/lessons/lesson-03/*-emulated.json "$$OUT"' \
	  "make .venv/.test" ".venv/bin/python -m pytest $(CORE_TESTS)"

# The site in a real browser; needs Debian's chromium.
test-site: $(VENV)/.test
	$(BIN)/python -m pytest tests/browser

# Against real engines: vLLM without a GPU, Model Optimizer, Docker. About 15 minutes.
test-engines: $(VENV)/.test engines oracles
	$(BIN)/python -m pytest $(wildcard $(filter-out tests/oracles,$(ENGINE_TESTS)))

# Our formats, bit for bit against Model Optimizer, torchao, compressed-tensors and vLLM.
oracles: engines
	.venv-modelopt/bin/python -m pytest tests/oracles --ignore-glob='*/test_vllm*.py'
	.venv-vllm/bin/python -m pytest tests/oracles/test_vllm.py tests/oracles/test_compressed_tensors.py
	.venv-vllm/bin/python -m pytest tests/oracles/test_vllm_kernels.py

# Model Optimizer and vLLM, each in an environment of its own, since their pins clash. torch is the CPU build
# (2.13.0+cpu), which is not on PyPI: where pip does not find it, name PyTorch's own index for CPU builds in
# PIP_EXTRA_INDEX_URL. It differs by where it comes from, so these files hold versions and no hashes.
engines: .venv-modelopt/.engines .venv-vllm/.engines

.venv-%/.engines: requirements/engines-%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --no-deps -r $<
	.venv-$*/bin/python -m pip install --quiet --no-deps -e .
	touch $@

site: $(VENV)/.test
	$(SITE_ENV) gb10docs site prepare
	$(SITE_ENV) mkdocs build --strict

serve: $(VENV)/.test
	$(SITE_ENV) gb10docs site prepare
	$(SITE_ENV) mkdocs serve

# One folder and a zip that open from disk, search included.
offline: $(VENV)/.test
	$(SITE_ENV) gb10docs site prepare --flat-urls
	$(SITE_ENV) mkdocs build --strict --config-file mkdocs.offline.yml --site-dir offline
	$(SITE_ENV) gb10docs site prepare
	$(BIN)/python -m zipfile -c gb10docs-offline.zip offline

# Onto the local branch gh-pages: make publish VERSION=0.1
publish: $(VENV)/.test
	test -n "$(VERSION)"
	$(SITE_ENV) gb10docs site prepare
	$(SITE_ENV) mike deploy --config-file mkdocs.versioned.yml --update-aliases $(VERSION) latest
	$(SITE_ENV) mike set-default --config-file mkdocs.versioned.yml latest

bench: $(VENV)/.test .venv-modelopt/.engines
	$(BIN)/python tests/benchmarks/run.py
	$(BIN)/python tests/benchmarks/site_cost.py
	$(BIN)/python tests/benchmarks/client.py
	.venv-modelopt/bin/python tests/benchmarks/formats.py

# Versions and hashes, no addresses. Needs uv.
lock:
	for part in run test; do uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links --quiet requirements/$$part.in -o requirements/$$part.txt || exit 1; done
	for part in engines-modelopt engines-vllm; do uv pip compile --python-version 3.11 --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links $(patsubst %,--no-emit-package %,$(NEEDLESS)) --quiet \
	  requirements/$$part.in -o requirements/$$part.txt || exit 1; done

$(VENV)/.venv:
	$(PYTHON) -c 'import sys; sys.exit("gb10docs needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.run: $(VENV)/.venv requirements/run.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.test: $(VENV)/.run requirements/test.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/test.txt
	touch $@

clean:
	rm -rf $(VENV) .venv-modelopt .venv-vllm
