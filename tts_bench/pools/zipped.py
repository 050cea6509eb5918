"""Zip archives as Inspect writes them: compressed by Zstandard, which Python's own `zipfile` knows from 3.14 on."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    import zipfile

    from compression.zstd import ZstdError
else:
    from backports.zstd import ZstdError, zipfile

__all__ = ["ZstdError", "zipfile"]
