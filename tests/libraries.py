"""Imports the whole package and what it loads late, before the programs of tests/forked.py are forked."""

import gc
import importlib
import pkgutil

from tts_bench.engines.environment import prepare

prepare()  # before torch

import lm_eval.evaluator  # noqa: E402, F401
import matplotlib.backends.backend_agg  # noqa: E402
import matplotlib.backends.backend_svg  # noqa: E402
import matplotlib.figure  # noqa: E402, F401
import rich.live  # noqa: E402
import rich.markdown  # noqa: E402, F401
import scipy.stats  # noqa: E402, F401
import transformers.models.llama.modeling_llama  # noqa: E402
import transformers.models.qwen2.modeling_qwen2  # noqa: E402, F401

import tts_bench  # noqa: E402

for found in pkgutil.walk_packages(tts_bench.__path__, "tts_bench."):
    if not found.name.startswith("tts_bench.engines.vllm.") and not found.name.endswith("__main__"):
        importlib.import_module(found.name)

gc.collect()
gc.freeze()  # a collection in a fork would write to every object, and copy the memory of all of them
