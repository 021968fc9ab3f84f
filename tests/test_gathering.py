"""Reading files for work: behind the sweep, resumable, and whatever becomes of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import homes
import pytest
import zstandard
from homes import in_pieces, meta, rollout, text
from hypothesis import given
from hypothesis import strategies as st
from works import (
    A,
    B,
    answers,
    asks,
    committed,
    edited,
    family,
    gather_all,
    gathered,
    prompt,
    rows,
)

from burnmon import config
from burnmon.cli.catchup import gathered as gathered_by_command
from burnmon.config import Settings
from burnmon.live import sweep
from burnmon.live.gathering import behind, fresh, gather, returned
from burnmon.usage.ledger import Ledger

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG = text(prompt("09:00"), *edited("t1"), *committed("t2"), *edited("t3"))


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger(None) as ledger:
        yield ledger


# --- growing -------------------------------------------------------------------------


@given(st.sets(st.integers(0, len(LONG))))
def test_growing_file(cuts: set[int]) -> None:
    """However a file grows, and wherever lines are cut, the work is the same."""
    with workplace() as root, Ledger(None) as ledger, Ledger(None) as at_once:
        for contents in in_pieces(LONG, cuts):
            gathered(ledger, root, {A: contents})
            assert behind(ledger) == []
        assert rows(ledger) == rows(gathered(at_once, root))
        assert (len(ledger.work.edits()), len(ledger.work.calls())) == (2, 1)


@contextmanager
def workplace() -> Iterator[Path]:
    """An empty directory for one example."""
    with TemporaryDirectory() as place:
        yield Path(place)


def test_reading_ahead_of_requests(ledger: Ledger, tmp_path: Path) -> None:
    """What was written after the sweep is read too, and not once more behind it."""
    homes.sweep(
        ledger, homes.write(tmp_path, {A: text(prompt("09:00"), *edited("t1"))})
    )
    files = behind(ledger)
    homes.write(tmp_path, {A: LONG})
    for _ in gather(ledger, files):
        pass
    before = rows(ledger)
    assert len(before["edits"]) == 2
    homes.sweep(ledger, tmp_path)
    assert behind(ledger) == []
    assert rows(gather_all(ledger)) == before


def test_batches(ledger: Ledger, tmp_path: Path) -> None:
    """Work is absorbed a batch at a time; what is left is for the next time."""
    homes.sweep(ledger, homes.write(tmp_path, family()))
    files = behind(ledger)
    assert next(gather(ledger, files, batch=1)) == 1
    assert len(behind(ledger)) == len(files) - 1
    assert [*gather(ledger, behind(ledger), batch=1)] == [1, 2]
    assert behind(ledger) == []


def test_newest_first(ledger: Ledger, tmp_path: Path) -> None:
    """Files that changed last are read first."""
    homes.write(tmp_path, family())
    for n, name in enumerate((B, A)):
        os.utime(tmp_path / name, (n, n))
    homes.sweep(ledger, tmp_path)
    assert [Path(each.path).stem for each in behind(ledger)] == ["C", "A", "B"]


def test_bytes_to_read(ledger: Ledger, tmp_path: Path) -> None:
    """Only what is new of a file is to be read; all of it for a newer reader."""
    gathered(ledger, tmp_path, {A: text(prompt("09:00"), *edited("t1"))})
    homes.sweep(ledger, homes.write(tmp_path, {A: LONG}))
    (file,) = behind(ledger)
    size = len(text(prompt("09:00"), *edited("t1")))
    assert fresh(file) == len(LONG) - size
    ledger._db.execute("UPDATE work_file SET reader = 0")
    (file,) = behind(ledger)
    assert fresh(file) == len(LONG)


def test_files_without_work(ledger: Ledger, tmp_path: Path) -> None:
    """Documents that are no sessions are not read for work."""
    homes.sweep(ledger, homes.write(tmp_path, {".claude.json": b"{}\n"}))
    assert behind(ledger) == []


# --- files that change otherwise -----------------------------------------------------


def test_shrunk_file(ledger: Ledger, tmp_path: Path) -> None:
    """A file that shrank is read again; what was known of it stays."""
    gathered(ledger, tmp_path, {A: LONG})
    gathered(ledger, tmp_path, {A: text(prompt("09:00"), *edited("t9"))})
    assert len(ledger.work.edits()) == 3
    assert behind(ledger) == []


def test_replaced_file(ledger: Ledger, tmp_path: Path) -> None:
    """A file that another of the same length took the place of is read again."""
    gathered(ledger, tmp_path, {A: text(prompt("09:00"), *edited("t1"))})
    (tmp_path / A).unlink()
    gathered(ledger, tmp_path, {A: text(prompt("09:00"), *edited("t2"))})
    assert len(ledger.work.edits()) == 2
    assert behind(ledger) == []


def test_deleted_file(ledger: Ledger, tmp_path: Path) -> None:
    """A file that was deleted before it was read is not looked for again and again."""
    homes.sweep(ledger, homes.write(tmp_path, {A: LONG}))
    (tmp_path / A).unlink()
    assert rows(gather_all(ledger))["edits"] == []
    assert behind(ledger) == returned(ledger) == []


def test_file_that_comes_back(ledger: Ledger, tmp_path: Path) -> None:
    """A file that was away for a while, as on a disk, is read when it is back."""
    homes.sweep(ledger, homes.write(tmp_path, {A: LONG}))
    away = tmp_path / "away"
    (tmp_path / "projects").rename(away)
    gather_all(ledger)
    away.rename(tmp_path / "projects")
    homes.sweep(ledger, tmp_path)
    assert len(rows(gather_all(ledger))["edits"]) == 2
    assert behind(ledger) == returned(ledger) == []


def test_file_that_comes_back_longer(ledger: Ledger, tmp_path: Path) -> None:
    """A file that was away and grew is read whole."""
    homes.sweep(
        ledger, homes.write(tmp_path, {A: text(prompt("09:00"), *edited("t1"))})
    )
    (tmp_path / A).unlink()
    gather_all(ledger)
    gathered(ledger, tmp_path, {A: LONG})
    assert len(ledger.work.edits()) == 2


def test_unreadable_file(ledger: Ledger, tmp_path: Path) -> None:
    """A file that cannot be opened waits; the others are read."""
    files = {A: LONG, B: text(*edited("t8"))}
    homes.sweep(ledger, homes.write(tmp_path, files))
    (tmp_path / A).unlink()
    (tmp_path / A).mkdir()
    gather_all(ledger)
    assert len(ledger.work.edits()) == 1
    (tmp_path / A).rmdir()
    homes.sweep(ledger, homes.write(tmp_path, {A: LONG}))
    assert len(rows(gather_all(ledger))["edits"]) == 3


PATCH = "*** Begin Patch\n*** Add File: a.py\n+import this\n*** End Patch\n"


def codex_session() -> bytes:
    """A rollout that adds a file."""
    asked = {"type": "custom_tool_call", "name": "apply_patch", "call_id": "c"}
    told = {"type": "custom_tool_call_output", "call_id": "c"}
    said = "Exit code: 0\nOutput:\nSuccess. Updated the following files:\nA a.py\n"
    return text(
        meta(1),
        homes.codex("response_item", {**asked, "input": PATCH}),
        homes.codex("response_item", {**told, "output": said}),
    )


def test_compressed_file(ledger: Ledger, tmp_path: Path) -> None:
    """A rollout that is compressed later is the same work, read or not."""
    plain = homes.write(tmp_path, {rollout(1): codex_session()}) / rollout(1)
    before = rows(gathered(ledger, tmp_path))
    assert [each.path for each in before["edits"]] == ["/home/dev/w/a.py"]
    packed = plain.with_name(f"{plain.name}.zst")
    packed.write_bytes(zstandard.compress(plain.read_bytes()))
    plain.unlink()
    assert rows(gathered(ledger, tmp_path)) == before
    with Ledger(None) as other:
        assert rows(gathered(other, tmp_path)) == before


def test_damaged_compressed_file(ledger: Ledger, tmp_path: Path) -> None:
    """A compressed file that is damaged meanwhile is left for later."""
    name = f"{rollout(1)}.zst"
    whole = zstandard.compress(codex_session())
    homes.sweep(ledger, homes.write(tmp_path, {name: whole}))
    homes.write(tmp_path, {name: whole[:20]})
    assert rows(gather_all(ledger))["edits"] == []
    homes.write(tmp_path, {name: whole})
    assert len(rows(gather_all(ledger))["edits"]) == 1


def test_huge_line(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that is too long to be one is stepped over."""
    monkeypatch.setattr(sweep, "BLOCK", 1 << 10)
    monkeypatch.setattr(sweep, "LONGEST_LINE", 1 << 14)
    huge = asks("Write", "t7", file_path="/w/h", content="x" * (1 << 16))
    lines = [prompt("09:00"), *edited("t1"), huge, answers(None, "t7"), *edited("t2")]
    gathered(ledger, tmp_path, {A: text(*lines)})
    assert len(ledger.work.edits()) == 2
    assert behind(ledger) == []


# --- commands ------------------------------------------------------------------------


def settings(root: Path) -> Settings:
    """Settings with one home, and a ledger of their own."""
    environ = {"HOME": str(root), "CLAUDE_CONFIG_DIR": str(root)}
    return config.load({}, environ)


def by_command(root: Path) -> dict[str, list[Any]]:
    """What a command knows of work."""
    with gathered_by_command(settings(root), NOW) as ledger:
        return rows(ledger)


def test_command(tmp_path: Path) -> None:
    """A command reads all work, and nothing twice."""
    homes.write(tmp_path, family())
    found = by_command(tmp_path)
    assert len(found["edits"]) == 3
    assert by_command(tmp_path) == found


def test_reader_does_not_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While another burnmon keeps the ledger, a command reads along."""
    homes.write(tmp_path, family())
    with Ledger(settings(tmp_path).ledger_file) as writer:
        homes.sweep(writer, tmp_path)
        assert by_command(tmp_path)["edits"] == []
        assert len(behind(writer)) == 3
        gather_all(writer)
        assert len(by_command(tmp_path)["edits"]) == 3
    assert "another burnmon keeps the ledger" in capsys.readouterr().err


def test_command_leaves_the_lock(tmp_path: Path) -> None:
    """While a command works with what it read, another may write."""
    homes.write(tmp_path, family())
    with (
        gathered_by_command(settings(tmp_path), NOW) as reading,
        Ledger(settings(tmp_path).ledger_file) as other,
    ):
        assert (reading.writable, other.writable) == (False, True)
