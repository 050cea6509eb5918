"""A virtual environment of its own for a test that installs something."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

# Nothing is fetched: what is built is built with what is here, and what it needs is here.
_OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_QUIET": "1"}
_SCRIPTS = {"tts-bench": "tts_bench.cli.main", "pip": "pip._internal.cli.main"}


def fresh(folder: Path) -> dict[str, str]:
    """Make an environment in `folder` that sees all that is installed here; its variables, for `subprocess`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # A .pth file that is read from here reads the .pth files there too: the editable install is one of them.
    (site / "here.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    for name, module in _SCRIPTS.items():
        script = folder / "bin" / name
        guarded = f"if __name__ == '__main__':\n    from {module} import main\n    raise SystemExit(main())\n"
        script.write_text(f"#!{folder / 'bin' / 'python'}\n{guarded}")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "TTS_BENCH_DATA"))}
    path = f"{folder / 'bin'}{os.pathsep}{kept['PATH']}"
    return {**kept, **_OFFLINE, "PATH": path, "VIRTUAL_ENV": str(folder), "COLUMNS": "100"}
