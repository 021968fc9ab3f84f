"""Directories and files that are their owner's alone, whatever the umask says.

What burnmon writes tells what a person works on. So it is made with the narrowest mode
from the first instant, and never through a link that somebody left in its place. The
status line loads this many times a minute: it needs nothing but ``os``.
"""

from __future__ import annotations

import os
from contextlib import suppress

_MODE = 0o600
_DIRECTORY_MODE = 0o700


def make_directory(path: str | os.PathLike[str]) -> None:
    """Make a directory, and those above it that are missing, for their owner alone.

    One that is there stays as it is. Raises OSError.
    """
    place = os.path.abspath(path)  # noqa: PTH100 - pathlib is not loaded here
    try:
        os.mkdir(place, _DIRECTORY_MODE)  # noqa: PTH102 - as above
    except FileNotFoundError:
        make_directory(os.path.dirname(place))  # noqa: PTH120 - as above
        make_directory(place)
    except OSError:
        # A system may name another hindrance than that it is there already.
        if not os.path.isdir(place):  # noqa: PTH112 - as above
            raise


def open_file(path: str | os.PathLike[str], flags: int) -> int:
    """A descriptor of a file, which is made if it is missing; raises OSError.

    A link is refused: what is written would go to wherever it leads. A pipe in its
    place does not hold up who opens it.
    """
    always = os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    return os.open(path, flags | always, _MODE)


def create(path: str | os.PathLike[str], _flags: int = 0) -> int:
    """A descriptor to write a new file in place of whatever has its name.

    It may be the ``opener`` of ``open``, whose flags it knows better. Raises OSError.
    """
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108 - as above
    return open_file(path, os.O_WRONLY | os.O_EXCL)


def replace_file(
    path: str | os.PathLike[str], contents: bytes, mode: int = _MODE
) -> None:
    """Put a file in its place in one step, its directory too if that is missing.

    ``mode``: that of the file before, if it is another program's. Raises OSError when
    the place cannot be written; the previous file then stays.
    """
    directory, name = os.path.split(path)
    beside = os.path.join(directory, f".{name}.{os.getpid()}")  # noqa: PTH118 - as above
    make_directory(directory)
    handle = create(beside)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(contents)
            if mode != _MODE:
                os.fchmod(handle, mode)
        os.replace(beside, path)  # noqa: PTH105 - as above
    except OSError:
        with suppress(OSError):
            os.unlink(beside)  # noqa: PTH108 - as above
        raise
