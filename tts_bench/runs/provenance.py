"""Where a run was made: command, versions and hardware, without a path or a name that is nobody's business."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tts_bench.version import __version__

# Options that take a path, and those that take several of them, or strategies, joined by commas.
_PATHS = frozenset("--out --store --data-dir --config --resume --model --tokenizer --task --test-task".split())
_LISTS = frozenset(("--tasks", "--strategies"))
_SPECS = frozenset(("--strategy", "--strategies", "--scorer"))  # may hold paths, and texts that begin with a slash
_ENGINES = frozenset(("--engine", "--vllm"))  # take no such text
_SWITCHES = frozenset("--quiet -q --verbose -v --keep-logprobs --trust-remote-code --exact --no-exact".split())
_IN_SPEC = re.compile(
    r"(?<=[:,])(?<!\\,)(?P<key>(?:token|file|model|tokenizer|pool|template)=)(?P<path>/(?:\\.|[^\\,])+)"
)
_CODE = re.compile(r"(?:^|(?<=[:,]call=))/[^:]*/(?=[^/:]+\.py:)")  # the folder of FILE.py:NAME
_PACKAGES = ("torch", "transformers", "tokenizers", "lm-eval", "datasets", "mpmath", "numpy")


def command() -> str:
    """The command as it was typed, with paths shortened to their last part where they are absolute.

    Paths in options (`--out=/a/b`, `--strategy learned-token:token=/a/b`) are, too. Other texts may begin with a slash
    (`--system /no_think`) and stay: without it, the command would be that of another run.
    """
    name = Path(sys.argv[0]).name
    words = ["tts-bench" if name == "__main__.py" else name]  # `python -m tts_bench` is the same
    option = ""
    for word in sys.argv[1:]:
        if word.startswith("-"):
            option, equals, value = word.partition("=")
            words.append(option + equals + _shortened(option, value))
            option = "" if equals or option in _SWITCHES else option
        else:
            words.append(_shortened(option, word))
            option = ""
    return shlex.join(words)


def _shortened(option: str, value: str) -> str:
    """What an option was given, or an argument where there is none, without the folders of absolute paths."""
    if option in _LISTS:
        return ",".join(_in_spec(each) if option in _SPECS else _last(each) for each in value.split(","))
    if option in _SPECS:
        return _in_spec(value)
    if option in _ENGINES:
        return re.sub(r"(?<==)/[^,]+", lambda path: _last(path[0]), value)
    return _last(value) if not option or option in _PATHS else value


def _in_spec(spec: str) -> str:
    return _IN_SPEC.sub(lambda found: found["key"] + _last(found["path"]), _CODE.sub("", spec))


def _last(path: str) -> str:
    return (Path(path).name or path) if path.startswith("/") else path


def resumes() -> bool:
    """Whether the command goes on with a run by its folder, and so says nothing of its settings."""
    return any(word.partition("=")[0] == "--resume" for word in sys.argv[1:])


def versions() -> dict[str, str]:
    """Versions of what a result may depend on, and the commit where the package runs from a checkout."""
    found = {"tts-bench": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    commit = _commit()
    return {**found, "commit": commit} if commit else found


def hardware() -> dict[str, str | int]:
    """Processor, cores and memory in bytes."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():
        return None
    try:
        asked = subprocess.run(
            ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()
