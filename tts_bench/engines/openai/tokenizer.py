"""The served model's tokenizer, with an id for sampled tokens that a server counts and does not show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from tts_bench import models
from tts_bench.engines.tokenizer import HfTokenizer
from tts_bench.errors import UserError
from tts_bench.models.folder import TOKENIZER_FILES

UNSEEN = 1 << 47  # beyond every vocabulary; its text is empty


class EndpointTokenizer(HfTokenizer):
    """`HfTokenizer` that knows `UNSEEN`."""

    counts = True  # what it makes of a text is what the server has to count

    def __init__(self, tokenizer: PreTrainedTokenizerBase, ends: Iterable[int] = ()) -> None:
        super().__init__(tokenizer, ends)
        self._served = self.end_ids  # ends that a server knows itself; those of the chat template it may not know

    @cached_property
    def unspoken(self) -> re.Pattern[str]:
        """What servers show in one text and not in the other: added tokens, white space, characters cut in two."""
        names = sorted((str(token) for token in self.inner.added_tokens_decoder.values()), key=len, reverse=True)
        return re.compile("|".join((*map(re.escape, names), r"\s", "\ufffd")))

    def decode(self, tokens: Sequence[int]) -> str:
        return super().decode(seen(tokens))

    def stop_texts(self, ids: Sequence[int]) -> tuple[str, ...]:
        """Texts of the ids that are no end of turn: a server knows those itself."""
        return tuple(self.decode((token,)) for token in sorted(ids) if token not in self._served)


def seen(tokens: Sequence[int]) -> list[int]:
    """`tokens` without the unseen ones: what a server can be sent."""
    return [token for token in tokens if token != UNSEEN]


def load_tokenizer(folder: Path, name: str) -> EndpointTokenizer:
    """The tokenizer in `folder`.

    Raises:
        UserError: there is none that transformers can load.
    """
    from transformers import AutoTokenizer

    try:
        return EndpointTokenizer(
            AutoTokenizer.from_pretrained(folder, local_files_only=True), models.end_tokens(folder)
        )
    except (OSError, ValueError, KeyError) as error:
        why = " ".join(str(error).split())[:200]
        raise UserError(
            f"no tokenizer can be loaded for {name} ({why}). Type --tokenizer FOLDER or a hub id."
        ) from error


def digest(folder: Path) -> str:
    """SHA-256 over names and contents of the tokenizer's files."""
    whole = sha256()
    for file in sorted(folder / name for name in TOKENIZER_FILES):
        if file.is_file():
            whole.update(f"{file.name}\0{sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()
