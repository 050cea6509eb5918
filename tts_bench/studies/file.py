"""A study on disk: a TOML file of seeds, models and comparisons, in which any mistake has a line."""

from __future__ import annotations

import codecs
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, get_args

from tts_bench import foreign, registry
from tts_bench.analysis.names import bare
from tts_bench.config import RunConfig
from tts_bench.config_file import advice
from tts_bench.config_file import keys as run_keys
from tts_bench.config_file import values as read_values
from tts_bench.engines import kinds
from tts_bench.errors import UserError, did_you_mean
from tts_bench.presets import expanded
from tts_bench.runs.checked import check
from tts_bench.runs.defaults import resolved
from tts_bench.studies.places import Places
from tts_bench.studies.study import OWN, RESOLVED, At, Named, Study
from tts_bench.tasks import catalog, data

_COMPARISON = ("left", "right", "at", "models")
_INSTEAD = {
    "seed": "A study has a list of them at its top: seeds = [0, 1, 2].",
    "store": "A study keeps its generations in its own folder.",
    "model": 'A study has a table for each model: [models.NAME], with model = "..." in it.',
    "out": "A study has one folder: give out at its top.",
}
_KEYS = {"strategy": "strategies", "scorer": "scorers", "template_arg": "template_args"}  # a flag -> its key


def read(path: Path, tell: Callable[[str], None] = print) -> Study:
    """The study in a file, or in the folder that one was played in. Nothing heavy is imported, nothing written.

    `tell` is told which strategies of a group were left out.

    Raises:
        UserError: with the line, whatever cannot be.
    """
    played = path.is_dir()
    file = path / RESOLVED if played else path
    try:
        raw = foreign.read(file, foreign.MB)
    except OSError as error:
        raise UserError(_unread(path, file, error)) from error
    except ValueError as error:
        raise UserError(f"{file} is not a study: {error}. Give a TOML file.") from error
    study = parsed(raw, str(file), path if played else Path("runs") / path.stem, tell)
    return replace(study, out=path) if played else study


def _unread(path: Path, file: Path, error: OSError) -> str:
    """What to say, and what to type, where `file`, which `path` names, cannot be read."""
    if path != file and (path / "run.json").is_file():
        return f"{path} is not a study folder: it is a run. Type tts-bench watch {quote(str(path))}."
    why = f"{file} cannot be read"
    if path != file:
        return f"{path} is not a study folder: {why} ({error.strerror}). Give the folder of a study, or its file."
    if not isinstance(error, FileNotFoundError):
        return f"{why}: {error.strerror}. Give another file."
    new = named(path) if path.parent.is_dir() else Path(named(path).name)
    return f"{why}: {error.strerror}. `tts-bench study new {quote(str(new))}` writes a study to start with."


def named(file: Path) -> Path:
    """`file`, or beside it what a study can be called."""
    if file.suffix == ".toml":
        return file
    return file.with_name("cues.toml") if file.name.startswith(".") else file.with_suffix(".toml")


def parsed(raw: bytes, name: str, out: Path, tell: Callable[[str], None] = print) -> Study:
    """The study that the bytes of the file `name` hold; its folder is `out` where they name none.

    Raises:
        UserError: as `read`.
    """
    raw = raw.removeprefix(codecs.BOM_UTF8)  # some editors write it
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UserError(f"{name}, line {line}: this is not UTF-8. Save the file as UTF-8.") from error
    places = Places(name, text)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise places.broken(error) from error
    except RecursionError as error:
        raise UserError(f"{places.at()}this is nested too deeply. Fix it.") from error
    return _File(places, table, tell).study(out)


class _File:
    """A file's table and where its keys stand."""

    def __init__(self, places: Places, table: dict[str, Any], tell: Callable[[str], None]) -> None:
        self.at, self.table, self.tell = places.at, table, tell

    def study(self, out: Path) -> Study:
        common = {key: value for key, value in self.table.items() if key not in ("seeds", "models", "comparisons")}
        for key in common:
            if key in ("model", "seed", "store") or key not in run_keys():
                raise UserError(f"{self.at(key)}{_unknown(key, ('seeds', 'models', 'comparisons'))}")
        values = read_values(common, lambda key: self.at(key))
        out = Path(values.pop("out", None) or out)
        seeds, tables = self._seeds(), self._tables("models", "a model")
        if not tables:
            raise UserError(
                f"{self.at('models')}the study has no model. Add a table for each one, such as [models.pocket]."
            )
        models = {name: self._model(name, table, values) for name, table in tables.items()}
        study = Study(models, seeds, out)
        self._distinct(study)
        named = self._tables("comparisons", "a comparison")
        study = replace(study, comparisons=tuple(self._comparison(study, name, one) for name, one in named.items()))
        self._asked_once(study)
        return study

    def _seeds(self) -> tuple[int, ...]:
        seeds = self.table.get("seeds", [0])
        whole = isinstance(seeds, list) and all(type(seed) is int and 0 <= seed < 2**63 for seed in seeds)
        if not whole or not seeds or len(set(seeds)) < len(seeds):
            raise UserError(
                f"{self.at('seeds')}seeds is {_shown(seeds)}; it takes different whole numbers from 0 upwards, "
                "such as [0, 1, 2]."
            )
        return tuple(seeds)

    def _tables(self, key: str, what: str) -> dict[str, dict[str, Any]]:
        tables = self.table.get(key, {})
        for path, value in ((key,), tables), *(((key, name), value) for name, value in _items(tables)):
            if not isinstance(value, dict):
                raise UserError(
                    f"{self.at(*path)}{'.'.join(path)[:200]} is {_shown(value)}; it takes a table for {what}, such as "
                    f"[{key}.{'pocket' if key == 'models' else 'vote'}]."
                )
            if not path[-1].strip():
                raise UserError(f"{self.at(*path)}the name of {what} is empty. Give it one.")
        return dict(tables)

    def _model(self, name: str, table: dict[str, Any], common: Mapping[str, Any]) -> RunConfig:
        for key in table:
            if key in OWN or key not in run_keys():
                raise UserError(f"{self.at('models', name, key)}{_unknown(key)}")
        own = read_values(table, lambda key: self.at("models", name, key))
        said = {"model": name, **common, **own}

        def placed(flag: str) -> tuple[str, ...]:
            return ("models", name, flag) if flag in own or flag not in common else (flag,)

        with self._located(placed("tasks")):
            if "tasks" in said:
                catalog.check(said["tasks"])
        with self._located(placed("data_dir")):
            if "data_dir" in said:
                data.data_folder(said["data_dir"])
        with self._located(placed("engine")):
            kinds.chosen(said.get("engine", "hf"))
        with self._located(placed("strategies")):
            expanded(said.get("strategies", ()))
        with self._located(("models", name), placed):
            config = resolved(said, tell=self.tell)
        for spec in config.strategies:
            with self._located(placed("strategies"), text=spec):
                registry.build(spec)
        with self._located(placed("strategies")):
            registry.build_all(config.strategies)
        with self._located(placed("model"), placed):
            return replace(check(config).config, out=None)

    @contextmanager
    def _located(
        self, path: tuple[str, ...], key: Callable[[str], tuple[str, ...]] | None = None, text: str = ""
    ) -> Iterator[None]:
        """Put the line of `path` before a message; where it begins with a flag and `key` is given, of that key."""
        try:
            yield
        except UserError as error:
            flag = re.match(r"--([a-z][a-z-]*)", str(error))
            named = flag[1].replace("-", "_") if flag else ""
            named = _KEYS.get(named, named)
            if key and named in run_keys():
                path = key(named)
            quoted = re.search(r"'([^']+)'", str(error))
            text = text or (quoted[1] if quoted else "")
            raise UserError(f"{self.at(*path, text=_written(text))}{error}") from error

    def _distinct(self, study: Study) -> None:
        """Two models must not have one folder, also where a file system takes capital letters for small ones."""
        folders: dict[str, str] = {}
        for part in study.parts:
            other = folders.setdefault(part.name.casefold(), part.model)
            if other != part.model:
                raise UserError(
                    f"{self.at('models', part.model)}the models {other!r} and {part.model!r} would share the folder "
                    f"{part.name}. Rename one."
                )

    def _comparison(self, study: Study, name: str, table: dict[str, Any]) -> Named:
        at = ("comparisons", name)
        for key in table:
            if key not in _COMPARISON:
                raise UserError(f"{self.at(*at, key)}there is no key {key[:200]!r}. {did_you_mean(key, _COMPARISON)}")
        for key in ("left", "right"):
            if not isinstance(table.get(key), str):
                raise UserError(
                    f"{self.at(*at, key)}{key} of the comparison {name!r} is {_shown(table.get(key))}; it takes a "
                    "strategy of the study, as text."
                )
        if table.get("at", "last") not in get_args(At):
            raise UserError(
                f"{self.at(*at, 'at')}at is {_shown(table['at'])}; it takes {' or '.join(map(repr, get_args(At)))}."
            )
        models = table.get("models", [])
        if not isinstance(models, list) or not all(isinstance(each, str) for each in models):
            raise UserError(f"{self.at(*at, 'models')}models is {_shown(models)}; it takes a list of names of models.")
        for model in models:
            if model not in study.models:
                raise UserError(
                    f"{self.at(*at, 'models')}there is no model {model!r}. {did_you_mean(model, study.models)}"
                )
            if models.count(model) > 1:
                raise UserError(f"{self.at(*at, 'models')}the model {model!r} is named twice. Name each model once.")
        sides = {
            key: self._side(study, (*at, key), table[key], models or list(study.models)) for key in _COMPARISON[:2]
        }
        if sides["left"] == sides["right"]:
            raise UserError(
                f"{self.at(*at, 'right')}{name!r} compares {sides['left']} with itself. Name two strategies."
            )
        return Named(name, sides["left"], sides["right"], table.get("at", "last"), tuple(models))

    def _asked_once(self, study: Study) -> None:
        """A difference that is asked for twice, also the other way round, would count twice in the correction."""
        asked: dict[tuple[frozenset[str], str, str], str] = {}
        for one in study.comparisons:
            for model in one.models or study.models:
                other = asked.setdefault((frozenset((one.left, one.right)), one.at, model), one.name)
                if other != one.name:
                    raise UserError(
                        f"{self.at('comparisons', one.name)}{other!r} and {one.name!r} both compare {one.left} with "
                        f"{one.right} on {model}. Remove one, or give them different models = [...]."
                    )

    def _side(self, study: Study, at: tuple[str, ...], said: str, models: list[str]) -> str:
        """The strategy as its models have it, which may be named without its options where that tells it apart."""
        found = set()
        for model in models:
            specs = study.models[model].strategies
            known = {**{short: spec for spec, short in bare(specs).items()}, **{spec: spec for spec in specs}}
            if said not in known:
                raise UserError(
                    f"{self.at(*at)}{model} has no strategy {said[:200]!r}. {did_you_mean(said, known)} With models = "
                    "[...] a comparison covers only some models."
                )
            found.add(known[said])
        if len(found) > 1:
            raise UserError(
                f"{self.at(*at)}{said[:200]!r} differs between models: {', '.join(sorted(found))}. Type it "
                "with its options, and models = [...]."
            )
        return found.pop()


def _items(tables: object) -> list[tuple[str, Any]]:
    return list(tables.items()) if isinstance(tables, dict) else []


def _unknown(key: str, more: tuple[str, ...] = ()) -> str:
    if key in _INSTEAD:
        return f"a study cannot set {key} here. {_INSTEAD[key]}"
    known = [name for name in run_keys() if name not in _INSTEAD]
    nearest = advice(key)
    return f"there is no key {key[:200]!r}. {nearest if 'option of' in nearest else did_you_mean(key, [*more, *known])}"


def _shown(value: object) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)[:200]


def _written(text: str) -> str:
    """`text` as a file is most likely to have it."""
    return text.partition("\\")[0]
