"""The one line for a status bar, and the state file it is read from."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from example import NOW, ZONE, one_session, snapshot, unknown_limit
from hypothesis import given
from hypothesis import strategies as st

from burnmon.cli.status import fields, filled
from burnmon.errors import UsageError
from burnmon.live import status
from burnmon.records import BUDGET
from burnmon.text import cells

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = (
    "kind",
    "agent",
    "account",
    "window_minutes",
    "used_percent",
    "resets_at",
    "verdict",
    "exhausted_at",
    "binding",
)
STATES = st.fixed_dictionaries(
    {
        "windows": JSON
        | st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6)),
        "cost_per_minute_usd": JSON,
        "cost_today_usd": JSON,
    }
)


def window(label: str, used: float | None, verdict: str, **more: Any) -> dict[str, Any]:
    """A window of a state as it stands in the file."""
    resets_at = (NOW + timedelta(hours=2, minutes=28)).isoformat()
    agent, length = label.split()
    kind = {"5h": ("five_hour", 300), "7d": ("seven_day", 10080)}[length]
    given: dict[str, Any] = {
        "label": label,
        "agent": agent.lower(),
        "account": "",
    }
    given |= {"kind": kind[0], "window_minutes": kind[1]}
    given |= {"used_percent": used, "verdict": verdict}
    return {**given, "resets_at": resets_at, **more}


def state(*windows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A state of now with these windows."""
    return {"generated_at": NOW.isoformat(), "windows": list(windows), **more}


def running_out(label: str = "Claude 7d") -> dict[str, Any]:
    """A window that runs out on Thursday between eleven and seven in the evening."""
    first, last = NOW + timedelta(hours=44.5), NOW + timedelta(hours=52.5)
    return window(
        label,
        83,
        "runs_out",
        binding=True,
        resets_at=(NOW + timedelta(hours=54)).isoformat(),
        exhausted_at={"p10": first.isoformat(), "p90": last.isoformat()},
    )


def line(shown: dict[str, Any], width: int = 200) -> str:
    """The line for this state."""
    return status.status_line(shown, width, NOW, ZONE)


def test_line_says_windows_pace_and_cost() -> None:
    """The line reads short windows first, then the pace, then the cost of today."""
    shown = state(
        running_out(),
        window("Claude 5h", 61, "safe"),
        cost_per_minute_usd=0.42,
        cost_today_usd=12.84,
    )
    assert line(shown) == "5h 61% safe · 7d 83% out Thu 11–19h · $0.42/m · $12.84"


def test_two_agents_are_named_once_each() -> None:
    """With windows of several agents each agent is named before its first one."""
    shown = state(
        window("Claude 5h", 61, "safe"),
        window("Claude 7d", 12, "safe"),
        window("Codex 5h", 14, "watch"),
    )
    assert line(shown) == "Claude 5h 61% safe · 7d 12% safe · Codex 5h 14% watch"


def test_window_of_a_model_is_named() -> None:
    """A window for one model says which."""
    opus = window("Claude 7d", 40, "safe", kind="seven_day_opus")
    assert line(state(opus)) == "7d opus 40% safe"


def test_two_accounts_of_an_agent_are_told_apart() -> None:
    """Windows of two accounts carry the account's label."""
    work = window("Claude 5h", 90, "watch", account="work")
    shown = state(window("Claude 5h", 5, "safe"), work)
    assert line(shown) == "Claude 5h 5% safe · Claude work 5h 90% watch"


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (54, "5h 61% safe · 7d 83% out Thu 11–19h · $0.42/m · $12.84"),
        (53, "5h 61% safe · 7d 83% out Thu 11–19h · $0.42/m"),
        (40, "7d 83% out Thu 11–19h · $0.42/m"),
        (25, "7d 83% out Thu 11–19h"),
        (15, "7d 83% out"),
        (8, "7d 83%"),
    ],
)
def test_least_important_part_goes_first(width: int, expected: str) -> None:
    """What would stop the work stays longest and is shortened last."""
    shown = state(
        running_out(),
        window("Claude 5h", 61, "safe"),
        cost_per_minute_usd=0.42,
        cost_today_usd=12.84,
    )
    assert line(shown, width) == expected


def test_window_after_its_reset_is_unknown() -> None:
    """A window whose reset has passed shows no figure of the time before."""
    past = (NOW - timedelta(seconds=1)).isoformat()
    assert line(state(window("Claude 5h", 99, "watch", resets_at=past))) == "5h unknown"


def test_reached_window_says_until_when() -> None:
    """A limit that is reached names the time it is lifted."""
    shown = state(window("Claude 5h", 100, "reached"))
    assert line(shown) == "5h 100% reached, until 17:00"


def test_exhaustion_never_lies_in_the_past() -> None:
    """The range of exhaustion starts no earlier than now."""
    ends = {"p10": (NOW - timedelta(hours=2)).isoformat()}
    ends["p90"] = (NOW + timedelta(minutes=30)).isoformat()
    shown = state(window("Claude 5h", 97, "runs_out", exhausted_at=ends))
    assert line(shown) == "5h 97% out 14:32–15:02"


def test_unknown_figures_read_as_such() -> None:
    """Without a figure there is a word for it, never a zero."""
    assert line(state(window("Claude 5h", None, "unknown"))) == "5h unknown"
    assert line(state()) == "no figures yet"


@given(STATES, st.integers(min_value=1, max_value=120))
def test_any_state_fits(shown: dict[str, Any], width: int) -> None:
    """Whatever the state file holds, the line fits and is safe to print."""
    text = line(shown, width)
    assert cells(text) <= width
    assert text.isprintable() or not text


def test_written_state_is_read_again(tmp_path: Path) -> None:
    """What is written can be read, by the owner alone, and nothing is left beside."""
    file = tmp_path / "state" / "state.json"
    status.write_state(file, snapshot())
    status.write_state(file, one_session())
    read = status.read_state(file)
    assert read == status.state_of(one_session(), os.getpid())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_state_tells_nothing_of_the_work() -> None:
    """No title, project, path, branch or command of a session is in the state."""
    words = json.dumps(status.state_of(snapshot(), 1))
    for row in snapshot().sessions:
        for secret in (row.title, row.cwd, row.branch, row.doing, row.session_id):
            assert not secret or f'"{secret}"' not in words
            assert len(secret) < 5 or secret not in words


def test_state_counts_sessions() -> None:
    """The state counts who burns and who waits."""
    figures = status.state_of(snapshot(), 1)
    assert (figures["sessions_burning"], figures["sessions_waiting"]) == (2, 1)


def test_state_of_a_snapshot_makes_the_line() -> None:
    """The snapshot's windows, pace and cost arrive in the line."""
    shown = status.state_of(one_session(), 1)
    assert line(shown).startswith("5h 61% safe · $0.42/m")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b"[" * 99999, b'{"generated_at": "soon"}', b"null"],
    ids=["empty", "torn", "list", "bytes", "deep", "undated", "null"],
)
def test_damaged_state_is_none(tmp_path: Path, content: bytes) -> None:
    """A state file that cannot be read counts as none."""
    file = tmp_path / "state.json"
    file.write_bytes(content)
    assert status.read_state(file) is None


def test_missing_state_is_none(tmp_path: Path) -> None:
    """A state file that is not there counts as none."""
    assert status.read_state(tmp_path / "state.json") is None


@pytest.mark.parametrize(
    ("age", "pid", "current"),
    [
        (timedelta(seconds=14), 0, True),
        (timedelta(seconds=16), 0, False),
        (timedelta(seconds=60), os.getpid(), True),
        (timedelta(minutes=6), os.getpid(), False),
        (timedelta(hours=-1), os.getpid(), False),
    ],
    ids=["young", "old", "alive", "stopped", "future"],
)
def test_state_is_current(age: timedelta, pid: int, current: bool) -> None:
    """Figures count while they are young, or while their writer lives."""
    shown = {"generated_at": (NOW - age).isoformat(), "pid": pid}
    assert status.is_current(shown, NOW) is current


@pytest.mark.parametrize("pid", [None, True, "1", -1, 0, 2**80], ids=repr)
def test_odd_process_does_not_live(pid: object) -> None:
    """A process id that is none is no sign of life."""
    shown = {"generated_at": (NOW - timedelta(minutes=1)).isoformat(), "pid": pid}
    assert not status.is_current(shown, NOW)


def test_state_names_missing_limits() -> None:
    """Agents at work without a limit are in the state, with what helps."""
    (missing,) = status.state_of(unknown_limit(), 1)["missing"]
    assert (missing["agent"], missing["remedy"]) == ("claude", "burnmon connect claude")
    assert missing["reason"]


def test_template_fills_in_fields() -> None:
    """A template names figures of the binding window, the pace and the counts."""
    known = fields(status.state_of(snapshot(), 1), 80, NOW, ZONE)
    template = "{window} {used} {verdict} {resets} {pace} {today} {burning}/{waiting}"
    expected = "Claude 7d 83% out Thu 11–19h Thu 21:02 $0.42/m $12.84 2/1"
    assert filled(template, known) == expected
    assert filled("{used:>5}|{{}}", known) == "  83%|{}"


def test_template_says_what_is_not_known() -> None:
    """A field without a figure reads unknown."""
    known = fields({}, 80, datetime(2026, 1, 1, tzinfo=UTC), "UTC")
    assert filled("{used} {pace}", known) == "unknown unknown"


@pytest.mark.parametrize(
    "template", ["{uesd}", "{used.__class__}", "{", "{used:q}", "{0}", "{}"]
)
def test_unknown_field_is_refused(template: str) -> None:
    """A template that names no field, or is none, is refused."""
    with pytest.raises(UsageError, match="--format"):
        filled(template, {"used": "83%"})


def test_unknown_field_names_the_nearest() -> None:
    """The refusal lists the fields and names the nearest."""
    with pytest.raises(UsageError, match="known: used, today; did you mean 'used'"):
        filled("{uesd}", {"used": "83%", "today": ""})


def test_budgets_come_last_and_are_named() -> None:
    """Budgets of one's own follow the limits; an only agent needs no name beside."""
    day = window("Claude 5h", 86, "safe", agent="budget", kind="day")
    api = window("Claude 5h", 120, "reached", agent="budget", kind="day", account="api")
    shown = state(day, window("Claude 5h", 61, "safe"), api)
    expected = "5h 61% safe · Budget day 86% safe · Budget api day 120% over budget"
    assert line(shown) == expected


def test_budgets_have_one_name() -> None:
    """The state, which loads no records, names budgets as they do."""
    assert status.BUDGET == BUDGET


def test_state_has_the_live_estimate() -> None:
    """The state tells what is presumably used by now, or null where nobody knows."""
    windows = status.state_of(snapshot(), 0)["windows"]
    told = {each["label"]: each["used_percent_live"] for each in windows}
    assert told["Claude 5h"] == 62.4
    assert told["Codex 5h"] is None
