"""The ledger, brought up to date for one command.

A command sweeps before it answers, so that its figures are those of the files. Where
another burnmon keeps the ledger, that one sweeps, and this one reads along.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TextIO

from burnmon import text
from burnmon.config import Settings
from burnmon.live.gathering import behind, fresh, gather_history, returned
from burnmon.live.sweep import Found, Sweep
from burnmon.usage.ledger import Ledger
from burnmon.usage.pricing import PriceTable

PATIENCE = 0.5
"""Seconds that a sweep may take before it says how far it is."""
INTERVAL = 0.1
"""Seconds between two words about that."""
HISTORY = 8 << 20
"""Bytes to read from which a sweep takes long."""


@contextmanager
def caught_up(
    settings: Settings, now: datetime, prices: PriceTable | None = None
) -> Iterator[tuple[Ledger, Sweep]]:
    """The ledger after a sweep, and the sweep; others may write it meanwhile.

    ``prices`` are those that its sums are asked for by, if they are. Raises LedgerError
    when it can be neither opened nor created.
    """
    with Ledger(settings.ledger_file) as ledger:
        sweep = Sweep(ledger, settings.read_roots())
        if ledger.writable:
            read = absorb(sweep, now, Progress(sys.stderr))
            # Who has just waited for a history does not wait for its sums as well.
            if prices is not None and read < HISTORY:
                ledger.keep_sums(prices.cuts(ledger.models())[0])
            ledger.release()
        else:
            _tell(f"{_why_reader(ledger)}; the figures are those it has")
        if sweep.unreadable:
            count = len(sweep.unreadable)
            _tell(f"{count} could not be read; burnmon doctor names them")
        yield ledger, sweep


@contextmanager
def gathered(settings: Settings, now: datetime) -> Iterator[Ledger]:
    """The ledger after a sweep, with all that is known of edits and commits.

    Raises LedgerError when it can be neither opened nor created.
    """
    with caught_up(settings, now) as (ledger, _):
        if ledger.claim():
            _gather(ledger, Progress(sys.stderr))
            ledger.release()
        yield ledger


@contextmanager
def glanced(settings: Settings, most: int) -> Iterator[Ledger]:
    """The ledger after about so many bytes of what is new, the newest first.

    For one who cannot wait and wants no word about it; the rest stays for the next.
    Raises LedgerError when it can be neither opened nor created.
    """
    with Ledger(settings.ledger_file) as ledger:
        if ledger.writable:
            sweep = Sweep(ledger, settings.read_roots())
            for _ in sweep.absorb(_first(sweep.look(), most)):
                pass
            ledger.release()
        yield ledger


def _first(found: Sequence[Found], most: int) -> Iterator[Found]:
    """The first files, up to the one that fills ``most`` bytes."""
    for each in found:
        if most <= 0:
            return
        yield each
        most -= each.fresh


def absorb(sweep: Sweep, now: datetime, progress: Progress) -> int:
    """Read all that is new; returns how many bytes that is, as far as sizes tell.

    ``now`` only says that nobody waits for the changes.
    """
    found = sweep.look()
    sizes = [each.fresh for each in found]
    progress.begin(sizes)
    try:
        for read, _ in sweep.absorb_history(found, now):
            progress.add(len(read))
    finally:
        progress.end()
    return sum(sizes)


def _gather(ledger: Ledger, progress: Progress) -> None:
    """Read for work all that was not."""
    files = [*behind(ledger), *returned(ledger)]
    progress.begin([fresh(each) for each in files])
    done = 0
    try:
        for upto in gather_history(ledger, files):
            progress.add(upto - done)
            done = upto
    finally:
        progress.end()


class Progress:
    """A line on a terminal that is rewritten while a sweep takes its time."""

    def __init__(
        self, stream: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._shown = False
        self._done = 0
        self._due = clock() + PATIENCE

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self, sizes: Sequence[int]) -> None:
        """Learn what there is to do, in bytes of each file."""
        self._sizes = sizes
        self._whole = sum(self._sizes)

    def add(self, files: int) -> None:
        """So many more files were read."""
        self._done += files
        if self._clock() < self._due or not self._stream.isatty():
            return
        self._due = self._clock() + INTERVAL
        part = sum(self._sizes[: self._done]) / self._whole if self._whole else 1.0
        self._tell(
            f"reading {self._done} of {len(self._sizes)} files, {text.share(part)}"
        )

    def commits(self, name: str, done: int, whole: int) -> bool:
        """So many commits of a repository were read; always goes on."""
        if self._clock() >= self._due and self._stream.isatty():
            self._due = self._clock() + INTERVAL
            self._tell(f"reading {text.plain(name)}: {done:,} of {whole:,} commits")
        return True

    def _tell(self, words: str) -> None:
        self._shown = True
        self._stream.write(f"\r\x1b[K{words}")
        self._stream.flush()

    def end(self) -> None:
        """Leave no trace."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _why_reader(ledger: Ledger) -> str:
    if ledger.path is not None and not os.access(ledger.path, os.W_OK):
        return f"{ledger.path} cannot be written"
    return "another burnmon keeps the ledger"


def _tell(words: str) -> None:
    sys.stderr.write(f"burnmon: {text.plain(words)}\n")
