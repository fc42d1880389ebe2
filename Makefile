# Two targets are enough to start: 'make demo' and 'make test'. Each can be repeated.
PYTHON ?= python3
# 'llm' compiles llama.cpp; 'extractive' needs no compiler and quotes the evidence instead.
GENERATOR ?= llm
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test torch check dev lock wheel clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: ## install into .venv and show the whole product on Python's own documentation
	@$(PYTHON) scripts/bootstrap.py --venv $(VENV) --generator $(GENERATOR)
	@$(BIN)/assay demo --generator $(GENERATOR)

test: dev ## install what tests need and run them all
	@$(BIN)/assay models pull --set test
	@$(BIN)/python -m pytest

torch: dev ## add the extra torch and run the tests of models again, none skipped for want of it
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/torch.txt -e '.[torch]'
	@$(BIN)/python -m pytest tests/models tests/training tests/conformance/test_models.py tests/apps/test_engines.py tests/apps/test_train_select_command.py

check: dev ## format, lint, types, import floors, examples in docstrings and files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@MYPYPATH=build/typing $(BIN)/mypy --namespace-packages --explicit-package-bases -p assay
	@MYPYPATH=build/typing $(BIN)/mypy --namespace-packages --explicit-package-bases tests
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/test_house.py

dev: ## install for development: everything, editable
	@$(PYTHON) scripts/bootstrap.py --venv $(VENV) --generator llm --dev

lock: dev ## make the lock files anew from pyproject.toml
	@$(BIN)/python scripts/lock.py

wheel: dev ## build a wheel into dist/
	@$(BIN)/python -m build --wheel

clean: ## remove what the targets made (never the models in your cache)
	rm -rf $(VENV) build dist demo .assay .pytest_cache .mypy_cache .ruff_cache .hypothesis
