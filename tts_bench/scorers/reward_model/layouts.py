"""How families of reward models format a problem and a solution, and where in it each score is read.

Every layout follows its authors' model card or code: Qwen2.5-Math-PRM (arXiv 2501.07301), Skywork-o1
Open PRM, RLHFlow's PRMs (github.com/RLHFlow/RLHF-Reward-Modeling), Math-Shepherd (arXiv 2312.08935).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tts_bench.errors import EngineError, UserError

if TYPE_CHECKING:
    from tts_bench.engines.tokenizer import HfTokenizer

# Output heads: probability of a class, a number as it is, a number in (0, 1), probability of the first word of two.
Head = Literal["classes", "number", "value", "words"]
GOOD, BAD = "+", "-"
_EXTRA, _KI = "<extra_0>", "\u043a\u0438"  # step tags of Qwen2.5-Math-PRM and of Math-Shepherd
_QWEN_SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."


@dataclass(frozen=True)
class Reading:
    """Tokens for the model, and the positions at which scores are read."""

    ids: tuple[int, ...]
    places: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """The layout of one family."""

    heads: tuple[Head, ...]  # supported heads
    read: Callable[[HfTokenizer, str, Sequence[str]], Reading]  # formats a problem and its steps, or the whole
    step: str = ""  # step separator; empty: the text is scored as a whole


def _outcome(tokenizer: HfTokenizer, problem: str, steps: Sequence[str]) -> Reading:
    """Read at the last token that is not padding, as in transformers' sequence classification."""
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
    """No turns: each step is encoded alone with a line break after it, where its score is read."""
    start, line = tokenizer.inner.bos_token or "", tokenizer.encode("\n")[-1]
    ids, places = list(tokenizer.encode(f"{start}{tokenizer.plain(problem)}\n")), []
    for step in steps:
        ids += (*tokenizer.encode(tokenizer.plain(step)), line)
        places.append(len(ids) - 1)
    return Reading(tuple(ids), tuple(places))


def _rlhflow(tokenizer: HfTokenizer, problem: str, steps: Sequence[str]) -> Reading:
    """One user turn per step, the first with the problem, each answered by "+"; the score is read before the reply."""
    turns: list[tuple[str, str]] = []
    ids: list[int] = []
    places, before = [], ""
    for number, step in enumerate(map(tokenizer.plain, steps)):
        turns.append(("user", step if number else f"{tokenizer.plain(problem)} {step}"))
        asked = _worded(tokenizer, turns, generate=True)
        if not asked.startswith(before):
            raise UserError("the chat template of this model rewrites earlier turns. Type layout=outcome.")
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
    """The token that represents a word: its last one."""
    return tokenizer.encode(word)[-1]


def _worded(tokenizer: HfTokenizer, turns: Sequence[tuple[str, str]], *, generate: bool = False) -> str:
    """The turns in the chat template; without one, their contents after a BOS."""
    if tokenizer.template is None:
        return (tokenizer.inner.bos_token or "") + "\n".join(content for _, content in turns)
    return tokenizer.template.render([{"role": role, "content": content} for role, content in turns], generate=generate)


def _tagged(tokenizer: HfTokenizer, text: str, tag: str, count: int) -> Reading:
    ids, mark = tokenizer.encode(text), word_id(tokenizer, tag)
    places = tuple(place for place, token in enumerate(ids) if token == mark)
    if len(places) != count:
        raise EngineError(f"a text of {count} steps has {len(places)} tokens of the step tag {tag!r}")
    return Reading(ids, places)
