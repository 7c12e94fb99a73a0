# make study      train, evaluate and compare two encoders on the built-in scenes
# make test       everything that must hold before a change lands
# make reference  renew the generated pages of docs
# make benchmark  measure speed on this machine, beside its peers, and renew docs/results/speed.md
# Both set up .venv first, from nothing but Python 3.11+ and make.

PYTHON ?= python3
BIN := .venv/bin
STUDY_OUT := study/demo-$(shell date +%Y%m%d-%H%M%S)

.PHONY: study test reference benchmark clean
.DELETE_ON_ERROR:

study: .venv/installed-train
	$(BIN)/streetseg study scenes --encoders mobilenetv2_100,resnext50_32x4d --recipe demo --out $(STUDY_OUT)

test: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 --dist loadfile

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: streetseg needs Python 3.11 or newer; set it with make PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv

# A stamp per set of packages: the second time nothing is installed.
.venv/installed-train: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing into .venv (torch is large: this can take some minutes)"
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[train]'
	touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing into .venv (torch is large: this can take some minutes)"
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[train,dev]'
	touch $@ .venv/installed-train

# docs/reference/commands.md and recipe.md from the program itself, docs/explanation/reliability.md from the tests
reference: .venv/installed-train
	$(BIN)/python tools/write_reference.py
	$(BIN)/python tools/write_reliability.py

benchmark: .venv/installed-dev
	$(BIN)/python benchmarks/renew.py

clean:
	rm -rf .venv study runs
