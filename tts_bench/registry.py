"""Strategies by name. Built-ins, installed plugins (entry points) and `./file.py:Class` load by the same path.

Uses the standard library only.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import inspect
import linecache
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import cast

from tts_bench import foreign, siblings
from tts_bench.api import Strategy
from tts_bench.errors import UserError, did_you_mean
from tts_bench.marks import marks
from tts_bench.options import Option, coerce, label, options_of, parse, spell
from tts_bench.plugins import Group

STRATEGIES = Group(
    "tts_bench.strategies",
    "strategy",
    "Type 'tts-bench strategies' to list them, or ./file.py:CLASS for one of your own.",
)


@dataclass(frozen=True)
class BuiltStrategy:
    """A strategy with its settings, ready to solve."""

    id: str  # canonical text of name and all options: equal settings have equal ids
    label: str  # shorter: without the options that are at their defaults
    name: str
    strategy: Strategy
    source: str  # distribution and version, or file and SHA-256; and those of modules beside it and of its options


@dataclass(frozen=True)
class Description:
    """What there is to know of a strategy before it is built."""

    name: str
    summary: str  # first paragraph of its docstring
    doc: str
    options: tuple[Option, ...]
    source: str


def names() -> list[str]:
    """Names of all registered strategies, sorted.

    Raises:
        UserError: two distributions register the same name.
    """
    return sorted(STRATEGIES.registered())


def describe(name: str) -> Description:
    """A strategy's documentation and options, by registered name or `file.py:Class`.

    Raises:
        UserError: it is not known or cannot be loaded.
    """
    cls, name, source = _find(name)
    with _looked_at(name):
        doc = inspect.cleandoc(cls.__doc__ or "")
        if doc.startswith(f"{cls.__name__}("):  # what `dataclass` writes where nobody wrote anything
            doc = ""
        return Description(name, " ".join(doc.partition("\n\n")[0].split()), doc, options_of(cls), source)


def strategy_class(name: str) -> type:
    """The class of a strategy, by registered name or `file.py:Class`, for callers that already hold the option values.

    Raises:
        UserError: it is not known or cannot be loaded.
    """
    return _find(name)[0]


def build(spec: str) -> BuiltStrategy:
    """The strategy that `name:key=value,key=value` speaks of.

    Raises:
        UserError: the strategy cannot be loaded, or an option is unknown, of a wrong type or out of range.
    """
    name, texts = parse(spec)
    cls, name, source = _find(name)
    with _looked_at(name):
        strategy = cast(Strategy, coerce(cls, texts, name))
        source = ", ".join([source, *siblings.options_described(strategy)])
        marks(strategy)
    return BuiltStrategy(*_texts(name, name, strategy), name, strategy, source)


def built(strategy: Strategy | type[Strategy]) -> BuiltStrategy:
    """A strategy that is there as a class or an object: of a program, a notebook, or a registered one.

    Raises:
        UserError: its class does not keep the contract, its options have no text, or its source cannot be read.
    """
    cls = strategy if inspect.isclass(strategy) else type(strategy)
    names = {entry.value: name for name, entry in STRATEGIES.registered().items()}
    known = names.get(f"{cls.__module__}:{cls.__qualname__}")
    name = f"{cls.__module__}.{cls.__qualname__}"
    if known is not None:
        return build(_texts(known, name, strategy() if inspect.isclass(strategy) else strategy)[0])
    _checked(cls, name)
    held: Strategy = coerce(cls, {}, name) if inspect.isclass(strategy) else strategy
    source = f"{name} sha256:{hashlib.sha256(_written_in(cls)).hexdigest()}"
    return BuiltStrategy(*_texts(name, cls.__qualname__, held), name, held, source)


def _texts(name: str, shown: str, strategy: object) -> tuple[str, str]:
    """The id and the label of a strategy, whose options may be objects of any kind."""
    try:
        found = spell(name, strategy), label(shown, strategy)
        "".join(found).encode()
        return found
    except UserError:
        raise
    except UnicodeEncodeError as error:
        raise UserError(
            f"{name} has an option with {error.object[error.start : error.end]!r}, half of a surrogate pair or a byte "
            "that is not UTF-8. Write it in UTF-8."
        ) from error
    except Exception as error:
        raise UserError(
            f"{name} has an option that cannot be written as text, or compared with its default: "
            f"{type(error).__name__}: {error}. Give it numbers, texts, or tuples of them."
        ) from error


@contextlib.contextmanager
def _looked_at(name: str) -> Iterator[None]:
    """A class may do anything when it is looked at."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:  # of a file that an option names
        raise UserError(f"{name}: {error.filename} cannot be read: {error.strerror}.") from error
    except Exception as error:
        raise UserError(
            f"{name} cannot be read as a strategy: {type(error).__name__}: {error}. Write a plain dataclass."
        ) from error


def _written_in(cls: type) -> bytes:
    """The file, or the cell of a notebook, that the class's `solve` stands in."""
    code = getattr(inspect.unwrap(cls.solve), "__code__", None)  # type: ignore[attr-defined]
    place = code.co_filename if code else ""
    text = Path(place).read_bytes() if Path(place).is_file() else "".join(linecache.getlines(place)).encode()
    if not text:
        raise UserError(
            f"the source of {cls.__qualname__} cannot be read, so its runs could not be identified. "
            "Put the class into a file or a cell."
        )
    return text


def with_options(built: BuiltStrategy, **values: object) -> BuiltStrategy:
    """`built` with other values of some options: a new id, under the label that it has."""
    strategy = dataclasses.replace(built.strategy, **values)  # type: ignore[type-var]
    return dataclasses.replace(built, id=spell(built.name, strategy), strategy=strategy)


def build_all(specs: Sequence[str]) -> list[BuiltStrategy]:
    """`build` for each, in order.

    Raises:
        UserError: as `build`; or two of them have the same settings.
    """
    built: dict[str, BuiltStrategy] = {}
    for spec in specs:
        strategy = build(spec)
        if strategy.id in built:
            raise UserError(f"{spec!r} is given twice: both mean {strategy.id}. Leave one out, or change an option.")
        built[strategy.id] = strategy
    return list(built.values())


def _find(name: str) -> tuple[type, str, str]:
    """The class, its canonical name, and where it comes from."""
    path, colon, class_name = name.rpartition(":")
    if colon and path.endswith(".py"):
        return _from_file(path, class_name)
    if name.endswith(".py"):
        raise UserError(f"{name!r} names a file without a class. Type {name}:CLASS.")
    loaded, source = STRATEGIES.load(name)
    return _checked(loaded, name), name, source


def module_of(path: str) -> tuple[ModuleType, Path, str]:
    """A Python file as a module, the file, and its name and SHA-256 with those of the modules beside it.

    Raises:
        UserError: there is no such file, it cannot be read, or it fails at import.
    """
    file = Path(os.path.normpath(path))
    check_file(path)
    try:
        source = file.read_bytes()
        beside = siblings.siblings(file, source)
        described = ", ".join([f"{file.name} sha256:{hashlib.sha256(source).hexdigest()}", *siblings.described(beside)])
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}.") from error
    digest = hashlib.sha256(f"{file.resolve()}, {described}".encode()).hexdigest()
    return _import(file, source, f"tts_bench_file_{digest[:16]}", beside), file, described


def check_file(path: str, named: str = "CLASS") -> None:
    """`named`: what is wanted of the file.

    Raises:
        UserError: there is no such file, or no way to it.
    """
    if not foreign.is_file(Path(os.path.normpath(path))):
        raise UserError(f"there is no file {path!r}. Type the path of a Python file: ./file.py:{named}.")


def _from_file(path: str, class_name: str) -> tuple[type, str, str]:
    module, file, described = module_of(path)
    name = f"{file.as_posix()}:{class_name}"
    classes = {key: value for key, value in vars(module).items() if inspect.isclass(value)}
    if class_name not in classes:
        own = {key for key, value in classes.items() if value.__module__ == module.__name__}
        raise UserError(f"{path} has no class {class_name!r}. {did_you_mean(class_name, own)} Type {path}:CLASS.")
    return _checked(classes[class_name], name), name, described


def _import(file: Path, source: bytes, module_name: str, beside: Mapping[str, Path]) -> ModuleType:
    """Runs the very bytes that were hashed: a cached bytecode file may be of another version."""
    if module_name in sys.modules:
        return sys.modules[module_name]
    module = ModuleType(module_name)
    module.__file__ = str(file)
    sys.modules[module_name] = module  # dataclasses resolve their annotations through it
    siblings.offer(beside)
    try:
        exec(compile(source, file, "exec"), vars(module))
    except BaseException as error:
        del sys.modules[module_name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise UserError(
            f"{file} fails at import: {_words(error, file)}. Fix it; `python {file}` shows the full traceback."
        ) from error
    return module


def _words(error: BaseException, file: Path) -> str:
    if isinstance(error, SyntaxError):
        place = "" if error.lineno is None else f" (line {error.lineno})"
        return f"{type(error).__name__}: {error.msg}{place}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{message} (line {lines[-1]})" if lines else message


def _checked(loaded: object, name: str) -> type:
    """`loaded`, if it keeps the contract of a strategy."""
    want = "A strategy is a frozen dataclass with 'async def solve(self, problem, reasoner)' that yields answers."
    if not inspect.isclass(loaded):
        raise UserError(f"{name} is a {type(loaded).__name__}, not a class. {want}")
    with _looked_at(name):
        solve = getattr(loaded, "solve", None)
    if not callable(solve):
        raise UserError(f"{name} lacks solve. {want}")
    if inspect.iscoroutinefunction(solve):
        raise UserError(f"{name}.solve returns and never yields. {want}")
    if not dataclasses.is_dataclass(loaded) or not loaded.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise UserError(f"{name} is not a frozen dataclass. Write @dataclass(frozen=True) above it. {want}")
    return loaded
