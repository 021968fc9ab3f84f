"""``python -m burnmon`` and the ``burnmon`` command: where the process meets the world.

Reads the clock once, turns errors into a line and an exit code, and ends quietly when
nobody reads any more.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from datetime import UTC, datetime

from burnmon import cli
from burnmon.errors import BurnmonError, UsageError


def main() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        _never_fail_to_encode()
        code = cli.run(sys.argv[1:], os.environ, datetime.now(UTC))
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return cli.INTERRUPTED
    except BrokenPipeError:
        return _leave_quietly()
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            return cli.INTERRUPTED  # in the making of a class, which wraps it
        if os.environ.get("BURNMON_DEBUG") == "1":
            raise
        return _explain(error)
    # The interpreter looks for garbage once more, through all there is: for nobody.
    gc.freeze()
    return code


def _never_fail_to_encode() -> None:
    """A terminal that knows no ``·`` gets a ``?`` instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _leave_quietly() -> int:
    # The interpreter flushes standard output once more at exit; that must find
    # somebody who listens.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return cli.OK


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""What a disk says that takes no more."""


def _explain(error: Exception) -> int:
    from burnmon.text import plain

    if isinstance(error, BurnmonError):
        message = str(error)
    elif isinstance(error, OSError) and error.errno in _NO_ROOM:
        message = f"{error.filename or 'the output'}: {error.strerror}"
    else:
        hint = "BURNMON_DEBUG=1 shows where"
        message = f"unexpected {type(error).__name__}: {error} ({hint})"
    try:
        for line in message.splitlines() if sys.stderr is not None else []:
            sys.stderr.write(f"burnmon: {plain(line)}\n")
    except OSError:  # the terminal is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    return cli.USAGE if isinstance(error, UsageError) else cli.FAILED


if __name__ == "__main__":
    sys.exit(main())
