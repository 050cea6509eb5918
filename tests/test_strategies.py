"""Each strategy against a tiny reasoner that keeps the contract: what is asked of the model, in which order."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from tts_bench import loops, registry
from tts_bench.api import Answer, Cost, Cue, LearnedToken, Problem, Reasoner, Segment, Strategy, Trace
from tts_bench.errors import Misuse, UserError
from tts_bench.strategies.baseline import Baseline
from tts_bench.strategies.budget_forcing import BudgetForcing
from tts_bench.strategies.learned_token import LearnedTokenForcing
from tts_bench.strategies.majority_vote import MajorityVote

PROBLEM = Problem("1", "sums", "1 + 1?")
TOKEN = LearnedToken("<|go|>", (0.5,), "model", "digest")
STRATEGIES = Path(__file__).parents[1] / "strategies"


def segment(kind: str, text: str, tokens: int = 1, end: int = 0) -> Segment:
    return Segment(kind, (7,) * tokens, text, f"{kind}{text}", 0, end=(9,) * end)  # type: ignore[arg-type]


@dataclass
class Fake:
    """Thinks `natural` tokens a round and says which branch it is; the n-th sample waits, and may fail."""

    natural: int = 100
    label: str = "0"
    calls: list[str] = field(default_factory=list)
    failing: str = ""
    delays: dict[str, float] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)

    async def think(
        self, trace: Trace | None = None, *, max_tokens: int | None = None, effort: str | None = None
    ) -> Trace:
        self.calls.append(f"think {effort or max_tokens}")
        trace = trace or Trace((segment("prompt", ""),))
        if trace.thinking_ended:
            if trace.cues_wanted > trace.cues:
                return trace
            raise Misuse("thinking has ended")
        self.running.add(self.label)
        try:
            await asyncio.sleep(self.delays.get(self.label, 0))
        finally:
            self.running.discard(self.label)
        if self.label == self.failing:
            raise RuntimeError("engine")
        room = (max_tokens or 10**6) - trace.thinking_tokens
        *stood, last = trace.segments
        had = last.spent if last.kind == "thinking" else 0
        length = min(self.natural, room + had)
        ended = length == self.natural
        grown = segment("thinking", self.label, length - ended, int(ended))
        kept = stood if had else trace.segments
        return replace(trace, segments=(*kept, grown), thinking_ended=ended, truncated=not ended)

    def force(self, trace: Trace, cue: Cue, *, max_tokens: int | None = None) -> Trace:
        text = cue.name if isinstance(cue, LearnedToken) else cue
        self.calls.append(f"force {text} {max_tokens}")
        wanted = replace(trace, cues_wanted=trace.cues_wanted + 1)
        if trace.truncated or trace.thinking_tokens + 1 >= (max_tokens or 10**6):
            return wanted
        return replace(wanted, segments=(*trace.segments, segment("cue", text)), thinking_ended=False)

    async def answer(self, trace: Trace) -> Answer:
        self.calls.append("answer")
        return Answer(self.label, self.label, Cost(thinking=trace.thinking_tokens), (trace,), trace.segments)

    def branch(self, label: str) -> Fake:
        return replace(self, label=label)

    def vote(self, answers: Sequence[Answer]) -> Answer:
        traces = tuple(trace for answer in answers for trace in answer.traces)
        return Answer("".join(answer.text for answer in answers), None, Cost(), traces, ())


def door(fake: Fake) -> Reasoner:
    """It has those methods only that the strategies here call."""
    return cast(Reasoner, fake)


def solve(strategy: Strategy, fake: Fake) -> list[Answer]:
    async def collect() -> list[Answer]:
        return [answer async for answer in strategy.solve(PROBLEM, door(fake))]

    return loops.run(collect())


def thinking(answers: list[Answer]) -> list[int]:
    return [answer.cost.thinking for answer in answers]


@pytest.mark.parametrize(
    "strategy",
    [Baseline(), Baseline((8, 50, 200, 300)), BudgetForcing(), LearnedTokenForcing(TOKEN), MajorityVote(5)],
)
def test_every_strategy_yields_one_answer_for_each_rung_it_names(strategy: Strategy) -> None:
    assert len(solve(strategy, Fake())) == len(cast(Baseline, strategy).rungs)


def test_baseline_without_budgets_thinks_once_without_a_limit() -> None:
    fake = Fake()
    assert thinking(solve(Baseline(), fake)) == [100]
    assert fake.calls == ["think None", "answer"]
    assert Baseline().rungs == ("full",)


def test_baseline_budgets_are_prefixes_of_one_trace_and_stop_where_thinking_ends() -> None:
    fake = Fake()
    answers = solve(Baseline((64, 128, 256)), fake)
    assert thinking(answers) == [64, 100, 100]
    assert [answer.traces[0].truncated for answer in answers] == [True, False, False]
    assert fake.calls == ["think 64", "answer", "think 128", "answer", "answer"]
    assert Baseline((64, 128, 256)).rungs == ("64", "128", "256")


@pytest.mark.parametrize(
    ("strategy", "cue"), [(BudgetForcing("Hmm", 2), "Hmm"), (LearnedTokenForcing(TOKEN, 2), "<|go|>")]
)
def test_forcing_puts_its_cue_in_the_place_of_each_end_and_thinks_on(strategy: Strategy, cue: str) -> None:
    fake = Fake()
    answers = solve(strategy, fake)
    once = [f"force {cue} None", "think None", "answer"]
    assert fake.calls == ["think None", "answer", *once, *once]
    assert [answer.traces[0].cues for answer in answers] == [0, 1, 2]
    assert cast(BudgetForcing, strategy).rungs == ("x0", "x1", "x2")


@pytest.mark.parametrize(("budget", "lengths"), [(60, [60, 60, 60]), (100, [100, 100, 100]), (250, [100, 201, 250])])
def test_all_rounds_of_forcing_share_one_budget(budget: int, lengths: list[int]) -> None:
    answers = solve(BudgetForcing(extensions=2, budget=budget), Fake())
    assert thinking(answers) == lengths
    assert all(answer.traces[0].cues_wanted == index for index, answer in enumerate(answers))


def test_more_extensions_contain_fewer() -> None:
    long = [answer.traces for answer in solve(BudgetForcing(extensions=4), Fake())]
    assert [answer.traces for answer in solve(BudgetForcing(extensions=2), Fake())] == long[:3]


def test_a_vote_is_cast_for_the_first_k_samples_whichever_ends_first() -> None:
    fake = Fake(delays={"0": 0.02, "1": 0.01})
    assert [answer.text for answer in solve(MajorityVote(4), fake)] == ["0", "01", "012", "0123"]
    assert MajorityVote(4).rungs == ("1", "2", "3", "4")


def test_samples_of_a_vote_are_in_flight_together_and_keep_their_budget() -> None:
    fake = Fake(delays=dict.fromkeys("0123", 0.01))
    seen: list[str] = []

    async def watch() -> None:
        answers = MajorityVote(4, budget=32).solve(PROBLEM, door(fake))
        first = asyncio.ensure_future(anext(answers))
        await asyncio.sleep(0.001)
        seen.extend(fake.running)
        assert (await first).cost.thinking == 0
        assert [len(answer.traces) async for answer in answers] == [2, 3, 4]

    asyncio.run(watch())
    assert sorted(seen) == ["0", "1", "2", "3"]
    assert fake.calls.count("think 32") == 4


def test_a_sample_that_fails_ends_the_vote_after_the_rungs_before_it() -> None:
    fake, texts = Fake(failing="2", delays={"0": 0.01, "3": 60}), []

    async def collect() -> None:
        async for answer in MajorityVote(4).solve(PROBLEM, door(fake)):
            texts.append(answer.text)

    with pytest.raises(RuntimeError, match="engine"):
        asyncio.run(collect())
    assert texts == ["0", "01"]
    assert not fake.running


@pytest.mark.parametrize("how", ["closed", "cancelled"])
def test_a_vote_that_is_given_up_leaves_no_sample_running(how: str) -> None:
    fake = Fake(delays={"1": 60, "2": 60})

    async def give_up() -> None:
        answers = cast(AsyncGenerator[Answer, None], MajorityVote(3).solve(PROBLEM, door(fake)))
        await anext(answers)
        if how == "closed":
            await answers.aclose()
        else:
            waiting = asyncio.ensure_future(anext(answers))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        assert not fake.running
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(give_up())


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("majority-vote:samples=0", "samples is 0"),
        ("majority-vote:samples=-1", "samples is -1"),
        ("majority-vote:budget=0", "budget is 0"),
        ("budget-forcing:extensions=-1", "extensions is -1"),
        ("budget-forcing:budget=0", "budget is 0"),
        ("budget-forcing:cue=", "cue is ''"),
        ("budget-forcing:cue=  ", "cue is '  '"),
        ("baseline:budgets=256+128", "budgets is 256+128"),
        ("baseline:budgets=64+64", "budgets is 64+64"),
        ("baseline:budgets=0+64", "budgets is 0+64"),
        ("baseline:budgets=-1", "budgets is -1"),
    ],
)
def test_a_number_out_of_range_says_what_was_found_and_what_is_expected(spec: str, found: str) -> None:
    with pytest.raises(UserError) as error:
        registry.build(spec)
    assert str(error.value).startswith(f"{spec.partition(':')[0]}: {found}; it takes ")


def test_learned_token_leaves_its_token_open_for_the_one_shipped_for_the_model() -> None:
    built = registry.build("learned-token")
    assert built.strategy.token is None  # type: ignore[attr-defined]
    assert built.label == "learned-token"


def test_strategies_import_the_contract_and_their_siblings_only() -> None:
    import sys

    for file in STRATEGIES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert all(alias.name.partition(".")[0] in sys.stdlib_module_names for alias in node.names), file
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                ours = module == "tts_bench.api" or module.startswith("tts_bench.strategies.")
                assert ours or module.partition(".")[0] in sys.stdlib_module_names, file


def test_every_strategy_is_an_entry_point_of_its_own_name() -> None:
    found = set()
    for file in STRATEGIES.rglob("*.py"):
        module = ".".join(("tts_bench.strategies", *file.relative_to(STRATEGIES).with_suffix("").parts))
        classes = vars(importlib.import_module(module.removesuffix(".__init__"))).values()
        found |= {kind for kind in classes if isinstance(kind, type) and is_dataclass(kind) and hasattr(kind, "solve")}
    assert found == {registry.strategy_class(name) for name in registry.names()}


LINES = 40  # of logic, at most: without documentation and blank lines


@pytest.mark.parametrize("name", registry.names())
def test_a_strategy_is_short(name: str) -> None:
    kind = registry.strategy_class(name)
    [node] = ast.parse(inspect.getsource(kind)).body
    documented = {
        line
        for part in ast.walk(node)
        if isinstance(part, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(part)
        for line in range(part.body[0].lineno, (part.body[0].end_lineno or 0) + 1)
    }
    lines = inspect.getsource(kind).splitlines()
    assert sum(bool(line.strip()) for number, line in enumerate(lines, 1) if number not in documented) <= LINES


def test_solve_returns_an_async_iterator_before_anything_runs() -> None:
    fake = Fake()
    for strategy in (Baseline(), BudgetForcing(), LearnedTokenForcing(TOKEN), MajorityVote(2)):
        assert isinstance(strategy.solve(PROBLEM, door(fake)), AsyncIterator)
    assert fake.calls == []


@pytest.mark.parametrize("name", registry.names())
def test_a_strategy_says_what_it_pays_where_it_is_wrong_and_what_differs_from_its_source(name: str) -> None:
    from docs.strategies_reference import PARTS, parts

    said = parts(registry.describe(name).doc)
    assert all(said[part].strip().endswith(".") for part in PARTS), said
