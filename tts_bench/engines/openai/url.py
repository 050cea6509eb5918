"""The URL of a server, known to be one without any library."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from tts_bench.errors import UserError
from tts_bench.text import safe


def check_url(base_url: str | None) -> str:
    """The URL, unless it can be none, or holds a secret.

    Raises:
        UserError: it is missing, is no http(s) URL, or has a user, a query or a fragment.
    """
    if base_url is None:
        raise UserError("--engine openai needs --base-url, such as --base-url http://localhost:8000/v1")
    if re.search("[@?#]|//[^/]*%40", base_url):
        raise UserError(
            "--base-url holds a user name, a password or a query, which would be written into records. Remove it; a "
            "key belongs in the environment variable TTS_BENCH_API_KEY."
        )
    try:
        parts = urlsplit(base_url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not re.fullmatch("[!-~]+", base_url):
        raise UserError(f"--base-url {safe(base_url)} is not a server URL. Example: http://localhost:8000/v1")
    return base_url
