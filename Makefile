# Every target sets up what it needs; `make help` lists them.
#   PYTHON=/path/to/python3.12  another interpreter      NODE=wheel  ignore the machine's Node
#   ARGS="-k auction -n 0"      further arguments of test and fuzz

.DEFAULT_GOAL := help
.PHONY: help setup build demo test fuzz fuzz-deep lives check format bench bench-speed docs golden lock clean

BIN := .venv/bin
ARGS ?=
MINUTES ?= 60
export PYTHON NODE

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup:  ## Install Python, Node and Solidity packages from the locks (into .venv, node_modules, .solc)
	@tools/setup.sh

build: setup  ## Compile the contracts with production settings into build/forge
	@echo "[build] contracts (only what changed; all of them take about a minute)"
	@$(BIN)/forge build contracts

demo: build  ## Live through Black Thursday and write runs/demo/report.html
	$(BIN)/amm-sim run scenarios/black_thursday.toml --out runs/demo

test: build  ## Run all tests
	$(BIN)/pytest -n auto $(ARGS)

fuzz: setup  ## Run the Foundry unit, fuzz and invariant tests of the contracts (compiled without via-IR)
	FOUNDRY_PROFILE=lite $(BIN)/forge test $(ARGS)

fuzz-deep: setup  ## Repeat the invariant runs with new seeds for MINUTES=60; print calls/s and the call mix
	$(BIN)/python -m tools.fuzz_deep --minutes $(MINUTES) $(ARGS)

lives: build  ## Run the Python state machine over the contracts for STEPS steps (20000)
	AMM_SIM_STEPS=$(or $(STEPS),20000) $(BIN)/pytest -s -n 0 tests/stateful $(ARGS)

mutation: setup  ## Plant bugs for MINUTES=60, see which tests find them; resumes benchmarks/mutation.jsonl
	$(BIN)/python -m tools.mutation --minutes $(MINUTES) $(ARGS)

static: setup  ## Slither: no finding of high or medium impact that docs/static_analysis.md does not argue
	tools/static.sh

check: setup  ## Lint, formatting and strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## Format the Python sources and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: build  ## Run the benchmarks: gas, speed, accuracy
	@for script in $(wildcard benchmarks/bench_*.py); do echo "[bench] $$script"; $(BIN)/python $$script || exit 1; done

bench-speed: build  ## Measure the engine on quiet cores, about 15 minutes; renew benchmarks/speed.json and docs/speed.md
	$(BIN)/python benchmarks/bench_speed.py
	$(BIN)/python docs/generate_speed.py

bench-contracts: build  ## Accuracy, gas and sizes of the contracts beside published pricers; renew benchmarks/gas.json
	$(BIN)/python benchmarks/all_contracts.py

docs: build  ## Write the generated pages of docs/
	@for script in $(wildcard docs/generate_*.py); do echo "[docs] $$script"; $(BIN)/python $$script || exit 1; done

golden: build  ## Renew the committed digest of tests/golden, deliberately: commit it with the reason
	$(BIN)/python tests/golden/renew.py

lock: setup  ## Renew the Python locks from the ranges in pyproject.toml
	tools/lock.sh

clean:  ## Remove builds, runs and caches; environments stay
	rm -rf build .build runs .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -not -path './node_modules/*' -prune -exec rm -rf {} +
