# Everything runs in .venv, which `make sync` makes. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
DOWNSTREAM := .venv-downstream
TOWER := .venv-downstream-tower
FEW := .venv-downstream-few
STAMP := $(VENV)/.synced
SECONDS ?= 600
RELAY := src/inspect_swe/_sandbox/relay_src

.PHONY: help demo sync check test machine contract arm64 clis unit e2e downstream few bench fuzz docs hooks relay engine images
.DEFAULT_GOAL := help
# What is imported is compiled once, not by every process.
unexport PYTHONDONTWRITEBYTECODE
PIP := -m pip install --quiet --quiet --no-compile --disable-pip-version-check
# $(call behind,ENVIRONMENT): an environment finds what it lacks in $(VENV).
behind = $(BIN)/python -c 'import site; print(f"import site; site.addsitedir({site.getsitepackages()[0]!r})")' \
	> "$$($(1)/bin/python -c 'import site; print(site.getsitepackages()[0])')/others.pth"

help: ## List the targets
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

demo: sync ## Set everything up and run the real Claude Code in a container, with a scripted model
	@$(BIN)/python scripts/demo.py

sync: $(STAMP) ## Make .venv and install the package with its development tools

$(STAMP): pyproject.toml
	@echo "Installing the package and its development tools into $(VENV) (about a minute)"
	@scripts/make-venv.sh $(PYTHON) $(VENV)
	@$(BIN)/python $(PIP) --upgrade pip  # venv's own may take twice as long
	@$(BIN)/python $(PIP) -e '.[dev,docs]'
	@touch $@

check: sync ## Lint, types, import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: ## Set everything up, check, and run all tests (unit and end to end)
	@scripts/make-venv.sh $(PYTHON) $(VENV)  # may install packages, which one at a time can
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target sync machine
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target contract clis check arm64 docs $(FEW)/.synced
	@$(MAKE) --no-print-directory few
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --durations 40

machine: images $(OLDEST)/.synced
	@scripts/restic.sh
	@scripts/relay-arm64.sh --setup

unit: sync ## Run the tests that need no Docker engine
	$(BIN)/python -m pytest -m 'not docker' --numprocesses 3

e2e: sync images ## Run the tests with the real CLIs in real containers
	@scripts/restic.sh
	$(BIN)/python -m pytest tests/e2e --numprocesses 2 --dist loadfile --no-loadscope-reorder

contract: sync $(OLDEST)/.synced ## Test the bridge against the oldest supported inspect_ai
	$(OLDEST)/bin/python -m pytest -q tests/bridge tests/test_inspect_contract.py

$(OLDEST)/.synced: pyproject.toml
	@echo "Installing the oldest supported inspect_ai into $(OLDEST), in front of what $(VENV) has"
	@scripts/make-venv.sh $(PYTHON) $(OLDEST)
	@$(OLDEST)/bin/python $(PIP) --no-deps \
		"inspect_ai==$$(sed -n 's/.*"inspect_ai>=\([0-9.]*\)".*/\1/p' pyproject.toml)" \
		"anthropic<2"  # that inspect_ai cannot use later ones
	@$(call behind,$(OLDEST))
	@touch $@

clis: sync ## Download the CLIs that the tests run
	@$(BIN)/inspect-swe download claude_code codex_cli copilot_cli gemini_cli kimi_code opencode pi qwen_code mini_swe_agent antigravity >/dev/null
	@$(BIN)/inspect-swe download claude_code codex_cli copilot_cli gemini_cli kimi_code pi qwen_code --platform linux-x64-musl >/dev/null

arm64: sync ## Run the relay's tests with its arm64 binary, under qemu
	@scripts/relay-arm64.sh --setup
	RELAY_COMMAND=$(CURDIR)/scripts/relay-arm64.sh $(BIN)/python -m pytest -q tests/sandbox/test_exchange.py tests/sandbox/test_relay_c*.py tests/sandbox/test_relay_processes.py

engine: ## Make sure that a Docker engine answers (installs one on Debian 12 as root)
	@scripts/docker-engine.sh

images: engine ## Build the test images
	@scripts/test-images.sh

downstream: images $(DOWNSTREAM)/.synced $(TOWER)/.synced ## Test the packages that depend on ours (needs Python 3.13 for all)
	PATH="$(CURDIR)/$(DOWNSTREAM)/bin:$$PATH" $(DOWNSTREAM)/bin/python -m pytest downstream
	@[ ! -e $(TOWER)/bin/pytest ] || $(TOWER)/bin/python -m pytest downstream/test_control_tower.py

few: $(FEW)/.synced
	PATH="$(CURDIR)/$(FEW)/bin:$$PATH" $(FEW)/bin/python -m pytest downstream

$(DOWNSTREAM)/.synced: pyproject.toml downstream/requirements/all.txt
	@echo "Installing the packages that depend on ours into $(DOWNSTREAM) (about 3 minutes)"
	@scripts/make-venv.sh "$$(scripts/newest-python.sh)" $(DOWNSTREAM)
	@$(DOWNSTREAM)/bin/python $(PIP) --upgrade pip
	@$(DOWNSTREAM)/bin/python $(PIP) -e .
	@# One after the other: together, pip tries versions of their requirements for more than ten minutes.
	@sed 's/ *#.*//; /^$$/d' downstream/requirements/all.txt | while read -r each; do \
		$(DOWNSTREAM)/bin/python $(PIP) "$$each" || exit 1; done
	@$(DOWNSTREAM)/bin/python -m pip check
	@touch $@

$(TOWER)/.synced: pyproject.toml downstream/requirements/tower.txt
	@scripts/make-venv.sh "$$(scripts/newest-python.sh)" $(TOWER)
	@if $(TOWER)/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then \
		echo "Installing Control Tower into $(TOWER), without its exact pin of our version (about 90 seconds)"; \
		$(TOWER)/bin/python $(PIP) --upgrade pip && \
		$(TOWER)/bin/python $(PIP) -e . -r downstream/requirements/tower.txt && \
		$(TOWER)/bin/python $(PIP) --no-deps control-tower==6.0.0rc3; \
	else echo "Control Tower needs Python 3.13: it is not tested"; fi
	@touch $@

$(FEW)/.synced: $(STAMP) downstream/requirements/few.txt
	@echo "Installing some of the packages that depend on ours into $(FEW), in front of what $(VENV) has"
	@scripts/make-venv.sh $(PYTHON) $(FEW)
	@$(call behind,$(FEW))
	@$(FEW)/bin/python $(PIP) -r downstream/requirements/few.txt
	@touch $@

bench: sync images ## Benchmarks beside the peer, in one run
	$(BIN)/python -m bench

fuzz: sync ## Fuzz the relay and the host's parsers for SECONDS=600 each (needs clang)
	$(MAKE) -C fuzz PYTHON=$(abspath $(BIN)/python) SECONDS=$(SECONDS)
	FUZZ_SECONDS=$$(($(SECONDS) / 5)) $(BIN)/python -m pytest -s tests/hostile/test_relay.py tests/hostile/test_client.py -k "any_ or changes"

docs: sync ## Build the manual into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

hooks: sync ## Install the pre-commit hooks
	$(BIN)/pre-commit install

relay: sync ## Build the relay's static binaries from their source
	$(MAKE) -C $(RELAY) PYTHON=$(abspath $(BIN)/python)
