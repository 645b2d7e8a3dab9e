# Two commands matter: `make review` runs the product on the sample, `make test` runs the fast tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
DATA ?= data/sample
QUARTER ?= 2026Q2
WORKERS ?= 2
# One more than cores: tests wait for kernels, servers and locks for a tenth of their time.
TESTERS ?= 3
# Matrices are small here: threads of the algebra library cost a third more than they save.
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help setup review test test-browser test-slow lint lock audit docs guide codebook vendors messages pictures accuracy sample clean
help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

# uv installs in seconds and is itself pinned in the lock; where it is not available, pip does the same slower.
define install
	@test -x $(BIN)/python || { echo "Creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the packages of $(1)"
	@sed -n '/^uv==/,/[^\\]$$/p' $(1) > $(VENV)/uv.lock
	@if $(PIP) --require-hashes -r $(VENV)/uv.lock; then \
	  $(BIN)/uv pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes $(1) \
	  && $(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
	  echo "uv is not available; falling back to pip (about 1 minute)"; \
	  $(PIP) --require-hashes -r $(1) && $(PIP) --no-deps --no-build-isolation -e .; \
	fi
	@touch $@
endef

# Where the test packages are installed already, they stay.
$(VENV)/.runtime: requirements.lock pyproject.toml
	$(call install,$(if $(wildcard $(VENV)/.dev),requirements-dev.lock,requirements.lock))

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock)
	@touch $(VENV)/.runtime

setup: $(VENV)/.runtime ## create .venv with the pinned packages

review: $(VENV)/.runtime ## study and client reviews of DATA (default data/sample) for QUARTER
	$(BIN)/rhem review $(DATA) --quarter $(QUARTER) --workers $(WORKERS)

test: $(VENV)/.dev ## all fast tests
	$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile

test-browser: $(VENV)/.dev ## a notebook and the pages in Chromium, where it is installed
	-npm install --silent --no-save axe-core@4 # without it the pages are not checked for accessibility
	$(BIN)/python -m pytest -m slow tests/whole/test_browser.py -k 'decay or pages'

test-slow: $(VENV)/.dev ## the tests that take minutes
	$(BIN)/python -m pytest -n $(TESTERS) -m slow

lint: $(VENV)/.dev ## format and lint check, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

sample: $(VENV)/.runtime ## make data/sample again (same seed, same bytes)
	$(BIN)/rhem sample data/sample --clients 30 --months 30 --seed 2026 --dirt some

codebook: $(VENV)/.runtime ## write data/codebook.md from rhem_lib/schema.py
	$(BIN)/python -m rhem_lib.schema > data/codebook.md

vendors: $(VENV)/.runtime ## write docs/vendors.md from the profiles and docs/vendors.toml
	$(BIN)/python docs/make_vendors.py

messages: $(VENV)/.runtime ## bring rhem_lib/locale/*.po up to date with the messages in the code
	$(BIN)/pybabel -q extract -k t -k mark -k count:2,3 --no-location -o $(VENV)/messages.pot rhem_lib
	for po in rhem_lib/locale/*.po; do $(BIN)/pybabel -q update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
	  -w 110 -i $(VENV)/messages.pot -o $$po -l $$(basename $$po .po); done

guide: $(VENV)/.dev ## write docs/guide/reference/settings.md from rhem_lib/settings.py and docs/settings.toml
	$(BIN)/python docs/make_guide.py

docs: $(VENV)/.dev guide ## build the guide to docs/_build/html, its figures and examples made anew; a warning is an error
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

accuracy: $(VENV)/.dev ## write docs/accuracy.md (about an hour on two idle cores; `benchmarks/accuracy.py --only billing` makes one section)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/accuracy.py --workers $(WORKERS)

pictures: $(VENV)/.runtime ## draw the pictures of the README again (needs LibreOffice and poppler)
	$(BIN)/python docs/make_pictures.py

lock: $(VENV)/.dev ## resolve the newest versions again
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  --upgrade --extra dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  --extra build -c requirements-dev.lock pyproject.toml -o requirements.lock

audit: ## look for known faults: bandit over the code, pip-audit over the lock (which needs the network)
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/pip install -q "bandit>=1.9,<2" "pip-audit>=2.9,<3"
	$(VENV)-audit/bin/bandit -q -ll -c pyproject.toml -r rhem_lib
	$(VENV)-audit/bin/pip-audit --disable-pip --require-hashes -r requirements.lock

clean: ## remove .venv and all made reports
	rm -rf $(VENV) $(VENV)-audit reports/*/
