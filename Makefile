# make study      train, evaluate and compare two encoders on the built-in scenes
# make test       everything that must hold before a change lands
# make reference  renew the generated pages of docs and man
# make docs       the site of docs in build/site; a warning is a failure (make test builds it, too)
# make linkcheck  addresses outside the project that lead nowhere: the only one of these that asks other hosts
# make benchmark  measure speed on this machine, beside its peers, and renew docs/results/speed.md
# make lint       style, types and the order of the packages: a part of make test
# make pytest     the tests alone
# make spelling   likely typing mistakes
# make dist       the sdist and the wheel, in dist
# Each sets up .venv first; it needs Python 3.11+ and make (on Windows in Git's bash).

PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
VENV_PYTHON := $(BIN)/python.exe
else
BIN := .venv/bin
VENV_PYTHON := $(BIN)/python
endif
STUDY_OUT := study/demo-$(shell date +%Y%m%d-%H%M%S)

.PHONY: study test lint pytest spelling dist reference docs linkcheck benchmark clean
.DELETE_ON_ERROR:

study: .venv/installed-train
	$(BIN)/streetseg study scenes --encoders mobilenetv2_100,resnext50_32x4d --recipe demo --minutes 5 --out $(STUDY_OUT)

test: lint pytest

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	for platform in linux darwin win32; do \
		$(BIN)/mypy --platform $$platform --cache-dir .mypy_cache/$$platform || exit; \
	done
	$(BIN)/lint-imports

pytest: .venv/installed-dev
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

spelling: .venv/installed-dev
	$(BIN)/codespell

dist: .venv/installed-build
	rm -rf dist
	$(BIN)/python -m build

$(VENV_PYTHON):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: streetseg needs Python 3.11 or newer; set it with make PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv

# One stamp file for each set of packages, so that the second call installs nothing.
.venv/installed-train: $(VENV_PYTHON) pyproject.toml $(CONSTRAINTS)
	@echo "installing into .venv (torch is large: this can take some minutes)"
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c $(CONSTRAINTS) -e '.[train]'
	touch $@

.venv/installed-build: $(VENV_PYTHON) $(CONSTRAINTS)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c $(CONSTRAINTS) build
	touch $@

.venv/installed-dev: $(VENV_PYTHON) pyproject.toml $(CONSTRAINTS)
	@echo "installing into .venv (torch is large: this can take some minutes)"
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c $(CONSTRAINTS) -e '.[train,dev,litert-export]'
	touch $@ .venv/installed-train .venv/installed-docs

.venv/installed-docs: $(VENV_PYTHON) pyproject.toml $(CONSTRAINTS)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c $(CONSTRAINTS) -e '.[docs]'
	touch $@

# pages, JSON schemas and manual pages from the program, docs/explanation/reliability.md from the tests
reference: .venv/installed-train
	$(BIN)/python tools/write_reference.py
	$(BIN)/python tools/write_man.py
	$(BIN)/python tools/write_reliability.py

docs: .venv/installed-docs
	$(BIN)/sphinx-build -E -W --keep-going -q docs build/site

linkcheck: .venv/installed-docs
	$(BIN)/sphinx-build -b linkcheck -q docs build/linkcheck

benchmark: .venv/installed-dev
	$(BIN)/python benchmarks/renew.py

clean:
	rm -rf .venv study runs
