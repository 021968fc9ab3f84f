"""Which ledger a live view keeps: the one on disk, or one in memory while that fails.

Live figures never wait for a disk. A ledger that cannot be used, or that failed while
it was, is tried again on a thread of its own: to prove it may take seconds.
"""

from __future__ import annotations

import os
import threading
from datetime import datetime, timedelta
from pathlib import Path

from burnmon.errors import LedgerError
from burnmon.usage.ledger import Ledger

FIRST = timedelta(seconds=30)
"""After so long a ledger that could not be used is tried again."""
LAST = timedelta(minutes=16)
"""The longest time until then, once it failed in use again and again."""


def open_ledger(path: Path) -> tuple[Ledger, str]:
    """The ledger, or one in memory and why; also where nobody can write it."""
    try:
        ledger = Ledger(path).lasts()
    except LedgerError as error:
        return Ledger(None), unkept(error)
    if ledger.writable or os.access(path, os.W_OK):
        return ledger, ""
    ledger.close()
    words = "it cannot be written; see whose it is, and its directory"
    return Ledger(None), unkept(LedgerError(f"{path}: {words}"))


def unkept(error: LedgerError) -> str:
    """What the person is told while history is in memory alone."""
    return f"history is not kept: {error}"


class Keeping:
    """The ledger of one live view, from one failure to the next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failed: LedgerError | None = None
        self._wait = FIRST
        self._tried_at: datetime | None = None
        self._trial: threading.Thread | None = None
        self._proven = False

    def open(self, now: datetime) -> tuple[Ledger, str]:
        """The ledger to work with from now on; if it is not the one on disk, why."""
        self._tried_at, self._proven = now, False
        failed, self._failed = self._failed, None
        if failed is not None:
            return Ledger(None), unkept(failed)
        return open_ledger(self._path)

    def failed(self, error: LedgerError) -> None:
        """It failed in use: the next one is in memory, and stays for twice as long."""
        self._failed = error
        self._wait = min(2 * self._wait, LAST)

    def can_return(self, now: datetime) -> bool:
        """Whether the ledger on disk can be used again; that is tried now and then."""
        if self._trial is not None and self._trial.is_alive():
            return False
        since = self._tried_at
        if not self._proven and (
            since is None or not timedelta(0) <= now - since < self._wait
        ):
            self._tried_at = now
            self._trial = threading.Thread(target=self._try, name="trial", daemon=True)
            self._trial.start()
        return self._proven

    def _try(self) -> None:
        try:
            ledger, failure = open_ledger(self._path)
            with ledger:
                ledger.prove()
        except LedgerError:
            return
        self._proven = not failure
