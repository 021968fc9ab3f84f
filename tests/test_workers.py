"""Histories read by several processes: the same ledger as one process makes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import homes
import pytest
import works

from burnmon.live import gathering, sweep, workers
from burnmon.live.gathering import behind, gather_history
from burnmon.live.sweep import Found, Sweep, read_file
from burnmon.usage.ledger import FileState, Ledger
from burnmon.usage.work_store import WorkFile

FILES = homes.every_shape()


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is a share of its own, and two processes read, whatever there is."""
    monkeypatch.setattr(sweep, "WORTH_WORKERS", 0)
    monkeypatch.setattr(workers, "SHARE", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)


def history(root: Path) -> dict[str, list[Any]]:
    """What the ledger holds after reading a home as a command does."""
    with Ledger(None) as ledger:
        reading = Sweep(ledger, homes.roots(homes.write(root, FILES)))
        for _ in reading.absorb_history(reading.look()):
            pass
        assert reading.look() == []
        return homes.rows(ledger, root)


def alone(root: Path) -> dict[str, list[Any]]:
    """What one process makes of the same files."""
    with homes.absorbed(root, FILES) as ledger:
        return homes.rows(ledger, root)


@pytest.mark.parametrize("batch", [1, 3, 1 << 30])
def test_same_ledger(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several processes, in batches of any size, make the same ledger."""
    monkeypatch.setattr(sweep, "SHARED_BATCH", batch)
    assert history(tmp_path / "shared") == alone(tmp_path / "alone")


@pytest.mark.parametrize("dying", ["all", "some"])
def test_workers_that_die(
    dying: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process took that died is read by the one that is left."""
    parent = os.getpid()

    def deadly(found: Found, state: FileState | None) -> Any:
        if os.getpid() != parent and (dying == "all" or "S2" in found.path):
            os._exit(1)
        return read_file(found, state)

    monkeypatch.setattr(workers, "read_file", deadly)
    assert history(tmp_path / "shared") == alone(tmp_path / "alone")


def test_number_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that no message between processes holds leaves its file to the parent,
    and the other files to the others."""
    counted = homes.count(homes.FIRST, homes.FIRST)
    counted["payload"]["info"]["model_context_window"] = 10**30
    large = {
        homes.rollout(number): homes.text(homes.meta(number), counted)
        for number in (7, 8, 9)
    }
    here: list[str] = []

    def noted(found: Found, state: FileState | None) -> Any:
        here.append(found.below)
        return read_file(found, state)

    monkeypatch.setattr(sweep, "read_file", noted)
    with Ledger(None) as ledger:
        roots = homes.roots(homes.write(tmp_path, {**FILES, **large}))
        reading = Sweep(ledger, roots)
        found = sorted(reading.look(), key=lambda each: each.below not in large)
        for _ in reading.absorb_history(found):
            pass
        windows = [each.trail.context_window for each in ledger.files()]
    assert {*here} == {*large}
    assert windows.count(10**30) == len(large)


def test_unreadable_file(tmp_path: Path) -> None:
    """A file that vanished is left out; the others are read."""
    homes.write(tmp_path, FILES)
    with Ledger(None) as ledger:
        reading = Sweep(ledger, homes.roots(tmp_path))
        found = reading.look()
        Path(found[0].path).unlink()
        for _ in reading.absorb_history(found):
            pass
        assert len(reading.known) == len(found) - 1


# --- work ----------------------------------------------------------------------------


def worked(root: Path) -> dict[str, list[Any]]:
    """What a home's ledger knows of work once a command has read it."""
    with Ledger(None) as ledger:
        homes.sweep(ledger, homes.write(root, works.family()))
        files = behind(ledger)
        assert [*gather_history(ledger, files)][-1] == len(files)
        assert behind(ledger) == []
        return works.rows(ledger)


@pytest.mark.parametrize("batch", [1, 1 << 30])
def test_same_work(batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes find the same work, in batches of any size."""
    monkeypatch.setattr(gathering, "WORTH_WORKERS", 1 << 30)
    alone = worked(tmp_path)
    monkeypatch.setattr(gathering, "WORTH_WORKERS", 0)
    monkeypatch.setattr(gathering, "SHARE", 1)
    monkeypatch.setattr(gathering, "SHARED_BATCH", batch)
    parent = os.getpid()

    def elsewhere(file: WorkFile) -> Any:
        assert os.getpid() != parent
        return read_work(file)

    read_work = gathering._read_work
    monkeypatch.setattr(gathering, "_read_work", elsewhere)
    assert worked(tmp_path) == alone
    assert alone["edits"]


def test_work_of_workers_that_die(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process took that died is read for work by the one that is left."""
    alone = worked(tmp_path)
    monkeypatch.setattr(gathering, "WORTH_WORKERS", 0)
    monkeypatch.setattr(gathering, "SHARE", 1)
    parent = os.getpid()

    def deadly(file: WorkFile) -> Any:
        if os.getpid() != parent:
            os._exit(1)
        return read_work(file)

    read_work = gathering._read_work
    monkeypatch.setattr(gathering, "_read_work", deadly)
    assert worked(tmp_path) == alone
