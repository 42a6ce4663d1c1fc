# Commands for developers and CI. They need make, git and Python 3.11 or newer, and install everything else into .venv.
PYTHONS := python3 python3.13 python3.12 python3.11
PYTHON  := $(firstword $(foreach p,$(PYTHONS),$(shell $(p) -c 'import sys; print("$(p)" if sys.version_info >= (3, 11) else "")' 2>/dev/null)))
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/installed

.PHONY: help demo test check docs constraints clean
help: ## list the targets
	@grep -E '^[a-z]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/: [^#]*## /\t/' | expand -t 14

# Runs again only when the requirements change.
$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer was found (looked for: $(PYTHONS))" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (about two minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## create the environment alpha on the base dev, simulated
	@$(BIN)/orchestrator create-env alpha --base dev --engine simulation

test: $(STAMP) ## run the tests
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: $(STAMP) ## run the formatter, the linter, the import contracts and the type checker
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports > /dev/null || $(BIN)/lint-imports
	@$(BIN)/basedpyright

docs: $(STAMP) ## write docs/reference and the diagrams of docs/architecture.md
	@$(BIN)/python docs/generate.py

constraints: $(STAMP) ## write the installed versions into constraints.txt
	@$(BIN)/python -m pip freeze --exclude-editable --disable-pip-version-check > constraints.txt

clean: ## remove the virtual environment, caches and simulated stacks
	@rm -rf $(VENV) .orchestrator .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
