"""A configuration as run.json holds it: enough to go on with the run, and no absolute path that it can do without."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from tts_bench import config_file, registry
from tts_bench.api import LearnedToken
from tts_bench.config import RunConfig
from tts_bench.engines import kinds
from tts_bench.grammar import escape, pairs, split_name
from tts_bench.scorers import kinds as scorers


def portable(config: RunConfig) -> dict[str, Any]:
    """`config` as JSON values, its places as they are seen from the working folder; without that of the run itself.

    What a record's identity holds as it was typed stays so: files of strategies, and what engines pass on.
    """
    seen = replace(
        config,
        model=replace(
            config.model,
            model=_name(config.model.model),
            engine=_engine(config.model.engine),
            store=_path(config.model.store),
        ),
        tasks=tuple(filter(None, map(_name, config.tasks))),
        strategies=tuple(map(_strategy, config.strategies)),
        scorers=tuple(map(_scorer, config.scorers)),
        data_dir=_path(config.data_dir),
        out=None,
    )
    return config_file.plain(seen)


def _seen(path: str) -> str:
    return os.path.relpath(path) if os.path.isabs(path) else path


def _path(path: Path | None) -> Path | None:
    return None if path is None else Path(_seen(str(path)))


def _name(name: str | None) -> str | None:
    """Of a model or a task that may be a path."""
    return None if name is None else _seen(name)


def _engine(spec: str) -> str:
    moved = _moved(kinds.chosen(spec).options)
    return kinds.changed(spec, **moved) if moved else spec


def _scorer(spec: str) -> str:
    one = scorers.chosen(spec)
    moved = _moved(one.options)
    return replace(one, options=replace(one.options, **moved)).spec if moved else spec


def _moved(own: Any) -> dict[str, str]:  # noqa: ANN401 - any options
    """Options that are absolute paths by which nothing is known, as they are seen from here."""
    places = {field.name: str(getattr(own, field.name)) for field in fields(own) if field.metadata.get("place")}
    return {name: _seen(path) for name, path in places.items() if os.path.isabs(path)}


def _strategy(spec: str) -> str:
    """A learned token is known by its digest, so that its folder may be called otherwise."""
    name, text = split_name(spec)
    texts = {} if text is None else pairs(text, name)
    if not any(map(os.path.isabs, texts.values())):  # also a strategy that a program has and no one else finds
        return spec
    hints = get_type_hints(registry.strategy_class(name))
    tokens = [key for key in texts if hints.get(key) in (LearnedToken, LearnedToken | None)]
    if not any(os.path.isabs(texts[key]) for key in tokens):
        return spec
    texts |= {key: _seen(texts[key]) for key in tokens}
    written = [f"{key}={escape(value, ',')}" for key, value in texts.items()]
    return f"{name}:{','.join(written)}"
