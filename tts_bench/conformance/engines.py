"""What an engine has to keep: each claim a function that tries it through the protocol of `engine.py` alone."""

from __future__ import annotations

from tts_bench.conformance import engine_columns as columns
from tts_bench.conformance import engine_edges as edges
from tts_bench.conformance import engine_stops as stops
from tts_bench.conformance import engine_texts as texts
from tts_bench.conformance.kit import claims_of

ENGINE_CLAIMS = claims_of(
    texts.generates,
    texts.order,
    texts.budget,
    texts.prefixes,
    texts.continuation,
    texts.seeds,
    texts.samples,
    texts.concurrency,
    stops.stop_ids,
    stops.stop_texts,
    stops.delimiters,
    stops.stop_after_a_cut,
    stops.empty_generation,
    stops.end_inside_thinking,
    edges.cue,
    edges.learned_rows,
    edges.token_ids,
    edges.unicode,
    edges.context_full,
    edges.cancellation,
    columns.columns,
    columns.columns_beside_tokens,
    columns.columns_after_a_cut,
    columns.columns_in_company,
)
