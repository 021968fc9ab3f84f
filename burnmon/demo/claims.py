"""What claims the money of the recorded days: commits, and ends without one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from hashlib import sha1

from msgspec import Struct

from burnmon.day import Grade, Reason, State
from burnmon.demo import script
from burnmon.demo.script import (
    API,
    BILLING,
    DOCS,
    INFRA,
    LAB,
    MOBILE,
    PARTS,
    TODAY,
    WEB,
    Part,
)


class Made(Struct, frozen=True):
    """A commit, as the script has it."""

    part: Part
    clock: str
    subject: str
    reference: str = ""
    lines: tuple[int, int, int] = (0, 0, 0)
    """Added, removed, and added by the session."""
    grade: Grade | None = "exact"
    state: State = "on_main"
    state_words: str = ""
    files: tuple[str, ...] = ()

    @property
    def sha(self) -> str:
        """A name that looks like git's own and is the same every time."""
        seed = f"{self.part.session_id} {self.clock} {self.subject}"
        return sha1(seed.encode(), usedforsecurity=False).hexdigest()

    @property
    def at(self) -> datetime:
        """When it was made."""
        return script.instant(self.clock, self.part.days_ago)


class Left(Struct, frozen=True):
    """Money that no commit claims, up to a time of the day."""

    part: Part
    clock: str
    reason: Reason
    files: tuple[str, ...] = ()

    @property
    def at(self) -> datetime:
        """Up to when it counts."""
        return script.instant(self.clock, self.part.days_ago)


Claim = Made | Left

_PLAN: tuple[Claim, ...] = (
    Made(
        API,
        "09:47",
        "refactor: one reader for both kinds of limits",
        lines=(88, 120, 63),
        grade="likely",
        state="reverted",
        state_words="reverted by 3c41f0a",
        files=("limits.py", "readers.py"),
    ),
    Made(
        API,
        "11:12",
        "feat: forecast band",
        "#398",
        (410, 92, 406),
        files=("forecast.py", "tests/test_forecast.py", "limits.py"),
    ),
    Made(
        API,
        "13:44",
        "test: windows that end at midnight",
        "#398",
        (164, 8, 164),
        files=("tests/test_limits.py",),
    ),
    Made(
        API,
        "14:26",
        "fix: merge stale limit echoes",
        "#412",
        (120, 14, 115),
        state="not_merged",
        state_words="on feat/limits only",
        files=("limits.py", "tests/test_limits.py"),
    ),
    Left(API, "23:59", "uncommitted", ("limits.py", "tests/test_limits.py")),
    Made(WEB, "09:55", "feat: the cart keeps its lines", "#401", (212, 35, 190)),
    Made(WEB, "11:44", "fix: totals after a coupon", "#401", (47, 12, 47)),
    Made(WEB, "13:05", "chore: release 4.2", lines=(2, 2, 0), grade=None),
    Left(WEB, "14:15", "discarded"),
    Made(
        WEB,
        "14:32:51",
        "fix: an empty cart has no total",
        "#401",
        (19, 4, 19),
        files=("cart.ts", "cart.test.ts"),
    ),
    Left(WEB, "23:59", "no_edits"),
    Made(INFRA, "11:52", "move two runners to the new pool", "ENT-108", (61, 44, 61)),
    Left(INFRA, "13:51", "no_edits"),
    Left(INFRA, "23:59", "uncommitted", ("main.tf", "pool.tf", "runners.tf")),
    Left(LAB, "23:59", "no_repo"),
    Made(
        DOCS,
        "10:08",
        "docs: the guide, rewritten",
        lines=(530, 498, 371),
        grade="likely",
        files=("guide.md", "index.md"),
    ),
    Left(DOCS, "23:59", "no_edits"),
    Made(BILLING, "12:18", "fix: cents that do not add up", "#77", (33, 9, 33)),
    Left(BILLING, "23:59", "no_edits"),
    Left(MOBILE, "23:59", "uncommitted", ("Queue.kt",)),
)
_EARLIER = (
    "feat: windows of every account",
    "fix: the basket survives a reload",
    "refactor: fewer kinds of rows",
    "test: what happens over midnight",
    "fix: one more rounding",
)


def claims_of(day: date) -> Iterable[Claim]:
    """What claims the money of a day, by session and time."""
    if day == TODAY:
        yield from _PLAN
    for part in PARTS:
        if part.days_ago and TODAY - timedelta(days=part.days_ago) == day:
            for place, stint in enumerate(part.stints):
                seed = part.days_ago + 2 * place + len(part.project)
                lines = (40 + 37 * seed % 190, 11 * seed % 60, 38 + 37 * seed % 190)
                subject = _EARLIER[seed % len(_EARLIER)]
                yield Made(part, stint.end, subject, f"#{380 + seed}", lines)
