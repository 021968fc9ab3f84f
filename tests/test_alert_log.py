"""The log that all instances share: what it keeps, and who may decide."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from example import NOW
from msgspec.structs import replace

from burnmon.live import alert_log
from burnmon.live.alert_log import AlertLog, document, locked, note, read
from burnmon.live.snapshot import Alert

ALERT = Alert(
    NOW,
    "verdict",
    "Claude 5h",
    NOW + timedelta(hours=2),
    2,
    "alarm",
    "Claude 5h runs out 15:40–16:20",
    why=(("used_percent", 83.0), ("account", ""), ("resets_at", None)),
    channels=("screen", "bell"),
)


def once(*alerts: Alert) -> Callable[[Sequence[Alert]], tuple[Alert, ...]]:
    """Decides for what the log does not hold yet."""
    return lambda told: tuple(each for each in alerts if each not in told)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log will be."""
    return tmp_path / "state" / "alerts.jsonl"


def test_alert_is_read_as_it_was_written(path: Path) -> None:
    """An alert survives a restart with all its figures."""
    assert AlertLog(path).decide(once(ALERT)) == (ALERT,)
    assert AlertLog(path).told() == (ALERT,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_instances_tell_once(path: Path) -> None:
    """Of two instances that see the same, one tells it."""
    one, other = AlertLog(path), AlertLog(path)
    assert (one.told(), other.told()) == ((), ())
    assert one.decide(once(ALERT)) == (ALERT,)
    assert other.decide(once(ALERT)) == ()
    assert other.told() == (ALERT,)


def test_instance_that_looked_before_looks_again(path: Path) -> None:
    """What another one told between two looks counts, even between look and lock."""
    one, other = AlertLog(path), AlertLog(path)
    asked: list[int] = []

    def decide(told: Sequence[Alert]) -> tuple[Alert, ...]:
        if not asked:
            other.decide(once(ALERT))
        asked.append(len(told))
        return once(ALERT)(told)

    assert one.decide(decide) == ()
    assert asked == [0, 1]


def test_busy_log_is_not_waited_for(path: Path) -> None:
    """While another instance decides this one tells nothing, and does later."""
    log = AlertLog(path)
    with locked(path, wait=True):
        assert log.decide(once(ALERT)) == ()
    assert log.decide(once(ALERT)) == (ALERT,)


def test_unwritable_place(tmp_path: Path) -> None:
    """Where nothing can be written the instance remembers for itself."""
    (tmp_path / "state").write_text("a file where the directory should be")
    log = AlertLog(tmp_path / "state" / "alerts.jsonl")
    assert log.decide(once(ALERT)) == (ALERT,)
    assert log.decide(once(ALERT)) == ()
    assert log.told() == (ALERT,)


def test_outcome(path: Path) -> None:
    """What came of an alert stands with it."""
    AlertLog(path).decide(once(ALERT))
    note(path, ALERT, {"tmux": "told", "command": "ended with 3"}, NOW)
    (alert,) = AlertLog(path).told()
    assert alert.outcome == (("tmux", "told"), ("command", "ended with 3"))
    assert replace(alert, outcome=()) == ALERT


def test_broken_lines(path: Path) -> None:
    """Lines that are cut off or strange lose nothing but themselves."""
    AlertLog(path).decide(once(ALERT))
    strange = [
        b"[]",
        b"{}",
        b'{"at": 3}',
        b'{"outcome": {}, "key": []}',
        b'{"outcome": 3, "key": "' + ALERT.key.encode() + b'"}',
        b"\xff\xfe",
        json.dumps({**document(ALERT), "at": "soon"}).encode(),
        json.dumps({**document(ALERT), "subject": []}).encode(),
    ]
    with path.open("ab") as file:
        file.write(b"\n".join(strange) + b'\n{"at": "2026-')
    later = replace(ALERT, step=3)
    assert AlertLog(path).decide(once(ALERT, later)) == (later,)
    assert read(path) == (ALERT, later)


def test_texts_are_made_safe(path: Path) -> None:
    """What stands in the log is read as one safe line, whoever wrote it."""
    path.parent.mkdir()
    path.write_text(json.dumps({**document(ALERT), "text": "a\x1b]0;b\x07\nc"}))
    (alert,) = read(path)
    assert alert.text == "a c"


def test_log_stays_small(path: Path) -> None:
    """A log that grew is cut back to what can still be told again, outcomes too."""
    old = NOW - timedelta(days=30)
    window = replace(ALERT, at=old, occasion_at=NOW + timedelta(days=1))
    many = [
        replace(ALERT, at=old, occasion_at=old, subject=f"Claude {place} " + "x" * 900)
        for place in range(300)
    ]
    log = AlertLog(path)
    log.decide(once(window, *many))
    note(path, window, {"tmux": "told"}, NOW)
    log.decide(once(ALERT))
    assert path.stat().st_size < alert_log.LARGEST // 10
    kept = AlertLog(path).told()
    assert [replace(each, outcome=()) for each in kept] == [window, ALERT]
    assert kept[0].outcome == (("tmux", "told"),)


def test_leftover_of_a_kill_is_not_read(path: Path) -> None:
    """What a killed process of the same number left beside the log stays out of it."""
    old = NOW - timedelta(days=30)
    long = replace(ALERT, at=old, occasion_at=old, subject="x" * alert_log.LARGEST)
    log = AlertLog(path)
    log.decide(once(long))
    left = path.with_name(f".{path.name}.{os.getpid()}")
    left.write_bytes(b"y" * alert_log.LARGEST)
    log.decide(once(ALERT))
    assert b"y" * 9 not in path.read_bytes()
    assert AlertLog(path).told() == (ALERT,)


def test_log_that_cannot_be_cut_back(path: Path) -> None:
    """An alert that is written counts, also where the log cannot be made smaller."""
    log = AlertLog(path)
    log.decide(once(replace(ALERT, subject="x" * alert_log.LARGEST)))
    path.with_name(f".{path.name}.{os.getpid()}").mkdir()
    log.decide(once(ALERT))
    assert log.told() == AlertLog(path).told()
    assert log.told()[-1] == ALERT
