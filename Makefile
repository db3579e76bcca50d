# Every task of a developer; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
# Names of generated files that `generate` and `verify` leave alone, such as podtemplate.json, which
# needs Kubernetes' Go module (30 MB, once).
KEEP ?=

# As in dev/cluster/paths.py.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/modelward

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "%-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: fmt
fmt: ## format the code and put right what can be put right
	$(PYTHON) -m ruff check --fix-only --quiet .
	$(PYTHON) -m ruff format --quiet .

.PHONY: check
check: ## lint, formatting, types, import order
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	@# Its cache knows files by their content: what one checkout has found, another need not find again.
	$(PYTHON) -m mypy --cache-dir $(CACHE)/mypy
	.venv/bin/lint-imports --no-logo

.PHONY: generate
generate: ## write the CRD, the reference pages and other generated files
	$(PYTHON) -m dev.generated write $(addprefix --keep ,$(KEEP))

.PHONY: verify
verify: ## fail if a generated file is not as generated
	$(PYTHON) -m dev.generated verify $(addprefix --keep ,$(KEEP))

.PHONY: test
test: setup ## everything: lint, types, generated files and all tests, on real parts
	dev/test.sh

.PHONY: test-fast
test-fast: setup ## unit tests, properties and golden files only
	@# Before the tests, not in one, which would end at its time limit.
	$(PYTHON) -m dev.cluster programs helm promtool >/dev/null
	$(PYTHON) -m pytest --numprocesses=2 --dist=worksteal tests/unit tests/golden

.PHONY: properties
properties: setup ## the properties in tests/unit, on ten times as many examples
	HYPOTHESIS_PROFILE=thorough $(PYTHON) -m pytest --numprocesses=2 -m hypothesis tests/unit

.PHONY: test-compiled
test-compiled: setup ## the monitor's tests on its compiled modules, as its image has them
	PYTHONPATH=$$($(PYTHON) -m dev.compiled) $(PYTHON) -m pytest --numprocesses=2 --dist=loadfile $(OPTIONS) tests/unit/monitor tests/integration/monitor

# 3.0 GB to download, 5.2 GB on disk, most of it NVIDIA's libraries, which PyPI's PyTorch brings along: kept in the
# cache folder, apart from .venv.
.PHONY: test-torch
test-torch: setup ## gradients of PyTorch models, on PyTorch, which is installed for this
	UV_PROJECT_ENVIRONMENT=$(CACHE)/torch $(UV) run --quiet --frozen --extra torch python -m pytest $(OPTIONS) tests/integration/gates/test_torch.py

.PHONY: e2e
e2e: setup ## tests on a real cluster only
	dev/test.sh tests/e2e

.PHONY: setup
setup: ## install what development needs into .venv
	dev/bootstrap.sh

# CLUSTER=current takes the cluster of the current kube context instead of making one.
.PHONY: cluster
cluster: setup ## bring up a real one-node cluster, without Docker (CLUSTER=current: use the one you have)
	python3 -m dev.cluster up

.PHONY: images
images: setup ## build the images and load them into the cluster; prints their names
	python3 -m dev.cluster images

.PHONY: down
down: ## remove the cluster and all that it made, caches apart
	python3 -m dev.cluster down

.PHONY: demo
demo: setup cluster ## two bad versions of a model and a good one, under live traffic on a real cluster
	$(PYTHON) -m dev.demo

.PHONY: demo-infrastructure
demo-infrastructure: setup cluster ## slow storage told from a bad model, under live traffic on a real cluster
	$(PYTHON) -m dev.demo.infrastructure

.PHONY: demo-gates
demo-gates: setup cluster ## candidates that fail a gate, two people's approval and a veto, on a real cluster
	$(PYTHON) -m dev.demo.gates

# Minutes on two cores; `$(PYTHON) -m bench.simulate --quick` takes seconds, `--write` updates docs/evidence.md.
.PHONY: simulate
simulate: setup ## operating characteristics of the evidence, by simulation; fails outside the stated limits
	$(PYTHON) -m bench.simulate

# docs/testing.md has the scores. SAMPLE=400 takes that many changes at random, RESUME=1 goes on with a run.
SAMPLE ?=
RESUME ?=
.PHONY: mutation
mutation: setup ## change evidence and decide in small ways, and see whether the unit tests notice
	nice -n 19 $(PYTHON) -m dev.mutation --floor 96 $(addprefix --sample ,$(SAMPLE)) $(if $(RESUME),--resume)

# Some 2 minutes on two cores, and on the first run 3 more for KServe's agent, which is built then. ROUNDS=9 takes
# that many turns of each proxy.
ROUNDS ?= 5
.PHONY: bench-monitor
bench-monitor: setup ## the monitor's cost beside nginx and KServe's agent; fails beyond the stated limits
	$(PYTHON) -m bench.monitor --rounds $(ROUNDS)

# What is found is left in crash-*. FUZZ_SECONDS=600 goes on for longer.
FUZZ_SECONDS ?= 60
UV := $(or $(shell command -v uv),$(CACHE)/bootstrap/bin/uv)
.PHONY: fuzz-monitor
fuzz-monitor: setup ## feed the monitor's parsers arbitrary bytes, looking for disagreement with llhttp
	$(UV) run --quiet --frozen --group fuzz python -m dev.fuzz --seconds $(FUZZ_SECONDS)
