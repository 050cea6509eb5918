"""`python -m tests.console FILE...`.

A file of its own: worker processes of a page's commands import what the main module is called, but for a `__main__`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.console import main

if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
