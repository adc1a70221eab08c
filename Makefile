# Two commands: `make demo` sees a firewall run as hardware, `make test` runs the tests. Both set up all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CAPTURE := examples/firewall/capture.pcap
OUT := build/demo
JOBS ?= 2

.PHONY: gates demo test test-slow conformance lint fuzz fuzz-long fuzz-verdicts fuzz-objects bench boards examples clean

demo: $(VENV)/.installed
	@mkdir -p $(OUT)
	$(BIN)/hardpath sim examples/firewall/firewall.o -r $(CAPTURE) -w $(OUT)/firewall.pcapng \
	    --frames-out $(OUT)/frames.jsonl --maps-out $(OUT)/maps.json
	@echo "Frames with verdicts: $(OUT)/firewall.pcapng; every frame's latency: $(OUT)/frames.jsonl; flows: $(OUT)/maps.json"

test: lint
	$(BIN)/python -m pytest -q -n $(JOBS) -m "not slow"

test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q -n $(JOBS) -m slow

gates: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q tests/boards/test_gates.py

conformance: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q -n $(JOBS) tests/conformance

# mypy takes a module's name from its folder, so it needs a folder in which the repository is called hardpath.
SOURCES := $(patsubst %/__init__.py,hardpath/%,$(wildcard */__init__.py))
lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	@mkdir -p build/lint && ln -sfn ../.. build/lint/hardpath
	cd build/lint && MYPYPATH=. ../../$(BIN)/mypy --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache \
	    --explicit-package-bases $(SOURCES)

PROGRAMS ?= 2150
SEED ?= 1
fuzz: $(VENV)/.installed-test
	$(BIN)/python tests/fuzz/run.py --programs $(PROGRAMS) --seed $(SEED) --netlist 200 --jobs $(JOBS)

fuzz-long: $(VENV)/.installed-test
	$(BIN)/python tests/fuzz/run.py --programs 20500 --seed $(SEED) --netlist 400 --jobs $(JOBS)

fuzz-verdicts: $(VENV)/.installed-test
	$(BIN)/python tests/fuzz/verdicts.py --programs 5000 --seed $(SEED)

fuzz-objects: $(VENV)/.installed-test
	$(BIN)/python tests/fuzz/objects.py --mutations 5000 --seed $(SEED)

bench: $(VENV)/.installed-test
	$(BIN)/python bench/anchors.py --write
	$(BIN)/python bench/million.py

boards: $(VENV)/.installed-boards
	$(BIN)/python bench/boards.py --jobs $(JOBS)

examples:
	$(MAKE) -C examples

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "hardpath needs Python 3.11 or newer: install python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "hardpath needs Python 3.11 or newer: name one with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "Python cannot make virtual environments here: install python3-venv (apt-get install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-boards: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[boards]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf build $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
