"""Writes docs/cli.md from the command line itself; `--check` compares instead.

python docs/cli_reference.py [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tts_bench.cli.main import VERBS, _command

PAGE = Path(__file__).parent / "cli.md"
_HEAD = """# Command line

Written by `python docs/cli_reference.py` from the commands themselves. `tts-bench VERB --help` shows the same.

Exit codes: 0 done; 1 done, with recorded errors, or `doctor` found something wanting; 2 something to
mend, with a message that says what; 130 interrupted, and the same command again resumes.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for verb in VERBS for line in _verb(verb))])


def _verb(verb: str) -> Iterator[str]:
    if verb == "lm-eval":
        yield f"## tts-bench lm-eval\n\n{VERBS[verb][1]} It takes lm-eval's own arguments.\n"
        return
    yield from _documented(f"tts-bench {verb}", _command(verb))


def _documented(name: str, command: Any) -> Iterator[str]:  # noqa: ANN401 - typer's command classes are private
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option"]
    children = getattr(command, "commands", {})
    words = [name, *(_placeholder(argument) for argument in arguments), *(["COMMAND"] if children else [])]
    yield f"## {' '.join(words)}\n"
    yield f"{' '.join((command.help or '').split())}\n"
    if options:
        yield "| option | what it says | default |\n|---|---|---|"
        yield from (_row(option) for option in options)
        yield ""
    for child, its in children.items():
        yield from _documented(f"{name} {child}", its)


def _placeholder(argument: Any) -> str:  # noqa: ANN401
    name = argument.name.upper() + ("..." if argument.nargs != 1 else "")
    return name if argument.required else f"[{name}]"


def _row(option: Any) -> str:  # noqa: ANN401
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    cells = (names, " ".join((option.help or "").split()), _default(option))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(option: Any) -> str:  # noqa: ANN401
    if option.required:
        return "required"
    if isinstance(option.show_default, str):
        return str(option.show_default)
    if isinstance(option.default, bool):
        return f"`{(option.opts if option.default else option.secondary_opts or [''])[0]}`".replace("``", "")
    return "" if option.default in (None, "", ()) else f"`{option.default}`"


def main() -> None:
    """Write the page, or compare it.

    Raises:
        SystemExit: with `--check`, the page is not what the commands say.
    """
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        sys.exit(f"{PAGE.name} is not what the commands say: python docs/cli_reference.py writes it")


if __name__ == "__main__":
    main()
