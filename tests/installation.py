"""What a user has who installed the wheel: an environment of its own, no extras, an empty home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
# How this machine reaches its network and installs packages; all else that a user may have set stays out.
_KEPT = ("PIP_", "SSL_", "REQUESTS_CA_BUNDLE", "OMP_NUM_THREADS", "LANG", "LC_")
_PIP_FILES = ("~/.config/pip/pip.conf", "~/.pip/pip.conf")  # of the home that is not theirs


@dataclass(frozen=True)
class User:
    """Somebody at a terminal; `folder` is where they type, and was empty."""

    folder: Path
    environment: dict[str, str]

    def types(self, *command: str | Path, code: int = 0, cwd: str = ".") -> str:
        """What a command prints; it has to end with this exit code, and never in a traceback."""
        place = self.folder / cwd
        done = subprocess.run(
            command, cwd=place, env=self.environment, capture_output=True, text=True, check=False, timeout=400
        )
        assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    def python(self, program: str, *arguments: str) -> str:
        return self.types("python", "-c", program, *arguments)


def install(wheel: Path, folder: Path, *, newest: bool = False) -> User:
    """Install a wheel into a new environment: it, what it declares and what that declares, and pip; no extra.

    The dependencies are the files of the versions that are installed here, as a package manager with a cache would link
    them, and `pip check` has to be content with them. With `newest`, pip fetches whatever `pyproject.toml` allows.
    """
    venv, home, place = (folder / name for name in ("venv", "home", "place"))
    home.mkdir(parents=True)
    place.mkdir()
    kept = {key: value for key, value in os.environ.items() if key.startswith(_KEPT) or key.lower().endswith("_proxy")}
    for file in filter(Path.is_file, map(Path.expanduser, map(Path, _PIP_FILES))):
        kept["PIP_CONFIG_FILE"] = str(file)
    cache = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=True)
    path = f"{venv / 'bin'}{os.pathsep}{os.defpath}"
    environment = {**kept, "HOME": str(home), "PATH": path, "PIP_CACHE_DIR": cache.stdout.strip(), "COLUMNS": "120"}
    user = User(place, environment)
    user.types(sys.executable, "-m", "venv", venv)
    user.types("python", "-m", "pip", "install", "--quiet", "--no-compile", *([] if newest else ["--no-deps"]), wheel)
    if not newest:
        [site] = venv.glob("lib/python*/site-packages")
        [own] = metadata.distributions(path=[str(site)], name="test-time-scaling-bench")
        _link_dependencies(own, site)
    assert user.types("python", "-m", "pip", "check") == "No broken requirements found.\n"
    return user


def _link_dependencies(own: metadata.Distribution, site: Path) -> None:
    linked: set[str] = set()
    wanted = [*_required(own, frozenset())]
    while wanted:
        requirement = wanted.pop()
        found = metadata.distribution(requirement.name)
        if requirement.name not in linked:
            linked.add(requirement.name)
            _link(found, site)
            wanted += _required(found, frozenset())
        wanted += (more for more in _required(found, frozenset(requirement.extras)) if more.name not in linked)


def _required(of: metadata.Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    for requirement in map(Requirement, of.requires or []):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def _link(what: metadata.Distribution, site: Path) -> None:
    """Put a distribution's files into another `site-packages`; its scripts are left out."""
    for file in what.files or []:
        if ".." in file.parts or file.suffix == ".pyc" or not Path(str(file.locate())).exists():
            continue  # some packages list files that their wheel has not
        _link_file(Path(str(file.locate())), site / file)
        if file.suffix == ".py":  # what is compiled already need not be compiled again
            compiled, here = (cache_from_source(str(path)) for path in (file.locate(), site / file))
            if Path(compiled).is_file():
                _link_file(Path(compiled), Path(here))


def _link_file(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():  # of two distributions that share a file
        return
    try:
        os.link(file, target)
    except OSError:  # another disk
        shutil.copy2(file, target)
