"""An engine without a model: it gives what another program recorded, and makes nothing up.

A request is known by its random stream, which names the problem, the branch and whether it thinks or answers. Output i
of a problem is what branch i samples. Its answer follows its whole thinking, as recorded, and nothing else.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import NoReturn

from tts_bench.api import LearnedToken
from tts_bench.columns import LOGPROB, NO_COLUMNS, Columns, top_of
from tts_bench.engine import EngineInfo, Generation, Recording, Request
from tts_bench.engines.replay.tokenizer import RecordedTokenizer
from tts_bench.errors import EngineError, UserError
from tts_bench.pools.file import SAMPLES, Pool, Recorded

_CONTEXT = 1 << 30  # no recorded output is too long


class ReplayEngine:
    """Serves the outputs of `pool`."""

    def __init__(self, pool: Pool) -> None:
        about = pool.about
        self._pool = pool
        self.tokenizer = RecordedTokenizer(pool)
        self.busy_seconds = 0.0
        self.info = EngineInfo(
            name="replay",
            model=about.model,
            fingerprint=about.fingerprint,
            context=_CONTEXT,
            capabilities=frozenset({"logprobs"} if about.logprobs else ()),
            identity={"engine": "replay"},
            settings={},
            exact=True,
            exact_note="imported outputs are replayed; nothing is generated",
            top_logprobs=about.top,
            recorded=Recording(
                about.task,
                about.data,
                tuple(about.documents),
                about.fewest,
                about.fewest_of,
                about.longest_thinking,
                about.longest_answer,
                self._recording,
            ),
        )

    def _recording(self, documents: Sequence[int]) -> Recording:
        """What was recorded of `documents` alone.

        Raises:
            UserError: the pool is damaged.
        """
        about, sizes = self._pool.about, [self._pool.sizes(document) for document in documents]
        samples, thinking, answer = zip(*sizes, strict=True)
        fewest = f"{about.task}/{documents[samples.index(min(samples))]}"
        longest = max(thinking), max(answer)
        return Recording(about.task, about.data, tuple(documents), min(samples), fewest, *longest, self._recording)

    def learn(self, token: LearnedToken) -> int:
        """
        Raises:
            UserError: always.
        """
        raise UserError(f"{token.name}: recorded outputs were made without it. Type --engine hf.")

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """
        Raises:
            EngineError: what is asked for was not recorded.
        """
        return [self._generate(request) for request in requests]

    async def close(self) -> None:
        self._pool.close()

    def _generate(self, request: Request) -> Generation:
        problem, sample, answers = _read(request.stream)
        found = self._pool.get(problem, sample)
        ids = self.tokenizer.ids(self._pool.problems[problem] * SAMPLES + sample, found.tokens)
        begin, end = (found.thinking, found.tokens) if answers else (0, found.thinking)
        done = begin + request.sampled
        if done > end or request.prefix != ids[:done]:
            _refuse(
                f"{problem}, output {sample}: the recorded answer follows the whole recorded thinking; this one is cut"
                if answers and request.prefix == ids[: len(request.prefix)]
                else f"{problem}, output {sample}: the recorded output continues differently from this text"
            )
        last = min(end, done + request.max_tokens)
        columns = _columns(found, request.columns, done, last)
        if last < end:
            return Generation(ids[done:last], "length", columns=columns)
        return Generation(ids[done:end], "stop" if found.ended or answers else "context", columns=columns)


def _read(stream: str) -> tuple[str, int, bool]:
    """Problem, number of the output, and whether it answers.

    Raises:
        EngineError: no output was recorded under such a name.
    """
    _, problem, branch, phase = json.loads(stream)
    if phase not in ("thinking", "answer"):
        _refuse(f"{problem}: a {phase} was not recorded")
    if not branch:
        return problem, 0, phase == "answer"
    if len(branch) > 1 or not branch[0].isascii() or not branch[0].isdigit() or branch[0] != str(int(branch[0][:9])):
        which = ", ".join(str(label)[:40] for label in branch)
        _refuse(f"{problem}: a sample by another prompt, sampling or name was not recorded ({which})")
    return problem, int(branch[0]), phase == "answer"


def _refuse(why: str) -> NoReturn:
    raise EngineError(f"{why}. Outputs were imported, and nothing can be generated.")


def _columns(found: Recorded, names: Sequence[str], begin: int, end: int) -> Columns:
    """The recorded numbers of tokens `begin` to `end`."""
    if not names or begin == end:
        return NO_COLUMNS
    values = {}
    for name in names:
        if name == LOGPROB:
            values[name] = struct.unpack_from(f"<{end - begin}f", found.logprobs, 4 * begin)
        else:
            kept, wanted = len(found.top) // (4 * found.tokens), top_of(name)
            rows = (struct.unpack_from(f"<{wanted}f", found.top, 4 * kept * at) for at in range(begin, end))
            values[name] = tuple(sum(row) / wanted for row in rows)
    return Columns.of(values)
