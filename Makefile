# Two commands on a fresh machine do everything: `make demo` and `make test`. They build .venv themselves.
# The first Python that runs, is new enough, and can make virtual environments (a shim may be there and do none of it).
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo digits ui azure-local test test-all chaos check bench docs clean

help: ## What there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

demo: .venv/ready ## Set up and run the whole job over made-up days, on embedded backends
	@$(BIN)/imaging-assets demo

digits: .venv/ready ## The same with 1,797 handwritten digits
	@$(BIN)/imaging-assets demo --digits

ui: .venv/ready ## Dagster's web interface over what the demo left
	@$(BIN)/imaging-assets ui

azure-local: .venv/azurite/ready ## The demo through profile azure, over Azurite and local services
	@$(BIN)/python -m imaging_assets_tests.azure.local

test: .venv/dev ## Set up, lint, type check, and the default tests
	@$(MAKE) --no-print-directory -j 2 check .venv/azurite/ready
	$(BIN)/pytest -n 2 --dist loadfile

test-all: test ## The same with the slow tests: real daemons, large data
	$(BIN)/pytest -m slow # one after the other: daemons have deadlines

chaos: .venv/dev ## Kill runs at many points; the next run must repair everything
	$(BIN)/pytest -m chaos -n 2 imaging_assets_tests/chaos

check: .venv/dev ## Lint and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: .venv/dev ## Figures against peers; ONLY=name for one of them
	$(BIN)/python -m benchmarks $(ONLY)

docs: .venv/dev ## The documentation as pages: site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build # never --quiet: it would hide the warnings from strict

clean: ## Forget the virtual environment and all state
	rm -rf .venv .imaging site

.venv/ready: pyproject.toml constraints.txt
	@$(call install,.)
	@touch $@

.venv/dev: pyproject.toml constraints.txt
	@$(call install,.[dev])
	@touch .venv/ready $@

# Microsoft's emulator of Blob Storage; where it cannot be installed, the tests that need it are skipped and say so.
.venv/azurite/ready: .venv/dev imaging_assets_tests/azure/package.json
	@mkdir -p $(@D) && cp imaging_assets_tests/azure/package.json $(@D)
	@$(BIN)/npm install --prefix $(@D) --no-package-lock --no-audit --no-fund --fetch-retries 1 --loglevel error \
		&& touch $@ || echo "No Azurite: its tests will be skipped. Give the same command again with a network."

define install
	test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed; name one with make PYTHON=/path/to/python3"; exit 1; }; \
	if command -v uv >/dev/null; then \
		test -d .venv || uv venv --quiet --python $(PYTHON) .venv; uv pip install --quiet --python .venv -c constraints.txt -e '$(1)'; \
	else \
		test -d .venv || $(PYTHON) -m venv .venv; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '$(1)'; \
	fi
endef
