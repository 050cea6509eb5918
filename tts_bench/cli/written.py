"""A file that a person names by `--out`."""

from __future__ import annotations

from pathlib import Path

from tts_bench.errors import UserError

# What a folder holds, by the file that it is known by; without these nobody can read it any more.
_KEPT = {
    "run.json": {
        "run.json", "records.jsonl", "records.part.jsonl", "curve.json", "logprobs.jsonl.gz", "pool.sqlite",
        "generations.sqlite",
    },
    "study.toml": {"study.toml"},
}  # fmt: skip


def check_out(out: Path) -> None:
    """
    Raises:
        UserError: a run, a study or a store of generations would be lost.
    """
    file = out.resolve()  # a link is followed when it is written to
    kept = {name for header, names in _KEPT.items() if (file.parent / header).is_file() for name in names}
    if file.name in kept or (file.name == "generations.sqlite" and file.exists()):
        folder = file.parent if out.is_symlink() else out.parent
        raise UserError(f"--out {out} belongs to {folder}, which nothing could read without it. Give another file.")
