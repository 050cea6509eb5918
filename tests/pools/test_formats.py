"""Claims about how outputs of other programs are read: problems, parts, tokens, log-probabilities."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pools import recorded
from tests.pools.questions import Q, write
from tts_bench.analysis.runs import finished
from tts_bench.analysis.series import series_of
from tts_bench.cli.main import _run
from tts_bench.engine import Request
from tts_bench.engines.replay.engine import ReplayEngine
from tts_bench.errors import EngineError, UserError
from tts_bench.pools import counting
from tts_bench.pools.entry import Output
from tts_bench.pools.file import Pool
from tts_bench.pools.inspect_log import archive
from tts_bench.pools.read import source
from tts_bench.pools.split import Parts, Reading
from tts_bench.runs import importing
from tts_bench.streams import stream_key
from tts_bench.thinking import PRESETS

TAGS = Reading(PRESETS["think-tags"])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a data folder of four problems."""
    monkeypatch.chdir(tmp_path)
    write(Path("data"))
    return tmp_path


def imported(file: Path, *more: str) -> Pool:
    said = ["import", str(file), "--task", "gsm8k", "--model", "m", "--data-dir", "data", "--out", "out", *more]
    assert _run(said) == 0
    return Pool(Path("out/pool.sqlite"))


def lines(*found: Any) -> Path:
    return recorded.write(Path("f.jsonl"), list(found))


def texts(pool: Pool) -> dict[str, list[str]]:
    """The outputs to each problem."""
    found = {}
    for problem in pool.problems:
        outputs = [pool.get(problem, sample) for sample in range(pool.about.fewest)]
        found[problem] = [output.text.decode() for output in outputs]
    return found


def test_problems_are_found_by_question_prompt_name_and_number() -> None:
    file = lines(
        {"question": f" {Q[2]}\n", "doc_id": 0, "response": "by question", "tokens": 3},
        {"prompt": f"<|user|>{Q[1]}\nThink.<|assistant|>", "response": "by prompt", "tokens": 3},
        {"id": "3", "response": "by number", "tokens": 3},
    )
    assert texts(imported(file)) == {"gsm8k/2": ["by question"], "gsm8k/1": ["by prompt"], "gsm8k/3": ["by number"]}


def test_lines_and_files_add_samples_in_their_order() -> None:
    one = lines({"doc_id": 0, "responses": ["a", "b"]}, {"doc_id": 1, "responses": ["c", "d"]})
    two = recorded.write(Path("g.jsonl"), [{"doc_id": n, "response": "e", "tokens": 1} for n in (1, 0)])
    pool = imported(one, str(two), "--tokenizer", "pocket")
    assert texts(pool) == {"gsm8k/0": ["a", "b", "e"], "gsm8k/1": ["c", "d", "e"]}
    assert [each["outputs"] for each in pool.about.sources] == [4, 2]
    assert pool.about.tokens == {"stated": 2, "pieces": 0, "tokenizer": 4}


def test_a_metric_that_lm_eval_could_not_compute_is_no_verdict() -> None:
    said = {"filter": "none", "resps": [["\\boxed{3}"]], "metrics": ["exact_match"], "exact_match": float("nan")}
    file = lines({"doc_id": 0, "doc": {"question": Q[0]}, **said})
    [entry] = source(file).entries()
    assert entry.outputs == (Output("\\boxed{3}"),)


SAMPLES = [
    {
        "id": number + 1,
        "epoch": epoch,
        "input": [{"role": "system", "content": "x"}, {"role": "user", "content": "attachment://k"}],
        "target": "7",
        "attachments": {"k": Q[number]},
        "output": {
            "model": "m",
            "choices": [
                {
                    "message": {
                        "role": "assistant",
                        "content": [
                            {"type": "reasoning", "reasoning": "hm"},
                            {"type": "text", "text": f"\\boxed{{{2 * number + 3}}}"},
                        ],
                    },
                    "stop_reason": "max_tokens" if epoch == 2 else "stop",
                }
            ],
            "usage": {"input_tokens": 9, "output_tokens": 12, "total_tokens": 21, "reasoning_tokens": 5},
        },
        "scores": {"match": {"value": "C", "answer": "7"}},
    }
    for number in range(2)
    for epoch in (1, 2)
]


REAL = Path(__file__).parents[1] / "fixtures" / "inspect-0.3.285"  # written by Inspect, with its model "mockllm"


@pytest.mark.parametrize(("name", "epochs"), [("one-epoch.json", 1), ("two-epochs.eval", 2)])
def test_a_log_that_inspect_wrote_is_read_and_scored_as_inspect_scored_it(name: str, epochs: int) -> None:
    assert _run(["import", str(REAL / name), "--task", "gsm8k", "--model", "m", "--out", "out"]) == 0
    pool = Pool(Path("out/pool.sqlite"))
    outputs = {(number, sample): pool.get(f"gsm8k/{number}", sample) for number in range(6) for sample in range(epochs)}
    # Every third problem was thought about, and every third was got wrong.
    assert [bool(outputs[number, 0].thinking) for number in range(6)] == [True, False, False] * 2
    assert {key: output.thinking + output.answer for key, output in outputs.items()} == {
        (number, sample): 20 + number for number, sample in outputs
    }
    single = [record for record in recorded.records(Path("out")) if record.strategy.startswith("baseline")]
    assert [record.answers[0].scores["strict"] for record in single] == [1.0, 1.0, 0.0] * 2
    assert list(pool.verdicts().values()) == [right for right in [1.0, 1.0, 0.0] * 2 for _ in range(epochs)]


def test_a_number_of_inspects_own_names_no_row_since_it_counts_from_1(capsys: pytest.CaptureFixture[str]) -> None:
    log = str(REAL / "one-epoch.json")
    assert _run(["import", log, "--task", "gsm8k", "--model", "m", "--out", "out", "--by", "id"]) == 2
    assert "a number may count from 0 or from 1. Remove --by id" in capsys.readouterr().err
    assert not Path("out").exists()


def test_answers_that_only_a_metric_finds_have_no_expectation_over_votes_since_one_of_them_was_scored() -> None:
    said = ["The answer is 3.", "It is 1234.", "It is 1234."]
    outputs = [{"response": text, "tokens": 5} for text in said]
    imported(lines({"doc_id": 0, "responses": outputs}))
    for metric, known, notes in (("strict", True, 0), ("lenient", False, 1)):
        series, found = series_of([finished(Path("out")).read(metric)])
        [vote] = [one for one in series if one.strategy.startswith("majority-vote")]
        assert (vote.grids["gsm8k"].votes is not None) == known
        assert sum("a vote of k is that of the first k samples" in note for note in found) == notes


def test_ids_with_slashes_samples_without_a_score_and_encrypted_reasoning_are_read_as_inspect_writes_them() -> None:
    parts = [
        {"type": "reasoning", "reasoning": "gAAAAABo", "redacted": True, "summary": "I add."},
        {"type": "text", "text": "\\boxed{3}"},
    ]
    choice = {"message": {"role": "assistant", "content": parts}, "stop_reason": "stop"}
    sample = {
        "id": "test/algebra/7.json",
        "epoch": 1,
        "input": [{"role": "user", "content": [{"type": "text", "text": Q[0]}]}],
        "output": {"choices": [choice], "usage": {"output_tokens": 9, "reasoning_tokens": 4}},
        "scores": {"judge": {"value": float("nan")}},
    }
    with zipfile.ZipFile("log.eval", "w") as log:
        log.writestr("header.json", "{}")
        log.writestr("samples/test/algebra/7.json_epoch_1.json", json.dumps(sample))
    [entry] = archive(Path("log.eval"))
    assert (entry.number, entry.questions) == ("test/algebra/7.json", (Q[0],))
    assert entry.outputs == (Output("\\boxed{3}", thinking="I add.", tokens=9, thinking_tokens=4, cut=False),)


@given(st.data())
def test_a_damaged_archive_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray((REAL / "two-epochs.eval").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    Path("damaged.eval").write_bytes(raw[: data.draw(st.one_of(st.just(len(raw)), st.integers(0, len(raw))))])
    with contextlib.suppress(UserError):
        assert sum(len(entry.outputs) for entry in archive(Path("damaged.eval"))) <= 12


@pytest.mark.parametrize("kind", ["json", "eval"])
def test_a_log_of_inspect_gives_epochs_as_samples_with_thinking_apart_and_its_counts(kind: str) -> None:
    if kind == "json":
        Path("log.json").write_text(json.dumps({"version": 2, "status": "success", "samples": SAMPLES}))
    else:
        with zipfile.ZipFile("log.eval", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("header.json", "{}")
            for sample in SAMPLES:
                archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
    pool = imported(Path(f"log.{kind}"))
    assert texts(pool) == {f"gsm8k/{n}": [f"hm\\boxed{{{2 * n + 3}}}"] * 2 for n in range(2)}
    first = pool.get("gsm8k/0", 0)
    assert (first.thinking, first.answer, first.text[: first.meets]) == (5, 7, b"hm")
    assert set(pool.verdicts().values()) == {1.0}
    assert pool.about.cut == 2
    assert [answer.scores["strict"] for record in recorded.records(Path("out")) for answer in record.answers] == [
        1.0
    ] * 6


def test_log_probabilities_are_served_for_the_tokens_that_they_stand_beside() -> None:
    def token(text: str, logprob: float) -> dict[str, Any]:
        others = [{"token": "x", "logprob": logprob - 1}, {"token": text, "logprob": logprob}]
        return {"token": text, "logprob": logprob, "top_logprobs": others}

    thinking = [token("so", -0.5), token(" 3", -0.25), token("</think>", -0.125)]
    said = [*thinking, token("\\boxed{", -2.0), token("3}", -1.0)]
    outputs = [{"response": "so 3</think>\\boxed{3}", "logprobs": {"content": said}}] * 2
    more = ["--strategy", "deepconf-short:samples=2,top=2", "--strategy", "cisc:samples=2"]
    pool = imported(lines({"doc_id": 0, "responses": outputs}), *more)
    assert (pool.about.logprobs, pool.about.top, pool.about.tokens["pieces"]) == (True, 2, 2)
    assert all(record.error is None for record in recorded.records(Path("out")))
    stream = stream_key(0, "gsm8k/0", ["1"], "thinking")
    request = Request((1,), (), 9, stream, columns=("logprob", "top_mean:2"))
    [made] = asyncio.run(ReplayEngine(pool).generate([request]))
    assert made.columns["logprob"] == (-0.5, -0.25, -0.125)
    assert made.columns["top_mean:2"] == (-1.0, -0.75, -0.625)


def test_recorded_scores_choose_and_weigh() -> None:
    said = [("\\boxed{1}", 0.5), ("\\boxed{3}", 0.75), ("\\boxed{1}", 0.125), ("\\boxed{2}", 0.25)]
    outputs = [{"response": text, "score": score, "tokens": 4} for text, score in said]
    imported(lines({"doc_id": 0, "responses": outputs}))
    scorer = ["--scorer", "rm=recorded:pool=out", "--strategy", "best-of-n:samples=4"]
    given = ["--engine", "replay", "--model", "out", "--tasks", "gsm8k", "--data-dir", "data", "--out", "two"]
    assert _run(["run", *given, *scorer]) == 0
    [record] = recorded.records(Path("two"))
    assert record.error is None
    assert {score.value for score in record.scored} == {0.5, 0.75, 0.25}, "equal texts have the first one's score"
    assert record.answers[-1].extracted == "3"


def test_any_cut_of_an_output_goes_on_to_the_same_output_and_anything_else_is_refused() -> None:
    pool = imported(lines({"doc_id": 0, "response": "so\n3 €</think>\\boxed{3}", "tokens": 9}))
    engine = ReplayEngine(pool)
    thinks, answers = (stream_key(0, "gsm8k/0", [], phase) for phase in ("thinking", "answer"))

    def ask(stream: str, prefix: tuple[int, ...] = (), most: int = 99, sampled: int = 0) -> Any:  # noqa: ANN401
        return asyncio.run(engine.generate([Request((1,), prefix, most, stream, sampled=sampled)]))[0]

    whole = ask(thinks)
    assert (engine.tokenizer.decode(whole.tokens), whole.finish) == ("so\n3 €</think>", "stop")
    for place in range(1, len(whole.tokens)):
        first = ask(thinks, most=place)
        assert (first.tokens, first.finish) == (whole.tokens[:place], "length")
        assert ask(thinks, first.tokens, sampled=place).tokens == whole.tokens[place:]
        with pytest.raises(EngineError, match="this one is cut"):
            ask(answers, first.tokens)
    said = ask(answers, whole.tokens)
    assert (engine.tokenizer.decode(said.tokens), len(whole.tokens + said.tokens)) == ("\\boxed{3}", 9)
    with pytest.raises(EngineError, match="continues differently"):
        ask(answers, (*whole.tokens, *engine.tokenizer.encode("Wait")))
    for branch in (["x"], ["01"], ["0", "1"], ["1"], ["9" * 30]):
        with pytest.raises(EngineError, match="not recorded"):
            ask(stream_key(0, "gsm8k/0", branch, "thinking"))
    for stream in (stream_key(0, "gsm8k/1", [], "thinking"), stream_key(0, "gsm8k/0", [], "probe")):
        with pytest.raises(EngineError, match="recorded"):
            ask(stream)


def test_an_output_that_a_limit_cut_within_its_thinking_answers_nothing_and_votes_for_nothing() -> None:
    outputs = [{"response": "so 3</think>\\boxed{3}", "tokens": 5}, {"response": "so", "tokens": 2}]
    imported(lines({"doc_id": 0, "responses": outputs}))
    [single, vote] = recorded.records(Path("out"))
    assert [answer.extracted for answer in (*single.answers, *vote.answers)] == ["3", "3", "3"]
    assert [answer.truncated for answer in vote.answers] == [False, True]
    assert vote.answers[-1].cost.thinking + vote.answers[-1].cost.answer == 7


@given(TEXT, TEXT, st.data())
def test_tokens_of_a_tokenizer_hold_the_text_to_the_letter(thought: str, said: str, data: st.DataObject) -> None:
    parts = Parts(thought, said, True)

    def offsets(texts: Any) -> list[list[int]]:  # noqa: ANN401 - texts
        return [data.draw(st.lists(st.integers(0, len(text)), max_size=8).map(sorted)) for text in texts]

    [counted] = counting.by_tokenizer([parts], offsets)
    assert (counted.thinking > 0, counted.answer > 0) == (bool(thought), bool(said))
    check(parts, counted)


@given(TEXT, TEXT, st.integers(0, 60), st.data())
def test_stated_counts_are_kept_to_the_token(thought: str, said: str, more: int, data: st.DataObject) -> None:
    parts = Parts(thought, said, True)
    total = bool(thought) + bool(said) + more
    counted = counting.stated(Output(said, thinking=thought, tokens=total), parts, "here") if total else None
    if counted:
        assert counted.thinking + counted.answer == total
        check(parts, counted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(thought + said)), max_size=5)))
    pieces = [(thought + said)[begin:end] for begin, end in zip([0, *cuts], [*cuts, None], strict=True)]
    counted = counting.stated(Output(said, thinking=thought, pieces=tuple(pieces)), parts, "here")
    if counted:
        assert counted.thinking + counted.answer == len(pieces)
        check(parts, counted)


def check(parts: Parts, counted: counting.Counted) -> None:
    """The tokens of each part hold its text, and only that."""
    from tts_bench.pools.file import Recorded

    raw, meets = (parts.thinking + parts.answer).encode(), len(parts.thinking.encode())
    bounds = Recorded(raw, meets, counted.thinking, counted.answer, True, counted.lengths, b"", b"").bounds()
    assert len(bounds) == counted.thinking + counted.answer + 1
    assert bounds == sorted(bounds)
    assert raw[bounds[0] : bounds[counted.thinking]] == parts.thinking.encode()
    assert raw[bounds[counted.thinking] : bounds[-1]] == parts.answer.encode()


@given(TEXT, TEXT)
def test_an_output_is_split_where_its_thinking_first_ends_and_nothing_is_lost(before: str, after: str) -> None:
    text = f"{before}</think>{after}"
    parts = TAGS.split(Output(text), "here")
    assert parts.thinking + parts.answer == text
    assert parts.thinking.count("</think>") == 1


@given(st.lists(st.text(max_size=40), max_size=60), st.integers(1, 100))
def test_a_tokenizer_is_given_all_texts_in_their_order_a_bounded_part_at_a_time(texts: list[str], bound: int) -> None:
    parts = list(importing.portions(texts, bound))
    assert [text for part in parts for text in part] == texts
    assert all(part and sum(map(len, part[:-1])) < bound for part in parts)
