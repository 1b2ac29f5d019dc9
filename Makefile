# `make demo` and `make test` need Python 3.11 or later, make and a package index; nothing else.
PYTHON ?= python3
TORCH  ?= torch==2.13.0

BIN   := .venv/bin
READY := .venv/ready
DEMO  := examples/damask_case

.PHONY: demo test lint docs slow bench dist-check oldest clean

demo: $(READY)
	$(BIN)/polyxtal predict $(DEMO)/grid.vti --load $(DEMO)/load.yaml --out out/demo --force
	@echo "Picture: out/demo/prediction.png"

# One process per core: torch and numba get one thread each. Files are taken in order, the
# notebooks among the first: none of the last ones is long.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright

docs: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs out/docs
	@echo "Site: out/docs/index.html"

slow: $(READY)
	$(BIN)/pytest -m slow

bench: $(READY)
	@set -e; for file in benchmarks/*.py; do \
	  test -e "$$file" || { echo "benchmarks/ holds no benchmark"; break; }; \
	  echo "== $$file"; $(BIN)/python "$$file"; \
	done

dist-check:
	TORCH='$(TORCH)' tests/release/check_wheel.sh $(PYTHON)

# Lowest versions that pyproject.toml allows; they warn of what newer ones removed.
OLDEST := files algebra texture microstructure mechanics/bounds dataset/test_recipe.py \
  dataset/test_store.py viz/test_figures.py cli/test_app.py
oldest:
	$(PYTHON) -m venv out/oldest
	out/oldest/bin/python -m pip install --quiet --only-binary :all: \
	  -c tests/release/oldest.txt -e . pytest hypothesis
	OMP_NUM_THREADS=1 out/oldest/bin/python -m pytest -o filterwarnings=default $(OLDEST:%=tests/unit/%)

# torch goes first: the pin chooses its build before any other package can.
$(READY): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet '$(TORCH)'
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv out build dist .hypothesis .pytest_cache .ruff_cache .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
