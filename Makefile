# The one interface to the project. A machine with Python >= 3.11, git and make is enough: everything
# else is installed into .venv, once (again when pyproject.toml changes).
#
#   make up      start the whole exchange in the foreground      ARGS="--rest-port 3001"
#   make test    run every test                                  make fast    the part under a minute
#   make lint    what CI checks without running                  make fix     mend what can be mended
#   make clients run real trading programs against a running exchange, each in its own environment
#   make soak    an exchange under load for MINUTES=60: nothing may grow
#   make freqtrade   let freqtrade trade for five minutes        make hummingbot  compile Hummingbot, let its connector trade
#   make browser use the terminal in a real browser; pictures in build/browser
#   make page    measure the terminal in a busy market, SECONDS=600
#   make audit   look for known vulnerabilities                  make sbom    list what is inside
#   make bench   measure beside the yardsticks                   make fuzz    generated commands on both engines, SECONDS=600
#   make fuzz-bytes   bytes from outside, into every parser, SECONDS=600
#   make books   ten minutes of kills while clients keep books from the streams
#   make chaos   kill, pause, fill and confuse a whole exchange under its clients, MINUTES=5

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
APART := system or clients or browser or bench
SECONDS ?= 600
CORE_TESTS := tests/scenarios tests/properties $(wildcard tests/test_core*.py)
PROTOCOL_TESTS := $(addprefix tests/test_,tape.py user_feed.py stream.py broadcaster_intake.py intervals.py units.py runtime_board_reads.py market_bus.py)

.PHONY: audit sbom up test units system fast lint fix clients soak freqtrade hummingbot browser programs bench books fuzz fuzz-more coverage bounds

up: .venv/for-use
	$(BIN)/openbourse up $(ARGS)

# Old versions of make cannot keep the output of jobs apart.
APART_OUTPUT := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# The first two have work for two cores each. Clients and browser keep one core busy, so they run side by side; the output
# of each is shown when it has ended, both run to their end, and it fails when either does.
test: .venv/for-tests
	$(MAKE) units
	$(MAKE) system
	$(MAKE) --jobs=2 --keep-going $(APART_OUTPUT) clients browser

# What needs no processes of an exchange; what needs them.
units: .venv/for-tests
	$(BIN)/python -m matcher.warm_up
	$(BIN)/python -m ingress.warm_up
	$(BIN)/pytest -n 2 --dist loadfile -m "not ($(APART))" $(ARGS)

system: .venv/for-tests
	$(BIN)/pytest -n 2 --dist loadfile -m "system and not bench" tests/system $(ARGS)

fast: .venv/for-tests
	$(BIN)/pytest $(ARGS)

# Whole exchanges in which everything goes wrong: SEED=1 N=1000.
SEED ?= 1
N ?= 1000
.PHONY: sim
sim: .venv/for-tests
	$(BIN)/python -m matcher.warm_up
	$(BIN)/python -m tests.simulation --seed $(SEED) --count $(N)

lint: .venv/for-tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/for-tests
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tests.generated_tables

clients: .venv/for-tests
	$(BIN)/pytest -m clients tests/clients $(ARGS)

browser: .venv/for-tests
	$(BIN)/python -m tests.programs chromium
	$(BIN)/pytest -m browser tests/browser $(ARGS)

# How the terminal keeps up with 500 changes of the book a second: SECONDS=600.
.PHONY: page
page: .venv/for-tests
	$(BIN)/python -m tests.programs chromium
	$(BIN)/python -m tests.browser.measure --seconds $(SECONDS) $(ARGS)

# Packages of the system that tests need (Chromium, nginx, supervisord): installed when that is possible, else
# the tests say why not. Debian starts an nginx when it installs it.
programs: .venv/for-tests
	$(BIN)/python -m tests.programs

# An exchange under load: memory, open files, error lines and the 99th percentile of an order's time are judged.
soak: MINUTES ?= 60
soak: .venv/for-tests
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(ARGS)

# freqtrade in live mode: five minutes of round trips without an error.
freqtrade: .venv/for-tests
	OPENBOURSE_SOAK_S=300 $(BIN)/pytest -m clients tests/clients -k freqtrade $(ARGS)

# Hummingbot has no wheels; without optimisation it is compiled in minutes.
hummingbot: export CFLAGS ?= -O0 -g0
hummingbot: export CXXFLAGS ?= -O0 -g0
hummingbot: .venv/for-tests
	OPENBOURSE_HUMMINGBOT=1 $(BIN)/pytest -m clients tests/clients -k hummingbot $(ARGS)

bench: .venv/for-use
	$(BIN)/openbourse bench all $(ARGS)

fuzz: .venv/for-tests
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

# Bytes that no parser may let anything but its own refusal escape on, found by what they reach: SECONDS=600.
.PHONY: fuzz-bytes
fuzz-bytes: .venv/for-fuzz
	$(BIN)/python -m tests.fuzz_bytes --seconds $(SECONDS) $(ARGS)

# The state machines of Hypothesis with many more examples than `make test` gives them.
fuzz-more: .venv/for-tests
	$(BIN)/pytest -m property --hypothesis-profile=fuzz $(ARGS)

# Ten minutes of trading with kills, while clients keep books from the streams and compare.
books: .venv/for-tests
	$(BIN)/python -m tests.book_run --seconds 600 $(ARGS)

# Everything that hurts a real exchange, under real clients, and then everything held against everything.
.PHONY: chaos
chaos: MINUTES ?= 5
chaos: .venv/for-tests
	$(BIN)/python -m matcher.warm_up
	$(BIN)/python -m tests.chaos --minutes $(MINUTES) $(ARGS)

# Known vulnerabilities of what is installed, where their database can be reached; and all that is inside. A package that the
# database does not know is named; --strict so that an audit of nothing does not look like one that found nothing.
audit: .venv/for-audit
	@mkdir -p build
	$(BIN)/pip freeze --exclude-editable --disable-pip-version-check > build/audited.txt
	$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement build/audited.txt $(ARGS)

sbom: .venv/for-audit
	$(BIN)/cyclonedx-py environment $(BIN)/python --output-file sbom.json

# The lines and branches of the core and of the protocol (all were seen at the last whole count), in three runs: the core read line by line by Python; its
# compiler as it fills an empty cache; the compiler again as it writes a check into every access to an array.
coverage: .venv/for-tests
	$(BIN)/coverage erase
	NUMBA_DISABLE_JIT=1 $(BIN)/coverage run -p -m pytest --hypothesis-seed=1 -m "not ($(APART) or slow)" $(CORE_TESTS) $(PROTOCOL_TESTS)
	cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && export OPENBOURSE_CACHE_DIR="$$cache" && \
		$(BIN)/coverage run -p -m matcher.core.warm_up && \
		NUMBA_BOUNDSCHECK=1 $(BIN)/coverage run -p -m pytest -m "not slow" tests/test_core_kernel.py
	$(BIN)/coverage combine
	$(BIN)/coverage report --precision=2 --fail-under=100 --skip-covered --show-missing

# The compiled core with every array index checked.
bounds: .venv/for-tests
	NUMBA_BOUNDSCHECK=1 $(BIN)/pytest -m "not ($(APART))" $(CORE_TESTS)

.venv/for-use: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/for-tests: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	@touch $@ .venv/for-use

.venv/for-fuzz: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test,fuzz]"
	@touch $@ .venv/for-use

.venv/for-audit: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[audit]"
	@touch $@ .venv/for-use

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, none was found"; exit 1; }
	$(PYTHON) -m venv .venv
