# Two commands set everything up from a fresh clone: `make demo` and `make test`.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
BIN := .venv/bin
LOCKS := requirements/bootstrap.txt requirements/base.txt requirements/model.txt requirements/dev.txt
DATA_DIR ?= .igny8
PORT ?= 8910
EXAMPLES ?= 150
SEEDS ?= 200
FIRST ?= 1
ARTICLES ?= 3
export UV_PYTHON_DOWNLOADS := never

.PHONY: help shopify-schema lighthouse assets watch screenshots setup demo up test ci lint types contracts schema docs bench bench-peers fuzz faults wordpress-faults lock clean

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: assets .venv/.ready ## The virtual environment with everything in it; quick when nothing changed

assets: .venv-build/.ready ## The scripts and styles, compiled; 0.1 s when nothing changed
	@.venv-build/bin/python hatch_build.py

watch: .venv-build/.ready ## Compile them again whenever a file changes
	@.venv-build/bin/python hatch_build.py --watch

.venv-build/.ready: requirements/bootstrap.txt requirements/build.txt
	@test -n "$(PYTHON)" || { echo "IGNY8 needs Python 3.11 or newer: install it, or make PYTHON=/path/to/python"; exit 1; }
	@echo "==> build environment (Node as a Python package)"
	@test -x .venv-build/bin/python || $(PYTHON) -m venv .venv-build
	@.venv-build/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@touch $@

.venv/.ready: $(LOCKS) pyproject.toml | assets
	@test -n "$(PYTHON)" || { echo "IGNY8 needs Python 3.11 or newer: install it, or make PYTHON=/path/to/python"; exit 1; }
	@echo "==> virtual environment with $(PYTHON)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@echo "==> packages (pinned and hashed)"
	@$(BIN)/uv pip install --no-deps --require-hashes \
		-r requirements/base.txt -r requirements/model.txt -r requirements/dev.txt
	@rm -rf .venv/lib/python*/site-packages/tests  # of PayPal's libraries: it would stand before ours
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## Run the main job on a real keyword list, then serve the result until Ctrl-C
	$(BIN)/igny8 demo --data-dir $(DATA_DIR) --port $(PORT) --articles $(ARTICLES)

up: setup ## Start every process for development
	$(BIN)/igny8 up --data-dir $(DATA_DIR) --port $(PORT)

test: setup lint types schema docs ## Everything that CI checks
	$(BIN)/pytest -n 3 --dist loadfile -q --cov --cov-report=term:skip-covered

lint: setup ## Style, layers, our own rules
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-cache --config .importlinter
	$(BIN)/python tools/lint_domain.py
	$(BIN)/python tools/lint_templates.py backend/igny8_core/web/templates

types: setup ## mypy and TypeScript, strict
	$(BIN)/mypy
	.venv-build/bin/python hatch_build.py --types

schema: setup ## Migrations, API schema and generated pages agree with the code
	$(BIN)/python tools/check_generated.py

docs: setup ## The documentation site, into site/
	$(BIN)/zensical build --strict --clean

bench: setup ## The benchmarks, one JSON object each
	@for name in api clustering import ledger pipeline render scoring startup; do $(BIN)/igny8 bench $$name --json || exit 1; done

lighthouse: setup tools/lighthouse/node_modules/.ready ## Scores of sample sites in every theme; needs Node.js and Debian's chromium
	@for theme in default gazette studio; do node tools/lighthouse/check.mjs --theme $$theme || exit 1; done

tools/lighthouse/node_modules/.ready: tools/lighthouse/package-lock.json
	@cd tools/lighthouse && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

bench-peers: setup .venv-bench/.ready ## Our clustering beside BERTopic's defaults; INPUT=list.tsv REPEAT=100000
	$(BIN)/python backend/benchmarks/peers.py $(if $(INPUT),--input $(INPUT)) $(if $(REPEAT),--repeat-to $(REPEAT))

.venv-bench/.ready: requirements/bench.txt .venv/.ready
	@echo "==> virtual environment of the benchmarks' peers"
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv --without-pip .venv-bench
	@$(BIN)/uv pip install --python .venv-bench/bin/python --no-deps --require-hashes -r requirements/bench.txt
	@touch $@
shopify-schema: .shopify/admin_2026-07.json.gz ## The schema that queries to shops are held against, from npm; never committed

.shopify/admin_2026-07.json.gz:
	@mkdir -p .shopify && cd .shopify && npm pack @shopify/dev-mcp@1.16.0 --silent >/dev/null
	@cd .shopify && tar -xzf shopify-dev-mcp-1.16.0.tgz --strip-components=3 package/dist/data/$(@F) && rm shopify-dev-mcp-1.16.0.tgz

fuzz: setup ## The running API against its own document, EXAMPLES cases for each operation
	$(BIN)/pytest -q -s -p no:cacheprovider backend/tests/api/test_schema_fuzz.py --fuzz-examples $(EXAMPLES)

screenshots: setup ## Pictures of every screen, light, dark and as wide as a phone, into screenshots/; and of the tour
	$(BIN)/pytest -q -p no:cacheprovider backend/tests/browser/test_pictures.py --pictures screenshots
	$(BIN)/python tools/tour_pictures.py

faults: setup ## Runs that are broken on purpose, SEEDS of them from FIRST on; one JSON object each
	cd backend && PYTHONPATH=. ../$(BIN)/python -m tests.faults --first $(FIRST) --seeds $(SEEDS)

wordpress-faults: setup ## 100 articles over a bad line to a real WordPress (Debian's packages), twice
	IGNY8_REQUIRE_WORDPRESS=1 $(BIN)/pytest -q -s -p no:cacheprovider backend/tests/wordpress/test_fault_runs.py --wordpress-articles 100

lock: ## Pin and hash the requirements again
	$(BIN)/uv pip compile --upgrade -q --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" requirements/bootstrap.in -o requirements/bootstrap.txt
	$(BIN)/uv pip compile --upgrade -q --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" --no-deps requirements/model.in -o requirements/model.txt
	$(BIN)/uv pip compile --upgrade -q --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" requirements/build.in -o requirements/build.txt
	$(BIN)/uv pip compile --upgrade -q --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" requirements/base.in -o requirements/base.txt
	$(BIN)/uv pip compile --upgrade -q --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" requirements/dev.in -o requirements/dev.txt
	$(BIN)/uv pip compile --upgrade -q --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" --no-deps requirements/bench.in -o requirements/bench.txt

clean: ## Remove what was built; the data folder stays
	rm -rf .venv .venv-build .venv-bench frontend/node_modules backend/igny8_core/web/static/dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
