"""The conformance kit for engines: ours keep every claim that applies to them, and a broken engine is caught by the
claim that it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engines.broken_engines import BROKEN, Restless
from tests.engines.held import held, table_of_engines
from tests.engines.serving import serving
from tests.engines.sound_engine import Sound
from tests.tiny import make_tiny
from tts_bench.conformance import asking, engine_edges
from tts_bench.conformance.stage import teller
from tts_bench.engine import Engine, Generation, Request
from tts_bench.engines.hf.load import load as load_hf
from tts_bench.engines.openai.load import load as load_openai
from tts_bench.engines.processes import start
from tts_bench.engines.scripted import ScriptedEngine, adder
from tts_bench.models import ALIASES, Shipped, shipped_folder
from tts_bench.testing import ENGINE_CLAIMS, Broken, Claim, NotApplicable, conform_engine, engine_results

COLUMNS = {
    "`hf`": ["hf tiny", "hf pocket", "hf in two processes"],
    "`openai`, ids": ["openai vllm", "openai llama.cpp"],
    "`openai`, text": ["openai tgi", "openai strict"],
    "`openai`, chat": ["openai chat"],
    "`scripted`": ["scripted", "scripted teller"],
}


def scripted_teller() -> ScriptedEngine:
    return ScriptedEngine(teller, context=500)


def _hf(folder: Path, load: Callable[..., Engine] = load_hf) -> Engine:
    return load(folder=folder, name="m", fingerprint="f" * 64, device="cpu", dtype="float32", threads=1, max_num_seqs=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@contextmanager
def started(name: str, folder: Path) -> Iterator[Engine]:
    """The engine that the columns call so; those of servers with the tokenizer in `folder`."""
    kind, _, which = name.partition(" ")
    pocket = ALIASES["pocket"]
    assert isinstance(pocket, Shipped)
    with ExitStack() as stack:
        if kind == "scripted":
            engine: Engine = scripted_teller() if which else ScriptedEngine(adder)
        elif kind == "openai":
            server = stack.enter_context(serving(folder, which))  # type: ignore[arg-type]
            engine = load_openai(server.url, server.name, tokenizer=str(folder))[0]
        elif which == "in two processes":
            engine = _hf(folder, lambda **arguments: start(2, load_hf, **arguments))
        else:
            engine = _hf(folder if which == "tiny" else shipped_folder(pocket))
        try:
            yield engine
        finally:
            asyncio.run(engine.close())


@pytest.mark.slow
@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize(("column", "name"), [(column, name) for column, names in COLUMNS.items() for name in names])
def test_our_engines_hold_what_the_page_says_and_what_is_not_tried_has_a_reason(
    folder: Path, column: str, name: str
) -> None:
    with started(name, folder) as engine:
        results = list(engine_results(engine))
    assert held(results) == table_of_engines()[column]
    assert all(result.reason for result in results if result.verdict != "pass")


def test_the_page_has_every_claim_with_its_sentence_and_every_engine() -> None:
    table = table_of_engines()
    assert list(table) == ["meaning", "`hf`", "`vllm`", *list(COLUMNS)[1:]]
    assert table["meaning"] == {claim.name: " ".join(claim.sentence.split()) for claim in ENGINE_CLAIMS}


def test_a_sound_engine_keeps_every_claim_and_each_says_something_of_it() -> None:
    assert {result.claim.name: result.verdict for result in engine_results(Sound())} == {
        claim.name: "pass" for claim in ENGINE_CLAIMS
    }
    conform_engine(Sound())


@pytest.mark.parametrize(
    ("claim", "engine", "also"),
    [(claim, engine, also) for claim, engines in BROKEN.items() for engine, also in engines.items()],
    ids=lambda value: getattr(value, "__name__", value) if not isinstance(value, set) else "",
)
def test_a_broken_engine_is_caught_by_the_claim_it_breaks(
    claim: str, engine: type[Sound], also: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine is Restless:  # it is found out by waiting
        monkeypatch.setattr(engine_edges, "_GRACE", 0.4)
        monkeypatch.setattr(engine_edges, "_REST", 0.1)
    results = {result.claim.name: result for result in engine_results(engine())}
    caught = {name for name, result in results.items() if result.verdict == "fail"}
    assert caught == {claim} | also, {name: results[name].reason for name in caught}
    assert all(result.reason for result in results.values() if result.verdict != "pass")


def test_every_claim_has_an_engine_that_breaks_it_and_a_sentence_that_says_it() -> None:
    assert set(BROKEN) == {claim.name for claim in ENGINE_CLAIMS}
    assert len({claim.sentence for claim in ENGINE_CLAIMS if claim.sentence.endswith(".")}) == len(ENGINE_CLAIMS)


def test_what_an_engine_does_not_declare_is_skipped_with_the_reason_and_never_passed() -> None:
    engine = Sound()
    engine.info = replace(engine.info, capabilities=frozenset(), continues=False, exact=False, exact_note="not tried")
    skipped = {result.claim.name: result.reason for result in engine_results(engine) if result.verdict != "pass"}
    assert skipped == {
        "continuation": "the engine takes whole messages and cannot continue from inside one",
        "seeds": "the engine does not declare seeds",
        "concurrency": "the engine is not exact: not tried",
        "stop-after-a-cut": "the engine takes whole messages and cannot continue from inside one",
        "cue": "the engine takes whole messages and cannot continue from inside one",
        "learned-rows": "the engine does not declare learned-tokens",
        "unicode": "the engine does not declare token-ids",
        **dict.fromkeys(
            ("columns", "columns-beside-tokens", "columns-in-company"), "the engine does not declare logprobs"
        ),
        "columns-after-a-cut": "the engine takes whole messages and cannot continue from inside one",
    }
    with pytest.raises(NotApplicable, match="does not declare seeds"):
        conform_engine(engine, claim_named("seeds"))


def test_conform_engine_says_which_claims_do_not_hold() -> None:
    [broken] = BROKEN["budget"]
    with pytest.raises(
        Broken, match=r"engine sound breaks 1 of 24 claims\nbudget: with max_tokens=1 it generates 4 tokens"
    ):
        conform_engine(broken())
    conform_engine(broken(), claim_named("order"))


def test_an_engine_that_raises_hangs_or_loses_requests_breaks_the_first_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.1)

    class Raising(Sound):
        async def one(self, request: Request) -> Generation:
            raise KeyError("gone")

    class Hanging(Sound):
        async def one(self, request: Request) -> Generation:
            await asyncio.Event().wait()
            raise AssertionError

    class Losing(Sound):
        async def generate(self, requests: object) -> list[Generation]:
            return []

    for engine, said in (
        (Raising(), "generating for 6 requests raises KeyError: 'gone'"),
        (Hanging(), "generating for 6 requests does not end within 0.1 s"),
        (Losing(), "6 requests in one call return 0 generations"),
    ):
        first, *others = engine_results(engine)
        assert (first.verdict, said in first.reason) == ("fail", True)
        assert {(other.verdict, other.reason) for other in others} == {("not tried", "it needs generates")}


def claim_named(name: str) -> Claim[Engine]:
    [claim] = (claim for claim in ENGINE_CLAIMS if claim.name == name)
    return claim
