"""The recorded day shows every state, and the README tells what is there."""

from __future__ import annotations

import re
import socket
import sys
import threading
import tomllib
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict, replace

from burnmon import alert_settings, demo
from burnmon.cli.commands import COMMANDS
from burnmon.config import KEYS
from burnmon.day import GROUPS, Day, DayAnswer, Refused, Spent
from burnmon.frame import View, draw, once, rests_on
from burnmon.frame.view import with_latest
from burnmon.live.snapshot import Event, LimitRow, SessionRow, Snapshot
from burnmon.tui.keys import BINDINGS, DAY_BINDINGS, WHY_BINDINGS
from burnmon.why import Why, WhyAnswer

README = Path(__file__).parent.parent / "README.md"
KEY_NAMES = {
    "slash": "/",
    "question_mark": "?",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "escape": "esc",
}
"""Keys that the README writes as they stand on the keyboard."""


@pytest.fixture(scope="module")
def shown() -> Snapshot:
    """The instant at which the demo begins."""
    return demo.snapshot()


def row(snapshot: Snapshot, project: str) -> SessionRow:
    """The newest session of a project."""
    return next(each for each in snapshot.sessions if each.project == project)


def limit(snapshot: Snapshot, label: str) -> LimitRow:
    """The window of this name."""
    return next(each for each in snapshot.limits if each.label == label)


def after(seconds: float) -> Snapshot:
    """The demo, so many seconds later."""
    return demo.snapshot(demo.START + timedelta(seconds=seconds))


def test_clock(shown: Snapshot) -> None:
    """It is 14:32:07 on a Tuesday in Berlin, whatever the machine's clock says."""
    assert "14:32:07" in once(shown, 120, 36).splitlines()[0]
    assert (shown.zone, shown.now.weekday()) == ("Europe/Berlin", 1)


def test_session_states(shown: Snapshot) -> None:
    """Sessions burn, wait for their person and idle."""
    states = {each.project: each.state for each in shown.sessions}
    assert states["api"] == states["web"] == "burning"
    assert states["infra"] == states["lab"] == "waiting"
    assert states["docs"] == states["billing"] == "idle"


def test_subagents(shown: Snapshot) -> None:
    """A burning session has sub-agents at work, and says what it does itself."""
    api = row(shown, "api")
    assert api.subagents == 3
    assert api.doing
    assert api.cost_per_minute
    assert api.cost_per_minute > 0


def test_spark_has_a_shape(shown: Snapshot) -> None:
    """The pace of the last half hour rises and falls."""
    spark = row(shown, "api").spark
    assert len({round(each, 2) for each in spark}) > 5


def test_caches(shown: Snapshot) -> None:
    """One cache lives an hour, one five minutes, one is cold and has its price."""
    left = {
        each.project: each.cache.warm_until - shown.now
        for each in shown.sessions
        if each.cache is not None
    }
    assert timedelta(minutes=58) < left["api"] <= timedelta(hours=1)
    assert timedelta(minutes=4) < left["web"] <= timedelta(minutes=5)
    assert left["docs"] < timedelta(0)
    docs = row(shown, "docs").cache
    assert docs is not None
    assert docs.rebuild_cost
    assert row(shown, "infra").cache is None


def test_unpriced(shown: Snapshot) -> None:
    """One model has no price, and no figure pretends that it has."""
    lab = row(shown, "lab")
    assert lab.cost is None
    assert lab.unpriced_requests == lab.requests > 0
    assert shown.unpriced_models == ("acme-large",)
    assert shown.burn.unpriced_today == lab.requests


def test_limits(shown: Snapshot) -> None:
    """A 5h window is to be watched, a 7d one runs out and binds, one has just reset."""
    five, week = limit(shown, "Claude 5h").window, limit(shown, "Claude 7d").window
    assert (five.used, five.verdict, five.binding) == (0.44, "watch", False)
    assert (week.used, week.verdict, week.binding) == (0.82, "runs_out", True)
    assert shown.answer_level == "alarm"
    fresh = limit(shown, "Codex 5h").window
    assert (fresh.used, fresh.reason) == (None, "reset since the last reading")


def test_estimates(shown: Snapshot) -> None:
    """What was spent since the last statement is estimated, and what it leaves."""
    five, week = limit(shown, "Claude 5h"), limit(shown, "Claude 7d")
    assert five.window.live == pytest.approx(0.011, abs=0.002)
    assert re.fullmatch(r"≈ \d+ more turns like the last \d+", week.headroom[0])
    assert re.fullmatch(r"≈ 1 h \d\d at this rate", week.headroom[1])
    whatever = [line for line in row(shown, "api").explain if line.startswith("what")]
    assert re.fullmatch(
        r"what if: it stopped: Claude 5h lasts ≈ [\d hm]+ → past the reset", whatever[0]
    )


def test_budget(shown: Snapshot) -> None:
    """Sam's budget of the day holds, and a model without a price makes it a bound."""
    budget = limit(shown, "Budget day").window
    assert budget.allowance == Decimal(75)
    assert budget.verdict == "safe"
    assert budget.spent == shown.burn.cost_today
    assert budget.unpriced == shown.burn.unpriced_today


def test_forecasts_learn_from_past_windows(shown: Snapshot) -> None:
    """Every known window has earlier ones to be judged by."""
    known = [each.window for each in shown.limits if each.window.used is not None]
    assert len(known) == 4
    for window in known:
        assert window.forecast is not None
        assert window.forecast.method.endswith("past windows")


def test_chart_climbs_like_work(shown: Snapshot) -> None:
    """The five hours' burn-up rises in steps and rests over lunch."""
    chart = next(each for each in shown.charts if each.title == "Claude 5h")
    shares = [share for _, share in chart.points]
    assert shares == sorted(shares)
    pauses = [
        later[0] - sooner[0]
        for sooner, later in zip(chart.points, chart.points[1:], strict=False)
    ]
    assert max(pauses) > timedelta(minutes=30)
    assert len(shares) > 20


def test_events(shown: Snapshot) -> None:
    """A compaction, a refusal and a limit reached are among the events."""
    words = " / ".join(event.text for event in shown.events)
    for piece in ("compacted at 155 k", "another model took over", "limit reached"):
        assert piece in words
    assert {event.level for event in shown.events} == {"note", "warning", "alarm"}


def test_today(shown: Snapshot) -> None:
    """The day costs dollars, most of its prompt tokens come from caches."""
    assert shown.burn.cost_today
    assert 10 < shown.burn.cost_today < 50
    assert shown.burn.cache_read_share
    assert 0.9 < shown.burn.cache_read_share < 1


def test_minutes_pass() -> None:
    """Within two minutes a session ends its turn, one resumes, one begins."""
    turned = after(60)
    assert row(turned, "web").state == "waiting"
    assert row(turned, "infra").state == "burning"
    assert limit(turned, "Codex 5h").window.used is not None
    newest = after(100).events[0]
    assert newest == Event(newest.at, "note", newest.text, "mobile")
    assert row(after(480), "api").context_tokens < 50_000  # type: ignore[operator]  # it made requests


def test_ends_calmly() -> None:
    """After an hour all work is done, and the demo still stands."""
    late = after(3 * 3600)
    assert {each.state for each in late.sessions} == {"idle"}
    assert not late.burn.cost_per_minute


def asked(wish: date | str) -> DayAnswer:
    """What the demo answers for a day."""
    found: list[DayAnswer] = []
    demo.ask_day(wish, found.append)
    (answer,) = found
    return answer


@pytest.mark.parametrize("ago", range(9))
def test_every_day_adds_up(ago: int) -> None:
    """Commits and rests of every recorded day are the whole of it, to the digit."""
    day = asked(f"{ago}d")
    assert isinstance(day, Day)
    assert day.adds_up
    for groups in day.groups.values():
        assert sum(each.spent.cost for each in groups) == day.spent.cost
    assert len(day.groups) == len(GROUPS)


def test_shipped_day(shown: Snapshot) -> None:
    """Today's day has every kind of end that money can come to, and Burn's sum."""
    day = asked("today")
    assert isinstance(day, Day)
    assert f"{day.spent.cost:.2f}" == f"{shown.burn.cost_today:.2f}"
    assert day.spent.unpriced == shown.burn.unpriced_today
    assert {each.state for each in day.commits} == {
        "on_main",
        "not_merged",
        "reverted",
    }
    assert {each.grade for each in day.commits} == {"exact", "likely", None}
    assert {each.reason for each in day.rests} == {
        "uncommitted",
        "discarded",
        "no_edits",
        "no_repo",
    }


def test_shipped_today_only() -> None:
    """Words that name no day are refused, and a day to come is empty."""
    assert isinstance(asked("soon"), Refused)
    later = asked("2030-01-01")
    assert isinstance(later, Day)
    assert later.spent == Spent()


def test_a_commit_appears(shown: Snapshot) -> None:
    """Within a minute a commit is made, and costs what its session spent for it."""
    before, after_it = shown.commits, after(60).commits
    assert after_it[1:] == before
    assert after_it[0].subject == "fix: an empty cart has no total"
    assert after_it[0].cost


def explained(session_id: str) -> WhyAnswer:
    """What the demo answers for a session."""
    found: list[WhyAnswer] = []
    demo.Player().ask_why(session_id, found.append)
    (answer,) = found
    return answer


def test_sessions_explained(shown: Snapshot) -> None:
    """Parts, and turns, of every session add up to what Burn shows, to the digit."""
    for session in shown.sessions:
        why = explained(session.session_id)
        assert isinstance(why, Why)
        assert why.adds_up
        assert why.turns
        assert why.requests == session.requests
        assert why.unpriced == session.unpriced_requests
        assert why.parts.cost == (session.cost or 0)


def test_causes_of_the_demo(shown: Snapshot) -> None:
    """One session has a cause in its sub-agents, one in a cold cache, one has none."""
    why = {each.project: explained(each.session_id) for each in shown.sessions}
    kinds = {
        project: [cause.kind for cause in each.causes]
        for project, each in why.items()
        if isinstance(each, Why)
    }
    assert kinds["api"] == ["fan_out"]
    assert kinds["billing"] == ["cold_cache"]
    assert kinds["web"] == []


def test_no_such_session() -> None:
    """A session that was not recorded is refused."""
    assert isinstance(explained("nosuch"), Refused)


def test_a_session_is_kept_fresh() -> None:
    """A session is explained anew with every snapshot, until nobody asks."""
    player, answers = demo.Player(), list[WhyAnswer]()
    second = threading.Event()
    player.ask_why(demo.snapshot().sessions[0].session_id, answers.append)
    stop = player.feed(lambda snapshot: second.set())
    assert second.wait(20)
    stop()
    assert len(answers) > 1
    player.ask_why(None, answers.append)
    told = len(answers)
    player.feed(lambda snapshot: None)()
    assert len(answers) == told


def test_deterministic(shown: Snapshot) -> None:
    """Two machines at the same instant show the same picture."""
    again = demo.snapshot()
    assert once(again, 160, 45) == once(shown, 160, 45)
    assert list(map(asdict, again.sessions)) == list(map(asdict, shown.sessions))


def test_playing_equals_jumping() -> None:
    """Second by second or in one step, the figures are the same."""
    recording = demo.Recording()
    for seconds in range(0, 181, 20):
        played = recording.at(demo.START + timedelta(seconds=seconds))
    assert once(played, 160, 45) == once(after(180), 160, 45)


def test_reads_nothing_but_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file but the price table is opened, and no socket."""
    opened: list[str] = []
    watching = [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in ("open", "socket.connect", "os.listdir"):
            opened.append(str(arguments[0]))

    monkeypatch.setattr(socket, "socket", None)
    sys.addaudithook(hook)
    demo.snapshot()
    watching.clear()
    expected = re.compile(r"prices\.json$|zoneinfo|tzdata|\.pyc?$|__pycache__")
    assert [path for path in opened if not expected.search(path)] == []


def test_feed() -> None:
    """The feed posts at once, from its own thread, and stops when it is told to."""
    posted: list[tuple[Snapshot, str]] = []
    first = threading.Event()

    def post(snapshot: Snapshot) -> None:
        posted.append((snapshot, threading.current_thread().name))
        first.set()

    stop = demo.feed(post)
    assert first.wait(20)
    stop()
    assert posted[0][0].now == demo.START
    assert {name for _, name in posted} == {"demo"}
    assert "demo" not in {thread.name for thread in threading.enumerate()}


# --- the README ----------------------------------------------------------------------


def section(title: str) -> str:
    """A chapter of the README, without its heading."""
    return README.read_text("utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> str:
    """The first column of the tables in a text."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return "\n".join(line.split("|")[1] for line in rows[1:])


def test_readme_keys() -> None:
    """The README's table of keys names the keys there are, and no others."""
    told = re.findall(r"`([^`]+)`", first_cells(section("Keys")))
    keys = [key for binding in BINDINGS for key in binding.key.split(",")]
    assert sorted(told) == sorted(KEY_NAMES.get(key, key) for key in keys)


def test_readme_keys_of_the_day() -> None:
    """So does the table of the screen of a day."""
    table = section("Shipped").split("| key | does |")[1]
    told = re.findall(r"`([^`]+)`", first_cells(f"| key | does |{table}"))
    keys = [key for binding in DAY_BINDINGS for key in binding.key.split(",")]
    assert sorted(told) == sorted(KEY_NAMES.get(key, key) for key in keys)


def test_readme_keys_of_the_session() -> None:
    """So does the table of the screen of a session."""
    table = section("Session").split("| key | does |")[1]
    told = re.findall(r"`([^`]+)`", first_cells(f"| key | does |{table}"))
    keys = [key for binding in WHY_BINDINGS for key in binding.key.split(",")]
    assert sorted(told) == sorted(KEY_NAMES.get(key, key) for key in keys)


def test_readme_commands() -> None:
    """The README's table of commands names the commands there are, and no others."""
    told = re.findall(r"`burnmon ?([^`]*)`", first_cells(section("Commands")))
    assert sorted(told) == sorted(COMMANDS)


def test_readme_config_keys() -> None:
    """The README's example of a config file has every key."""
    example = section("Configuration").split("```toml")[1].split("```")[0]
    told = re.findall(r"^\[?(\w+)(?:\]| = )", example, re.MULTILINE)
    assert set(KEYS) <= set(told)


def test_readme_alert_keys() -> None:
    """The README's example of alerts has every key, and shows what is usual."""
    table = tomllib.loads(section("Alerts").split("```toml")[1].split("```")[0])
    shown = table["alerts"]
    assert list(shown) == list(alert_settings.KEYS)
    of_ones_own = {"quiet": "", "command": ""}
    assert alert_settings.alerts_of({**shown, **of_ones_own}) == alert_settings.USUAL


def test_readme_pictures() -> None:
    """Every picture of the README is there."""
    for path in re.findall(r"\]\(([^)]+\.png)\)", README.read_text("utf-8")):
        assert (README.parent / path).is_file(), path


def test_lines_are_the_same_while_what_they_rest_on_is() -> None:
    """The screen draws a part again only when that changes, in whatever second."""
    size, same = (120, 12), set[str]()
    before: dict[str, tuple[object, object]] = {}
    shown = demo.snapshot()
    a_day_ago = Event(demo.START - timedelta(days=0.99999), "note", "a day old", "api")
    shown = replace(shown, events=(a_day_ago, *shown.events[:3]), commits=())
    moments = [
        timedelta(milliseconds=70 * step) + timedelta(minutes=59) * (step // 40)
        for step in range(1200)
    ]
    for passed in moments:
        now = demo.START + passed
        scene = with_latest(None, replace(shown, now=now), View(pane="limits"))
        for part in ("answer", "limits", "burn", "sessions", "events"):
            rests, lines = rests_on(part, scene), draw(part, scene, size, low=False)
            if part in before and before[part][0] == rests:
                same.add(part)
                assert before[part][1] == lines, (part, passed)
            before[part] = rests, lines
    assert same == {"answer", "limits", "burn", "events"}
