"""The log of what was told and why: the memory that all burnmons of a person share.

JSON lines, one per alert, and one more with what came of it. Who decides what to tell
holds the lock, so that two instances never tell the same. It never waits for the lock.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from burnmon import private, text
from burnmon.files import content
from burnmon.live.snapshot import Alert

TOLD = "told"
"""The outcome of what went well; every other one says what did not."""
LARGEST = 256 << 10
"""Bytes from which the log is cut back to what is still of use."""
KEPT = timedelta(days=2)
"""How long an alert is kept after its occasion; longer than events are shown."""
MOST_KEPT = 500
"""Alerts that survive a cut at most."""

Decide = Callable[[Sequence[Alert]], tuple[Alert, ...]]
"""What is to be told, given what was."""


class AlertLog:
    """The log as one instance sees it. Not for two threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._told: tuple[Alert, ...] = ()
        self._unwritten: list[Alert] = []

    def told(self) -> tuple[Alert, ...]:
        """Everything that was told or held, oldest first; read again if it changed."""
        try:
            status = self.path.stat()
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            if stamp != self._stamp:
                self._told, self._stamp = read(self.path), stamp
        except OSError:
            self._told, self._stamp = (), None
        return (*self._told, *self._unwritten)

    def decide(self, decide: Decide) -> tuple[Alert, ...]:
        """Decide as the only one, and write down what; nothing while another does.

        Where nothing can be written this instance remembers for itself.
        """
        alerts = decide(self.told())
        if not alerts:
            return ()
        try:
            with locked(self.path, wait=False):
                alerts = decide(self.told())
                _append(self.path, map(document, alerts))
        except BlockingIOError:
            return ()
        except OSError:
            self._unwritten += alerts
        return alerts


def note(path: Path, alert: Alert, outcome: Mapping[str, str], now: datetime) -> None:
    """Write down what came of an alert; raises OSError."""
    line = {"at": _iso(now), "key": alert.key, "outcome": dict(outcome)}
    with locked(path, wait=True):
        _append(path, [line])


def read(path: Path) -> tuple[Alert, ...]:
    """The alerts of a log with their outcomes, oldest first; raises OSError.

    A line that is none, such as one that was cut off, is passed over.
    """
    alerts: list[Alert] = []
    newest: dict[str, int] = {}
    for raw in content(path).splitlines():
        line = _document_of(raw)
        place, came_of = newest.get(str(line.get("key"))), line.get("outcome")
        if place is not None and isinstance(came_of, dict):
            outcome = tuple((str(way), str(said)) for way, said in came_of.items())
            alerts[place] = replace(alerts[place], outcome=outcome)
        elif (alert := _alert(line)) is not None:
            newest[alert.key] = len(alerts)
            alerts.append(alert)
    return tuple(alerts)


def document(alert: Alert) -> dict[str, Any]:
    """An alert as JSON: a line of the log, and what a command is told."""
    return {
        "at": _iso(alert.at),
        "key": alert.key,
        "kind": alert.kind,
        "level": alert.level,
        "text": alert.text,
        "project": alert.project,
        "subject": alert.subject,
        "occasion_at": _iso(alert.occasion_at),
        "step": alert.step,
        "why": dict(alert.why),
        "channels": list(alert.channels),
        "held": alert.held,
    }


@contextmanager
def locked(path: Path, wait: bool) -> Iterator[None]:
    """Hold the log's lock; BlockingIOError if another has it and this may not wait."""
    private.make_directory(path.parent)
    held = private.open_file(f"{path}.lock", os.O_RDWR)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(held)


def _append(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write lines, whole ones even after one that was cut off."""
    held = private.open_file(path, os.O_RDWR | os.O_APPEND)
    with os.fdopen(held, "rb+") as file:
        size = file.seek(0, os.SEEK_END)
        whole = not size or os.pread(file.fileno(), 1, size - 1) == b"\n"
        written = b"".join(_line(each) for each in lines)
        file.write(written if whole else b"\n" + written)
    if size > LARGEST:
        _cut_back(path)


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _cut_back(path: Path) -> None:
    """Leave out what is over and cannot be told again."""
    alerts = read(path)
    kept = [
        each for each in alerts if max(each.at, each.occasion_at) > alerts[-1].at - KEPT
    ]
    lines = []
    for each in kept[-MOST_KEPT:]:
        lines.append(document(each))
        if each.outcome:
            lines.append(
                {"at": _iso(each.at), "key": each.key, "outcome": dict(each.outcome)}
            )
    with suppress(OSError):  # the alerts are written; the log is cut another time
        private.replace_file(path, b"".join(map(_line, lines)))


def _document_of(raw: bytes) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return line if isinstance(line, dict) else {}


def _alert(line: Mapping[str, Any]) -> Alert | None:
    try:
        return Alert(
            at=_instant(line["at"]),
            kind=_word(line["kind"]),
            subject=_word(line["subject"]),
            occasion_at=_instant(line["occasion_at"]),
            step=int(line["step"]),
            level=line["level"] if line["level"] in _LEVELS else "warning",
            text=text.plain(line["text"]),
            project=text.plain(line["project"]),
            why=tuple(line["why"].items()),
            channels=tuple(line["channels"]),
            held=bool(line["held"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _instant(stated: str) -> datetime:
    """An instant that can be reckoned with; ValueError or its like for any other."""
    at = datetime.fromisoformat(stated).astimezone(UTC)
    if not 2000 <= at.year <= 2200:
        raise ValueError(stated)
    return at


def _word(stated: object) -> Any:
    """A text as it is; TypeError for anything else."""
    if not isinstance(stated, str):
        raise TypeError(stated)
    return stated


_LEVELS = ("note", "warning", "alarm")


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
