"""The answer: which limit stops the work first and when, in one sentence.

Pure. The same words tell of a window in an alert.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from burnmon import text
from burnmon.live.snapshot import LimitRow, Snapshot
from burnmon.records import BUDGET, Credits, Window
from burnmon.usage.headroom import extra_words

Level = Literal["calm", "attention", "alarm", "unknown"]


def answer(snapshot: Snapshot) -> tuple[str, Level]:
    """The first line of a snapshot that has none yet, and how loudly it is said."""
    limits, rows = snapshot.limits, snapshot.sessions
    said = [(_urgency(row.window), about(row, snapshot)) for row in _telling(limits)]
    said.sort(key=lambda each: -each[0])
    words = [sentence for _, sentence in said]
    words += [f"{each.label} limits unknown" for each in snapshot.missing]
    burning = sum(row.state == "burning" for row in rows)
    unknown = [row for row in limits if row.window.used is None]
    if rows and unknown and not said:
        words.append(f"{unknown[0].label} unknown: {unknown[0].window.reason}")
    if not words:
        words.append("no limit stated" if rows else "nothing is burning")
    if burning and len(words) < 3:
        pace = text.rate(snapshot.burn.cost_per_minute)
        words.append(f"{burning} burning at {pace}")
    level: Level = "unknown" if not said else _LEVELS[said[0][0]]
    return " · ".join(words), level


def _telling(limits: Sequence[LimitRow]) -> Iterator[LimitRow]:
    """The window that binds, and the next to reset: is the work stopped, and soon?

    A budget is worth saying once it does not last.
    """
    seen = set()
    for row in limits:
        window = row.window
        if window.agent == BUDGET:
            if window.verdict in ("runs_out", "reached"):
                yield row
            continue
        if window.used is None:
            continue
        account = (window.agent, window.account)
        # Rows come binding first, then by length: the second one resets the soonest.
        if window.binding or (account, "next") not in seen:
            if not window.binding:
                seen.add((account, "next"))
            yield row


_LEVELS: dict[int, Level] = {
    0: "unknown",
    1: "calm",
    2: "attention",
    3: "alarm",
    4: "alarm",
}
_URGENCY = {"unknown": 0, "safe": 1, "watch": 2, "runs_out": 3, "reached": 4}


def _urgency(window: Window) -> int:
    # Who passes a budget is not stopped.
    return _URGENCY[window.verdict] - (window.agent == BUDGET)


def about(row: LimitRow, snapshot: Snapshot) -> str:
    """What is to be expected of a window, behind its label."""
    window, zone, now = row.window, snapshot.zone, snapshot.now
    resets = "" if window.resets_at is None else text.clock(window.resets_at, zone, now)
    forecast = window.forecast
    if window.verdict == "reached":
        return f"{row.label} {_reached(window, snapshot, resets)}"
    if window.verdict == "runs_out" and forecast and forecast.exhausted_at:
        first, _, last = forecast.exhausted_at
        return f"{row.label} runs out {text.clock_range(first, last, zone, now)}"
    if window.verdict == "watch" and forecast:
        chance = text.share(forecast.exhaustion_probability)
        return f"{row.label} {chance} likely to run out before {resets}"
    if window.verdict == "safe":
        return f"{row.label} safe until {resets}"
    return f"{row.label} {text.share(window.used)} used, resets {resets}"


def _reached(window: Window, snapshot: Snapshot, resets: str) -> str:
    """That a window is full, and what the work costs that goes on all the same."""
    if window.agent == BUDGET:
        return f"over budget: {text.out_of(window.spent, window.allowance)}"
    extra = extra_words(window, snapshot.zone, snapshot.now)
    if not extra:
        return f"reached, resets {resets}"
    said = ["reached", f"on extra usage: {extra}"]
    stated = _credits(window, snapshot)
    if stated is not None:
        said.append(f"{text.out_of(stated.spent, stated.allowance)} credits used")
    # Phrases of their own: a narrow screen leaves out the last ones.
    return " · ".join([*said, f"resets {resets}"])


def _credits(window: Window, snapshot: Snapshot) -> Credits | None:
    """The account's credits, if they were stated since work goes on at extra cost."""
    account = (window.agent, window.account)
    for each in snapshot.credits:
        stated_since = window.extra and each.observed_at >= window.extra.since
        if (each.agent, each.account) == account and stated_since:
            return each
    return None
