"""A model as a judge, on any engine: it rates one candidate at a time by the last word of its reply."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from math import exp, fsum
from pathlib import Path
from typing import Literal

from tts_bench.api import Problem, Sampling, Turn
from tts_bench.columns import LOGPROB
from tts_bench.config import ModelConfig
from tts_bench.engine import Engine, Generation, Request
from tts_bench.engines import kinds
from tts_bench.errors import EngineError, UserError
from tts_bench.options import at_least, option
from tts_bench.scorer import Candidate, Part, ScorerInfo, Verdict
from tts_bench.scorers.kinds import Loaded, ScorerKind, Setup
from tts_bench.solving.model import Model, load_model
from tts_bench.streams import stream_key

TEMPLATE = """\
Here is a problem and a solution that somebody proposes.

Problem:
{problem}

Solution:
{answer}

Is the final answer of this solution right? Check it, and end your reply with one word: {good} or {bad}.
"""
_DAY = date(2026, 1, 1)  # for chat templates with a date: a score does not depend on the day
_PLACES = re.compile(r"\{(problem|answer|good|bad)\}")


@dataclass(frozen=True)
class JudgeOptions:
    """
    Raises:
        ValueError: a number is out of range, or the words are blank or equal.
    """

    model: str = field(metadata={"help": "Judge model, as for --model.", "place": True})
    engine: str = option("hf", "Judge engine, as for --engine; type \\, for a comma in its options.")
    template: Path | None = option(None, "File with the prompt, containing {problem} and {answer}.", shown="built in")
    good: str = option("Yes", "Word for a correct solution.")
    bad: str = option("No", "Word for an incorrect solution.")
    by: Literal["auto", "probability", "word"] = option(
        "auto", "Score by the word's probability, or as 1 or 0; auto: by probability if the engine returns it."
    )
    reads: Part = option("answer", "Part of a candidate to score: all, thinking or answer.")
    max_tokens: int = option(1024, "Maximum tokens of its reply, thinking included.")
    temperature: float = option(0.0, "Sampling temperature; 0 is greedy.")

    def __post_init__(self) -> None:
        at_least(1, self, "max_tokens")
        if not self.good.strip() or not self.bad.strip() or self.good.lower() == self.bad.lower():
            raise ValueError(f"good is {self.good!r} and bad is {self.bad!r}; they take two different words")
        Sampling(self.temperature)

    @property
    def config(self) -> ModelConfig:
        """The judge's model configuration."""
        return ModelConfig(self.model, self.engine, temperature=self.temperature, top_k=0, top_p=1.0, min_p=0.0)


class Judge:
    """Implements `tts_bench.scorer.Scorer`. A reply with neither word scores 0, as for an incorrect solution."""

    def __init__(self, model: Model, given: JudgeOptions, template: str) -> None:
        self._engine: Engine = model.engine
        self._given, self._template = given, template
        self._columns = (LOGPROB,) if _tells(given, model.engine) else ()
        self._thinking_end = model.conditions.format.end
        words = "|".join(re.escape(word.strip()) for word in (given.good, given.bad))
        self._words = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
        info = model.engine.info
        self.info = ScorerInfo(
            name="judge",
            model=info.model,
            fingerprint=info.fingerprint,
            identity={
                "engine": info.identity,
                "template": hashlib.sha256(template.encode()).hexdigest(),
                "words": [given.good, given.bad],
                "by": "probability" if self._columns else "word",
                "reads": given.reads,
                "max_tokens": given.max_tokens,
                "temperature": given.temperature,
            },
            settings=info.settings,
            parameters=info.parameters,
            layers=info.layers,
            width=info.width,
        )

    async def score(self, problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]:
        return list(await asyncio.gather(*(self._one(problem, each) for each in candidates)))

    async def _one(self, problem: Problem, candidate: Candidate) -> Verdict:
        asked = self.asked(problem, candidate)
        tokenizer, given = self._engine.tokenizer, self._given
        prompt = tokenizer.encode(tokenizer.render(asked))
        if (room := self._engine.info.context - len(prompt)) < 1:
            raise EngineError(
                f"the judge {self.info.model} reads at most {self._engine.info.context} tokens; a candidate has "
                f"{len(prompt)} with its prompt"
            )
        digest = hashlib.sha256(asked.encode()).hexdigest()
        request = Request(
            prompt,
            (),
            min(given.max_tokens, room),
            stream_key(0, problem.id, (digest,), "judge"),
            Sampling(given.temperature),
            tokenizer.end_ids,
            turns=(Turn("user", asked),),
            columns=self._columns,
        )
        [reply] = await self._engine.generate([request])
        said = tokenizer.decode(reply.tokens[: len(reply.tokens) - reply.stop])
        return Verdict(self._value(reply, said), (), len(prompt), len(reply.tokens), said)

    def asked(self, problem: Problem, candidate: Candidate) -> str:
        """The prompt about one candidate."""
        given = self._given
        values = {
            "problem": problem.prompt,
            "answer": candidate.text(given.reads),
            "good": given.good,
            "bad": given.bad,
        }
        return _PLACES.sub(lambda place: values[place[1]], self._template)

    def _value(self, reply: Generation, said: str) -> float:
        """The score by the last of the two words after its thinking."""
        begins = said.rfind(self._thinking_end) + len(self._thinking_end) if self._thinking_end in said else 0
        found = [match for match in self._words.finditer(said) if match.start() >= begins]
        if not found:
            return 0.0
        match, good = found[-1], found[-1][0].lower() == self._given.good.strip().lower()
        if not self._columns:
            return float(good)
        spelled = self._spelling(reply, match.start(), match.end())
        probability = min(1.0, exp(fsum(float(each) for each in spelled)))
        return probability if good else 1.0 - probability

    def _spelling(self, reply: Generation, begin: int, end: int) -> list[float]:
        """Log-probabilities of the tokens that spell the letters `begin` to `end`."""
        decode, column = self._engine.tokenizer.decode, reply.columns[LOGPROB]
        places, length = [], 0
        for place in range(len(reply.tokens)):
            before, length = length, len(decode(reply.tokens[: place + 1]))
            if before < end and length > begin:
                places.append(place)
        return [column[place] for place in places]

    async def close(self) -> None:
        await self._engine.close()


def _tells(given: JudgeOptions, engine: Engine) -> bool:
    """Whether scores are probabilities.

    Raises:
        UserError: they have to be, but the engine returns no probabilities.
    """
    if given.by == "auto":
        return "logprobs" in engine.info.capabilities
    if given.by == "probability" and "logprobs" not in engine.info.capabilities:
        raise UserError(
            f"judge: by=probability, but the engine {engine.info.name!r} with {engine.info.model} returns no "
            "log-probabilities. Type by=word, or use another engine."
        )
    return given.by == "probability"


def _template(given: JudgeOptions) -> str:
    """
    Raises:
        UserError: the file cannot be read, or lacks a placeholder.
    """
    if given.template is None:
        return TEMPLATE
    try:
        text = given.template.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"judge: the template {given.template} cannot be read: {error}. Give a text file.") from error
    if missing := [name for name in ("{problem}", "{answer}") if name not in text]:
        raise UserError(f"judge: the template {given.template} lacks {' and '.join(missing)}. Add it to the file.")
    return text


def _check(setup: Setup[JudgeOptions]) -> None:
    _template(setup.options)
    kinds.check(setup.options.config)


def _load(setup: Setup[JudgeOptions]) -> Loaded:
    model = load_model(setup.options.config, setup.progress)
    if model.found.dated:
        model = model.dated(_DAY)
    judge = Judge(model, setup.options, _template(setup.options))
    return Loaded(judge, model.source, model.notes, model.code)


kind = ScorerKind("asks a model, on any engine, whether a solution is right", JudgeOptions, _load, check=_check)
