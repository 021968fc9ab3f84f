"""What a line of a Codex rollout means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import homes
import pytest
from homes import FIRST, SECOND, SUM2, SUM3, THIRD, count, event, meta, turn

from burnmon.agents import AGENTS, codex
from burnmon.records import (
    COUNTED,
    REPLAYED,
    Facts,
    LimitReading,
    Request,
    Trail,
    Usage,
)

TEN = datetime(2026, 11, 20, 10, tzinfo=UTC)
RESET = 1795600000


def read(*lines: Any, number: int = 1) -> tuple[Facts, Trail]:
    return homes.read("codex", homes.rollout(number), *lines)


def used(*lines: Any) -> list[tuple[int, int, int, int]]:
    """Uncached input, cache read, cache write and output of each request."""
    facts, _ = read(meta(1), turn("turn-a"), *lines)
    assert facts.skipped == {}
    return [
        (each.input, each.cache_read, each.cache_write_5m, each.output)
        for each in facts.sightings
    ]


def counted(root: Path, **files: Any) -> list[Request]:
    """Requests of threads, by number, after reading their files together."""
    contents = {homes.rollout(int(name[1:])): files[name] for name in files}
    return homes.absorbed(root, contents).requests()


# --- requests ------------------------------------------------------------------------


def test_classes_are_taken_apart() -> None:
    """Cached and cache-writing input is inside input, reasoning inside output."""
    assert used(count((12500, 9100, 1000, 201), (12500, 9100, 1000, 201))) == [
        (2400, 9100, 1000, 201)
    ]


def test_priority_tier_is_part_of_the_terms() -> None:
    """The tier in the thread's settings holds until other settings are applied."""
    dear = event(
        "thread_settings_applied", thread_settings={"service_tier": "priority"}
    )
    plain = event(
        "thread_settings_applied", thread_settings={"service_tier": "default"}
    )
    lines = [count(FIRST, FIRST), dear, count(SUM2, SECOND), plain, count(SUM3, THIRD)]
    facts, _ = read(meta(1), turn("turn-a"), *lines)
    assert [each.speed for each in facts.sightings] == ["", "priority", ""]


def test_repeated_total_is_no_request() -> None:
    """A total that did not move repeats the request before it."""
    lines = [count(FIRST, FIRST), count(FIRST, FIRST), count(SUM2, SECOND)]
    assert used(*lines, count(SUM2, SECOND)) == [
        (3400, 9100, 0, 201),
        (3800, 9200, 0, 202),
    ]


def test_count_without_info_is_no_request() -> None:
    """The first count of a session states limits only."""
    assert used(count(None, None)) == []


def test_compaction_is_no_request() -> None:
    """After a compaction all components are zero, whatever the sum says."""
    zeros = homes.six((0, 0, 0, 0)) | {"total_tokens": 17638}
    moved = {"total_token_usage": homes.six(SUM3), "last_token_usage": zeros}
    assert used(event("token_count", info=moved)) == []


def test_total_may_fall() -> None:
    """When a total falls the request is what it says itself."""
    falling = count((500, 0, 0, 5), (460, 0, 0, 4))
    assert used(count(SUM2, SECOND), falling)[1] == (460, 0, 0, 4)


def test_jump_of_a_total_is_not_added() -> None:
    """A total that moved by more than its request adds the request only."""
    assert used(count(FIRST, FIRST), count(SUM3, THIRD))[1] == (4200, 9300, 0, 203)


def test_totals_alone() -> None:
    """Where no request is stated, the rise of the total is it."""
    assert used(count(FIRST, None), count(SUM2, None)) == [
        (3400, 9100, 0, 201),
        (3800, 9200, 0, 202),
    ]


def test_equal_requests_of_one_turn_are_two() -> None:
    """Two requests with the same tokens differ in their totals."""
    double = tuple(2 * each for each in FIRST)
    facts, _ = read(meta(1), count(FIRST, FIRST), count(double, FIRST))  # type: ignore[arg-type] # four again
    assert len({each.key for each in facts.sightings}) == 2


def test_more_cached_than_sent() -> None:
    """Uncached input is never below nothing."""
    assert used(count((10, 20, 0, 5), (10, 20, 0, 5))) == [(0, 20, 0, 5)]


@pytest.mark.parametrize("tokens", [(-1, 0, 0, 5), (10, -5, 0, 5), (10**13, 0, 0, 1)])
def test_impossible_counts(tokens: homes.Tokens) -> None:
    """Counts that cannot be true are skipped and counted."""
    facts, _ = read(meta(1), count(tokens, tokens))
    assert (facts.sightings, facts.skipped) == ([], {"impossible count": 1})


def test_model_is_that_of_the_turn() -> None:
    """A request's model and place are those of the turn it belongs to."""
    other = turn("turn-b", model="gpt-5.6-sol")
    other["payload"]["cwd"] = "/home/dev/other"
    lines = [turn("turn-a"), count(FIRST, FIRST), other, count(SUM2, SECOND)]
    first, second = read(meta(1), *lines)[0].sightings
    assert (first.model, first.project) == ("gpt-5.5", "/home/dev/w")
    assert (second.model, second.project) == ("gpt-5.6-sol", "/home/dev/other")
    assert (first.branch, first.version, first.final) == ("main", "0.146.0", True)


def test_records_replace_counts() -> None:
    """A file that states its requests is not read by its totals as well."""
    lines = [
        homes.record("turn-a", "resp-1", FIRST, FIRST),
        count(FIRST, FIRST),
        homes.record("turn-a", "resp-2", SECOND, SUM2),
        count(SUM2, SECOND),
    ]
    assert [each[3] for each in used(*lines)] == [201, 202]


def test_record_after_its_count() -> None:
    """A record that follows the count of the same request adds nothing."""
    lines = [
        count(FIRST, FIRST),
        homes.record("turn-a", "resp-1", FIRST, FIRST),
        homes.record("turn-a", "resp-2", SECOND, SUM2),
        count(SUM2, SECOND),
    ]
    assert [each[3] for each in used(*lines)] == [201, 202]


def test_resume_goes_on() -> None:
    """A second description with the same id is a resumed session, not a fork."""
    lines = [count(FIRST, FIRST), meta(1, "18:00"), count(SUM2, SECOND, "18:00:01")]
    facts, _ = read(meta(1), turn("turn-a"), *lines)
    assert [each.standing for each in facts.sightings] == [COUNTED, COUNTED]


# --- forks and sub-agents ------------------------------------------------------------

PARENT = homes.text(meta(1), *homes.first_turn())
TWO = Usage(7200, 403, 18300)
"""The requests of ``first_turn``."""
OWN = Usage(4200, 203, 9300)
"""The request of ``own_turn``."""


def total(requests: list[Request]) -> Usage:
    return sum((each.usage for each in requests), Usage())


def test_replay_with_turn_ids(tmp_path: Path) -> None:
    """A fork's copy of its parent's requests is the parent's."""
    fork = homes.fork(2, 1, "11:00")
    requests = counted(tmp_path, t1=PARENT, t2=fork)
    assert total(requests) == TWO + OWN
    assert [each.session_id for each in requests] == [
        homes.thread(1),
        homes.thread(1),
        homes.thread(2),
    ]


def test_replay_without_turn_ids(tmp_path: Path) -> None:
    """Versions that named no turns are told apart by the family of threads."""
    parent = homes.text(meta(1), *homes.first_turn(turn_id=None))
    fork = homes.text(
        meta(2, "11:00"),
        meta(1, "11:00"),
        *homes.first_turn("11:00", None),
        count(SUM2, SECOND, "11:00:09"),
        count(SUM3, THIRD, "11:00:10"),
    )
    assert total(counted(tmp_path, t1=parent, t2=fork)) == TWO + OWN


def test_replay_is_dated_when_it_was_made(tmp_path: Path) -> None:
    """Replayed requests keep the day of the original."""
    requests = counted(tmp_path, t1=PARENT, t2=homes.fork(2, 1, "11:00"))
    assert [each.at.hour for each in requests] == [10, 10, 11]


def test_replay_without_its_parent(tmp_path: Path) -> None:
    """A replay whose original is not there is set aside; the fork's own work counts."""
    requests = counted(tmp_path, t2=homes.fork(2, 1, "11:00"))
    assert total(requests) == OWN


def test_slow_replay_is_known_by_its_totals(tmp_path: Path) -> None:
    """A replay written slowly is still the parent's where turn and totals are equal."""
    fork = homes.text(
        meta(2, "11:00", forked_from_id=homes.thread(1)),
        meta(1, "11:00"),
        *homes.first_turn("11:01"),
        *homes.own_turn("11:02"),
    )
    assert total(counted(tmp_path, t1=PARENT, t2=fork)) == TWO + OWN


def test_replay_ends_at_a_pause() -> None:
    """Work after the replay's burst is the fork's own."""
    lines = homes.fork(2, 1, "11:00").splitlines()
    standings = [each.standing for each in read(*lines, number=2)[0].sightings]
    assert standings == [REPLAYED, REPLAYED, COUNTED]


def test_replay_ends_where_the_time_is_written_last() -> None:
    """The pause after a replay is seen in whatever order a line names its fields."""
    lines = homes.fork(2, 1, "11:00").splitlines()
    last = homes.packed(dict(reversed(json.loads(lines[-1]).items())))
    facts, _ = read(*lines[:-2], last, number=2)
    assert [each.standing for each in facts.sightings] == [REPLAYED, REPLAYED, COUNTED]


def test_fork_without_replay(tmp_path: Path) -> None:
    """A paginated fork begins at its parent's total and repeats nothing."""
    fork = homes.text(
        meta(2, "11:00", forked_from_id=homes.thread(1), history_mode="paginated"),
        *homes.own_turn("11:01"),
    )
    assert total(counted(tmp_path, t1=PARENT, t2=fork)) == TWO + OWN


def test_subagent_belongs_to_its_parent(tmp_path: Path) -> None:
    """A sub-agent's requests are its parent's session, marked with the thread."""
    child = homes.text(
        homes.subagent_meta(4, 1, "10:30"),
        turn("turn-d", "10:30:01"),
        count(THIRD, THIRD, "10:30:02"),
    )
    requests = counted(tmp_path, t1=PARENT, t4=child)
    assert {each.session_id for each in requests} == {homes.thread(1)}
    assert [each.subagent for each in requests] == ["", "", homes.thread(4)]


def test_reviewer_is_a_session_of_its_own() -> None:
    """A review that names no parent is its own session."""
    _, trail = read(meta(1, source={"subagent": "review"}))
    assert (trail.session_id, trail.subagent) == (homes.thread(1), "")


def test_replayed_events_are_not_marked_again() -> None:
    """Compactions, limits and readings of the parent did not happen in the fork."""
    full = homes.limits(homes.window(40))
    lines = [
        meta(2, "11:00"),
        meta(1, "11:00"),
        homes.codex("compacted", {}, "11:00"),
        event("error", "11:00", codex_error_info="usage_limit_exceeded"),
        event("token_count", "11:00", info=None, **full),
        homes.codex("compacted", {}, "11:05"),
    ]
    facts, _ = read(*lines, number=2)
    assert [each.at.minute for each in facts.marks] == [5]
    assert facts.readings == []


# --- limits --------------------------------------------------------------------------


def readings(primary: Any, secondary: Any = None, **more: Any) -> list[LimitReading]:
    stated = homes.limits(primary, secondary, **more)
    facts, _ = read(meta(1), event("token_count", info=None, **stated))
    return facts.readings


def test_windows() -> None:
    """Each window states its share, its length and its reset."""
    five, week = readings(homes.window(40, 300), homes.window(26.0))
    assert (five.used, five.window_minutes) == (0.4, 300)
    assert (week.used, week.window_minutes) == (0.26, 10080)
    assert week.resets_at == datetime.fromtimestamp(RESET, UTC)
    assert (week.observed_at, week.account, week.source) == (
        TEN,
        "home",
        "codex rollout",
    )


def test_null_windows_are_unknown() -> None:
    """A null window is no reading, and not an empty one."""
    assert readings(None) == []
    assert len(readings(homes.window(5))) == 1


def test_reset_in_seconds() -> None:
    """Old files state the reset as seconds from the line's own time."""
    (found,) = readings(homes.window(5, 300, resets_in_seconds=600))
    assert found.resets_at == TEN + timedelta(minutes=10)


@pytest.mark.parametrize(
    "window",
    [
        homes.window(101),
        homes.window(-1),
        homes.window(5, 0),
        homes.window(5, 10**30),
        homes.window(5, resets_at=None),
        homes.window(5, resets_at=1e300),
        homes.window(5, resets_in_seconds=1e300),
    ],
    ids=["above", "below", "no length", "endless", "no reset", "never", "later"],
)
def test_impossible_windows(window: Any) -> None:
    """A window that cannot be is no reading."""
    assert readings(window) == []


def test_other_allowances_are_kept_apart() -> None:
    """Windows of another limit than the plan's own carry its name."""
    (found,) = readings(homes.window(5), limit_id="codex_bengalfox")
    assert "codex_bengalfox" in found.kind


@pytest.mark.parametrize(
    "line",
    [
        event("error", codex_error_info="usage_limit_exceeded"),
        event("task_complete", error={"codex_error_info": "usage_limit_exceeded"}),
    ],
    ids=["error", "end of turn"],
)
def test_limit_reached(line: Any) -> None:
    """A refusal at a limit is marked, in the older and the newer form."""
    assert [each.kind for each in read(meta(1), line)[0].marks] == ["limit"]


FULL_UNTIL = 1784955710
"""05:01:50 UTC on 25 July 2026."""
REFUSED = "You've hit your usage limit. Visit https://chatgpt.com or try again at"
WEEK = homes.limits(homes.window(99, resets_at=FULL_UNTIL))
BOTH = homes.limits(
    homes.window(83, 300, resets_at=FULL_UNTIL - 7200), homes.window(38)
)
NO_WINDOWS = homes.limits(None, limit_id="premium")


def zoned(name: str | None) -> Any:
    """A turn in a time zone."""
    found = turn("turn-a")
    found["payload"]["timezone"] = name
    return found


def said(words: str, when: str, newer: bool = False) -> Any:
    """A refusal, in the older or the newer form."""
    refusal = {
        "message": f"{REFUSED} {words}.",
        "codex_error_info": "usage_limit_exceeded",
    }
    payload = {"error": refusal, "type": "task_complete"} if newer else refusal
    line = event("error", **payload)
    return {**line, "timestamp": f"2026-07-{when}:00.000Z"}


def full(*lines: Any) -> list[tuple[str, int, int]]:
    """Kind, length and reset of the windows that refusals filled."""
    facts, _ = read(meta(1), *lines)
    assert "limit" in [each.kind for each in facts.marks]
    return [
        (each.kind, each.window_minutes, round(each.resets_at.timestamp()))
        for each in facts.readings
        if each.used == 1 and each.source == "limit record"
    ]


@pytest.mark.parametrize("newer", [False, True], ids=["error", "turn's end"])
def test_refusal_with_a_date_fills_its_window(newer: bool) -> None:
    """The window that resets in the stated minute of the turn's zone was full."""
    stated = event("token_count", **WEEK)
    refusal = said("Jul 25th, 2026 1:01 AM", "20T21:01", newer)
    nulls = event("token_count", **NO_WINDOWS)
    found = full(zoned("America/New_York"), stated, nulls, refusal)
    assert found == [("primary", 10080, FULL_UNTIL)]


def test_refusal_with_a_clock_time_fills_its_window() -> None:
    """Without a date it is a window that resets within a day: the short one here."""
    stated = event("token_count", **BOTH)
    found = full(zoned("Africa/Nairobi"), stated, said("6:01 AM", "25T00:08"))
    assert found == [("primary", 300, FULL_UNTIL - 7200)]


def test_refusal_is_read_in_pieces_too() -> None:
    """Windows that were stated before the last stop are remembered."""
    path = homes.rollout(1)
    trail = codex.trail(path)
    before = [meta(1), zoned("America/New_York"), event("token_count", **WEEK)]
    codex.read([homes.packed(each) for each in before], trail, "home")
    trail.memory = json.loads(json.dumps(trail.memory))
    refusal = homes.packed(said("Jul 25th, 2026 1:01 AM", "20T21:01"))
    (reading,) = codex.read([refusal], trail, "home").readings
    assert (reading.used, reading.source) == (1.0, "limit record")
    assert reading.observed_at == datetime(2026, 7, 20, 21, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "limits", "words", "when"),
    [
        (None, WEEK, "Jul 25th, 2026 1:01 AM", "20T21:01"),
        ("Mars/Olympus", WEEK, "Jul 25th, 2026 1:01 AM", "20T21:01"),
        ("Europe/Paris", WEEK, "Jul 25th, 2026 1:01 AM", "20T21:01"),
        ("America/New_York", WEEK, "Jul 26th, 2026 1:01 AM", "20T21:01"),
        ("America/New_York", WEEK, "1:01 AM", "20T21:01"),
        ("America/New_York", WEEK, "Jul 25th, 2026 1:01 AM", "25T06:00"),
        ("America/New_York", NO_WINDOWS, "Jul 25th, 2026 1:01 AM", "20T21:01"),
        ("America/New_York", WEEK, "a later time", "20T21:01"),
        (
            "America/New_York",
            homes.limits(
                homes.window(9, 300, resets_at=FULL_UNTIL),
                homes.window(9, resets_at=FULL_UNTIL),
            ),
            "1:01 AM",
            "25T01:00",
        ),
    ],
    ids=[
        "no zone",
        "no such zone",
        "other zone",
        "other day",
        "not today",
        "has passed",
        "no window",
        "no time",
        "two windows",
    ],
)
def test_refusal_whose_window_is_not_told(
    zone: str | None, limits: Any, words: str, when: str
) -> None:
    """A refusal that fits none or several of the windows is a mark only."""
    stated = event("token_count", **limits)
    assert full(zoned(zone), stated, said(words, when)) == []


def test_overload_is_no_limit() -> None:
    """An overloaded server is no limit."""
    line = event("error", codex_error_info="server_overloaded")
    assert read(meta(1), line)[0].marks == []


def test_compaction_is_marked() -> None:
    """A compaction is noted at its instant."""
    (mark,) = read(meta(1), homes.codex("compacted", {"message": "x"}))[0].marks
    assert (mark.kind, mark.at, mark.session_id) == (
        "compacted",
        TEN,
        homes.thread(1),
    )


def prompts(*lines: Any) -> list[datetime]:
    """When the person began turns."""
    return [each.at for each in read(*lines)[0].marks if each.kind == "prompt"]


@pytest.mark.parametrize("begun", ["task_started", "turn_started"])
def test_turns_are_marked(begun: str) -> None:
    """A turn begins once, whatever else is said in its course."""
    said = [event("user_message", clock) for clock in ("10:00", "10:05")]
    lines = [meta(1), event(begun), *said, event(begun, "10:09")]
    assert prompts(*lines) == [TEN, TEN + timedelta(minutes=9)]


def test_prompts_where_no_turn_is_told() -> None:
    """In old versions, each message of the person begins a turn."""
    said = [event("user_message", clock) for clock in ("10:00", "10:05")]
    assert prompts(meta(1), *said) == [TEN, TEN + timedelta(minutes=5)]


def test_no_turn_of_the_person() -> None:
    """Threads that agents start, and what a fork replays, begin no turn."""
    begun = event("task_started")
    assert prompts(homes.subagent_meta(1, 2), begun) == []
    assert prompts(meta(1, source={"subagent": "review"}), begun) == []
    assert prompts(meta(1), meta(2), begun, event("task_started", "10:30")) == [
        TEN + timedelta(minutes=30)
    ]


# --- what a session is doing ---------------------------------------------------------


def call(name: str, arguments: Any = None, **more: Any) -> homes.Line:
    given = homes.packed(arguments).decode()
    found = {"type": "function_call", "name": name, "arguments": given, **more}
    return homes.codex("response_item", found)


STARTED = event("task_started", turn_id="turn-a")
PATCH = {"type": "custom_tool_call", "name": "apply_patch"}


@pytest.mark.parametrize(
    ("lines", "turn_of", "doing"),
    [
        ([STARTED], "agent", ""),
        ([STARTED, event("task_complete")], "person", ""),
        ([STARTED, event("turn_aborted")], "person", ""),
        (
            [call("exec_command", {"cmd": "git status"})],
            "agent",
            "exec_command git status",
        ),
        ([call("shell", {"command": ["bash", "-lc", "ls -a"]})], "agent", "shell ls"),
        ([call("shell", {"command": ["rg", "word"]})], "agent", "shell rg"),
        (
            [
                homes.codex(
                    "response_item",
                    {**PATCH, "input": "*** Begin\n*** Update File: /w/a.py\n+secret"},
                )
            ],
            "agent",
            "apply_patch a.py",
        ),
        ([call("shell", {"command": ["ls"]}), event("task_complete")], "person", ""),
        (
            [
                call("one", {}),
                event("task_complete"),
                call("two", {}),
                count(FIRST, FIRST),
            ],
            "agent",
            "two",
        ),
        (
            [
                call("one", {}),
                b'{"type":"response_item","payload":{"type":"function_call"',
            ],
            "agent",
            "one",
        ),
    ],
    ids=[
        "turn began",
        "turn ended",
        "interrupted",
        "command",
        "shell",
        "words",
        "patch",
        "call, then end",
        "call after the end",
        "damaged call",
    ],
)
def test_turn(lines: list[Any], turn_of: str, doing: str) -> None:
    """The newest events and calls tell whose move it is and what is being done."""
    _, trail = read(meta(1), *lines)
    assert (trail.turn, trail.doing) == (turn_of, doing)


def test_trail_of_a_session() -> None:
    """Title, place, context size and model are those last stated."""
    named = event("thread_name_updated", thread_name="Talk")
    _, trail = read(meta(1), turn("turn-a"), count(FIRST, FIRST), named)
    assert (trail.title, trail.project, trail.branch) == ("Talk", "/home/dev/w", "main")
    assert (trail.model, trail.context_window) == ("gpt-5.5", 258400)
    assert (trail.session_id, trail.own_id) == (homes.thread(1), homes.thread(1))


# --- files and damage ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "owned"),
    [
        (homes.rollout(1), True),
        (homes.rollout(1, archived=True), True),
        (f"{homes.rollout(1)}.zst", True),
        ("sessions/notes.md", False),
        ("sessions/1.json", False),
    ],
)
def test_files(path: str, owned: bool) -> None:
    """Rollouts are read wherever they were moved, plain or compressed."""
    assert AGENTS["codex"].owns(path) == owned


@pytest.mark.parametrize("path", [homes.rollout(1), f"{homes.rollout(1)}.zst"])
def test_name_tells_the_session(path: str) -> None:
    """Before any line is read the file's name tells its thread."""
    assert codex.trail(path).session_id == homes.thread(1)


@pytest.mark.parametrize(
    ("line", "skipped", "unknown"),
    [
        (b"{", {"not json": 1}, {}),
        (b"\0" * 50, {"not json": 1}, {}),
        (b"", {}, {}),
        (b"[]", {"shape": 1}, {}),
        ({"type": "event_msg", "payload": {}}, {"no time": 1}, {}),
        (homes.codex("brand_new", {}), {}, {"brand_new": 1}),
        (
            homes.codex("token_usage_record", {"usage": homes.six(FIRST)}),
            {"no id": 1},
            {},
        ),
    ],
    ids=["half", "NUL", "empty", "list", "no time", "unknown", "no id"],
)
def test_damaged_lines(line: Any, skipped: Any, unknown: Any) -> None:
    """A line that cannot be used is counted by its reason."""
    facts, _ = read(meta(1), line)
    assert (facts.lines, facts.skipped, facts.unknown) == (2, skipped, unknown)


def test_lone_surrogate_loses_nothing() -> None:
    """A request beside text cut inside a character is read."""
    line = homes.packed(count(FIRST, FIRST)).replace(b'"info"', b'"x":"\\ud83d","info"')
    assert len(read(meta(1), line)[0].sightings) == 1


def test_glued_objects_are_both_read() -> None:
    """Two objects on one physical line are two."""
    line = homes.packed(count(FIRST, FIRST)) + homes.packed(count(SUM2, SECOND))
    assert len(read(meta(1), line)[0].sightings) == 2


def test_spaced_json(tmp_path: Path) -> None:
    """Lines that another program wrote again, with spaces, are read alike."""
    spaced = homes.fork(2, 1, "11:00").replace(b'":', b'": ').replace(b',"', b', "')
    assert total(counted(tmp_path, t1=PARENT, t2=spaced)) == TWO + OWN
