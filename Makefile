# make book    set up, execute the lectures, build the book
# make test    set up, run all tests (they read the book that `make book` built);
#              `make -j2 -Otarget test` runs those of the code and of the pages at once; test_smoke
#              runs the lectures at smoke scale
# make twins   write the notebooks for Colab, and the copies of the repository's address
# make bench   measure speed against plain Python, quantecon, Mesa, EconGym, HARK and others
# make experiments            list the experiments with their cost
# make experiments NAME=...   run one, resumably, and record what it finds
# make lock    pin the newest versions that fit together
# make clean   remove all that was built (the environment stays: rm -r .venv)
#
# MARKETSAI_SCALE=smoke|lecture|gpu   size of the experiments in the lectures
# UV_TORCH_BACKEND=cpu|auto           PyTorch for CPUs only (a far smaller download), or for this GPU

PY ?= $(firstword $(foreach v,3.11 3.12 3.13,$(shell python$(v) -c 'print("python$(v)")' 2>/dev/null)) python3)
BIN := .venv/bin
MARKETSAI_SCALE ?= lecture
OMP_NUM_THREADS ?= 1
NUMBA_NUM_THREADS ?= 1
UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export MARKETSAI_SCALE OMP_NUM_THREADS NUMBA_NUM_THREADS UV_FIND_LINKS
export PYTHONDONTWRITEBYTECODE :=
export PYTHONUTF8 := 1

ifeq ($(MARKETSAI_SCALE),lecture)
OUT := .
else
OUT := _build/$(MARKETSAI_SCALE)
endif

.PHONY: book test test_code test_site test_smoke twins experiments bench lock clean lint

book: .venv/.done
	@echo "== Lectures ($(MARKETSAI_SCALE) scale): up to 2 minutes each the first time, seconds afterwards."
	$(BIN)/python -m tools.lectures
	@echo "== Book: half a minute."
	$(BIN)/python -m tools.alone $(BIN)/jupyter-book build . --path-output $(OUT) -W -n --keep-going --all
	@echo "== The book is ready: open $(OUT)/_build/html/index.html"
	@$(BIN)/python -m tools.ledger

test: test_code test_site
	@echo "== All tests passed. Claims and verdicts: $(OUT)/_build/claims.json"

test_code: .venv/.done
	@echo "== Tests of the code: 20 minutes; lectures that are not in the cache are executed first."
	$(BIN)/python -m pytest --ignore=tests/test_site.py

test_site: .venv/.done node_modules
	@echo "== Tests of the book's pages, in a browser: 15 minutes."
	$(BIN)/python -m pytest tests/test_site.py

test_smoke: .venv/.done
	@echo "== The lectures at smoke scale: 5 minutes."
	MARKETSAI_SCALE=smoke $(BIN)/python -m pytest tests/test_lectures.py

lint: .venv/.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

twins: .venv/.done
	$(BIN)/python -m tools.book
	$(BIN)/python -m tools.export

experiments: .venv/.done $(if $(filter outside_%,$(NAME)),_build/outside/.done)
	$(if $(filter outside_%,$(NAME)),_build/outside/bin,$(BIN))/python -m marketsai_lite.experiments $(NAME)

bench: .venv/.done _build/outside/.done # others' games, agents and economies
	$(BIN)/uv pip install -q -p $(BIN)/python algocomp==1.0.5 mesa==3.3.1 econgym==0.2.0
	$(BIN)/python -m benchmarks

.venv/.done: requirements.lock pyproject.toml
	@echo "== Environment in .venv: 1 to 5 minutes, mostly download."
	$(PY) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip install -p $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install -q -p $(BIN)/python --no-deps -e .
	@touch $@

_build/outside/.done: .venv/.done # libraries beside which ours are tested and timed
	$(PY) -m venv --without-pip $(@D)
	$(BIN)/uv pip install -q -p $(@D)/bin/python -c requirements.lock torch numba joblib \
	  scipy gymnasium pettingzoo quantecon tqdm pytest "ray==2.60.0" "stable-baselines3==2.9.2" "supersuit==3.11.0" \
	  "econ-ark==0.17.2" "sequence-jacobian==1.0.0"
	$(BIN)/uv pip install -q -p $(@D)/bin/python --no-deps -e .
	@touch $@

node_modules: # axe-core, for the accessibility test; without npm that test is skipped
	@npm install --no-save --no-package-lock --silent --prefix . axe-core@4.14.1 \
	  || echo "axe-core could not be installed with npm: accessibility is not tested"

lock: .venv/.done # PyTorch brings the GPU libraries that fit it, so they are not pinned
	sed '/^#/!d' requirements.lock > .lock.part
	$(BIN)/uv pip compile -q --upgrade --python-version 3.11.7 pyproject.toml --extra book \
	  --extra test --no-header --no-annotate | sed -E '/^(cuda|nvidia|triton)/d; s/\+cpu$$//' >> .lock.part
	mv .lock.part requirements.lock

clean: # with Numba's compiled code, which a full disk or a kill can leave cut off
	rm -rf _build
	find marketsai_lite tools tests benchmarks book -name __pycache__ -prune -exec rm -rf {} +
