"""A training run on disk: its settings, a checkpoint after each step, and a log with a line for each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_bench import foreign
from tts_bench.errors import UserError
from tts_bench.files import LOCK, Held, held, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

SETTINGS, STATE, LOG = "settings.json", "state.safetensors", "log.jsonl"


@dataclass
class State:
    """All that a step needs of those before it; everything else follows from the settings."""

    step: int  # steps done
    row: torch.Tensor  # float32 [hidden]
    start: torch.Tensor
    moments: dict[str, torch.Tensor] = field(default_factory=dict)  # of AdamW, for the row
    log: list[dict[str, Any]] = field(default_factory=list)
    best: torch.Tensor | None = None  # the row that did best on the held-out problems


class TrainingFolder:
    """The folder beside the token-to-be in which its training runs."""

    def __init__(self, out: Path) -> None:
        self.path = out.with_name(f"{out.name}.training")

    def claim(self, identity: Mapping[str, Any]) -> None:
        """Make the folder, or find it as the same run left it.

        Raises:
            UserError: another run's, or not to be written to.
        """
        file, text = self.path / SETTINGS, json.dumps(identity, ensure_ascii=False, indent=1, sort_keys=True)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not file.exists():
                if any(path.name != LOCK for path in self.path.iterdir()):
                    raise UserError(
                        f"{self.path} holds files but no {SETTINGS}: it is not a training folder. Give another --out."
                    )
                write_whole(file, text.encode())
                return
            found, wanted = foreign.document(file), json.loads(text)
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path} cannot be used for training: {error}. Give another --out.") from error
        if different := sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key)):
            key = different[0]
            raise UserError(
                f"{self.path} holds a different training: its {key} is {found.get(key)!r}, this one's is "
                f"{wanted.get(key)!r}. Give another --out, or delete that folder."
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second process out.

        Raises:
            UserError: one is at work there.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with held(self.path):
                yield
        except Held:
            raise UserError(
                f"another process is training in {self.path}. Wait for it, or give another --out."
            ) from None

    def load(self) -> State | None:
        """What the last finished step left; None where there is none.

        Raises:
            UserError: it is damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        file = self.path / STATE
        if not file.exists():
            return None
        try:
            tensors = load(file.read_bytes())
            row, start, step = tensors.pop("row"), tensors.pop("start"), int(tensors.pop("done"))
            best = tensors.pop("best", None)
            lines = (self.path / LOG).read_text("utf-8").splitlines()[: step + 1]
            return State(step, row, start, tensors, [foreign.parse(line.encode()) for line in lines], best)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise UserError(f"{file} or its log is damaged: {error}. Delete {self.path} to start again.") from error

    def save(self, state: State) -> None:
        """Keep `state`: the log first, so that a state never speaks of lines that are not there.

        Raises:
            OSError: the disk is full, or the folder cannot be written to; what stood there still stands.
        """
        import torch
        from safetensors.torch import save

        write_whole(self.path / LOG, self.log_of(state))
        tensors = {"row": state.row.detach(), "start": state.start, "done": torch.tensor(state.step), **state.moments}
        if state.best is not None:
            tensors["best"] = state.best
        write_whole(self.path / STATE, save({name: tensor.contiguous() for name, tensor in tensors.items()}))

    @staticmethod
    def log_of(state: State) -> bytes:
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in state.log).encode()
