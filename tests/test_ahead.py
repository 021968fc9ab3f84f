"""The first snapshot, which another process makes; and what begins behind it."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import time
from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import example
import pytest

from burnmon import config
from burnmon.cli import live
from burnmon.cli.ahead import Ahead
from burnmon.live.snapshot import Snapshot

NOW = datetime(2026, 11, 20, 10, 31, tzinfo=UTC)


def fails() -> Snapshot:
    """Makes none."""
    raise OSError("no disk")


def dies() -> Snapshot:
    """Makes none either."""
    os._exit(1)


def never() -> Snapshot:
    """Makes one when nobody waits any more."""
    time.sleep(600)
    return example.snapshot()


async def told(make: Callable[[], Snapshot | None]) -> Snapshot | None:
    """What arrives of what a child makes."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[Snapshot | None] = loop.create_future()
    Ahead(make).give(loop, arrived.set_result)
    return await arrived


async def test_snapshot_arrives() -> None:
    """It reads the same on this side."""
    assert repr(await told(example.snapshot)) == repr(example.snapshot())


@pytest.mark.parametrize("make", [fails, dies, lambda: None])
async def test_nothing_arrives(make: Callable[[], Snapshot | None]) -> None:
    """A child that fails, or finds nothing to show, says nothing, to no terminal."""
    assert await told(make) is None


def test_child_does_not_outlive_its_use(capfd: pytest.CaptureFixture[str]) -> None:
    """Who does not wait for the snapshot leaves nothing behind."""
    ahead = Ahead(never)
    child = ahead._child
    ahead.end()
    ahead.end()
    with pytest.raises(ChildProcessError):
        os.waitpid(child, 0)
    assert capfd.readouterr() == ("", "")


def test_child_that_nobody_has_to_await() -> None:
    """Where SIGCHLD is ignored, the system itself lets go of children."""
    deaf = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        Ahead(fails).end()
    finally:
        signal.signal(signal.SIGCHLD, deaf)


async def test_what_came_is_not_read_after_the_end() -> None:
    """The end may come when the loop knows already that there is something to read."""
    ahead = Ahead(example.snapshot)
    loop, faults = asyncio.get_running_loop(), list[object]()
    loop.set_exception_handler(lambda _, context: faults.append(context))
    ahead.give(loop, faults.append)
    assert select.select([ahead._pipe], [], [], 30)[0]
    loop.call_soon(ahead.end)
    for _ in range(3):
        await asyncio.sleep(0)
    assert faults == []


def test_no_room_for_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and leaves neither a pipe open nor signals held back."""
    pipes: list[tuple[int, int]] = []
    pipe = os.pipe

    def noted() -> tuple[int, int]:
        pipes.append(pipe())
        return pipes[-1]

    monkeypatch.setattr(os, "pipe", noted)
    monkeypatch.setattr(os, "fork", fails)
    with pytest.raises(OSError, match="no disk"):
        Ahead(example.snapshot)
    for each in pipes[0]:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(each)
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


async def test_child_has_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """What somebody warns of in the child is not seen, and a signal just ends it."""

    def warns() -> Snapshot:
        os.write(1, b"words")
        os.write(2, b"more words")
        return example.snapshot()

    def is_told() -> Snapshot:
        os.kill(os.getpid(), signal.SIGTERM)
        return warns()

    assert await told(warns) is not None
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        assert await told(is_told) is None
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capfd.readouterr() == ("", "")


class Begun:
    """A feed that only tells when it begins and ends, and where snapshots go."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.began = asyncio.Event()

    def feed(self, post: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Begin."""
        self.told.append("begin")
        self.began.set()
        return lambda: self.told.append("end")


async def test_feed_begins_behind_the_first_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first snapshot is shown, then the feed begins, and ends once."""
    monkeypatch.setattr(live, "FIRST_PICTURE", 0)
    monkeypatch.setattr(live, "LONGEST_FIRST", 600)
    begun = Begun()
    early = live._Early(begun.feed, example.snapshot)
    stop = early(begun.told.append)
    await begun.began.wait()
    stop()
    early.stop()
    shown, *rest = begun.told
    assert repr(shown) == repr(example.snapshot())
    assert rest == ["begin", "end"]


def test_feed_without_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """No room for another process is no reason to show nothing."""
    monkeypatch.setattr(os, "fork", fails)
    assert live._Early(Begun().feed, example.snapshot)._ahead is None


async def test_feed_that_cannot_begin() -> None:
    """Why is told once, or the first picture would stand there for ever."""
    failures: list[Exception] = []
    early = live._Early(lambda post: fails(), lambda: None)  # type: ignore[arg-type,return-value]
    early.failed = failures.append
    early._begin(print)
    early._begin(print)
    early.stop()
    assert [str(each) for each in failures] == ["no disk"]


@pytest.mark.parametrize(("make", "most"), [(fails, 600), (never, 0), (None, 600)])
async def test_feed_begins_without_it(
    make: Callable[[], Snapshot] | None, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No child, one that fails and one that takes too long hold nothing up."""
    monkeypatch.setattr(live, "LONGEST_FIRST", most)
    begun = Begun()
    early = live._Early(begun.feed, make)
    early(begun.told.append)
    await begun.began.wait()
    child = early._ahead and early._ahead._child
    early.stop()
    assert not child
    assert begun.told == ["begin", "end"]


async def test_feed_that_never_began() -> None:
    """Who leaves before the first picture begins nothing."""
    begun = Begun()
    early = live._Early(begun.feed, never)
    early(begun.told.append)
    early.stop()
    early._begin(begun.told.append)
    assert begun.told == []


def test_question_waits_for_the_feeder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked before there is a feeder is asked of it when there is one."""
    asked: list[object] = []

    class Feeder:
        def __init__(self, *_: object) -> None:
            self.shipper = self.explainer = self

        def start(self) -> Callable[[], None]:
            return lambda: None

        def ask(self, question: object, _: object) -> None:
            asked.append(question)

    monkeypatch.setattr("burnmon.live.feeder.Feeder", Feeder)
    settings = config.load({}, {"HOME": str(tmp_path), "TZ": "UTC"})
    feed, ask_day, ask_why, _ = live._sources(Namespace(demo=False), settings, NOW)
    assert ask_why is not None
    ask_day("today", asked.append)
    ask_why("S1", asked.append)
    assert asked == []
    feed(asked.append)
    ask_day("yesterday", asked.append)
    assert asked == ["today", "S1", "yesterday"]
