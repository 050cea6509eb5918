"""An engine without a model: a pure function of what stands before and of the random stream. For tests and plugins."""

from __future__ import annotations

import asyncio
import math
import re
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from hashlib import sha256

from tts_bench.api import LearnedToken, Turn
from tts_bench.columns import ENTROPY, LOGPROB, NO_COLUMNS, Columns, top_of
from tts_bench.engine import Engine, EngineInfo, Generation, Request, learned_id
from tts_bench.engines import cluster
from tts_bench.engines.kinds import EngineKind, Loaded, Setup
from tts_bench.engines.pool import PoolOptions, count
from tts_bench.errors import UserError, did_you_mean
from tts_bench.streams import uniform

Draw = Callable[[int], float]  # the stream's uniform number at a place of the generation, counted from its beginning
Script = Callable[[str, Draw], str]  # all the text before a generation, and its draws -> the text it would give
Sureness = Callable[[str, int], float]  # stream and position -> probability of the likeliest token there, below 1

THINK, END_THINK, END = "<think>", "</think>", "<|end|>"
# Every token is a Unicode code point; the named ones stand at the end of a private plane.
_SPECIAL = {THINK: 0xFFFFB, END_THINK: 0xFFFFC, END: 0xFFFFD}
# How learned tokens are shown to a script: as other code points of that plane, by their ids.
_LEARNED, _LEARNED_IDS = 0xF0000, 0x7FFF
_UTF_32 = f"utf-32-{sys.byteorder[0]}e"  # code points as `array` holds them


class ScriptedTokenizer:
    """One token for each character, and one for each of `<think>`, `</think>` and `<|end|>`."""

    end_ids = frozenset({_SPECIAL[END]})
    chat_template = "{{ messages[-1].content }}\n<think>"

    def encode(self, text: str) -> tuple[int, ...]:
        if "<" in text:
            for name, token in _SPECIAL.items():
                text = text.replace(name, chr(token))
        return tuple(array("I", text.encode(_UTF_32, "surrogatepass")))

    def decode(self, tokens: Sequence[int]) -> str:
        try:
            text = array("I", tokens).tobytes().decode(_UTF_32, "surrogatepass")
        except (OverflowError, UnicodeDecodeError):
            return self.decode([token if token < 0x110000 else _LEARNED | token & _LEARNED_IDS for token in tokens])
        if not text.isascii():
            for name, token in _SPECIAL.items():
                text = text.replace(chr(token), name)
        return text

    def render(self, prompt: str | Sequence[Turn], system: str | None = None) -> str:
        if not isinstance(prompt, str):
            prompt = "\n".join(turn.content for turn in prompt)
        return f"{system}\n{prompt}\n{THINK}" if system else f"{prompt}\n{THINK}"


class ScriptedEngine:
    """Runs `script` in place of a model."""

    def __init__(
        self, script: Script, *, name: str = "script", context: int = 100_000, sureness: Sureness | None = None
    ) -> None:
        """`sureness` is what columns are made from, and for no other use; None: it varies without any meaning."""
        self._script, self._sureness = script, sureness or _sureness
        self.tokenizer = ScriptedTokenizer()
        self.busy_seconds = 0.0
        self.info = EngineInfo(
            name="scripted",
            model=name,
            fingerprint=sha256(name.encode()).hexdigest(),
            context=context,
            # Effort is one more stream to it.
            capabilities=frozenset({"learned-tokens", "token-ids", "seeds", "logprobs", "effort", "bias"}),
            identity={"engine": "scripted"},
            settings={},
            exact=True,
            exact_note="a pure function of prompt and stream",
            layers=1,
            width=1,
            parameters=1,
        )

    def learn(self, token: LearnedToken) -> int:
        """Make `token` known; its row may have any length, since a script has no rows.

        Raises:
            UserError: it was made for another model.
        """
        if token.model != self.info.fingerprint:
            raise UserError(
                f"{token.name} was trained for the model with fingerprint {token.model}, but the script "
                f"{self.info.model} has {self.info.fingerprint}. Give the model it was trained for."
            )
        return learned_id(token)

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        await asyncio.sleep(0)  # as any engine does, let the others go on
        return [self._generate(request) for request in requests]

    async def close(self) -> None:
        """Nothing is held."""

    def _generate(self, request: Request) -> Generation:
        room = self.info.context - len(request.prompt) - len(request.prefix)
        if room < 1:
            return Generation((), "context")
        began = time.perf_counter()
        begun = len(request.prefix) - request.sampled
        before = self.tokenizer.decode(request.prompt + request.prefix[:begun])
        text = self._script(before, lambda place: uniform(request.stream, begun + place))
        if request.sampling.bias:
            text = _biased(text, request, self.tokenizer)
        tokens = self.tokenizer.encode(text)
        length, stop = _stop(tokens, text, request)
        tokens = tokens[request.sampled : length]
        self.busy_seconds += time.perf_counter() - began
        if len(tokens) > min(room, request.max_tokens):
            tokens = tokens[: min(room, request.max_tokens)]
            full = room < request.max_tokens
            return Generation(tokens, "context" if full else "length", columns=self._columns(request, len(tokens)))
        return Generation(tokens, "stop", stop, self._columns(request, len(tokens)))

    def _columns(self, request: Request, count: int) -> Columns:
        """Those of a geometric distribution at each position, in which the token's rank is drawn."""
        if not request.columns:
            return NO_COLUMNS
        values: dict[str, list[float]] = {name: [] for name in request.columns}
        for position in range(len(request.prefix), len(request.prefix) + count):
            likeliest = self._sureness(request.stream, position)
            best, step = math.log(likeliest), math.log1p(-likeliest)
            rank = math.log1p(-uniform(f"{request.stream} rank", position)) // step
            for name, numbers in values.items():
                if name == LOGPROB:
                    numbers.append(best + rank * step)
                elif name == ENTROPY:
                    numbers.append(-best - (1 - likeliest) / likeliest * step)
                else:
                    numbers.append(best + (top_of(name) - 1) / 2 * step)
        return Columns.of(values)


def _biased(text: str, request: Request, tokenizer: ScriptedTokenizer) -> str:
    """What is left of `text`: a banned token is left out, one that is disfavoured by as much as its odds fall.

    A script has no other token to give instead, so one that is favoured comes no more often than before.
    """
    added = dict(request.sampling.bias)
    kept = [
        token
        for place, token in enumerate(tokenizer.encode(text))
        if token not in added or uniform(f"{request.stream} bias", place) < math.exp(min(0.0, added[token]))
    ]
    return tokenizer.decode(kept)


def _sureness(stream: str, position: int) -> float:
    return 0.05 + 0.9 * uniform(f"{stream} sureness", position)


def _stop(tokens: tuple[int, ...], text: str, request: Request) -> tuple[int, int]:
    """Length up to the first stop, and the stop's own length. A script that ends without one stops where it ends."""
    places = [(index + 1, 1) for index, token in enumerate(tokens) if token in request.stop_ids]
    for stop in request.stop_texts:
        if (at := text.find(stop)) >= 0:
            length = len(ScriptedTokenizer().encode(stop))
            places.append((len(ScriptedTokenizer().encode(text[:at])) + length, length))
    return min(places, default=(len(tokens), 0))


def adder(text: str, draw: Draw) -> str:
    """A script that adds up the whole numbers of the problem, errs half of the time, and mends an error in three.

    Its thinking is one line, "so N"; after a cue it says what it now holds true.
    """
    problem, _, thought = text.partition(THINK)
    truth = sum(int(number) for number in re.findall(r"\d+", problem))
    if END_THINK in thought:
        said = re.findall(r"so (-?\d+)", thought)
        return f"\\boxed{{{said[-1]}}}{END}" if said else f"I do not know{END}"
    said = re.findall(r"so (-?\d+)", thought)
    if not said:
        value = truth if draw(0) < 0.5 else truth + 1 + int(draw(1) * 9)
    elif int(said[-1]) == truth:
        value = truth if draw(0) < 0.95 else truth - 1
    else:
        value = truth if draw(0) < 1 / 3 else int(said[-1])
    return f" so {value}{END_THINK}"


SCRIPTS: dict[str, Script] = {"adder": adder}


def _check(setup: Setup[PoolOptions]) -> str:
    """The script's name. A script runs on a cluster too, to try one out."""
    setup.options.check_ray("scripted", alone=False)
    name = setup.config.model or "adder"
    if name not in SCRIPTS:
        raise UserError(f"the engine 'scripted' has no script {name!r}. {did_you_mean(name, SCRIPTS)}")
    return name


def _load(setup: Setup[PoolOptions]) -> Loaded:
    name, given = _check(setup), setup.options
    engine: Engine
    if given.ray:
        cluster.connect(given.ray)
        need = {"CPU": 1.0}
        engine = cluster.start(count(given, need), need, load_script, name=name)
    else:
        engine = load_script(name)
    return Loaded(engine, "this package", notes=("a script, not a language model: for trying the harness out",))


def load_script(name: str) -> ScriptedEngine:
    """The engine of the script of that name."""
    return ScriptedEngine(SCRIPTS[name], name=name)


kind = EngineKind(
    "runs a script, for tests",
    PoolOptions,
    _load,
    capabilities=frozenset({"learned-tokens", "token-ids", "seeds", "logprobs", "effort", "bias"}),
    check=_check,
)
