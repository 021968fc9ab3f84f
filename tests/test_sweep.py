"""The sweep: files as disks and agents leave them, read once and never trusted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import homes
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from burnmon.agents import AGENTS
from burnmon.config import Root
from burnmon.live import sweep
from burnmon.live.sweep import LONGEST_LINE, SHORT, Sweep, open_session
from burnmon.records import Usage
from burnmon.usage.ledger import FileState, Ledger


class Home:
    """A directory that grows, and the ledger that follows it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger = Ledger(None)
        self.swept = Sweep(self.ledger, homes.roots(root))

    def put(self, path: str, contents: bytes) -> None:
        """Give a file new contents and sweep."""
        homes.write(self.root, {path: contents})
        self.look()

    def add(self, path: str, contents: bytes) -> None:
        """Append to a file and sweep."""
        with (self.root / path).open("ab") as stream:
            stream.write(contents)
        self.look()

    def look(self) -> int:
        """Sweep; how many files were read."""
        found = self.swept.look()
        return sum(len(read) for read, _ in self.swept.absorb(found))

    def requests(self) -> int:
        return len(self.ledger.requests())

    def file(self, path: str) -> FileState:
        state = self.ledger.file(str(self.root / path))
        assert state is not None
        return state


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


LONG_AGO = datetime(1971, 1, 1, tzinfo=UTC)
M1, M2, M3 = (homes.text(homes.assistant(each)) for each in ("m1", "m2", "m3"))
MOVED = homes.text(homes.meta(1), *homes.first_turn())

# --- growing -------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [1, 40, len(M1) // 2, len(M1) - 3])
def test_half_line_waits(stop: int, home: Home) -> None:
    """A half-written line is no request and no error; the rest makes it one request."""
    home.put(homes.S1, M1[:stop])
    assert (home.requests(), home.file(homes.S1).skipped) == (0, {})
    home.add(homes.S1, M1[stop:])
    assert (home.requests(), home.file(homes.S1).lines) == (1, 1)


def test_line_without_newline_counts(home: Home) -> None:
    """A complete last line that only lacks its newline counts at once."""
    home.put(homes.S1, M1 + M2[:-1])
    assert home.requests() == 2


def test_late_newline_doubles_nothing(home: Home) -> None:
    """The newline that follows later adds neither a request nor a line."""
    home.put(homes.S1, M1 + M2[:-1])
    home.add(homes.S1, b"\n")
    assert (home.requests(), home.file(homes.S1).lines) == (2, 2)


def test_codex_line_without_newline_counts_once(home: Home) -> None:
    """A running total without its newline is the same request when that follows."""
    home.put(homes.rollout(1), MOVED[:-1])
    assert home.requests() == 2
    home.add(homes.rollout(1), b"\n" + homes.text(*homes.own_turn("10:05")))
    assert homes.total(home.ledger) == Usage(11400, 606, 27600)


def test_glued_objects(home: Home) -> None:
    """An answer and a title on one physical line are both read."""
    glued = homes.packed(homes.assistant("m2")) + homes.packed(homes.titled("Talk"))
    home.put(homes.S1, M1 + glued + b"\n")
    assert (home.requests(), home.file(homes.S1).trail.title) == (2, "Talk")


def test_back_dated_line(home: Home) -> None:
    """A line that comes late is counted at the instant it tells."""
    home.put(homes.S1, homes.text(homes.assistant("m2", timestamp=homes.at("10:05"))))
    home.add(homes.S1, homes.text(homes.assistant("m3", timestamp=homes.at("10:04"))))
    minutes = [each.at.minute for each in home.ledger.requests()]
    assert minutes == [4, 5]


def test_unchanged_file_is_not_read(home: Home) -> None:
    """A sweep in which nothing moved reads nothing."""
    home.put(homes.S1, M1)
    assert home.look() == 0


def test_only_new_bytes_are_read(home: Home) -> None:
    """What was read before an append is not counted as lines again."""
    home.put(homes.S1, M1)
    home.add(homes.S1, M2)
    assert (home.file(homes.S1).lines, home.file(homes.S1).sightings) == (2, 2)


# --- changing ------------------------------------------------------------------------


def test_truncated_file(home: Home) -> None:
    """A file that shrank is read again, and what it lost stays counted."""
    home.put(homes.S1, M1 + M2)
    home.put(homes.S1, M1)
    assert (home.requests(), home.file(homes.S1).lines) == (2, 1)


def test_truncated_and_regrown_between_sweeps(home: Home) -> None:
    """A file that was cut and grew beyond its old end is read from its start."""
    home.put(homes.S1, M1 + M2)
    home.put(homes.S1, M1 + M3 + M3 + M3)
    assert (home.requests(), home.file(homes.S1).lines) == (3, 4)


def test_rewritten_with_the_same_size(home: Home) -> None:
    """A file rewritten in place is read again even if size and end are the same."""
    old = homes.text(homes.assistant("m1"), homes.prompt("x" * 9000))
    home.put(homes.S1, old)
    place = home.root / homes.S1
    changed = old.replace(b'"m1"', b'"m9"')
    assert len(changed) == len(old)
    place.write_bytes(changed)
    os.utime(place, (1, 1))
    home.look()
    assert home.requests() == 2


def test_replaced_by_another_file(home: Home) -> None:
    """A file that took another's name is read from its start."""
    home.put(homes.S1, M1)
    homes.write(home.root, {"new": M2 + M3})
    (home.root / "new").replace(home.root / homes.S1)
    home.look()
    assert (home.requests(), home.file(homes.S1).lines) == (3, 2)


def test_vanished_file_keeps_its_history(home: Home) -> None:
    """Deleting a transcript deletes no request."""
    home.put(homes.S1, M1)
    (home.root / homes.S1).unlink()
    home.look()
    assert home.requests() == 1


def test_archived_rollout(home: Home) -> None:
    """A rollout moved to the archive is the same session."""
    home.put(homes.rollout(1), MOVED)
    before = homes.total(home.ledger)
    new = home.root / homes.rollout(1, archived=True)
    new.parent.mkdir()
    (home.root / homes.rollout(1)).rename(new)
    assert home.look() == 1
    assert homes.total(home.ledger) == before


def test_compressed_rollout(home: Home) -> None:
    """A rollout that was compressed is the same session, and one never seen is read."""
    home.put(homes.rollout(1), MOVED)
    before = home.requests()
    (home.root / homes.rollout(1)).unlink()
    home.put(f"{homes.rollout(1)}.zst", zstandard.compress(MOVED))
    assert home.requests() == before
    new = MOVED.replace(b"turn-a", b"turn-z")
    home.put(f"{homes.rollout(2)}.zst", zstandard.compress(new))
    assert home.requests() == 2 * before


def test_compressed_in_several_frames(home: Home) -> None:
    """All frames of a compressed rollout are read."""
    both = zstandard.compress(MOVED[:500]) + zstandard.compress(MOVED[500:])
    home.put(f"{homes.rollout(1)}.zst", both)
    assert home.requests() == 2


def test_damaged_compression_is_reported(home: Home) -> None:
    """A file that cannot be unpacked is named with the reason, and the rest is read."""
    home.put(f"{homes.rollout(1)}.zst", b"no zstandard at all")
    home.put(homes.S1, M1)
    (path,) = home.swept.unreadable
    assert path.endswith(".zst")
    assert home.requests() == 1


# --- long lines ----------------------------------------------------------------------


def test_long_line(home: Home) -> None:
    """A line of 50 MB is read like any other."""
    words = {"content": [homes.said("x" * 50_000_000)]}
    home.put(homes.S1, M1 + homes.text(homes.assistant("m2", inside=words)) + M3)
    assert (home.requests(), home.file(homes.S1).lines) == (3, 3)


def test_over_long_line(home: Home) -> None:
    """A line beyond all measure is stepped over, counted, and the rest is read."""
    place = homes.write(home.root, {homes.S1: M1}) / homes.S1
    with place.open("ab") as stream:
        stream.truncate(len(M1) + LONGEST_LINE + (9 << 20))  # a hole: no disk is used
        stream.seek(0, os.SEEK_END)
        stream.write(b"\n" + M2)
    home.look()
    assert home.requests() == 2
    assert home.file(homes.S1).skipped == {"longer than 64 MB": 1}


# --- what is no file -----------------------------------------------------------------


def test_fifo(home: Home) -> None:
    """A FIFO of a session's name blocks nothing and is reported."""
    place = homes.write(home.root, {homes.S2: M2}) / homes.S1
    os.mkfifo(place)
    home.look()
    assert home.requests() == 1
    assert home.swept.unreadable == {str(place): "not a regular file"}


def test_fifo_that_took_a_files_place(home: Home) -> None:
    """A file that turns into a FIFO between look and read is reported."""
    place = homes.write(home.root, {homes.S1: M1}) / homes.S1
    found = home.swept.look()
    place.unlink()
    os.mkfifo(place)
    assert list(home.swept.absorb(found)) == []
    assert home.swept.unreadable == {str(place): "not a regular file"}


def test_file_that_vanishes_before_it_is_read(home: Home) -> None:
    """A file deleted between look and read stops no other."""
    homes.write(home.root, {homes.S1: M1, homes.S2: M2})
    found = home.swept.look()
    (home.root / homes.S1).unlink()
    assert len(list(home.swept.absorb(found))) == 1
    assert home.requests() == 1


def test_directory_of_a_sessions_name(home: Home) -> None:
    """A directory that is called like a session is looked into, not read."""
    home.put(f"{homes.S1}/subagents/agent-a.jsonl", M1)
    assert home.requests() == 1
    assert home.swept.unreadable == {}


def test_links_in_a_circle(home: Home) -> None:
    """A link to a parent directory is not followed; one to itself is reported."""
    folder = homes.write(home.root, {homes.S1: M1}) / homes.PROJECT
    (folder / "up").symlink_to(home.root / "projects", target_is_directory=True)
    (folder / "self.jsonl").symlink_to(folder / "self.jsonl")
    (folder / "nowhere.jsonl").symlink_to(folder / "missing.jsonl")
    home.look()
    assert home.requests() == 1
    assert list(home.swept.unreadable) == [str(folder / "self.jsonl")]


def test_link_to_a_session(home: Home) -> None:
    """A session reached by two names is counted once."""
    homes.write(home.root, {homes.S1: M1})
    (home.root / homes.S2).symlink_to(home.root / homes.S1)
    home.look()
    assert home.requests() == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_forbidden_file(home: Home) -> None:
    """A file that may not be read is named with the reason."""
    place = homes.write(home.root, {homes.S1: M1, homes.S2: M2}) / homes.S1
    place.chmod(0)
    home.look()
    assert home.swept.unreadable == {str(place): "Permission denied"}
    assert home.requests() == 1


def test_file_in_place_of_a_tree(home: Home) -> None:
    """A file where a tree of sessions should be is reported."""
    homes.write(home.root, {"projects": b"", homes.rollout(1): MOVED})
    home.look()
    assert home.swept.unreadable == {str(home.root / "projects"): "Not a directory"}
    assert home.requests() == 2


def test_missing_root(tmp_path: Path) -> None:
    """A home that does not exist is empty, not an error."""
    home = Home(tmp_path / "none")
    assert home.look() == 0
    assert home.swept.unreadable == {}


def test_name_that_is_no_text(home: Home) -> None:
    """A file whose name is not UTF-8 is reported with what can be shown of it."""
    place = os.fsencode(homes.write(home.root, {homes.S1: M1}) / homes.PROJECT)
    try:
        with open(place + b"/S\xff.jsonl", "wb") as stream:  # noqa: PTH123 — bytes name
            stream.write(M2)
    except OSError:
        pytest.skip("this file system has no such names")
    home.look()
    (path,) = home.swept.unreadable
    assert path.endswith("S?.jsonl")
    assert home.requests() == 1


def test_other_files_are_left_alone(home: Home) -> None:
    """What lies beside the sessions is not read."""
    for path in (
        f"{homes.PROJECT}/S1/tool-results/out.jsonl",
        f"{homes.PROJECT}/notes.txt",
        "history.jsonl",
        "sessions/1234.json",
    ):
        homes.write(home.root, {path: M1})
    assert home.look() == 0


# --- roots and hints -----------------------------------------------------------------


def test_several_roots(tmp_path: Path) -> None:
    """A session copied to a second home is paid for once, by the one that sorts first.

    Each home's own requests are counted.
    """
    homes.write(tmp_path / "a", {homes.S1: M1 + M2})
    homes.write(tmp_path / "b", {homes.S1: M1 + M3})
    both = [Root("claude", each, tmp_path / each) for each in ("b", "a")]
    with Ledger(None) as ledger:
        sweep = Sweep(ledger, both)
        for _ in sweep.absorb(sweep.look()):
            pass
        assert len(ledger.requests()) == 3
        assert [sweep.count(root) for root in both] == [1, 1]
        assert {each.account for each in ledger.files()} == {"a", "b"}


def test_one_root_twice(tmp_path: Path) -> None:
    """A home named twice is counted once."""
    homes.write(tmp_path, {homes.S1: M1})
    with Ledger(None) as ledger:
        sweep = Sweep(ledger, homes.roots(tmp_path) * 2)
        for _ in sweep.absorb(sweep.look()):
            pass
        assert len(ledger.requests()) == 1
        assert ledger.dedup()["lines_seen"] == 1


def test_hint_names_a_file(home: Home) -> None:
    """Told of one path, a sweep looks at that path alone."""
    homes.write(home.root, {homes.S1: M1, homes.S2: M2})
    hints = [str(home.root / homes.S1), str(home.root / "gone.jsonl")]
    assert [each.below for each in home.swept.look(hints)] == [homes.S1]


@pytest.mark.parametrize(
    "path", ["projects-old/-w/S1.jsonl", "../elsewhere/S1.jsonl", "projects/S1.jsonl"]
)
def test_hint_outside_the_trees(path: str, home: Home) -> None:
    """A path that a walk would not find is not read on a hint either."""
    homes.write(home.root / "home", {path: M1})
    swept = Sweep(home.ledger, homes.roots(home.root / "home"))
    assert swept.look([f"{home.root}/home/{path}"]) == []


def test_newest_first(home: Home) -> None:
    """The file that changed last is read first."""
    homes.write(home.root, {homes.S1: M1, homes.S2: M2})
    os.utime(home.root / homes.S1, (1_700_000_000, 1_700_000_000))
    assert [each.below for each in home.swept.look()] == [homes.S2, homes.S1]


def test_known_files_that_moved_on(home: Home) -> None:
    """The newest files are named, and those of them that are other than they were."""
    homes.write(home.root, {homes.S1: M1, homes.S2: M2})
    os.utime(home.root / homes.S1, (1_700_000_000, 1_700_000_000))
    home.look()
    old, new = str(home.root / homes.S1), str(home.root / homes.S2)
    assert home.swept.newest(1) == [new]
    assert home.swept.moved([old, new]) == []
    (home.root / homes.S1).write_bytes(M1 + M3)
    (home.root / homes.S2).unlink()
    assert home.swept.moved([old, new]) == [old]


def test_directories_are_counted_once(home: Home) -> None:
    """A walk knows how many directories it listed, a linked one not twice."""
    homes.write(home.root, {homes.S1: M1, homes.AGENT: M2})
    (home.root / "sessions").symlink_to(home.root / "projects")
    home.look()
    assert len(home.swept.directories) == 4


def test_files_are_never_written(home: Home) -> None:
    """Reading a home leaves every file as it was, to the byte and the time."""
    homes.write(home.root, homes.every_shape())

    def disk() -> dict[str, Any]:
        files = [each for each in home.root.rglob("*") if each.is_file()]
        return {str(f): (f.read_bytes(), f.stat().st_mtime_ns) for f in files}

    before = disk()
    home.look()
    assert disk() == before


def test_new_reader_reads_again(home: Home) -> None:
    """Files that an older reader has read are read from their start."""
    home.put(homes.S1, M1)
    path = str(home.root / homes.S1)
    state = home.file(homes.S1)
    state.reader = 0
    home.ledger.absorb([(state, AGENTS["claude"].read([], state.trail, ""))])
    home.swept = Sweep(home.ledger, home.swept.roots)
    assert [each.path for each in home.swept.look()] == [path]
    home.look()
    assert home.file(homes.S1).lines == 1


# --- damage --------------------------------------------------------------------------

LONE = homes.packed(homes.assistant("m2")).replace(b"Done.", rb"half \ud83d")
DEEP = b'{"type":"assistant","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
HUGE = b"9" * 5000


def with_tokens(**counts: Any) -> bytes:
    return homes.packed(homes.assistant("m2", inside={"usage": counts}))


@pytest.mark.parametrize(
    ("line", "requests", "skipped"),
    [
        pytest.param(b"", 2, {}, id="empty line"),
        pytest.param(b"\0" * 4096, 2, {"not json": 1}, id="NUL bytes"),
        pytest.param(b"\0" * 99 + M2[:-1], 3, {}, id="NUL bytes before a line"),
        pytest.param(b'{"type":"assistant"', 2, {"not json": 1}, id="half a line"),
        pytest.param(M2[:90] + M2[:-1], 2, {"not json": 1}, id="half and whole"),
        pytest.param(M2[:-1] + b'{"ty', 3, {"broken end": 1}, id="whole and half"),
        pytest.param(M2[:-1] + b" \t" + M3[:-1], 3, {}, id="glued with spaces"),
        pytest.param(b'"text"', 2, {"shape": 1}, id="text"),
        pytest.param(b"[1,2]", 2, {"shape": 1}, id="list"),
        pytest.param(b"NaN", 2, {"shape": 1}, id="NaN"),
        pytest.param(LONE, 3, {}, id="lone surrogate"),
        pytest.param(M2[:-1].replace(b"Done", b"\xff\xfe"), 3, {}, id="not UTF-8"),
        pytest.param(
            M2[:-1].replace(b"main", b"\xff\xfe"), 3, {}, id="branch not UTF-8"
        ),
        pytest.param(DEEP, 2, {"not json": 1}, id="deep nesting"),
        pytest.param(with_tokens(input_tokens="10"), 3, {}, id="number as text"),
        pytest.param(with_tokens(input_tokens=1.5), 2, {"shape": 1}, id="half token"),
        pytest.param(with_tokens(input_tokens=[]), 2, {"shape": 1}, id="token list"),
        pytest.param(
            with_tokens(output_tokens=-1), 2, {"impossible count": 1}, id="negative"
        ),
        pytest.param(
            with_tokens(output_tokens=10**30), 2, {"impossible count": 1}, id="huge"
        ),
        pytest.param(
            with_tokens(server_tool_use={"web_search_requests": 10**30}),
            2,
            {"impossible count": 1},
            id="huge searches",
        ),
        pytest.param(
            with_tokens(input_tokens=7).replace(b":7,", b":" + HUGE + b","),
            2,
            {"not json": 1},
            id="5000 digits",
        ),
        pytest.param(
            with_tokens(input_tokens=7).replace(b":7,", b":NaN,"),
            2,
            {"shape": 1},
            id="NaN tokens",
        ),
        pytest.param(
            homes.packed(homes.assistant("m2", timestamp="soon")),
            2,
            {"no time": 1},
            id="no instant",
        ),
        pytest.param(
            homes.packed(homes.assistant("m2", timestamp="9999-12-31T23:59:59.9999Z")),
            2,
            {"no time": 1},
            id="end of time",
        ),
        pytest.param(
            homes.packed(homes.assistant("m2", inside={"id": None})),
            2,
            {"no id": 1},
            id="no id",
        ),
        pytest.param(
            homes.packed(homes.assistant("m2", inside={"model": None})),
            2,
            {"no model": 1},
            id="no model",
        ),
    ],
)
def test_damaged_line(
    line: bytes, requests: int, skipped: dict[str, int], home: Home
) -> None:
    """A damaged line is read as far as it can be, else counted; its neighbours live."""
    home.put(homes.S1, M1 + line + b"\n" + M3)
    assert home.requests() == requests
    assert home.file(homes.S1).skipped == skipped


def counted_or_read(agent: str, path: str, line: bytes) -> None:
    """Reading a line does not fail, and a ledger can hold what it states."""
    trail = AGENTS[agent].trail(path)
    facts = AGENTS[agent].read([line], trail, "home")
    assert facts.lines == 1
    state = FileState(agent, "home", path, 1, trail=trail)
    with Ledger(None) as ledger:
        ledger.absorb([(state, facts)])
        ledger.requests()
        ledger.readings(LONG_AGO)
        ledger.marks(LONG_AGO)
        assert ledger.file(path) is not None


READERS = {
    "claude": homes.S1,
    "codex": homes.rollout(1),
    "recordings": "recordings/2026-11.jsonl",
    "claude.json": ".claude.json",
    "answers": "answers/1.json",
}
FIVE_HOUR = {
    "kind": "five_hour",
    "minutes": 300,
    "used_percent": 4.0,
    "resets_at": 1795310000.0,
}
RECORDING = {
    "at": 1795300000.0,
    "session_id": "S1",
    "limits": [FIVE_HOUR],
    "cost_usd": 1.0,
}
KEPT = homes.packed({"numStartups": 3, **homes.cached(homes.answer())})
SEEDS: dict[str, list[bytes]] = {
    "claude.json": [KEPT],
    "answers": [KEPT],
    "claude": homes.claude_files()[homes.S1].splitlines(),
    "codex": [each for f in homes.codex_files().values() for each in f.splitlines()],
    "recordings": [homes.packed(RECORDING)],
}


@pytest.mark.parametrize("agent", sorted(READERS))
@settings(max_examples=60, deadline=None)
@given(line=st.binary(max_size=200).map(lambda each: each.replace(b"\n", b" ")))
def test_any_bytes(agent: str, line: bytes) -> None:
    """No sequence of bytes makes a reader fail."""
    counted_or_read(agent, READERS[agent], line)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**12, 10**18, 2**63, 2**64, 10**30, -1, -(10**30)]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(["", "1e999", "nan", "\ud800", "\0", "2026-11-20T10:00:00Z"]),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner)
    ),
    max_leaves=4,
)


def places(value: Any) -> list[Callable[[Any], Any]]:
    """For each place of a JSON value, a function that puts something else there."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[Callable[[Any], Any]] = []
    for key, each in inside:

        def put(new: Any, key: Any = key) -> Any:
            copy = value.copy()
            copy[key] = new
            return copy

        def inner(new: Any, put: Any = put, deeper: Any = None) -> Any:
            return put(deeper(new))

        found.append(put)
        if isinstance(each, dict | list):
            found.extend(partial(inner, deeper=deeper) for deeper in places(each))
    return found


@pytest.mark.parametrize("agent", sorted(READERS))
@settings(max_examples=250, deadline=None)
@given(data=st.data(), new=VALUES)
def test_any_value_in_any_place(agent: str, data: Any, new: Any) -> None:
    """No value in any field of a valid line makes a reader or the ledger fail."""
    valid = [seed for seed in SEEDS[agent] if seed.endswith(b"}") and b"}{" not in seed]
    line = json.loads(data.draw(st.sampled_from(valid)))
    changed = data.draw(st.sampled_from(places(line)))(new)
    counted_or_read(agent, READERS[agent], json.dumps(changed).encode())


@pytest.mark.parametrize("agent", sorted(READERS))
@settings(max_examples=100, deadline=None)
@given(data=st.data(), junk=st.binary(max_size=4))
def test_any_broken_line(agent: str, data: Any, junk: bytes) -> None:
    """A valid line with some of its bytes lost or changed makes no reader fail."""
    line = data.draw(st.sampled_from(SEEDS[agent]))
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, min(len(line), start + 8)))
    broken = (line[:start] + junk + line[end:]).replace(b"\n", b" ")
    counted_or_read(agent, READERS[agent], broken)


@pytest.mark.parametrize("short", [SHORT, -1])
@pytest.mark.parametrize("stop", [1, len(M2) // 2, len(M2) - 1])
def test_file_grows_while_it_is_read(
    stop: int, short: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that is completed during the reading is never read as two halves, be the
    rest of the file read at once or through a buffer."""
    monkeypatch.setattr(sweep, "SHORT", short)
    place = tmp_path / "a.jsonl"
    place.write_bytes(M1 + M2[:stop])
    with open_session(str(place)) as stream:
        blocks = stream.lines(0)
        lines, end = next(blocks)
        with place.open("ab") as writer:
            writer.write(M2[stop:] + M3)
        for more in blocks:
            lines, end = lines + more[0], more[1]
        whole = (M1 + M2 + M3)[:end].splitlines()
        assert [line.rstrip() for line in lines] == whole
        assert (M1 + M2 + M3)[end:].startswith(stream.rest)


def test_compressed_stream_counts_unpacked_bytes(tmp_path: Path) -> None:
    """Offsets into a compressed file are those of its text."""
    place = tmp_path / "a.jsonl.zst"
    place.write_bytes(zstandard.compress(M1 + M2))
    with open_session(str(place)) as stream:
        (((line,), end),) = stream.lines(len(M1))
    assert (line.rstrip(), end) == (M2.rstrip(), len(M1 + M2))
