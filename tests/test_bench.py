"""The benchmark scales sessions without losing any, and counts delays right."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bench
import bench_homes
import bench_probe
import homes

LINE = {
    "type": "assistant",
    "sessionId": "0f6c8a3e-1d2b-4c5d-8e9f-001122334455",
    "timestamp": "2026-11-20T10:00:00.123Z",
    "requestId": "req_011CabcdefghijKL",
    "message": {"id": "msg_01abcdefghijKLMN", "model": homes.OPUS, "content": "x"},
    "rate_limits": {"primary": {"resets_at": 1763640000}},
}


def test_copy_has_ids_and_times_of_its_own() -> None:
    """Ids and times of a copy differ, its size and all else do not."""
    raw = homes.packed(LINE)
    same, other = (
        bench_homes.rewriter(n, timedelta(days=2, seconds=3))(raw) for n in (0, 1)
    )
    kept, made = json.loads(same), json.loads(other)
    assert len(same) == len(other) == len(raw)
    assert kept["sessionId"] == LINE["sessionId"] != made["sessionId"]
    assert made["requestId"] != LINE["requestId"]
    assert made["message"]["id"] != kept["message"]["id"]
    assert made["timestamp"] == "2026-11-22T10:00:03.123Z"
    assert made["rate_limits"]["primary"]["resets_at"] == 1763640000 + 2 * 86400 + 3
    assert made["message"]["model"] == homes.OPUS


def test_rollout_of_a_copy_is_filed_under_its_day() -> None:
    """The file of a moved rollout is in the directory of the day in its name."""
    name = "rollout-2026-07-31T23-59-59-019f36b8-7808-7b53-b256-85144c802798.jsonl"
    source = bench_homes.Source("codex", "", f"sessions/2026/07/31/{name}")
    rewrite = bench_homes.rewriter(0, timedelta(seconds=2))
    place = bench_homes.place_of(source, 0, rewrite)
    assert place.startswith("sessions/2026/08/01/rollout-2026-08-01T00-00-01-019f36b8")


def test_invented_home_is_read_as_it_was_made(tmp_path: Path) -> None:
    """An invented home has about its size, and every line of it is understood."""
    bench_homes.invent(tmp_path, 200_000, datetime(2026, 11, 20, tzinfo=UTC))
    files = list((tmp_path / "projects").rglob("*.jsonl"))
    assert 200_000 <= sum(each.stat().st_size for each in files) < 500_000
    for path in files:
        lines = path.read_bytes().splitlines()
        facts, _ = homes.read("claude", f"projects/p/{path.name}", *lines)
        assert len(facts.sightings) == len(lines) / 2
        assert not facts.skipped
        assert not facts.unknown


def test_delay_ends_when_the_screen_counts_the_line() -> None:
    """A line is seen once the screen counts it; one never counted is missed."""
    seen = [(1.0, 0.0), (1.2, 1.0), (1.9, 3.0)]
    assert bench_probe.delays([1.1, 1.3, 1.4], seen) == (
        (1.2 - 1.1, 1.9 - 1.3, 1.9 - 1.4),
        0,
    )
    assert bench_probe.delays([1.1, 1.3, 1.4, 1.5], seen)[1] == 1


def test_ratio_is_taken_inside_each_round() -> None:
    """A round in which everything was slow changes no ratio."""
    runs = [bench_probe.Run(wall, wall, 1, 0) for wall in (2.0, 20.0, 2.0)]
    base = [bench_probe.Run(wall, wall, 1, 0) for wall in (1.0, 10.0, 1.0)]
    assert bench_probe.ratio(runs, base) == 2
    assert bench_probe.quantile([3.0, 1.0, 2.0], 0.5) == 2


def test_table_says_which_goal_was_missed() -> None:
    """Each row is a line, and a goal that was missed stands out."""
    rows = [bench.Row("a", "≤ 1", "2", False), bench.Row("b", "", "3")]
    assert bench.table(rows)[2:] == ["| a | ≤ 1 | 2 | NO |", "| b |  | 3 |  |"]
