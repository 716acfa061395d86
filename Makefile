# Every target sets up what it needs in .venv first, from requirements.lock.
# A machine needs Python 3.11 or newer, pip and make; choose another Python with `make PYTHON=python3.13 test`.

PYTHON ?= python3
VENV ?= .venv
# What the environment is made from; `test-lowest` gives another one.
LOCK ?= requirements.lock
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
STAMP := $(VENV)/.stamp
# A fresh file a figure; `make bench BENCH=benchmarks/bench_import.py` runs one alone.
BENCH ?= $(sort $(wildcard benchmarks/bench_*.py))
# What pytest is given beside the coverage options, such as `make test TESTS="tests/batch -x"`.
TESTS ?= tests
# How many processes share the tests; `make test TEST_PROCESSES=0` runs them in one, for a debugger.
TEST_PROCESSES ?= 4
# How many examples hypothesis tries: `house`, all of them, or `few` (tests/conftest.py).
HYPOTHESIS ?= house
# Every other Python of the machine that can run this: python3.12 and so on, pyenv's too.
OTHER_PYTHONS ?= $(shell $(PYTHON) .ci/pythons.py)

# With this set, every process compiles all that it imports anew: for pandas that takes three times as long
# (1.5 s of processor time, not 0.5), and tests, kernels and JupyterLab start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-units test-lowest test-pythons dist test-wheel test-sdist check format lab notebooks notebooks-keep docs pictures bench faults lock clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 24

setup: $(STAMP) ## Make .venv from requirements.lock (the other targets do it by themselves)

demo: $(STAMP) ## Run the demo: no key needed
	$(BIN)/pruna-nb demo

test: $(STAMP) ## Run all tests with coverage; browser tests skip where there is no Chromium
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder --cov --cov-report=term $(TESTS)

# Every process imports and collects for five seconds, so few of them are the quickest.
test-units: $(STAMP) ## Run the tests that need no browser and break nothing on purpose, without coverage
	$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder -p no:cacheprovider \
		--hypothesis-profile=$(HYPOTHESIS) -m "not browser and not faults" tests

test-lowest: ## Run them on the lowest versions that pyproject.toml allows
	$(MAKE) test-units HYPOTHESIS=few VENV=.venv-lowest LOCK=requirements-lowest.lock

test-pythons: ## Run them on every other Python that this machine has
	@set -e; for python in $(OTHER_PYTHONS); do \
		echo "== $$($$python --version)"; \
		$(MAKE) test-units HYPOTHESIS=few PYTHON=$$python VENV=.venv-$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	done

dist: $(STAMP) ## Build the wheel and the source distribution into dist
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist

test-wheel: dist ## Use the wheel in an empty environment, with what it asks for and nothing else
	$(BIN)/python .ci/wheel.py dist/*.whl

test-sdist: dist ## Unpack the source distribution, and run its own tests on the lowest versions
	rm -rf build/sdist && mkdir -p build/sdist
	tar -xzf dist/*.tar.gz -C build/sdist --strip-components 1
	$(MAKE) -C build/sdist test-lowest

check: $(STAMP) ## Check format, lint, types and the layers of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/zizmor --offline --quiet --persona pedantic .github

format: $(STAMP) ## Format the code and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lab: $(STAMP) ## Open the notebooks in JupyterLab
	$(BIN)/jupyter lab --notebook-dir=notebooks

notebooks: $(STAMP) ## Execute the notebooks on the emulator, into build/notebooks
	printf '%s\n' notebooks/*.ipynb | xargs -n 1 -P 3 $(BIN)/jupyter nbconvert --to notebook --execute --output-dir build/notebooks

notebooks-keep: $(STAMP) ## Execute the notebooks and keep their outputs
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace notebooks/*.ipynb
	$(BIN)/python .ci/strip_widgets.py notebooks/*.ipynb

docs: $(STAMP) ## Build the pages into docs/_build; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -j auto -b html -d build/doctrees docs docs/_build

pictures: $(STAMP) ## Make the pictures of the pages anew, by the recipes of docs/gallery in JupyterLab
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/browser/docs_pictures.py

bench: $(STAMP) ## Run every benchmark and print its figures
	@test -n "$(BENCH)" || { echo "No benchmarks/bench_*.py is here." >&2; exit 1; }
	@set -e; for script in $(BENCH); do echo "== $$script"; $(BIN)/python $$script; done
	$(BIN)/python benchmarks/table.py

faults: $(STAMP) ## Break the network and the process on purpose; print what was lost and paid twice
	$(BIN)/python tests/faults/table.py

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header --all-extras pyproject.toml

# requirements-lowest.lock holds what pyproject.toml asks for at its lowest, and all else at its newest.
lock: $(STAMP) ## Resolve both locks anew (`make lock UPGRADE=--upgrade` takes newer versions)
	$(COMPILE) --generate-hashes --group dev --group bench $(UPGRADE) --output-file requirements.lock
	mkdir -p build && rm -f build/lowest-direct.txt
	$(COMPILE) --no-annotate --resolution lowest-direct --output-file build/lowest-direct.txt
	$(BIN)/python .ci/lowest.py build/lowest-direct.txt > build/lowest.txt
	$(COMPILE) --generate-hashes --group test --constraint build/lowest.txt $(UPGRADE) --output-file requirements-lowest.lock

clean: ## Remove .venv and everything that was built
	rm -rf .venv .venv-lowest .venv-3.* build dist docs/_build docs/jupyter_execute docs/reference/api .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis

# uv installs the lock in seconds, where pip takes over a minute, and is itself taken from the lock, by its hashes.
# It does not read pip's configuration: where that names an index in place of the default one, pip does it all.
$(STAMP): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		f"pruna_nb needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. Try: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "This Python cannot make environments:" \
		"install its venv package (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@echo "Setting up $(VENV) from $(LOCK) (once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if $(BIN)/python -m pip config list | grep -qE '(^|\.)(index-url|no-index)='; then \
		$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK) && \
		$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .; \
	else \
		awk '/^[^ #]/ {on = /^uv==/} on' $(LOCK) > $(VENV)/uv.lock && \
		$(BIN)/python -m pip install --quiet --require-hashes -r $(VENV)/uv.lock && \
		$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes $(LOCK) && \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	fi
	@touch $@
