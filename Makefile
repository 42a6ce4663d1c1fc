# Commands for developers and CI. They need make, git and Python 3.11 or newer, and install everything else into .venv.
PYTHONS := python3 python3.13 python3.12 python3.11
PYTHON  := $(firstword $(foreach p,$(PYTHONS),$(shell $(p) -c 'import sys; print("$(p)" if sys.version_info >= (3, 11) else "")' 2>/dev/null)))
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/installed
# The version is that of docs/site_hooks.py, which compares the file with its hash.
MERMAID := $(VENV)/npm/mermaid/$(shell sed -n 's/^MERMAID_VERSION = "\(.*\)"$$/\1/p' docs/site_hooks.py)
GITLAB  := $(VENV)/npm/gitlab-ci-local/4.75.1

.PHONY: help demo test check docs site npm package release constraints clean
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

site: $(STAMP) $(MERMAID)/mermaid.min.js ## build the documentation site into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "build/site/index.html"

npm: $(MERMAID)/mermaid.min.js $(GITLAB)/index.js ## fetch the script of the site's diagrams, and the runner of GitLab's pipelines

# A package without its dependencies: both files need none.
$(VENV)/npm/%:
	@command -v npm > /dev/null || { echo "error: npm was not found; it fetches $*" >&2; exit 1; }
	@mkdir -p $(@D)
	@cd $(@D) && npm pack --silent $(notdir $(patsubst %/,%,$(dir $(@D))))@$(notdir $(@D)) > /dev/null \
		&& tar -xzf *.tgz --strip-components=2 package/dist/$(@F) && touch $(@F) && rm *.tgz

package: $(STAMP) ## build wheel and sdist into dist, check them, and use the wheel alone in a clean environment
	@.ci/package $(BIN)/python

release: $(STAMP) ## make the commit and the tag of the next version, which follows from the commits; pushing the tag publishes
	@test -z "$$(git status --porcelain)" || { echo "error: the working copy has changes" >&2; exit 1; }
	@$(BIN)/python docs/release_notes.py notes Unreleased > /dev/null
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cz bump --yes
	@echo "next: git push origin HEAD $$(git describe)"

constraints: $(STAMP) ## write the installed versions into constraints.txt
	@$(BIN)/python -m pip freeze --exclude-editable --disable-pip-version-check > constraints.txt

clean: ## remove the virtual environment, caches and simulated stacks
	@rm -rf $(VENV) .orchestrator .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
