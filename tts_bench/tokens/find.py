"""A token folder by its path, by a repository of the Hugging Face hub, or by the model it was shipped for."""

from __future__ import annotations

import re
from pathlib import Path

from tts_bench.api import LearnedToken
from tts_bench.errors import UserError
from tts_bench.text import safe
from tts_bench.tokens import tokenfile

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def folder(name: str) -> Path:
    """The folder that `name` speaks of: one that is here, or else a repository of the hub (`org/name`), fetched.

    Raises:
        UserError: there is neither, or it cannot be fetched.
    """
    path = Path(name).expanduser()
    if path.exists() or not _HUB_ID.fullmatch(name):
        return path  # what is wrong with it, reading it will say
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(name, allow_patterns=[tokenfile.TENSOR_FILE, tokenfile.CARD_FILE]))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise UserError(
            f"{name} is not a local folder and cannot be fetched from the hub: {safe(str(error).splitlines()[0])}. "
            f"Check the name; where there is a network, type: hf download {name} --local-dir FOLDER"
        ) from error


def shipped() -> dict[str, Path]:
    """Folders of the tokens that come with this package, by the fingerprint of their model."""
    cards = Path(__file__).parent.glob(f"*/{tokenfile.CARD_FILE}")
    return {tokenfile.load_card(card.parent).fingerprint: card.parent for card in sorted(cards)}


def shipped_for(fingerprint: str) -> LearnedToken | None:
    """The token that comes with this package for the model of `fingerprint`, if there is one."""
    found = shipped().get(fingerprint)
    return tokenfile.load(found) if found else None
