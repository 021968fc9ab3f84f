"""File events: they hurry the sweep and decide nothing.

Events are lost when queues overflow, directories move or an observer dies. So all that
is kept of them is the paths they name, and whether a walk is the only way to know.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from burnmon.agents import AGENTS
from burnmon.config import Root

AGAIN = timedelta(seconds=30)
"""How often watching is tried again where it was not possible."""


class Watch:
    """The trees of some roots, watched by threads that only set ``wake``."""

    def __init__(self, roots: Sequence[Root], wake: threading.Event) -> None:
        self.lost = True
        """Something may have changed that no event told; set back by who walks."""
        self._roots = roots
        self._wake = wake
        self._touched: deque[str] = deque()
        self._observer: Any = None
        self._trees: dict[str, tuple[int, int]] = {}
        self._began_at: datetime | None = None
        self._alarm = _Alarm(self)

    def touched(self) -> set[str]:
        """Paths that events named since the last call."""
        paths = set()
        while self._touched:
            paths.add(self._touched.popleft())
        return paths

    def note(self, path: str | None) -> None:
        """Remember a path, or that something else happened, and wake the reader."""
        if path is None:
            self.lost = True
        else:
            self._touched.append(path)
        self._wake.set()

    def begin(self, now: datetime) -> None:
        """Watch the trees that are there; what was written before is seen by nobody."""
        from watchdog.observers import Observer

        # A lost event is answered with a walk, not with a line on the terminal.
        logging.getLogger("watchdog").addHandler(self._alarm)
        logging.getLogger("watchdog").addHandler(_SILENCE)
        logging.getLogger("watchdog").propagate = False
        observer = Observer()
        self._trees, self._began_at = self.trees(), now
        handler, wanted = _handler(self)
        try:
            for path in self._trees:
                observer.schedule(handler, path, recursive=True, event_filter=wanted)
            if self._trees:
                observer.start()
                self._observer = observer
        except OSError:
            observer.stop()  # those of its threads that were begun

    def again(self, now: datetime) -> None:
        """Watch anew when trees came, went or were replaced, or watching ended."""
        ended = self._observer is not None and not self.works()
        waited = self._began_at is None or not now - self._began_at < AGAIN
        late = self._observer is None and waited
        if ended or late or self.trees() != self._trees:
            self.end()
            self.begin(now)
            self.note(None)

    def works(self) -> bool:
        """Whether every watched tree has its thread: one ends when its tree goes."""
        observer = self._observer
        if observer is None or not observer.is_alive():
            return False
        return all(each.is_alive() for each in observer.emitters)

    def trees(self) -> dict[str, tuple[int, int]]:
        """Trees that are there, each with what tells it from one in its place."""
        found = {}
        for root in self._roots:
            for tree in AGENTS[root.agent].trees:
                path = root.path / tree
                with suppress(OSError):
                    status = path.stat()
                    if stat.S_ISDIR(status.st_mode):
                        found[os.fspath(path)] = (status.st_dev, status.st_ino)
        return found

    def end(self) -> None:
        """Stop watching."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
        logging.getLogger("watchdog").removeHandler(self._alarm)


def _handler(watch: Watch) -> tuple[Any, list[Any]]:
    """What watchdog is to call, and for which events."""
    from watchdog import events

    class Noting(events.FileSystemEventHandler):
        """Notes the path and wakes the reader: nothing else happens here."""

        def on_any_event(self, event: events.FileSystemEvent) -> None:
            path = event.dest_path or event.src_path
            watch.note(None if event.is_directory else os.fsdecode(path))

    # Opens and closes, our own among them, would wake us for nothing.
    wanted = [
        events.FileCreatedEvent,
        events.FileModifiedEvent,
        events.FileMovedEvent,
        events.DirCreatedEvent,
    ]
    return Noting(), wanted


_SILENCE = logging.NullHandler()
"""Keeps what watchdog says while it ends off the terminal."""


class _Alarm(logging.Handler):
    """Watchdog logs when the kernel dropped events; the next step then walks."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.WARNING)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        self._watch.note(None)
