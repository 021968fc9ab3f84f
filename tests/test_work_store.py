"""What the ledger keeps of work: the same facts, whatever happens on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from itertools import count as counting
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import homes
import pytest
from homes import AGENT, S1, sidechain, text
from hypothesis import given
from hypothesis import strategies as st
from works import (
    CANARY,
    A,
    answers,
    asks,
    committed,
    edit,
    edited,
    family,
    gather_all,
    gathered,
    patched,
    prompt,
    rows,
)

from burnmon.errors import LedgerError
from burnmon.live import gathering
from burnmon.usage.ledger import Ledger
from burnmon.work import Edit, Work

FAMILY = family()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What a ledger holds of a session and its forks."""
    with Ledger(None) as ledger:
        return rows(gathered(ledger, tmp_path_factory.mktemp("whole"), FAMILY))


# --- ownership -----------------------------------------------------------------------


def test_forks_own_only_what_is_theirs(whole: dict[str, list[Any]]) -> None:
    """A call belongs to the oldest file that has it, however many copied it."""
    assert [(each.tool, each.session_id) for each in whole["edits"]] == [
        ("Edit", "A"),
        ("Edit", "B"),
        ("Edit", "C"),
    ]
    assert [each.session_id for each in whole["calls"]] == ["A"]
    assert [each.session_id for each in whole["tools"]] == ["A", "A", "B", "C"]
    assert [each[4] for each in whole["marks"]] == ["o/r#7"]


@given(st.permutations(sorted(FAMILY)), st.sets(st.integers(0, 2)))
def test_files_in_any_order(order: list[str], stops: set[int]) -> None:
    """It does not matter in which order, and how far apart, copies are read."""
    with TemporaryDirectory() as place, Ledger(None) as ledger:
        for n, path in enumerate(order):
            homes.sweep(ledger, homes.write(Path(place), {path: FAMILY[path]}))
            if n in stops:
                gather_all(ledger)
        with Ledger(None) as other:
            expected = rows(gathered(other, Path(place)))
        assert rows(gather_all(ledger)) == expected
        assert [each.session_id for each in expected["edits"]] == ["A", "B", "C"]


def test_call_in_a_subagents_file_and_its_parents(tmp_path: Path) -> None:
    """A sub-agent's edit that its parent's file copied is one edit of the sub-agent."""
    asked, told = asks("Edit", **edit()), answers(patched("-first line", "+one more"))
    more = {"isSidechain": True, "agentId": "a1b2c3d"}
    files = {
        S1: text(
            prompt("09:00"),
            asks("Edit", sub="a1b2c3d", **edit()),
            answers(sub="a1b2c3d"),
        ),
        AGENT: text(sidechain("m0"), {**asked, **more}, {**told, **more}),
    }
    with Ledger(None) as ledger:
        (found,) = rows(gathered(ledger, tmp_path, files))["edits"]
    assert (found.session_id, found.subagent) == ("S1", "a1b2c3d")


def test_spans(tmp_path: Path) -> None:
    """Edits and calls are asked for by the instant of their result, oldest first."""
    with Ledger(None) as ledger:
        gathered(ledger, tmp_path, FAMILY)
        eleven, noon = (datetime(2026, 11, 20, n, tzinfo=UTC) for n in (11, 12))
        work = ledger.work
        assert [each.session_id for each in work.edits(eleven)] == ["B", "C"]
        assert [each.session_id for each in work.edits(eleven, noon)] == ["B"]
        assert (len(work.calls(until=eleven)), work.calls(eleven)) == (1, [])


def test_lone_surrogates(tmp_path: Path) -> None:
    """Names that are no text are kept as near as text can be."""
    words = ("S1", "", "/w", "main")
    odd = Edit(1, 1, "accepted", "Write", "/w/a\ud83d", 1, 0, b"", b"", *words)
    with Ledger(None) as ledger:
        homes.sweep(ledger, homes.write(tmp_path, {A: text(prompt("09:00"))}))
        (file,) = gathering.behind(ledger)
        ledger.absorb_work([(file, Work([odd]))])
        assert [each.path for each in ledger.work.edits()] == ["/w/a?"]


# --- absorbing again -----------------------------------------------------------------


def test_absorbing_twice(tmp_path: Path, whole: dict[str, list[Any]]) -> None:
    """Reading everything once more changes nothing."""
    with Ledger(None) as ledger:
        gathered(ledger, tmp_path, FAMILY)
        ledger._db.execute("DELETE FROM work_file")
        assert rows(gather_all(ledger)) == whole


def test_raised_reader(tmp_path: Path, whole: dict[str, list[Any]]) -> None:
    """A newer reader reads all again and drops what only the older one saw."""
    with Ledger(None) as ledger:
        gathered(ledger, tmp_path, FAMILY)
        ledger._db.execute("UPDATE work_file SET reader = reader - 1")
        ledger._db.execute("UPDATE edit SET lines_added = 99")
        ledger._db.execute(
            "UPDATE edit SET key = 5 WHERE rowid = (SELECT max(key) FROM edit)"
        )
        assert rows(gather_all(ledger)) == whole


def test_raised_reader_of_files_that_are_gone(tmp_path: Path) -> None:
    """What is known of a deleted file outlives a newer reader."""
    with Ledger(None) as ledger:
        before = rows(gathered(ledger, tmp_path, FAMILY))
        ledger._db.execute("UPDATE work_file SET reader = reader - 1")
        (tmp_path / A).unlink()
        assert rows(gather_all(ledger)) == before
        assert gathering.behind(ledger) == []


# --- kills ---------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import homes, works
from burnmon.usage.ledger import Ledger

def end():
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return 0

root, left = Path(sys.argv[2]), int(sys.argv[3])
ledger = Ledger(root / "ledger.db")
homes.sweep(ledger, root)
if not left:
    os.kill(os.getpid(), signal.SIGKILL)
ledger._db.set_progress_handler(end, 1)
works.gather_all(ledger)
print("done")
"""


@pytest.mark.parametrize("steps", [0, 40, 300, 900])
def test_killed_process(
    steps: int, tmp_path: Path, whole: dict[str, list[Any]]
) -> None:
    """A kill between requests and work, or within, loses nothing, doubles nothing."""
    homes.write(tmp_path, FAMILY)
    here = Path(__file__).parent
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(here), str(tmp_path), str(steps)],
        cwd=here.parent,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.writable
        assert rows(gathered(ledger, tmp_path)) == whole


@pytest.mark.parametrize("steps", range(20, 600, 60))
def test_cut_off(steps: int, tmp_path: Path, whole: dict[str, list[Any]]) -> None:
    """A transaction that is cut off leaves nothing behind and nothing out."""
    with Ledger(None) as ledger:
        homes.sweep(ledger, homes.write(tmp_path, FAMILY))
        read = [(each, gathering._read(each)) for each in gathering.behind(ledger)]
        left = counting(steps, -1)
        ledger._db.set_progress_handler(lambda: next(left) == 0, 1)
        with pytest.raises(LedgerError):
            ledger.absorb_work(read)
        ledger._db.set_progress_handler(None, 1)
        assert [*rows(ledger).values()] == [[], [], [], []]
        assert rows(gather_all(ledger)) == whole


# --- what is kept --------------------------------------------------------------------


def test_no_text_reaches_the_disk(tmp_path: Path) -> None:
    """No line of code, no command and no message beyond its subject is stored."""
    heredoc = f"cat > b <<'E'\nimport {CANARY}\nE\necho {CANARY}"
    lines = [
        prompt("09:00"),
        asks("Edit", "t1", **edit(CANARY, f"{CANARY} again")),
        answers(patched(f"-{CANARY}", f"+{CANARY} again"), "t1"),
        asks("Write", "t2", file_path="/w/b", content=CANARY),
        answers({"type": "create", "content": CANARY, "structuredPatch": []}, "t2"),
        asks("Bash", "t3", command=heredoc),
        answers({"stdout": CANARY}, "t3"),
        *committed("t4"),
        asks("Bash", "t5", command=f"git commit -m '{CANARY}'"),
        asks("Write", "t6", file_path="/w/c", content=CANARY),
        answers(patched(f"+{CANARY}"), "t7"),
        answers("Error", "t8", is_error=True, content=CANARY),
    ]
    with Ledger(tmp_path / "ledger.db") as ledger:
        found = rows(gathered(ledger, tmp_path, {A: text(*lines)}))
        assert (len(found["edits"]), len(found["calls"])) == (3, 1)
        stored = b"".join(each.read_bytes() for each in tmp_path.glob("ledger.db*"))
    assert b"Add a line" in stored
    assert CANARY.encode() not in stored


def test_names_are_stored_once(tmp_path: Path) -> None:
    """Files and directories are kept as words, each once."""
    lines = [each for n in range(20) for each in edited(f"t{n}")]
    with Ledger(None) as ledger:
        gathered(ledger, tmp_path, {A: text(prompt("09:00"), *lines)})
        word = "SELECT count(*) FROM word WHERE text = '/home/dev/w/a.py'"
        assert ledger._db.execute(word).fetchone() == (1,)
        assert len(ledger.work.edits()) == 20
