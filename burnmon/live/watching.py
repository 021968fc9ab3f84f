"""File events: they hurry the sweep and decide nothing.

Events are lost when queues overflow, directories move or an observer dies, and some
places send none: mounts that others write to, directories beyond the kernel's limit.
So all that is kept of them is the paths they name, and whether a walk is the only way
to know.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import threading
import warnings
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from burnmon.agents import AGENTS
from burnmon.config import Root

AGAIN = timedelta(seconds=30)
"""How often watching is tried again where it was not possible."""
SETTLED = timedelta(seconds=2)
"""After so long a directory that has no watch will not get one any more."""
PATIENCE = 0.1
"""Seconds for which events are left to the kernel while nobody would look at them."""


class Watch:
    """The trees of some roots, watched by threads that only set ``wake``."""

    def __init__(self, roots: Sequence[Root], wake: threading.Event) -> None:
        self.lost = True
        """Something may have changed that no event told; set back by who walks."""
        self.shaken = False
        """The kernel dropped events, and watches are being made anew; set back by who
        walks, and walks once more when they are."""
        self._places = [
            f"{root.path}/{tree}" for root in roots for tree in AGENTS[root.agent].trees
        ]
        self._wake = wake
        self._touched: deque[str] = deque()
        self._observer: Any = None
        self._trees: dict[str, tuple[int, int]] = {}
        self._silent = False
        self._began_at: datetime | None = None
        self._lacks_since: datetime | None = None
        self._alarm = _Alarm(self)
        self._awaited = threading.Event()
        self._awaited.set()

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

    def await_events(self) -> None:
        """Say that the reader waits for events, after it was busy with the last ones.

        Meanwhile the kernel keeps them, and makes one of those that say the same, where
        each of them would wake three threads one after the other.
        """
        self._awaited.set()

    def _pace(self, observer: Any) -> None:
        """Have an observer read events when they are awaited."""
        reader = getattr(observer, "_inotify_fd", None)
        read = getattr(reader, "read_events", None)
        if read is None:
            return  # as another system's, or that of an older watchdog

        def paced() -> Any:
            self._awaited.wait(PATIENCE)
            found = read()
            if observer is self._observer:  # else it ends, and somebody waits for that
                self._awaited.clear()
            return found

        reader.read_events = paced  # type: ignore[union-attr]  # it has what it reads with

    def begin(self, now: datetime) -> None:
        """Watch the trees that are there; what was written before is seen by nobody."""
        self._trees, self._began_at, self._lacks_since = self.trees(), now, None
        silent = silent_devices()
        self._silent = any(device in silent for device, _ in self._trees.values())
        if not self._trees:
            return
        from watchdog.observers import Observer

        # It races with ``mkdir -p``, which does no harm, and tells at length.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        # A lost event is answered with a walk, not with a line on the terminal.
        logging.getLogger("watchdog").addHandler(self._alarm)
        logging.getLogger("watchdog").addHandler(_SILENCE)
        logging.getLogger("watchdog").propagate = False
        observer = None
        handler, wanted = _handler(self)
        try:
            observer = Observer()
            self._pace(observer)
            for path in self._trees:
                # A link itself never changes: the slash leads to what it names.
                place = f"{path}/" if Path(path).is_symlink() else path
                observer.schedule(handler, place, recursive=True, event_filter=wanted)
            observer.start()
            self._observer = observer
        except OSError:
            if observer is not None:
                observer.stop()  # those of its threads that were begun

    def again(self, now: datetime, directories: int = 0) -> None:
        """Watch anew when trees came, went or were replaced, or watching ended.

        ``directories``: how many a walk found just now, 0 if that is not known.
        """
        if self._lacks(directories, now):
            # Half a watch tells nobody what it misses.
            self.end()
        # What ended by itself is begun anew soon, what was refused only later.
        pause = AGAIN if self._observer is None else SETTLED
        passed = pause if self._began_at is None else now - self._began_at
        waited = not timedelta(0) <= passed < pause
        if self.moved() or (waited and not self._lives()):
            self.end()
            self.begin(now)
            self.note(None)

    def works(self) -> bool:
        """Whether events tell of all that changes."""
        return self._lives() and not self._silent

    def moved(self) -> bool:
        """Whether trees came, went or were replaced since they are watched."""
        return self.trees() != self._trees

    def _lives(self) -> bool:
        """Whether every watched tree has its thread: one ends when its tree goes."""
        observer = self._observer
        if observer is None or not observer.is_alive():
            return False
        # On Linux one more thread reads for all of them; a fault would end it unseen.
        reader = getattr(observer, "_inotify_fd", None)
        if isinstance(reader, threading.Thread) and not reader.is_alive():
            return False
        return all(each.is_alive() for each in observer.emitters)

    def _lacks(self, directories: int, now: datetime) -> bool:
        """Whether directories are without a watch, and stay so: a limit was reached.

        The observer says nothing of it.
        """
        watches = kernel_watches() if self._lives() and directories else None
        if watches is None or watches >= directories:
            self._lacks_since = None
            return False
        since = self._lacks_since = self._lacks_since or now
        self.lost = True
        return abs(now - since) >= SETTLED

    def trees(self) -> dict[str, tuple[int, int]]:
        """Trees that are there, each with what tells it from one in its place."""
        found = {}
        for path in self._places:
            try:
                status = os.stat(path)  # noqa: PTH116 — asked each second
            except OSError:
                continue
            if stat.S_ISDIR(status.st_mode):
                found[path] = (status.st_dev, status.st_ino)
        return found

    def end(self) -> None:
        """Stop watching."""
        observer, self._observer = self._observer, None
        self._awaited.set()
        if observer is not None:
            observer.stop()
        logging.getLogger("watchdog").removeHandler(self._alarm)


_SILENT = re.compile(
    r"9p|afs|ceph|cifs|drvfs|fuse(\..*)?|lustre|nfs4?|prl_fs|smb3?|vboxsf|virtiofs"
    r"|vmhgfs"
)
"""File systems that others write to, of which the kernel hears nothing."""


def silent_devices(mounts: Path = Path("/proc/self/mountinfo")) -> set[int]:
    """Devices whose changes may come without events; none where nothing tells."""
    found = set()
    with suppress(OSError, ValueError, IndexError):
        for line in mounts.read_text("utf-8", "replace").splitlines():
            placed, _, kind = line.partition(" - ")
            if _SILENT.fullmatch(kind.split()[0]):
                major, minor = placed.split()[2].split(":")
                found.add(os.makedev(int(major), int(minor)))
    return found


def kernel_watches() -> int | None:
    """How many directories this process watches; None where nothing tells."""
    count = 0
    try:
        for each in os.listdir("/proc/self/fd"):  # noqa: PTH208 — names are wanted
            with suppress(OSError):  # closed meanwhile
                if os.readlink(f"/proc/self/fd/{each}") == "anon_inode:inotify":  # noqa: PTH115 — no path
                    told = Path(f"/proc/self/fdinfo/{each}").read_bytes()
                    count += told.count(b"inotify wd:")
    except OSError:
        return None
    return count


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
        self._watch.shaken = True
        self._watch.note(None)
