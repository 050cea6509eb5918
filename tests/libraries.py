"""Imports what the programs of tests/forked.py need, before they are forked."""

from tts_bench.engines.environment import prepare

prepare()  # before torch

import lm_eval.evaluator  # noqa: E402, F401
import transformers.models.llama.modeling_llama  # noqa: E402
import transformers.models.qwen2.modeling_qwen2  # noqa: E402, F401

import tts_bench.present.plot  # noqa: E402
import tts_bench.present.running  # noqa: E402, F401
