"""A virtual environment of its own for a test that installs something."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests import warm

# Nothing is fetched: what is built is built with what is here, and what it needs is here.
_OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_QUIET": "1"}


def fresh(folder: Path, door: Path) -> dict[str, str]:
    """Make an environment in `folder` that sees all that is installed here; its variables, for `subprocess`.

    Its command `tts-bench` is run by the warm process at `door`.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # A .pth file that is read from here reads the .pth files there too: the editable install is one of them.
    (site / "here.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    python, pip = folder / "bin" / "python", folder / "bin" / "pip"
    pip.write_text(f"#!{python}\nfrom pip._internal.cli.main import main\nraise SystemExit(main())\n")
    pip.chmod(0o755)
    warm.put(folder / "bin" / "tts-bench", python, door)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "TTS_BENCH_DATA"))}
    path = f"{folder / 'bin'}{os.pathsep}{kept['PATH']}"
    return {**kept, **_OFFLINE, "PATH": path, "VIRTUAL_ENV": str(folder), "COLUMNS": "100"}
