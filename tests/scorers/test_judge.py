"""Claims about judges: what they are asked, what is read in their reply, what it costs."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import replace
from math import exp
from pathlib import Path

import pytest

from tests.tiny import make_tiny
from tts_bench.api import Problem, Sampling
from tts_bench.columns import LOGPROB
from tts_bench.engine import Request
from tts_bench.engines import scripted
from tts_bench.engines.scripted import END, END_THINK, SCRIPTS, Draw
from tts_bench.errors import EngineError, UserError
from tts_bench.scorer import Candidate, Verdict
from tts_bench.scorers import kinds
from tts_bench.scorers.judge import Judge
from tts_bench.streams import stream_key

PROBLEM = Problem("sums/0", "sums", "What is 17 and 25? Write {answer} or {good}.")


def adds_up(text: str, draw: Draw) -> str:
    """Thinks aloud, then says whether the proposed solution has the sum of the problem's numbers."""
    problem, _, solution = text.partition("Solution:")
    right = sum(int(number) for number in re.findall(r"\d+", problem)) == int(re.findall(r"\d+", solution)[0])
    return f"Yes? No? Let me see.{END_THINK}I add it up: {'Yes' if right else 'No'}.{END}"


def mute(text: str, draw: Draw) -> str:
    return f"I say Yes.{END_THINK}I cannot tell, nobody yesterday knew.{END}"


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    for script in (adds_up, mute):
        monkeypatch.setitem(SCRIPTS, script.__name__, script)


def judge(options: str) -> Judge:
    [one] = kinds.check([f"judge:{options}"])
    scorer = kinds.load(one).scorer
    assert isinstance(scorer, Judge)
    return scorer


def verdicts(scorer: Judge, *answers: str) -> list[Verdict]:
    return asyncio.run(scorer.score(PROBLEM, [Candidate("so 99", answer) for answer in answers]))


def test_the_score_is_the_word_behind_the_thinking() -> None:
    scorer = judge("model=adds_up,engine=scripted,by=word")
    assert [verdict.value for verdict in verdicts(scorer, "42", "43", "42")] == [1.0, 0.0, 1.0]
    assert [verdict.value for verdict in verdicts(judge("model=mute,engine=scripted,by=word"), "42")] == [0.0]


def test_the_score_is_the_probability_of_the_word_where_the_engine_tells_it() -> None:
    scorer = judge("model=adds_up,engine=scripted")
    assert scorer.info.identity["by"] == "probability"
    right, wrong = verdicts(scorer, "42", "43")
    for verdict, word in ((right, "Yes"), (wrong, "No")):
        begin = verdict.said.rindex(word)
        asked = scorer.asked(PROBLEM, Candidate("so 99", "42" if word == "Yes" else "43"))
        probability = _probability(scorer, asked, begin, len(word))
        assert verdict.value == pytest.approx(probability if word == "Yes" else 1 - probability)
        assert 0 < verdict.value < 1


def _probability(scorer: Judge, asked: str, begin: int, length: int) -> float:
    """Of the letters of the reply, by the engine itself: a script's tokens are letters."""
    engine, tokenizer = scorer._engine, scorer._engine.tokenizer
    stream = stream_key(0, PROBLEM.id, (hashlib.sha256(asked.encode()).hexdigest(),), "judge")
    request = Request(
        tokenizer.encode(tokenizer.render(asked)), (), 1024, stream, Sampling(0.0), tokenizer.end_ids,
        columns=(LOGPROB,),
    )  # fmt: skip
    [reply] = asyncio.run(engine.generate([request]))
    shift = len(END_THINK) - 1  # of the text, in which a delimiter is one token
    column = reply.columns[LOGPROB][begin - shift : begin - shift + length]
    assert tokenizer.decode(reply.tokens)[begin:].startswith(("Yes", "No"))
    return exp(sum(column))


def test_what_it_reads_and_writes_is_counted_and_what_it_said_is_kept() -> None:
    scorer = judge("model=adds_up,engine=scripted")
    [verdict] = verdicts(scorer, "42")
    tokenizer = scorer._engine.tokenizer
    assert verdict.read == len(tokenizer.encode(tokenizer.render(scorer.asked(PROBLEM, Candidate("", "42")))))
    assert verdict.said == f"Yes? No? Let me see.{END_THINK}I add it up: Yes."
    assert verdict.sampled == len(tokenizer.encode(verdict.said)) + 1


def test_equal_candidates_have_equal_verdicts_whatever_else_is_judged() -> None:
    scorer = judge("model=adds_up,engine=scripted,temperature=1")
    alone = verdicts(scorer, "42")
    assert verdicts(scorer, "1", "2", "42", "42")[2:] == alone * 2


def test_a_problem_that_spells_a_place_of_the_template_is_not_read_as_one() -> None:
    asked = judge("model=adds_up,engine=scripted").asked(PROBLEM, Candidate("so 99", "{problem} 42"))
    assert "What is 17 and 25? Write {answer} or {good}." in asked
    assert "{problem} 42" in asked
    assert asked.endswith("end your reply with one word: Yes or No.\n")
    assert "so 99" not in asked


def test_a_template_of_ones_own_is_told_by_its_hash(tmp_path: Path) -> None:
    (tmp_path / "ask.txt").write_text("{problem} Solution: {answer}?")
    own = judge(f"model=adds_up,engine=scripted,template={tmp_path}/ask.txt,reads=all,good=True,bad=False")
    assert own.asked(PROBLEM, Candidate("so 99", "42")) == f"{PROBLEM.prompt} Solution: so 99\n\n42?"
    assert own.info.identity["template"] != judge("model=adds_up,engine=scripted").info.identity["template"]


def test_any_engine_can_judge_and_its_operations_are_known(tmp_path: Path) -> None:
    scorer = judge(f"model={make_tiny(tmp_path)},engine=hf:workers=1\\,threads=1,max_tokens=12")
    try:
        first = verdicts(scorer, "42", "43")
        assert verdicts(scorer, "43", "42") == first[::-1]
    finally:
        asyncio.run(scorer.close())
    assert {verdict.sampled for verdict in first} <= set(range(1, 13))
    assert scorer.info.parameters > 10_000
    assert scorer.info.layers == 2


def test_a_candidate_that_leaves_no_room_is_an_error_of_its_problem() -> None:
    scorer = judge("model=adds_up,engine=scripted")
    with pytest.raises(EngineError, match="reads at most 100000 tokens; a candidate has"):
        verdicts(scorer, "4" * 100_000)


@pytest.mark.parametrize(
    ("options", "says"),
    {
        "engine=scripted": "needs the option model",
        "model=adds_up,engine=script": "there is no engine 'script'",
        "model=adder_,engine=scripted": "has no script 'adder_'",
        "model=adds_up,engine=scripted,good=No": "they take two different words",
        "model=adds_up,engine=scripted,max_tokens=0": "max_tokens is 0",
        "model=adds_up,engine=scripted,temperature=-1": "temperature is -1",
        "model=adds_up,engine=scripted,template=gone.txt": "the template gone.txt cannot be read",
        "model=adds_up,engine=scripted,template=LICENSE": "lacks {problem} and {answer}",
        "model=adds_up,engine=scripted,reads=thought": "it takes one of all, thinking, answer",
    }.items(),
)
def test_what_cannot_be_is_refused_before_anything_is_loaded(options: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        kinds.check([f"judge:{options}"])
    assert says in str(caught.value)


def test_probabilities_that_no_engine_tells_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(name: str) -> scripted.ScriptedEngine:
        engine = scripted.ScriptedEngine(SCRIPTS[name], name=name)
        engine.info = replace(engine.info, capabilities=frozenset({"seeds"}))
        return engine

    monkeypatch.setattr(scripted, "load_script", silent)
    with pytest.raises(UserError, match="by=probability, but the engine 'scripted'"):
        judge("model=adds_up,engine=scripted,by=probability")
    assert judge("model=adds_up,engine=scripted").info.identity["by"] == "word"
