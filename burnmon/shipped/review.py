"""A day, as a value: its commits with what they cost, and what is in no commit.

Pure. A day is cut on the wall clock of a zone, by the time of each request, so a
session over midnight is in two days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from burnmon.day import GROUPS, Asked, Day, Group, total
from burnmon.records import Request
from burnmon.shipped.allocation import Charge
from burnmon.shipped.issues import issue_of
from burnmon.shipped.reckoning import Known, Reckoning
from burnmon.work import Edit


def bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """The first instant of a day on a zone's clock, and of the day after."""
    there = ZoneInfo(zone)
    days = (day, day + timedelta(days=1))
    start, end = (datetime.combine(each, time(), there) for each in days)
    return start.astimezone(UTC), end.astimezone(UTC)


def review(day: date, zone: str, known: Known) -> Day:
    """The day's review."""
    start, end = bounds(day, zone)
    reckoning = Reckoning(known)
    today = reckoning.during(start, end)
    groups = _Groups(reckoning, ZoneInfo(zone), today)
    return Day(
        day,
        zone,
        total(each.spent for each in today),
        tuple(reckoning.rows(start, end)),
        tuple(reckoning.rests(start, end)),
        {kind: tuple(groups.by(kind)) for kind in GROUPS},
        _asked((each for some in known.edits.values() for each in some), start, end),
        _cache_read(today),
        notes=known.notes,
    )


class _Groups:
    """The charges of a day, cut in several ways."""

    def __init__(
        self, reckoning: Reckoning, there: ZoneInfo, today: Sequence[Charge]
    ) -> None:
        self._reckoning = reckoning
        self._there = there
        self._today = today

    def by(self, kind: str) -> list[Group]:
        """Groups of one kind: hours in order, others with most money first."""
        members: dict[str, list[Charge]] = defaultdict(list)
        for charge in self._today:
            members[self._group(kind, charge)].append(charge)
        groups = [self._grouped(key, charges) for key, charges in members.items()]
        if kind == "hour":
            return sorted(groups, key=lambda each: each.key)
        return sorted(groups, key=lambda each: (-each.spent.cost, each.key))

    def _group(self, kind: str, charge: Charge) -> str:
        request = charge.request
        if kind == "model":
            return request.model
        if kind == "hour":
            return f"{request.at.astimezone(self._there):%H:00}"
        if kind == "project":
            return self._reckoning.known.place(request.project) or request.project
        if kind == "branch":
            return self._branch(request)
        return issue_of(self._reckoning, charge)

    def _branch(self, request: Request) -> str:
        """A branch; with its repository where there are several."""
        known = self._reckoning.known
        place = known.place(request.project) if len(known.repos) > 1 else ""
        name = place.rstrip("/").rpartition("/")[2]
        return f"{name} {request.branch}" if name and request.branch else request.branch

    def _grouped(self, key: str, charges: Sequence[Charge]) -> Group:
        changes = {self._reckoning.key_of(each) for each in charges}
        made = [self._reckoning.made_at(each) for each in changes if each is not None]
        took = None
        if made:
            began = min(each.request.at for each in charges)
            took = max(timedelta(0), max(made) - began)
        return Group(key, total(each.spent for each in charges), len(made), took)


def _asked(edits: Iterable[Edit], start: datetime, end: datetime) -> Asked:
    """How often a day's edits were carried out."""
    first, last = start.timestamp() * 1000, end.timestamp() * 1000
    outcomes = [each.outcome for each in edits if first <= each.at < last]
    return Asked(
        outcomes.count("accepted"),
        outcomes.count("rejected"),
        outcomes.count("failed"),
    )


def _cache_read(today: Sequence[Charge]) -> float | None:
    """Share of a day's input that was read from a cache; each request once."""
    asked = {each.request.key: each.request.usage for each in today}
    prompt = sum(usage.prompt for usage in asked.values())
    cached = sum(usage.cache_read for usage in asked.values())
    return cached / prompt if prompt else None
