"""The page of a report: markup, style, scripts and payload in one file that may load nothing else."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from tts_bench.errors import UserError
from tts_bench.files import is_stream
from tts_bench.present.report.payload import Payload

MARK = "<!-- made by tts-bench report -->"
_STYLES = ("base", "figures", "traces")
_SCRIPTS = ("dom", "numbers", "chart", "table", "report", "traces", "trace", "overview", "main")
_PAGE = """<!doctype html>
{mark}
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '{script_hash}'; \
style-src '{style_hash}'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
{reload}<link rel="icon" href="data:,">
<title>Test-time scaling report</title>
<style>{style}</style>
</head>
<body>
{body}
<script type="text/plain" id="payload">{payload}</script>
<script type="text/plain" id="texts">{texts}</script>
<script>{script}</script>
</body>
</html>
"""


def page(payload: Payload, reload: int | None = None) -> str:
    """The whole file. Its policy lets its own script and style run, by their hashes, and nothing be loaded.

    A browser loads it again after `reload` seconds, if that is given.
    """
    script = '"use strict";\n' + "\n".join(_asset(f"{name}.js") for name in _SCRIPTS)
    style = "\n".join(_asset(f"{name}.css") for name in _STYLES)
    return _PAGE.format(
        mark=MARK,
        script_hash=_hash(script),
        style_hash=_hash(style),
        style=style,
        reload=f'<meta http-equiv="refresh" content="{reload}">\n' if reload else "",
        body=_asset("page.html"),
        payload=payload.index,
        texts=payload.texts,
        script=script,
    )


def check_target(path: Path) -> None:
    """Refuse a place for the report before anything is read.

    Raises:
        UserError: there is no folder for it, or there is something that is not a report.
    """
    try:
        ours = _is_free(path)
    except OSError as error:
        raise UserError(f"--out {path} cannot be read: {error.strerror}. Give another --out.") from error
    if not ours:
        raise UserError(f"--out {path} exists and is not a tts-bench report. Remove it, or give another --out.")


def _is_free(path: Path) -> bool:
    """Whether nothing but an older report would be lost; what is a stream loses nothing.

    Raises:
        UserError: it is a folder, or there is no folder for it.
        OSError: it cannot be read.
    """
    if path.is_dir():
        raise UserError(f"--out {path} is a folder; it takes a file, such as {path / 'report.html'}.")
    if not path.parent.is_dir():
        raise UserError(
            f"--out {path} cannot be written: {path.parent} is not a folder. Create it, or give another --out."
        )
    if is_stream(path):  # to read of a pipe would wait for its writer
        return True
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return MARK in file.read(200)
    except FileNotFoundError:
        return True


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
