"""Reads whole files in whose place anything may stand: a pipe, a device, a directory.

A leaf of one function, light enough for the status line. It never waits for a writer
and never fills the memory.
"""

from __future__ import annotations

import errno
import os
import stat

LARGEST = 16 << 20
"""Bytes of a file that is read whole, unless a caller knows better."""
_BLOCK = 1 << 20


def content(path: str | os.PathLike[str], most: int = LARGEST) -> bytes:
    """All of a file; raises OSError for a pipe, and for more than ``most`` bytes.

    A device that ends is a file, so that ``/dev/null`` can stand for an empty one.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if stat.S_ISFIFO(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "is a pipe, not a file", os.fspath(path))
        parts, size = [], 0
        while part := os.read(handle, _BLOCK):
            parts.append(part)
            size += len(part)
            if size > most:
                words = f"is larger than {most >> 20 or 1} MB"
                raise OSError(errno.EFBIG, words, os.fspath(path))
        return b"".join(parts)
    finally:
        os.close(handle)
