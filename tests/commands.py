"""Commands in the documentation, held against what there is: verbs, options, strategies, tasks, targets, files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from pocket import __main__ as pocket
from tts_bench import registry
from tts_bench.cli.main import VERBS, _command
from tts_bench.engines import kinds
from tts_bench.errors import UserError
from tts_bench.tasks import catalog

ROOT = Path(__file__).parents[1]
LAUNCHERS = {"torchrun", "accelerate"}  # of several processes
OTHERS = {
    "pip",
    "git",
    "pytest",
    "source",
    "vllm",
    "llama-server",
    "text-generation-launcher",
    "apt-get",
    "kubectl",
}  # programs that are not ours
_EXAMPLES = {path.name for path in (ROOT / "examples").iterdir()} | {"my-idea"}  # strategies that a page makes


class Wrong(AssertionError):
    """A command that cannot be typed as it stands; the message says why."""


def commands(block: str) -> Iterator[list[str]]:
    """The commands of a shell block as words: comments, loops, pipes, `[may be left out]` and `...` are taken off.

    Of alternatives written `a|b` the first is taken; `tts-bench a | b` names several verbs. A seed may
    be a variable.
    """
    for line in re.sub(r"\\\n", " ", block).splitlines():
        verbs = re.match(r"\s*tts-bench (\w[\w-]*(?: \| \w[\w-]*)+)\s*(?:#|$)", line)
        if verbs:
            yield from (["tts-bench", verb] for verb in verbs.group(1).split(" | "))
            continue
        plain = re.sub(r"(?<=\w)\|[\w|]+", "", re.sub(r"\s\.\.\.|[][]", "", line))
        plain = re.sub(r"(?<=--seed )[$A-Z]\w*", "0", plain)
        words = shlex.split(plain, comments=True)
        for part in _split(words):
            while part and (part[0] in ("do", "time", "$") or re.fullmatch(r"[A-Z_]+=.*", part[0])):
                part = part[1:]
            if part and part[0] not in ("for", "done"):
                yield part


def _split(words: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        ends = word in ("|", "&&", ";") or word.endswith(";")
        if not ends or word.endswith(";"):
            part.append(word.removesuffix(";"))
        if ends:
            yield [word for word in part if word]
            part = []
    yield part


def check(words: list[str], *, whole: bool = True) -> None:
    """Look a command up; where it is not `whole`, arguments may be missing.

    Raises:
        Wrong: there is no such thing.
    """
    program = Path(words[0]).name
    if program == "tts-bench":
        _check_verb(words[1:], whole)
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
        _known("target of make", (word for word in words[1:] if "=" not in word), targets)
    elif program == "python":
        _check_script(words[1:], whole)
    elif program in LAUNCHERS and "tts_bench" in words:  # torchrun ... -m tts_bench VERB ...
        _check_verb(words[words.index("tts_bench") + 1 :], whole)
    elif program == "sbatch":  # a script, and words for `tts-bench run`
        _known("file", [words[1]], [words[1]] if (ROOT / words[1]).exists() else [])
        _check_verb(["run", *words[2:]], whole)
    elif program not in OTHERS:
        raise Wrong(f"{' '.join(words)!r}: neither one of our commands nor one of {', '.join(sorted(OTHERS))}")


def _known(what: str, words: Any, known: Any) -> None:  # noqa: ANN401 - iterables of words
    for word in words:
        if word not in known:
            raise Wrong(f"there is no {what} {word!r}")


def _check_script(words: list[str], whole: bool) -> None:
    """A file or module that is here, with options that its text names."""
    module = words[:1] == ["-m"]
    if words[:2] == ["-m", "pocket"]:
        if words[2:]:  # or it is only named
            _parsed(get_command(pocket.app), "python -m pocket", words[2:], whole)
        return
    if module and not words[1].startswith(("tests.", "benchmarks.")):
        return  # a module of someone else
    path = ROOT / (f"{words[1].replace('.', '/')}.py" if module else words[0])
    if module and path.with_suffix("").is_dir():
        path = path.with_suffix("") / "__main__.py"
    if not path.exists():
        raise Wrong(f"there is no file {path.relative_to(ROOT)}")
    for option in (word for word in words if word.startswith("--")):
        if not re.search(rf"\b{option.lstrip('-')}\b", path.read_text()):
            raise Wrong(f"{path.name} has no option {option}")


def _check_verb(words: list[str], whole: bool) -> None:
    if not words or words[0].startswith("-"):
        return
    verb, *rest = words
    _known("verb", [verb], VERBS)
    if verb == "lm-eval" or not rest:  # its own arguments; or a verb that is only named
        return
    context = _parsed(_command(verb), f"tts-bench {verb}", rest, whole)
    if context is None:
        return
    given = {key: value for key, value in context.params.items() if value}
    for spec in given.get("strategies", ()):
        _check_strategy(spec)
    if "engine" in given:
        _check_engine(given["engine"])
    tasks = ",".join(filter(None, (given.get("tasks"), given.get("task"))))
    named = (task for task in tasks.split(",") if task and not task.startswith("lm_eval/"))
    _known("task", (task for task in named if not task.endswith(".yaml") and not task.isupper()), catalog.names())


def _parsed(command: Any, name: str, words: list[str], whole: bool) -> Any:  # noqa: ANN401 - typer's classes are private
    """The context of the innermost command; None where help is asked for, or, unless `whole`, something is missing."""
    try:
        context = command.make_context(name, words)
        while getattr(command, "commands", None) and (left := [*context._protected_args, *context.args]):
            child, command, left = command.resolve_command(context, left)
            context = command.make_context(child, left, parent=context)
    except typer.TyperException as error:
        if whole or type(error).__name__ != "MissingParameter":
            raise Wrong(f"{name} {' '.join(words)}: {error.format_message()}") from error
        return None
    except typer.Exit:  # help
        return None
    return context


def _check_engine(spec: str) -> None:
    name = spec.partition(":")[0]
    if name.isupper():
        return
    try:
        kinds.chosen(spec)
    except UserError as error:
        raise Wrong(str(error)) from error


def _check_strategy(spec: str) -> None:
    name, _, options = spec.partition(":")
    if "/" in spec or name in _EXAMPLES or name.isupper():
        return
    _known("strategy", [name], registry.names())
    known = {option.name for option in registry.describe(name).options}
    _known(f"option of {name}", (pair.partition("=")[0] for pair in options.split(",") if pair), known)
