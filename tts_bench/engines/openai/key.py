"""The key of a server: read from the environment, fit for a header or refused, and taken out of whatever is said."""

from __future__ import annotations

import base64
import html
import json
import os
import re
from urllib.parse import quote, quote_plus

from tts_bench.errors import UserError

NAMES = ("TTS_BENCH_API_KEY", "OPENAI_API_KEY")  # in this order
_HEADER = re.compile(r"[!-~]+")  # printable ASCII without spaces
_PLACEHOLDER = 6  # a key of fewer characters, such as x or EMPTY, is no secret, and its letters stand in many words
_TELLING = 12  # a text of so many characters is in a reply because it was put there


class Key:
    """A secret that shows itself to the header alone.

    Raises:
        UserError: it holds what no header can carry. It is not shown.
    """

    def __init__(self, secret: str, name: str = NAMES[0]) -> None:
        """`name`: the environment variable that it comes from."""
        if not _HEADER.fullmatch(secret):
            raise UserError(
                f"{name} holds {_what(secret)}, which no HTTP header can carry. A key has ASCII letters, digits and "
                f"signs only. If it is in a file, type export {name}=\"$(tr -d '[:space:]' < FILE)\", or else copy "
                "it again."
            )
        self._secret = secret
        forms = "|".join(map(re.escape, _forms(secret)))
        self._forms, self._raw = re.compile(forms, re.IGNORECASE), re.compile(forms.encode())
        if len(secret) < _PLACEHOLDER:
            self._forms = re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")

    def __repr__(self) -> str:
        return "Key(***)"

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secret}"}

    def hide(self, text: str) -> str:
        """`text` without the key, in whatever spelling it is repeated."""
        return self._forms.sub("***", text)

    def told_by(self, raw: bytearray) -> bool:
        """Whether a reply repeats the key. A placeholder such as EMPTY may well be a word of the model's."""
        return len(self._secret) >= _TELLING and bool(self._raw.search(raw))


def from_environment() -> Key | None:
    """The key that the environment holds, if it holds one.

    Raises:
        UserError: as `Key`.
    """
    found = next(((name, os.environ[name]) for name in NAMES if os.environ.get(name)), None)
    return Key(found[1], found[0]) if found else None


def _what(secret: str) -> str:
    """What is wrong with a key, in words that tell nothing of it."""
    if "\n" in secret or "\r" in secret:
        return "a line break"
    if any(char.isspace() for char in secret):
        return "a space"
    return "letters that are not ASCII" if not secret.isascii() else "a control character"


def _forms(secret: str) -> list[str]:
    """Spellings of the key, the longest first."""
    escaped = json.dumps(secret)[1:-1]
    codes = [f"{ord(char):04x}" for char in secret]
    found = {
        secret,
        escaped,
        escaped.replace("/", "\\/"),
        repr(secret)[1:-1],
        quote(secret, safe=""),
        quote_plus(secret),
        quote(quote(secret, safe=""), safe=""),
        "".join(f"%{code[2:]}" for code in codes),
        "".join(f"\\u{code}" for code in codes),
        "".join(f"\\x{code[2:]}" for code in codes),
        html.escape(secret),
        secret.encode().hex(),
        secret[::-1],
        *_base64(secret),
    }
    return sorted(found, key=lambda form: (-len(form), form))


def _base64(secret: str) -> set[str]:
    """What stands in the base64 text of anything that holds the key: it depends on how many bytes stand before it."""
    found = set()
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + secret.encode()).decode().rstrip("=")
        # The first letters tell of what stands before as well, and the last ones of what stands behind.
        core = coded[-(-8 * before // 6) : (before + len(secret)) * 8 // 6]
        found |= {core, core.translate(str.maketrans("+/", "-_"))}
    return {form for form in found if len(form) >= _TELLING}
