"""The claims about engines, on vllm: its column in the table of docs/engines.md is what the suite finds."""

from __future__ import annotations

import pytest

from tests.engines.held import held, table_of_engines
from tts_bench.engine import Engine
from tts_bench.testing import engine_results

pytest.importorskip("vllm")
pytestmark = pytest.mark.slow


def test_vllm_holds_what_the_page_says(vllm_engine: Engine) -> None:
    said = table_of_engines()["`vllm`"]
    if not vllm_engine.info.exact:  # then it does not claim that company does not matter
        said = {**said, "concurrency": "-"}
    assert held(engine_results(vllm_engine)) == said
