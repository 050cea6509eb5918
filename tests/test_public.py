"""The public interface, as docs/versions.md names it: what others write strategies, engines and programs on."""

from __future__ import annotations

import re
from difflib import unified_diff
from importlib import import_module

import pytest

from tests.pages import ROOT, pages
from tests.public import signatures

# After the name of each module: what of it is public, where that is not all.
PUBLIC = """
# tts_bench.api
frozen class Problem
    id: str
    task: str
    prompt: str
frozen class LearnedToken
    name: str
    row: tuple[float, ...]
    model: str
    digest: str
Cue = str | LearnedToken
frozen class Turn
    role: Literal['system', 'user', 'assistant']
    content: str
frozen class Sampling
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    bias: tuple[tuple[int | str, float], ...] = ()
    name: str  (property)
class Budget
class Forced
class Effort
Mark = type[Budget] | type[Forced] | type[Effort]
SegmentKind = Literal['prompt', 'context', 'thinking', 'cue', 'closing', 'prefill', 'answer', 'probe']
frozen class Segment
    kind: SegmentKind
    tokens: tuple[int, ...]
    text: str
    origin: str
    start: int
    stream: str = ''
    end: tuple[int, ...] = ()
    paid: int = 0
    spent: int  (computed)
frozen class Trace
    segments: tuple[Segment, ...]
    thinking_ended: bool = False
    truncated: bool = False
    cues_wanted: int = 0
    before: int = 0
    stopped: str = ''
    tokens: tuple[int, ...]  (property)
    text: str  (property)
    thinking_tokens: int  (property)
    cues: int  (property)
frozen class Cost
    prompt: int = 0
    thinking: int = 0
    forced: int = 0
    answer: int = 0
    sequential: int = 0
    flops: float = 0.0
    context: int = 0
    probe: int = 0
    discarded: int = 0
    verifier: int = 0
    judge: int = 0
    sampled: int  (property)
    generated: int  (property)
frozen class Answer
    text: str
    extracted: str | None
    cost: Cost
    traces: tuple[Trace, ...]
    lineage: tuple[Segment, ...]
frozen class Probe
    text: str
    extracted: str | None
    tokens: int
    trace: Trace
    lineage: tuple[Segment, ...]
frozen class Score
    value: float
    steps: tuple[float, ...]
    by: str
    candidate: Answer | Trace
    lineage: tuple[Segment, ...]
Seen = Trace | Answer | Probe | Score
Aggregation = Literal['last', 'min', 'prod', 'mean']
aggregate(steps: Sequence[float], how: Aggregation) -> float
class Reasoner(Protocol)
    async think(trace: Trace | None=None, *, max_tokens: int | None=None, stop: Sequence[str]=(), sampling: Sampling | None=None, effort: str | None=None) -> Trace
    put(trace: Trace | None, text: Cue, *, max_tokens: int | None=None) -> Trace
    force(trace: Trace, cue: Cue, *, max_tokens: int | None=None) -> Trace
    cut(trace: Trace, tokens: int) -> Trace
    async answer(trace: Trace | None=None, *, prefill: str='', max_tokens: int | None=None, sampling: Sampling | None=None) -> Answer
    async probe(trace: Trace, text: str, *, max_tokens: int=20, stop: Sequence[str]=()) -> Probe
    async score(candidates: Sequence[Answer | Trace], *, by: str='') -> tuple[Score, ...]
    ask(prompt: str | Sequence[Turn], *, system: str | None=None, seen: Sequence[Seen]=()) -> Reasoner
    branch(label: str, *, seen: Sequence[Seen]=()) -> Reasoner
    async race(handles: Sequence[Reasoner], *, enough: Callable[[Sequence[Trace]], bool] | None=None, cut_at: Callable[[Trace], int | None] | None=None, max_tokens: int | None=None) -> tuple[Trace, ...]
    vote(answers: Sequence[Answer], *, weights: Sequence[float] | None=None, ties: Literal['first', 'shortest']='first', seen: Sequence[Seen]=()) -> Answer
    choose(answer: Answer, *, seen: Sequence[Seen]=()) -> Answer
    logprobs(trace: Trace | Probe, column: str='logprob') -> tuple[float, ...]
    extract(text: str) -> str | None
    tokens(text: str) -> tuple[int, ...]
    sampling(trace: Trace | None=None) -> Sampling
    random(label: str) -> Random
    cost(*what: Seen) -> Cost
class Strategy(Protocol)
    solve(problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]

# tts_bench.engine
Capability = Literal['learned-tokens', 'token-ids', 'seeds', 'logprobs', 'effort', 'bias']
frozen class Request
    prompt: tuple[int, ...]
    prefix: tuple[int, ...]
    max_tokens: int
    stream: str
    sampling: Sampling = Sampling()
    stop_ids: frozenset[int] = frozenset()
    stop_texts: tuple[str, ...] = ()
    sampled: int = 0
    effort: str = ''
    turns: tuple[Turn, ...] = ()
    columns: tuple[str, ...] = ()
Finish = Literal['stop', 'length', 'context']
frozen class Generation
    tokens: tuple[int, ...]
    finish: Finish
    stop: int = 0
    columns: Columns = NO_COLUMNS
class Tokenizer(Protocol)
    end_ids: frozenset[int]  (property)
    chat_template: str | None  (property)
    encode(text: str) -> tuple[int, ...]
    decode(tokens: Sequence[int]) -> str
    render(prompt: str | Sequence[Turn], system: str | None=None) -> str
frozen class EngineInfo
    name: str
    model: str
    fingerprint: str
    context: int
    capabilities: frozenset[Capability]
    identity: dict[str, object]
    settings: dict[str, object]
    exact: bool
    exact_note: str
    continues: bool = True
    layers: int = 0
    width: int = 0
    parameters: int = 0
    top_logprobs: int | None = None
check_columns(info: EngineInfo, columns: tuple[str, ...]) -> None
learned_id(token: LearnedToken) -> int
class Engine(Protocol)
    info: EngineInfo  (property)
    tokenizer: Tokenizer  (property)
    busy_seconds: float  (property)
    learn(token: LearnedToken) -> int
    async generate(requests: Sequence[Request]) -> list[Generation]
    async close() -> None

# tts_bench.scorer
Part = Literal['all', 'thinking', 'answer']
frozen class Candidate
    thinking: str
    answer: str
    extracted: str | None = None
    sample: str = ''
    text(part: Part='all') -> str
frozen class Verdict
    value: float
    steps: tuple[float, ...] = ()
    read: int = 0
    sampled: int = 0
    said: str = ''
frozen class ScorerInfo
    name: str
    model: str
    fingerprint: str
    identity: dict[str, object] = dict()
    settings: dict[str, object] = dict()
    parameters: int = 0
    layers: int = 0
    width: int = 0
    per_sample: bool = False
class Scorer(Protocol)
    info: ScorerInfo  (property)
    async score(problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]
    async close() -> None

# tts_bench.marks
marks(strategy: Strategy) -> dict[str, Mark]
values(strategy: Strategy, mark: Mark) -> Iterator[object]
learned_tokens(strategy: Strategy) -> dict[str, LearnedToken | None]

# tts_bench.testing
CLAIMS = tuple
ENGINE_CLAIMS = tuple
class Broken(AssertionError)
frozen class Claim(Generic[T])
    name: str
    check: Callable[[T], None]
    sentence: str  (property)
class NotApplicable(SkipTest)
frozen class Result(Generic[T])
    claim: Claim[T]
    verdict: Literal['pass', 'fail', 'not applicable', 'not tried']
    reason: str = ''
conform(subject: str | Strategy, claim: Claim[Strategy] | None=None) -> None
conform_engine(engine: Engine, claim: Claim[Engine] | None=None) -> None
conform_task(name: str | Path) -> None
engine_results(engine: Engine) -> Iterator[Result[Engine]]
results(subject: str | Strategy) -> Iterator[Result[Strategy]]

# tts_bench.config: ModelConfig, RunConfig
frozen class ModelConfig
    model: str | None = None
    engine: str = 'hf'
    thinking: str | None = None
    think_start: str | None = None
    think_end: str | None = None
    answer_suffix: str | None = None
    system: str | None = None
    template_args: tuple[str, ...] = ()
    reasoning_effort: str | None = None
    template_date: str | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    continuation_sampling: str = ''
    answer_sampling: str = ''
    max_thinking_tokens: int | None = None
    max_answer_tokens: int | None = None
    seed: int = 0
    store: Path | None = None
    day() -> date | None
    arguments() -> dict[str, Any]
    sampling(recommended: Sampling) -> tuple[Sampling, Sampling, Sampling]
frozen class RunConfig
    model: ModelConfig
    tasks: tuple[str, ...]
    strategies: tuple[str, ...]
    limit: int | None = None
    data_dir: Path | None = None
    in_flight: int | None = None
    timeout: float = 3600.0
    out: Path | None = None
    keep_logprobs: bool = False
    scorers: tuple[str, ...] = ()

# tts_bench.config_file: read
read(path: Path) -> dict[str, Any]

# tts_bench.runs.defaults: resolved
resolved(said: Mapping[str, Any], flags: Mapping[str, str] | None=None, *, over: bool=False) -> RunConfig

# tts_bench.runs.run: prepare, Run.execute, RunResult, Progress
prepare(config: RunConfig, out: Path | None=None, progress: models.Progress | None=None) -> Run
Run.execute(progress: Progress) -> RunResult
frozen class RunResult
    out: Path
    curve: list[curves.Point]
    errors: list[Record]
class Progress(Protocol)
    stage(text: str) -> None
    problem_done() -> None
    answered(strategy: str, correct: float | None) -> None
    tokens(n: int) -> None

# tts_bench.engines.kinds: EngineKind, Setup, Loaded, NoOptions
frozen class EngineKind(Generic[O])
    summary: str
    options: type[O]
    load: Callable[[Setup[O]], Loaded]
    capabilities: frozenset[Capability] = frozenset()
    check: Callable[[Setup[O]], object] = lambda setup: None
    installed: Callable[[], str] = lambda: 'there'
    install: str = ''
    can: str  (property)
frozen class Setup(Generic[O])
    config: ModelConfig
    options: O
    needs: Needs = Needs()
    progress: Progress | None = None
frozen class Loaded
    engine: Engine
    source: str
    recommended: Sampling = Sampling()
    notes: tuple[str, ...] = ()
    form: ThinkingFormat | None = None
    code: tuple[Path, ...] = ()
frozen class NoOptions

# tts_bench.records: from_line
from_line(line: str | bytes) -> Record

# tts_bench.analysis.runs: read_run
read_run(folder: Path) -> RunData

# tts_bench.errors: UserError
class UserError(Message)
"""  # noqa: E501 - a line is a signature

TABLE = {
    section.partition("\n")[0]: section.rstrip("\n").partition("\n")[2].split("\n")
    for section in PUBLIC.split("\n# ")[1:]
}


@pytest.mark.parametrize("section", TABLE)
def test_what_others_build_on_is_as_the_table_says(section: str) -> None:
    module, _, names = section.partition(": ")
    found = signatures(import_module(module), *filter(None, names.split(", ")))
    changed = unified_diff(TABLE[section], found, "public until now", "found", lineterm="", n=0)
    assert found == TABLE[section], (
        f"{module} is public, and it has changed. If that is meant, CHANGELOG.md has to say so, and docs/versions.md\n"
        "where it is another module or breaks what was written before; then the table of this file takes it in:\n"
        + "\n".join(changed)
    )


def test_what_pages_import_of_the_package_is_in_the_table() -> None:
    named = {
        f"{section.partition(': ')[0]} {re.sub('(frozen )?class |async ', '', line)}"
        for section, lines in TABLE.items()
        for line in lines
    }
    known = {" ".join(re.findall(r"[\w.]+", line)[:2]) for line in named}
    for path in pages():
        for module, names in re.findall(r"^from (tts_bench[\w.]*) import ([\w, ]+)$", path.read_text("utf-8"), re.M):
            assert {f"{module} {name}" for name in names.split(", ")} <= known, path


def test_the_page_of_versions_names_all_that_is_public() -> None:
    page = (ROOT / "docs" / "versions.md").read_text("utf-8")
    names = {name for section in TABLE for name in section.replace(": ", ", ").split(", ")}
    assert not {name for name in names if f"{name}`" not in page and f"{name}." not in page}
