"""Claims about numbers beside tokens as a strategy sees them: which, whose, when refused, and what records say."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from math import fsum, isfinite
from pathlib import Path
from typing import ClassVar

import pytest

from tests.refusals import rows, write_data
from tests.scripts import World, rambler
from tts_bench import records
from tts_bench.api import Answer, Probe, Problem, Reasoner, Sampling, Trace
from tts_bench.cli import main as root
from tts_bench.columns import LOGPROB, top_mean
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.errors import Misuse, UserError
from tts_bench.registry import build
from tts_bench.solving.requirements import columns
from tts_bench.solving.solve import Arm

TOP = top_mean(20)


@dataclass(frozen=True)
class Killer:
    """DeepConf online (arXiv 2508.15260): warm up, then kill a trace whose confidence falls below the median."""

    samples: int = 8
    window: int = 16
    needs: ClassVar[tuple[str, ...]] = (TOP,)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        half = self.samples // 2
        first = await reasoner.race([reasoner.branch(str(index)) for index in range(half)])
        line = sorted(least(reasoner.logprobs(trace, TOP), self.window) for trace in first)[half // 2]
        branches = [reasoner.branch(str(index), seen=first) for index in range(half, self.samples)]
        more = await reasoner.race(
            branches, cut_at=lambda trace: fall(reasoner.logprobs(trace, TOP), self.window, line)
        )
        living = [trace for trace in (*first, *more) if trace.thinking_ended]
        answers = [await reasoner.answer(trace) for trace in living]
        weights = [1 / -fsum(reasoner.logprobs(trace, TOP)) for trace in living]
        yield reasoner.vote(answers, weights=weights, seen=more)


def means(numbers: Sequence[float], window: int) -> list[float]:
    """Of every window that is complete; of all where none is."""
    if len(numbers) < window:
        return [fsum(numbers) / len(numbers)]
    return [fsum(numbers[end - window : end]) / window for end in range(window, len(numbers) + 1)]


def least(numbers: Sequence[float], window: int) -> float:
    return min(means(numbers, window))


def fall(numbers: Sequence[float], window: int, line: float) -> int | None:
    """The number of tokens at which the mean of a whole window is below `line` for the first time."""
    if len(numbers) < window:
        return None
    found = next((place for place, mean in enumerate(means(numbers, window)) if mean < line), None)
    return None if found is None else window + found


def world(piece: int = 256, *names: str) -> tuple[World, ModelReasoner]:
    made = World(rambler, columns=tuple(sorted(names or (LOGPROB, TOP))))
    item = made.item()
    return made, ModelReasoner(item.problem, made.scheduler, made.conditions, lambda text: text, Ledger(), piece=piece)


def test_there_is_a_number_for_each_sampled_token_and_for_no_other() -> None:
    _, door = world()

    async def think() -> tuple[Trace, Trace, Answer]:
        trace = await door.think()
        longer = await door.think(door.force(trace, "Wait"))
        return trace, longer, await door.answer(longer)

    trace, longer, answer = asyncio.run(think())
    numbers = door.logprobs(longer)
    assert len(numbers) == sum(segment.spent for segment in longer.segments if segment.kind == "thinking")
    assert numbers[: trace.thinking_tokens] == door.logprobs(trace)
    assert len(door.logprobs(answer.traces[0])) == len(numbers) + answer.cost.answer
    assert all(number <= 0 for number in numbers)
    assert numbers != door.logprobs(longer, TOP)


def test_a_cut_trace_has_the_first_numbers_of_the_whole() -> None:
    _, door = world()
    trace = asyncio.run(door.think())
    assert door.logprobs(door.cut(trace, 3)) == door.logprobs(trace)[:3]


def test_numbers_that_no_need_names_are_a_misuse_that_says_so() -> None:
    _, door = world(256, LOGPROB)
    trace = asyncio.run(door.think())
    with pytest.raises(Misuse, match=r"asked for 'entropy', which is not in the `needs`"):
        door.logprobs(trace, "entropy")


class Nosy(Killer):
    """It says nothing of what it reads."""

    needs = ()


def test_a_strategy_reads_no_numbers_that_only_another_of_the_run_needs() -> None:
    made = World(rambler, columns=(TOP,))
    nosy, honest = made.run_arms([Arm("nosy", Nosy()), Arm("killer", Killer())])
    assert nosy.error is not None
    assert (nosy.error.kind, honest.error) == ("misuse", None)
    assert "not in the `needs`" in nosy.error.message


def test_without_a_need_no_engine_is_asked_for_numbers_and_no_record_has_any() -> None:
    made = World(rambler)
    [record] = made.run("majority-vote:samples=3")
    assert {call.columns for call in made.engine.calls} == {()}
    assert all(segment.means == {} for segment in record.segments)


def test_records_have_the_mean_of_each_column_over_the_sampled_tokens() -> None:
    made, door = world()
    [record] = made.run("baseline")
    trace = asyncio.run(door.think())
    [segment] = [segment for segment in record.segments if segment.kind == "thinking"]
    numbers = door.logprobs(trace)
    assert segment.means[LOGPROB] == fsum(numbers) / len(numbers)
    assert set(segment.means) == {LOGPROB, TOP}
    assert all(isfinite(mean) for mean in segment.means.values())


def test_a_kill_by_confidence_is_the_same_whatever_the_piece_and_is_paid_to_the_token() -> None:
    def run(piece: int) -> tuple[Answer, list[str]]:
        _, door = world(piece)

        async def solve() -> Answer:
            [answer] = [answer async for answer in Killer().solve(door.problem, door)]
            return answer

        answer = asyncio.run(solve())
        return answer, [segment.origin for segment in answer.lineage]

    one, other = run(16), run(256)
    assert (one[0].text, one[0].cost, one[1]) == (other[0].text, other[0].cost, other[1])
    assert one[0].cost.discarded > 0


def test_a_kill_by_confidence_ends_as_a_record_with_its_whole_bill() -> None:
    made = World(rambler, columns=(TOP,))
    [record] = made.run_arms([Arm("killer", Killer())])
    assert record.error is None
    [answer] = record.answers
    assert answer.cost.generated == record.spent.generated


PLUGIN = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Sure:
    needs = ({needs},)

    async def solve(self, problem, reasoner):
        trace = await reasoner.think()
        {column}
        yield await reasoner.answer(trace)
"""


def plugin(folder: Path, needs: str, column: str = "reasoner.logprobs(trace)") -> str:
    (folder / "sure.py").write_text(PLUGIN.format(needs=needs, column=column))
    return f"{folder / 'sure.py'}:Sure"


def test_all_strategies_of_a_run_get_the_numbers_that_one_needs(tmp_path: Path) -> None:
    built = [build(plugin(tmp_path, "'top_mean:5', 'logprob'")), build("baseline")]
    assert columns(built) == ("logprob", "top_mean:5")


@pytest.mark.parametrize("needs", ["'logprops'", "'top_mean:0'", "7", "'prefil'"])
def test_a_need_that_nothing_has_is_refused_before_the_run(needs: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"it needs .*, which does not exist"):
        columns([build(plugin(tmp_path, needs))])


def test_all_numbers_are_kept_on_request_in_the_same_bytes_and_only_where_there_are_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_data(rows())
    run = ["run", "--engine", "scripted", "--data-dir", "data", "--tasks", "gsm8k", "--keep-logprobs"]
    spec = plugin(tmp_path, "'logprob'")
    for out, flights in (("one", "1"), ("two", "64")):
        assert (
            root._run([*run, "--strategy", spec, "--in-flight", flights, "--store", out, "--out", f"runs/{out}"]) == 0
        )
    one, two = ((tmp_path / "runs" / out / "logprobs.jsonl.gz").read_bytes() for out in ("one", "two"))
    assert one == two
    kept = [json.loads(line) for line in gzip.decompress(one).splitlines()]
    lines = (tmp_path / "runs" / "one" / "records.jsonl").read_text().splitlines()
    for numbers, record in zip(kept, map(records.from_line, lines), strict=True):
        assert (numbers["task"], numbers["doc_id"]) == (record.task, record.doc_id)
        for segment in (segment for segment in record.segments if segment.stream):
            values = numbers["columns"][segment.origin][LOGPROB]
            assert len(values) == segment.tokens + segment.end
            assert fsum(values) / len(values) == pytest.approx(segment.means[LOGPROB], rel=1e-8)
    assert root._run([*run, "--strategy", "baseline", "--out", "runs/none"]) == 2
    assert "--keep-logprobs is given, but no strategy" in capsys.readouterr().err
    assert not (tmp_path / "runs" / "none").exists()


def test_a_run_of_a_strategy_that_needs_numbers_records_their_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_data(rows())
    spec = plugin(tmp_path, "'entropy'", "assert len(reasoner.logprobs(trace, 'entropy')) == trace.thinking_tokens")
    assert (
        root._run(
            [
                "run",
                "--engine",
                "scripted",
                "--data-dir",
                "data",
                "--tasks",
                "gsm8k",
                "--strategy",
                spec,
                "--strategy",
                "baseline",
                "--out",
                "run",
            ]
        )
        == 0
    )
    lines = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
    for record in map(records.from_line, lines):
        assert record.error is None
        assert [set(segment.means) for segment in record.segments if segment.stream] == [{"entropy"}] * 2


def test_a_probe_has_a_number_for_each_token_that_it_sampled_and_for_no_other() -> None:
    _, door = world()

    async def probe() -> tuple[Trace, Probe]:
        trace = await door.think(max_tokens=9)
        return trace, await door.probe(trace, "so: ", max_tokens=5)

    trace, probe_ = asyncio.run(probe())
    numbers = door.logprobs(probe_)
    assert len(numbers) == probe_.tokens
    assert numbers != door.logprobs(trace)[: len(numbers)]
    assert len(door.logprobs(probe_, TOP)) == probe_.tokens
    with pytest.raises(Misuse, match="this problem's reasoner did not make"):
        door.logprobs(replace(probe_))


def test_the_runs_own_sampling_is_told_for_what_comes_next() -> None:
    made = World(rambler, thinking=Sampling(0.6), continuation=Sampling(0.9))
    item = made.item()
    door = ModelReasoner(item.problem, made.scheduler, made.conditions, item.extract, Ledger())
    trace = asyncio.run(door.think())
    assert (door.sampling(), door.sampling(trace)) == (Sampling(0.6), Sampling(0.6))
    assert door.sampling(door.force(trace, "Wait")) == Sampling(0.9)
    assert asyncio.run(door.think(sampling=door.sampling())).segments == trace.segments
    assert door.tokens("Wait") == tuple(map(ord, "Wait"))
