"""`tts-bench run` with several models or seeds: a study without a file."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from tts_bench.cli.configured import configured
from tts_bench.config import SEEDS
from tts_bench.errors import UserError

_OWN_STORE = "a study keeps its generations in its own folder. Remove it, or give --out."


def is_one(given: dict[str, Any]) -> bool:
    """Whether the flags name several models or several seeds."""
    return len(given.get("model", ())) > 1 or len(_seeds(given)) > 1


def single(given: dict[str, Any]) -> dict[str, Any]:
    """The flags of one run: its model, and its seed where that was typed as a list of one."""
    own = {name: value for name, value in given.items() if name not in ("model", "seeds")}
    for name, typed in (("model", given.get("model", ())), ("seed", _seeds(given))):
        if typed:
            own[name] = typed[0]
    return own


def play(given: dict[str, Any], resume: Path | None, *, quiet: bool = False) -> None:
    """Run the study that the flags describe, in a folder that the same command finds again.

    Raises:
        UserError: anything in it that cannot be.
    """
    from tts_bench.cli.study import play as play_study
    from tts_bench.files import file_name
    from tts_bench.runs.checked import check
    from tts_bench.studies.study import Study, digest_of
    from tts_bench.tasks import catalog

    if resume is not None:
        raise UserError("--resume continues one run; a study is resumed by repeating its command. Remove it.")
    if "store" in given:
        raise UserError(f"--store: {_OWN_STORE}")
    models = given.get("model", [])
    if len(set(models)) < len(models):
        raise UserError(f"--model gives {next(one for one in models if models.count(one) > 1)} twice. Give it once.")
    shared = {name: value for name, value in given.items() if name not in ("model", "seeds", "out")}
    said = [configured({**shared, **({"model": model} if model else {})}) for model in models or [None]]
    if said[0].model.store is not None:  # no flag says it
        raise UserError(f"{given['config']} has store: {_OWN_STORE}")
    out = given.get("out") or said[0].out
    made = [check(replace(config, out=None)).config for config in said]
    if made[0].model.model is None:
        raise UserError(f"--engine {made[0].model.engine}: a study names its models. Add --model NAME.")
    named = {str(config.model.model): config for config in made}
    seeds = _seeds(given) or (made[0].model.seed,)
    study = Study(named, seeds, Path())
    tasks = dict.fromkeys(catalog.short(task) for config in made for task in config.tasks)
    words = [*(name.rstrip("/").rpartition("/")[2] for name in named), *tasks, digest_of([study.settings(), seeds])]
    out = out or Path("runs") / file_name("-".join(re.sub(r"[^\w.+]", "_", word) for word in words))
    placed = Study(named, seeds, out)
    play_study(placed, placed.parts, quiet=quiet)


def _seeds(given: dict[str, Any]) -> tuple[int, ...]:
    """The seeds that were typed as a list; none where no list was.

    Raises:
        UserError: it is no list of different whole numbers, or one seed is typed too.
    """
    text = given.get("seeds")
    if text is None:
        return ()
    if "seed" in given:
        raise UserError("--seed and --seeds are both given. Give one of them.")
    pieces = [piece.strip() for piece in text.split(",")]
    seeds = [int(piece) if re.fullmatch("[0-9]{1,19}", piece) else -1 for piece in pieces]
    if not all(seed in SEEDS for seed in seeds) or len(set(seeds)) < len(seeds):
        raise UserError(
            f"--seeds is {text[:80]!r}; it takes different whole numbers joined by commas, such as 0,1,2, none of them "
            f"above {SEEDS[-1]}."
        )
    return tuple(seeds)
