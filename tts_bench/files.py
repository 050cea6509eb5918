"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room: on the disk, in a quota, in a file's limit


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` under a temporary name beside `path`, then rename it: what was at `path` stays or is replaced.

    Raises:
        OSError: the folder is missing or not writable, or the disk is full; `path` is as it was before.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
