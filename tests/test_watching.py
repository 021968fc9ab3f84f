"""File events: what is told of trees that come, go, or send no events at all."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from burnmon.config import Root
from burnmon.live import watching
from burnmon.live.watching import AGAIN, SETTLED, Watch, kernel_watches

NOW = datetime(2026, 11, 20, 10, 31, tzinfo=UTC)
PATIENCE = 30
"""Seconds after which an event is taken for lost."""
linux = pytest.mark.skipif(kernel_watches() is None, reason="no kernel tells of it")


class Watched:
    """A root that is watched, and whether something woke the reader."""

    def __init__(self, root: Path) -> None:
        self.tree = root / "projects"
        self.wake = threading.Event()
        self.watch = Watch([Root("claude", "", root)], self.wake)

    def begin(self) -> Watch:
        """Watch what is there."""
        self.watch.begin(NOW)
        self.watch.lost = False
        return self.watch


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A root with one project."""
    found = Watched(tmp_path)
    (found.tree / "p").mkdir(parents=True)
    yield found
    found.watch.end()


# --- what cannot be watched ----------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
def test_refused_observer(
    watched: Watched, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system that allows no observer more is no failure: a walk is needed, that is
    all, and the next try is due in half a minute."""
    tries = []

    def refuse() -> None:
        tries.append(number)
        raise OSError(number, "limit reached")

    monkeypatch.setattr("watchdog.observers.Observer", refuse)
    watch = watched.begin()
    assert not watch.works()
    watch.again(NOW + AGAIN / 2)
    assert len(tries) == 1
    watch.again(NOW + AGAIN)
    assert len(tries) == 2


def test_nothing_to_watch_takes_nothing(tmp_path: Path) -> None:
    """Where no root is, no thread and no descriptor is left behind by trying."""
    watched, before = Watched(tmp_path), threading.active_count()
    for number in range(3):
        watched.watch.again(NOW + number * AGAIN)
    assert threading.active_count() == before
    assert not watched.watch.works()


@linux
def test_directory_without_a_watch(watched: Watched) -> None:
    """Directories that stay without a watch end the trust in events; those that only
    wait for theirs do not."""
    watch = watched.begin()
    watch.again(NOW, 2)
    assert not watch.lost
    watch.again(NOW, 3)
    assert watch.lost
    assert watch.works()
    watch.again(NOW + SETTLED / 2, 2)
    watch.again(NOW + SETTLED, 3)
    assert watch.works()
    watch.again(NOW + 2 * SETTLED, 3)
    assert not watch.works()


@linux
def test_reader_of_events_that_died(watched: Watched) -> None:
    """An observer whose one reading thread ended tells nothing, and is not believed."""
    watch = watched.begin()
    assert watch.works()
    watch._observer._inotify_fd.stop()
    watch._observer._inotify_fd.join()
    assert not watch.works()
    watch.again(NOW + AGAIN)
    assert watch.works()


def test_silent_file_systems(tmp_path: Path) -> None:
    """Mounts that others write to are known by their kind, local ones are not named."""
    mounts = tmp_path / "mountinfo"
    line = "36 35 {} / /mnt rw,noatime shared:1 - {} source rw\n"
    kinds = ["ext4", "nfs4", "fuse.sshfs", "overlay", "9p", "fuseblk", "cifs", "tmpfs"]
    mounts.write_text(
        "".join(line.format(f"0:{n}", kind) for n, kind in enumerate(kinds)) + "odd\n"
    )
    assert watching.silent_devices(mounts) == {
        os.makedev(0, kinds.index(kind))
        for kind in ("nfs4", "fuse.sshfs", "9p", "cifs")
    }
    assert watching.silent_devices(tmp_path / "nowhere") == set()


def test_silent_root_is_walked(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events of a mount that others write to are taken, and not relied on."""
    device = watched.tree.stat().st_dev
    monkeypatch.setattr(watching, "silent_devices", lambda: {device})
    watch = watched.begin()
    assert not watch.works()
    (watched.tree / "p" / "S1.jsonl").write_text("{}\n")
    assert watched.wake.wait(PATIENCE)


class Reading:
    """Stands in for what an observer reads events with; tells what happened when."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self._inotify_fd = self

    def read_events(self) -> list[str]:
        """What the kernel kept."""
        self.told.append("read")
        return ["an event"]

    def wait(self, timeout: float) -> None:
        """Until the reader of the files awaits events."""
        self.told.append(timeout)

    def set(self) -> None:
        """It ends."""
        self.told.append("set")

    def stop(self) -> None:
        """What it reads then is that its watches are gone."""
        self.read_events()

    def clear(self) -> None:
        """It has some now."""
        self.told.append("busy")


def test_events_are_left_to_the_kernel(watched: Watched) -> None:
    """Events are read once they are awaited, or after a while, and then those of
    before are still to be looked at."""
    reading = Reading()
    watched.watch._awaited = reading  # type: ignore[assignment]  # all that is used
    watched.watch._observer = reading
    watched.watch._pace(reading)
    assert reading.read_events() == ["an event"]
    assert reading.told == [watching.PATIENCE, "read", "busy"]


def test_end_awaits_no_events(watched: Watched) -> None:
    """What reads events is let go first: who stops an observer waits for it."""
    reading = Reading()
    watched.watch._awaited = reading  # type: ignore[assignment]  # all that is used
    watched.watch._observer = reading
    watched.watch._pace(reading)
    watched.watch.end()
    assert reading.told == ["set", watching.PATIENCE, "read"]


def test_unknown_observer_reads_as_it_likes(watched: Watched) -> None:
    """One that has no single reader of events is left alone."""
    watched.watch._pace(object())


@linux
def test_nobody_looks_for_events(watched: Watched) -> None:
    """Where nobody says that events are awaited, they are told all the same."""
    watch = watched.begin()
    told: set[str] = set()
    for number in range(3):
        file = watched.tree / "p" / f"S{number}.jsonl"
        file.write_text("{}\n")
        while str(file) not in told:
            assert watched.wake.wait(PATIENCE)
            watched.wake.clear()
            told |= watch.touched()


# --- trees ---------------------------------------------------------------------------


@pytest.mark.parametrize("away", ["deleted", "renamed", "its root renamed"])
def test_tree_that_is_replaced(watched: Watched, away: str, tmp_path: Path) -> None:
    """A tree that another took the place of is seen, whatever became of the first."""
    watch = watched.begin()
    assert not watch.moved()
    if away == "deleted":
        shutil.rmtree(watched.tree)
    else:
        watched.tree.rename(tmp_path / "elsewhere")
    watched.tree.mkdir()
    # It may get the number of the one before, whose thread ends then.
    emitter = next(iter(watch._observer.emitters))
    if not watch.moved():
        emitter.join(PATIENCE)
    assert watch.moved() or not watch.works()
    watch.again(NOW + SETTLED)
    assert watch.works()
    assert watch.lost


def test_tree_that_is_a_link(tmp_path: Path) -> None:
    """A project that is new below a linked tree is told, by the path with the link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "projects").symlink_to(tmp_path / "real")
    watched = Watched(tmp_path)
    watch = watched.begin()
    path = watched.tree / "S1.jsonl"
    path.write_text("{}\n")
    assert watched.wake.wait(PATIENCE)
    assert watch.touched() == {str(path)}
    watch.end()
