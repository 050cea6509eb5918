"""How families of reward models word a problem and a solution, and where in it they say what they think of each step.

Every layout is its makers' own, as their model card or code has it: Qwen2.5-Math-PRM (arXiv 2501.07301), Skywork-o1
Open PRM, RLHFlow's PRMs (github.com/RLHFlow/RLHF-Reward-Modeling), Math-Shepherd (arXiv 2312.08935).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tts_bench.errors import EngineError, UserError

if TYPE_CHECKING:
    from tts_bench.engines.tokenizer import HfTokenizer

# What stands above the body: of a class its probability, a number as it is, a number in (0, 1), the first of two words.
Head = Literal["classes", "number", "value", "words"]
GOOD, BAD = "+", "-"
_EXTRA, _KI = "<extra_0>", "\u043a\u0438"  # step tags of Qwen2.5-Math-PRM and of Math-Shepherd
_QWEN_SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."


@dataclass(frozen=True)
class Reading:
    """Tokens for the model, and the place behind which each score is read."""

    ids: tuple[int, ...]
    places: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """One family's way."""

    heads: tuple[Head, ...]  # what may stand above the body
    read: Callable[[HfTokenizer, str, Sequence[str]], Reading]  # of a problem and its steps, or of a whole
    step: str = ""  # what cuts a text into steps; empty: it is scored as a whole


def _outcome(tokenizer: HfTokenizer, problem: str, steps: Sequence[str]) -> Reading:
    """The last token that is no padding, as transformers' sequence classification has it."""
    said = "".join(map(tokenizer.plain, steps))
    ids = tokenizer.encode(_worded(tokenizer, [("user", tokenizer.plain(problem)), ("assistant", said)]))
    padding = tokenizer.inner.pad_token_id
    return Reading(ids, (max(place for place, token in enumerate(ids) if token != padding),))


def _qwen(tokenizer: HfTokenizer, problem: str, steps: Sequence[str]) -> Reading:
    """A tag after each step of the assistant's turn."""
    said = "".join(tokenizer.plain(step) + _EXTRA for step in steps)
    turns = [("system", _QWEN_SYSTEM), ("user", tokenizer.plain(problem)), ("assistant", said)]
    return _tagged(tokenizer, _worded(tokenizer, turns), _EXTRA, len(steps))


def _math_shepherd(tokenizer: HfTokenizer, problem: str, steps: Sequence[str]) -> Reading:
    """No turns: the problem, and a tag at the end of each line."""
    start = tokenizer.inner.bos_token or ""
    said = "".join(f"{tokenizer.plain(step).replace(_KI, '')} {_KI}\n" for step in steps)
    return _tagged(tokenizer, f"{start}{tokenizer.plain(problem)} {said}", _KI, len(steps))


def _skywork(tokenizer: HfTokenizer, problem: str, steps: Sequence[str]) -> Reading:
    """No turns: each step is encoded alone, a line break behind it, and the score is read there."""
    start, line = tokenizer.inner.bos_token or "", tokenizer.encode("\n")[-1]
    ids, places = list(tokenizer.encode(f"{start}{tokenizer.plain(problem)}\n")), []
    for step in steps:
        ids += (*tokenizer.encode(tokenizer.plain(step)), line)
        places.append(len(ids) - 1)
    return Reading(tuple(ids), tuple(places))


def _rlhflow(tokenizer: HfTokenizer, problem: str, steps: Sequence[str]) -> Reading:
    """A user's turn a step, the first with the problem, and "+" for each reply: what would be said there is read."""
    turns: list[tuple[str, str]] = []
    ids: list[int] = []
    places, before = [], ""
    for number, step in enumerate(map(tokenizer.plain, steps)):
        turns.append(("user", step if number else f"{tokenizer.plain(problem)} {step}"))
        asked = _worded(tokenizer, turns, generate=True)
        if not asked.startswith(before):
            raise UserError("the chat template of this model words earlier turns anew. Type layout=outcome.")
        ids += tokenizer.encode(asked[len(before) :])
        places.append(len(ids) - 1)
        turns.append(("assistant", GOOD))
        before = asked
    return Reading(tuple(ids), tuple(places))


LAYOUTS: Mapping[str, Layout] = {
    "outcome": Layout(("number", "classes"), _outcome),
    "qwen": Layout(("classes",), _qwen, step="\n\n"),
    "skywork": Layout(("value",), _skywork, step="\n"),
    "rlhflow": Layout(("words",), _rlhflow, step="\n\n"),
    "math-shepherd": Layout(("words",), _math_shepherd, step="\n"),
}


def word_id(tokenizer: HfTokenizer, word: str) -> int:
    """The token that a word is judged by: its last one."""
    return tokenizer.encode(word)[-1]


def _worded(tokenizer: HfTokenizer, turns: Sequence[tuple[str, str]], *, generate: bool = False) -> str:
    """The turns as the chat template words them; without one, their contents after a BOS."""
    if tokenizer.template is None:
        return (tokenizer.inner.bos_token or "") + "\n".join(content for _, content in turns)
    return tokenizer.template.render([{"role": role, "content": content} for role, content in turns], generate=generate)


def _tagged(tokenizer: HfTokenizer, text: str, tag: str, count: int) -> Reading:
    ids, mark = tokenizer.encode(text), word_id(tokenizer, tag)
    places = tuple(place for place, token in enumerate(ids) if token == mark)
    if len(places) != count:
        raise EngineError(f"a text of {count} steps has {len(places)} tokens of the step tag {tag!r}")
    return Reading(ids, places)
