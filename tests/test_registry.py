"""Strategies by name, by plugin and by file; and what is said where that fails."""

from __future__ import annotations

import sys
import textwrap
import tomllib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unprivileged import unprivileged
from tts_bench import registry
from tts_bench.api import Answer, Problem, Reasoner, Strategy
from tts_bench.errors import UserError

PYPROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
BUILT_IN = sorted(PYPROJECT["project"]["entry-points"]["tts_bench.strategies"])

GOOD = """
    from __future__ import annotations
    from dataclasses import dataclass
    from collections.abc import AsyncIterator
    from tts_bench.api import Answer, Problem, Reasoner

    @dataclass(frozen=True)
    class Mine:
        '''Think once.

        And that is all.
        '''
        rounds: int = 2

        async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
            yield await reasoner.answer(await reasoner.think())
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    monkeypatch.chdir(tmp_path)

    def write(source: str) -> str:
        Path("my_file.py").write_text(textwrap.dedent(source))
        return "./my_file.py:Mine"

    return write


def test_built_ins_are_registered() -> None:
    assert registry.names() == BUILT_IN


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_is_described(name: str) -> None:
    found = registry.describe(name)
    assert found.summary.endswith(".")
    assert found.options
    assert found.source.startswith("test-time-scaling-bench ")
    for option in found.options:
        assert f"{option.name}: " in found.doc


def test_equal_settings_have_equal_ids() -> None:
    short, long = registry.build("budget-forcing"), registry.build("budget-forcing:budget=none,extensions=4,cue=Wait")
    assert short == long
    assert short.id == "budget-forcing:cue=Wait,extensions=4,budget=none"
    assert isinstance(short.strategy, Strategy)


def test_a_label_leaves_out_what_is_at_its_default() -> None:
    assert registry.build("majority-vote").label == "majority-vote"
    assert registry.build(r"budget-forcing:extensions=4,cue=Wait\, then").label == r"budget-forcing:cue=Wait\, then"


def test_a_strategy_given_twice_with_the_same_settings_is_refused() -> None:
    assert len(registry.build_all(["baseline", "baseline:budgets=64"])) == 2
    with pytest.raises(UserError, match="given twice"):
        registry.build_all(["majority-vote", "baseline", "majority-vote:samples=16"])


def test_an_unknown_strategy_offers_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no strategy 'budget-forcin'.*Did you mean 'budget-forcing'"):
        registry.build("budget-forcin:extensions=2")


def test_a_class_in_a_file_is_a_strategy(write: Callable[[str], str]) -> None:
    built = registry.build(f"{write(GOOD)}:rounds=3")
    assert built.id == "my_file.py:Mine:rounds=3"
    assert built.source.startswith("my_file.py sha256:")
    assert registry.build(built.id) == built
    assert registry.describe("my_file.py:Mine").summary == "Think once."


def test_a_changed_file_is_read_again(write: Callable[[str], str]) -> None:
    first = registry.build(write(GOOD))
    second = registry.build(write(GOOD.replace("rounds: int = 2", "rounds: int = 9")))
    assert (first.id, second.id) == ("my_file.py:Mine:rounds=2", "my_file.py:Mine:rounds=9")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1", ["has no class 'Mine'"]),
        (GOOD.replace("class Mine", "class Mien"), ["has no class 'Mine'", "Did you mean 'Mien'?"]),
        ("import dataclasses\n\nraise RuntimeError('no GPU')", ["fails at import", "RuntimeError: no GPU", "line 3"]),
        ("import sys\nsys.exit()", ["fails at import", "SystemExit", "line 2"]),
        ("x = 1\ndef f(:\n", ["fails at import", "SyntaxError", "line 2"]),
        ("import no_such_module", ["ModuleNotFoundError", "no_such_module", "line 1"]),
        (GOOD.replace("solve", "slove"), ["lacks solve", "async def solve(self, problem, reasoner)"]),
        (GOOD.replace("@dataclass(frozen=True)", ""), ["not a frozen dataclass", "@dataclass(frozen=True)"]),
        (GOOD.replace("(frozen=True)", ""), ["not a frozen dataclass"]),
        (GOOD.replace("yield await", "return await"), ["never yields"]),
        (GOOD.replace("rounds: int = 2", "rounds: Nothing = 2"), ["annotation of Mine", "Nothing"]),
    ],
)
def test_a_bad_file_is_a_message_that_says_what_to_do(
    write: Callable[[str], str], source: str, words: list[str]
) -> None:
    before = set(sys.modules)
    with pytest.raises(UserError) as error:
        registry.build(write(source))
    for word in words:
        assert word in str(error.value)
    if "fails at import" in words:
        assert not {name for name in set(sys.modules) - before if name.startswith("tts_bench_file_")}


def test_a_missing_file_a_folder_and_a_missing_class_are_messages(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    for spec in ("./none.py:Mine", f"{tmp_path}/folder.py:Mine"):
        with pytest.raises(UserError, match=r"no file .*\./file\.py:CLASS"):
            registry.build(spec)
    with pytest.raises(UserError, match=r"without a class\. Type \./mine\.py:CLASS"):
        registry.build("./mine.py")


def test_a_plugin_loads_by_the_same_path(install: Callable[[str, str], None], tmp_path: Path) -> None:
    (tmp_path / "plugin_module_a.py").write_text(textwrap.dedent(GOOD))
    install("a-plugin", "mine = plugin_module_a:Mine")
    assert registry.names() == sorted([*BUILT_IN, "mine"])
    built = registry.build("mine:rounds=5")
    assert (built.id, built.source) == ("mine:rounds=5", "a-plugin 1.0")


def test_a_name_registered_by_two_distributions_is_refused(install: Callable[[str, str], None]) -> None:
    install("b-plugin", "baseline = plugin_module_b:Mine")
    with pytest.raises(UserError, match=r"'baseline' is registered by .*b-plugin 1\.0.*Uninstall one"):
        registry.build("majority-vote")


def test_a_plugin_that_fails_at_import_is_named_with_its_distribution(install: Callable[[str, str], None]) -> None:
    install("c-plugin", "gone = plugin_module_that_is_not_there:Mine")
    with pytest.raises(UserError, match=r"'gone' of c-plugin 1\.0 fails at import .*ModuleNotFoundError"):
        registry.build("gone")


def test_a_file_that_may_not_be_read_is_a_message(write: Callable[[str], str]) -> None:
    name = write(GOOD)
    Path("my_file.py").chmod(0)
    with unprivileged(), pytest.raises(UserError, match="cannot be read"):
        registry.build(name)


BESIDE = GOOD.replace("rounds: int = 2", "rounds: int = TWO").replace(
    "    @dataclass", "    from scorer import TWO\n\n    @dataclass"
)
FUTURE = "    from __future__ import annotations\n"


def test_a_module_beside_the_file_is_imported_and_is_part_of_the_identity(write: Callable[[str], str]) -> None:
    Path("scorer.py").write_text("from weights import TWO\n")
    Path("weights").mkdir()
    sources = set()
    for two in (2, 9):
        Path("weights/__init__.py").write_text(f"from .table import TWO as TWO  # {two}\n")
        Path("weights/table.py").write_text(f"TWO = {two}\n")
        built = registry.build(write(BESIDE))
        assert built.id == f"my_file.py:Mine:rounds={two}"
        files = [part.partition(" ")[0] for part in built.source.split(", ")]
        assert files == ["my_file.py", "scorer.py", "weights/__init__.py", "weights/table.py"]
        sources.add(built.source)
    assert len(sources) == 2


def test_what_is_installed_or_never_imported_is_no_part_of_the_identity(write: Callable[[str], str]) -> None:
    for name in ("json", "pytest", "tts_bench", "idle"):
        Path(f"{name}.py").write_text("raise RuntimeError('imported')\n")
    built = registry.build(write(GOOD.replace(FUTURE, "    import json, pytest, tts_bench.api\n")))
    assert ", " not in built.source


def test_what_a_path_option_names_is_part_of_the_identity(write: Callable[[str], str]) -> None:
    own = GOOD.replace("rounds: int = 2", "where: Path = Path('cues')")
    name = write(own.replace(FUTURE, f"{FUTURE}    from pathlib import Path\n"))
    nothing = registry.build(name).source
    assert nothing.endswith(", where missing")
    Path("cues").mkdir()
    Path("cues/one.txt").write_text("Wait")
    folder = registry.build(name).source
    Path("cues/one.txt").write_text("Hold")
    changed = registry.build(name).source
    file = registry.build(f"{name}:where=cues/one.txt").source
    assert len({nothing, folder, changed, file}) == 4
    assert registry.build(name).source == changed


class Solving:
    """A solve() that is an object."""

    def __call__(self, *_: object) -> None: ...


@dataclass(frozen=True)
class Called:
    solve = Solving()


class Incomparable:
    def __ne__(self, other: object) -> bool:
        raise ValueError("which of them?")

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Holding:
    what: object = None

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        yield await reasoner.answer(await reasoner.think())


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (Called(), "the source of Called cannot be read"),
        (Holding(Incomparable()), "has an option that cannot be written as text.*: ValueError: which of them"),
    ],
    ids=["called", "incomparable"],
)
def test_a_strategy_of_a_program_that_has_no_text_is_refused(strategy: Strategy, message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.built(strategy)
