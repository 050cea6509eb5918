"""YAML files of tasks, looked over before lm-eval reads them: its parser recurses, and aliases multiply."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tts_bench import foreign
from tts_bench.errors import UserError

_BYTES = foreign.MB
_DEPTH, _NODES = 50, 100_000  # of what it says, aliases written out
_NUMERAL = re.compile(r"[\d:._+-]{300,}")  # sexagesimal ones are computed


def check_folder(folder: Path) -> None:
    """Refuse what lm-eval, which reads every YAML file below the folder of a task, could not read.

    Raises:
        UserError: with the file: no regular file, too large, or nested too deep.
    """
    for path in sorted(folder.glob("**/*.yaml")):
        if path.exists() and not path.is_dir():
            with_included(path)


def with_included(file: Path) -> list[Path]:
    """A YAML file and those that it includes, each looked over.

    Raises:
        UserError: as `check_folder`.
    """
    from lm_eval.tasks._yaml_loader import load_yaml

    found, waiting = dict[Path, None](), [(file.resolve(), "")]
    while waiting:
        path, included = waiting.pop()
        if path in found:
            continue
        found[path] = None
        try:
            check(foreign.read(path, _BYTES))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise UserError(
                f"{path}{included} cannot be read as YAML: {why}. lm-eval reads all YAML files beside a task: mend or "
                "move it."
            ) from error
        try:
            names = load_yaml(path, resolve_func=False, recursive=False).get("include", [])
            included = f", which {path} includes,"
            waiting += [(path.parent / name, included) for name in ([names] if isinstance(names, str) else names)]
        except Exception:  # what is no YAML of a task, lm-eval leaves out
            continue
    return list(found)


def loaded(file: Path) -> dict[str, Any]:
    """What a YAML file that `with_included` let pass says, with what it includes. No code of a task is run.

    Raises:
        UserError: with file and line, what is not YAML, or no table of keys and values.
    """
    import yaml
    from lm_eval.tasks._yaml_loader import load_yaml

    try:
        said: dict[str, Any] = load_yaml(file, resolve_func=False)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{_typed(file, mark.name)}, line {mark.line + 1}" if mark else str(file)
        why = ", ".join(filter(None, (error.context, error.problem)))
        raise UserError(f"{where}: this is not valid YAML: {why}. Correct it.") from error
    except yaml.reader.ReaderError as error:
        path = _typed(file, str(error.name))
        line = foreign.read(path, _BYTES).count(b"\n", 0, error.position) + 1
        raise UserError(f"{path}, line {line}: this is not valid YAML: {error.reason}. Save it as UTF-8.") from error
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{file}: {error}. A task is a table of keys and values, such as task: {file.stem}.") from error
    return said


def _typed(file: Path, name: str) -> Path:
    """The file of that name, `file` as it was typed."""
    return file if Path(name) == file.resolve() else Path(name)


def check(raw: bytes) -> None:
    """See that `raw` can be read in little time and memory; whether it is YAML, its reader will say.

    Raises:
        ValueError: it is nested too deep, or holds too much.
    """
    import yaml

    sizes: dict[str, int] = {}  # of what each anchor names
    open_ones: list[tuple[str | None, int]] = []  # anchor, and nodes before it
    nodes = 0
    try:
        for event in yaml.parse(raw, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                open_ones.append((event.anchor, nodes))
                nodes += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, before = open_ones.pop()
                if anchor is not None:
                    sizes[anchor] = nodes - before
            elif isinstance(event, yaml.AliasEvent):
                if event.anchor in {anchor for anchor, _ in open_ones}:
                    raise ValueError(f"*{event.anchor} stands within itself")
                nodes += sizes.get(event.anchor, 1)
            elif isinstance(event, yaml.ScalarEvent):
                nodes += 1
                if _NUMERAL.fullmatch(event.value):
                    raise ValueError(f"a number in it has {len(event.value):,} digits")
            if len(open_ones) > _DEPTH:
                raise ValueError(f"it is nested more than {_DEPTH} deep")
            if nodes > _NODES:
                raise ValueError(f"it holds more than {_NODES:,} values")
    except (yaml.YAMLError, UnicodeDecodeError):
        return
