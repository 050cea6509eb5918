"""A Python function as a scorer: `--scorer NAME=function:call=./file.py:function`."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tts_bench import registry
from tts_bench.api import Aggregation, Problem, aggregate
from tts_bench.errors import EngineError, UserError
from tts_bench.options import option
from tts_bench.scorer import Candidate, ScorerInfo, Verdict
from tts_bench.scorers.kinds import Loaded, ScorerKind, Setup

Function = Callable[[Problem, Candidate], Any]


@dataclass(frozen=True)
class FunctionOptions:
    """
    Raises:
        ValueError: `call` does not name a function in a file.
    """

    call: str = field(metadata={"help": "./file.py:function, called with the problem and a candidate."})
    aggregate: Aggregation = option("last", "How step scores are combined into the value.")

    def __post_init__(self) -> None:
        path, colon, name = self.call.rpartition(":")
        if not (colon and path.endswith(".py") and name.isidentifier()):
            raise ValueError(f"call is {self.call!r}; it takes ./file.py:function")


class FunctionScorer:
    """Calls a function for each candidate, in threads: it returns a number, numbers of steps, or a `Verdict`.

    The function must return the same for the same texts, whatever it was called for before.
    """

    def __init__(self, function: Function, info: ScorerInfo, how: Aggregation = "last") -> None:
        self.info = info
        self._function, self._how = function, how

    async def score(self, problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]:
        return [await self._one(problem, candidate) for candidate in candidates]

    async def _one(self, problem: Problem, candidate: Candidate) -> Verdict:
        try:
            if inspect.iscoroutinefunction(self._function):
                said = await self._function(problem, candidate)
            else:
                said = await asyncio.to_thread(self._function, problem, candidate)
            return self._verdict(said)
        except Exception as error:
            raise EngineError(f"the scorer {self.info.model} failed: {type(error).__name__}: {error}") from error

    def _verdict(self, said: Any) -> Verdict:  # noqa: ANN401 - whatever a function returns
        if isinstance(said, Verdict):
            return said
        if isinstance(said, list | tuple):
            steps = tuple(map(float, said))
            return Verdict(aggregate(steps, self._how), steps)
        return Verdict(float(said))

    async def close(self) -> None:
        pass


def _load(setup: Setup[FunctionOptions]) -> Loaded:
    path, _, name = setup.options.call.rpartition(":")
    module, file, described = registry.module_of(path)
    function = vars(module).get(name)
    if not callable(function) or inspect.isclass(function):
        raise UserError(
            f"{path} has no function {name!r}. Write `def {name}(problem, candidate)` there, which returns a number, "
            "or a list of numbers for steps."
        )
    fingerprint = hashlib.sha256(f"{name} of {described}".encode()).hexdigest()
    identity: dict[str, object] = {"aggregate": setup.options.aggregate}
    info = ScorerInfo("function", f"{Path(path).name}:{name}", fingerprint, identity)
    return Loaded(FunctionScorer(function, info, setup.options.aggregate), described, code=(file,))


kind = ScorerKind(
    "calls a function of a Python file",
    FunctionOptions,
    _load,
    check=lambda setup: registry.check_file(setup.options.call.rpartition(":")[0], "FUNCTION"),
)
