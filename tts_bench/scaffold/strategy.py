"""The files of a package with one strategy."""

from __future__ import annotations

from string import Template

from tts_bench import registry
from tts_bench.scaffold import check_name

_STRATEGY = '''\
"""$title: a strategy of tts-bench."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Forced, Problem, Reasoner


@dataclass(frozen=True)
class $cls:
    """Continue thinking several times, and answer with the majority of the answers so far.

    Options:
        cue: the text that starts each continuation.
        steps: number of continuations.
        budget: thinking tokens in all rounds together; none sets no limit.
    """

    cue: Annotated[str, Forced] = "Wait"
    steps: int = 3
    budget: Annotated[int | None, Budget] = None

    def __post_init__(self) -> None:
        if not self.cue.strip():
            raise ValueError(f"cue is {self.cue!r}; it takes a text that is not blank, such as Wait")
        if self.steps < 0:
            raise ValueError(f"steps is {self.steps}; it takes a whole number from 0 upwards")
        if self.budget is not None and self.budget < 1:
            raise ValueError(f"budget is {self.budget}; it takes a number of tokens from 1 upwards, or none")

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(step) for step in range(self.steps + 1))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace = await reasoner.think(max_tokens=self.budget)
        answers = [await reasoner.answer(trace)]
        yield answers[0]
        for _ in range(self.steps):
            trace = reasoner.force(trace, self.cue, max_tokens=self.budget)
            trace = await reasoner.think(trace, max_tokens=self.budget)
            answers.append(await reasoner.answer(trace))
            yield reasoner.vote(answers)
'''

_TEST = '''\
"""$cls keeps its contract with tts-bench."""

from __future__ import annotations

import pytest
from $module import $cls
from tts_bench.testing import CLAIMS, Claim, conform


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_it_keeps(claim: Claim) -> None:
    conform($cls(), claim)
'''

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "tts-bench-$name"
version = "0.1.0"
description = "$title: a strategy of tts-bench"
requires-python = ">=3.11"
dependencies = ["test-time-scaling-bench"]

[project.optional-dependencies]
test = ["test-time-scaling-bench[test]"]

[project.entry-points."tts_bench.strategies"]
$name = "$module:$cls"

[tool.setuptools]
py-modules = ["$module"]

[tool.pytest.ini_options]
pythonpath = ["."]
"""

_README = """\
# $title

A strategy of tts-bench, described in `$module.py`.

    tts-bench strategies check ./$module.py:$cls    # does it keep its contract with the harness?
    pip install -e '.[test]'                        # registers it as $name, and installs pytest
    pytest                                          # the same checks, as tests
    tts-bench run --strategy baseline --strategy $name
"""


def module(name: str) -> str:
    """Module and class of the strategy called `name`, as an entry point names them."""
    words = name.split("-")
    return f"{'_'.join(words)}:{''.join(word.capitalize() for word in words)}"


def package(name: str) -> dict[str, str]:
    """File name -> text.

    Raises:
        UserError: `name` is no name for a strategy, or is taken.
    """
    check_name(name, registry.names())
    file, _, cls = module(name).partition(":")
    names = {
        "name": name,
        "module": file,
        "cls": cls,
        "title": name.replace("-", " ").capitalize(),
    }
    texts = {
        "pyproject.toml": _PYPROJECT,
        f"{file}.py": _STRATEGY,
        f"test_{file}.py": _TEST,
        "README.md": _README,
    }
    return {path: Template(text).substitute(names) for path, text in texts.items()}
