"""What happens on the recorded day: who works on what, from when to when.

Everything is invented. It is a Tuesday with a lunch break, after a week of work. The
times are those of a wall clock in Berlin; ``START`` is where the live demo sets in.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from burnmon.budget_settings import Budget
from burnmon.usage.usual import Usual

ZONE = "Europe/Berlin"
TODAY = date(2026, 11, 17)
START = datetime(2026, 11, 17, 13, 32, 7, tzinfo=UTC)
"""14:32:07 on the wall clock."""
SEED = 20261117

OPUS, SONNET = "claude-opus-5-5", "claude-sonnet-5-5"
HAIKU, SOL = "claude-haiku-5-5", "gpt-5.6-sol"
NOVEL = "acme-large"
"""A model that no price table names."""


def instant(clock: str, days_ago: int = 0) -> datetime:
    """The instant of a wall-clock time ``14:32`` or ``14:32:07``."""
    hour, minute, second = map(int, f"{clock}:00".split(":")[:3])
    local = datetime(
        TODAY.year, TODAY.month, TODAY.day, hour, minute, second, tzinfo=ZoneInfo(ZONE)
    )
    return (local - timedelta(days=days_ago)).astimezone(UTC)


class Stint(NamedTuple):
    """A stretch in which the agent has the move; outside of it the person has it."""

    begin: str
    end: str
    every: float
    """Seconds between two requests, on average."""
    context: int
    """Tokens of the conversation at its begin; less than before: it was compacted."""
    subagents: int = 0


class Part(Struct, frozen=True):
    """One session of the day."""

    project: str
    branch: str
    model: str
    title: str
    calls: tuple[str, ...]
    """Tool calls it takes turns with."""
    stints: tuple[Stint, ...]
    hourly: bool = False
    """It writes to the cache that lives an hour, not to the one of five minutes."""
    days_ago: int = 0

    @property
    def agent(self) -> str:
        """Which agent runs the model."""
        return "codex" if self.model == SOL else "claude"

    @property
    def session_id(self) -> str:
        """An id that looks like the agents' own and says what it is."""
        chance = Random(f"{SEED} {self.project} {self.days_ago}")
        return f"{chance.getrandbits(32):08x}-demo-{self.project}"


API = Part(
    "api",
    "feat/limits",
    OPUS,
    "Merge stale limit echoes",
    ("Bash pytest", "Read feeder.py", "Edit limits.py", "Grep", "Edit take.py"),
    (
        Stint("08:52", "09:31", 95, 21_000),
        Stint("09:36", "10:22", 80, 46_000, 1),
        Stint("10:48", "11:48", 75, 33_000, 2),
        Stint("12:01", "12:24", 50, 62_000, 2),
        Stint("13:11", "13:38", 60, 78_000, 2),
        Stint("13:44", "14:09", 45, 97_000, 3),
        Stint("14:14", "14:21", 55, 127_000),
        Stint("14:21", "14:26:30", 34, 132_000, 2),
        Stint("14:26:30", "14:38:20", 20, 138_000, 3),
        Stint("14:38:20", "14:44", 24, 34_000, 1),
        Stint("14:46", "15:32", 60, 48_000, 1),
    ),
    hourly=True,
)
WEB = Part(
    "web",
    "main",
    SONNET,
    "Checkout flow",
    ("Bash pytest", "Edit cart.ts", "Bash npm", "Read checkout.tsx"),
    (
        Stint("09:12", "09:58", 70, 18_000),
        Stint("11:02", "11:44", 60, 46_000),
        Stint("13:16", "14:02", 50, 71_000),
        Stint("14:06", "14:21", 40, 140_000),
        Stint("14:21", "14:25", 28, 38_000),
        Stint("14:25", "14:29:20", 13, 43_000),
        Stint("14:29:20", "14:32:51", 18, 56_000),
        Stint("14:33:58", "14:41", 20, 65_000),
        Stint("14:43", "15:24", 50, 78_000, 1),
    ),
)
INFRA = Part(
    "infra",
    "ent-108",
    SOL,
    "Move the runners",
    ("shell terraform", "apply_patch main.tf", "shell kubectl", "shell rg"),
    (
        Stint("09:34", "10:18", 75, 9_000),
        Stint("11:10", "11:52", 80, 16_000),
        Stint("13:22", "13:51", 70, 21_000),
        Stint("14:02", "14:28:44", 55, 27_000),
        Stint("14:32:36", "14:39", 14, 42_000),
        Stint("14:45", "15:20", 30, 56_000),
    ),
)
LAB = Part(
    "lab",
    "try/acme",
    NOVEL,
    "Compare two rankers",
    ("Bash python", "Write score.py"),
    (
        Stint("13:48", "14:02", 42, 14_000),
        Stint("14:11", "14:19:30", 35, 20_000),
        Stint("14:50", "15:05", 40, 24_000),
    ),
)
DOCS = Part(
    "docs",
    "main",
    HAIKU,
    "Rewrite the guide",
    ("Edit guide.md", "Read index.md", "Bash vale"),
    (
        Stint("08:58", "09:47", 40, 26_000),
        Stint("09:52", "10:09", 40, 31_000),
        Stint("12:58", "13:20", 30, 82_000),
        Stint("14:35:10", "14:42", 15, 105_000),
    ),
    hourly=True,
)
BILLING = Part(
    "billing",
    "fix/rounding",
    SONNET,
    "Cents that do not add up",
    ("Edit invoice.py", "Bash pytest", "Read ledger.py"),
    (
        Stint("10:02", "10:35", 45, 22_000),
        Stint("11:20", "11:46", 40, 52_000),
        Stint("12:03", "12:19", 40, 76_000),
    ),
)
MOBILE = Part(
    "mobile",
    "feat/offline",
    OPUS,
    "Queue writes while offline",
    ("Read Queue.kt", "Edit Queue.kt", "Bash gradlew", "Grep"),
    (
        Stint("14:33:24", "14:36:30", 22, 16_000),
        Stint("14:38", "15:12", 60, 24_000),
    ),
    hourly=True,
)

_EARLIER = (
    ("api", "feat/limits", OPUS, (("09:05", "11:50"), ("13:05", "14:25"))),
    ("web", "main", SONNET, (("09:30", "12:05"),)),
    ("infra", "ent-108", SOL, (("09:40", "11:40"), ("13:10", "14:10"))),
    ("search", "main", SONNET, (("11:00", "12:10"), ("15:05", "17:45"))),
    ("mobile", "feat/sync", OPUS, (("08:40", "10:00"), ("12:50", "14:20"))),
)
"""A working day before: project, branch, model and the stretches of work."""
_QUIET = (("search", "main", SONNET, (("16:20", "18:10"),)),)
"""A Sunday."""


def earlier(days: int) -> tuple[Part, ...]:
    """The sessions of the days before; Saturdays are free."""
    parts = []
    for ago in range(days, 0, -1):
        weekday = (TODAY - timedelta(days=ago)).weekday()
        plan = _EARLIER if weekday < 5 else _QUIET if weekday == 6 else ()
        for project, branch, model, hours in plan:
            stints = tuple(
                Stint(begin, end, 150 + 15 * (ago % 4), 26_000 + 9_000 * place, place)
                for place, (begin, end) in enumerate(hours)
            )
            title, calls = "Work of an earlier day", ("Edit main.py", "Bash pytest")
            parts.append(
                Part(project, branch, model, title, calls, stints, days_ago=ago)
            )
    return tuple(parts)


PARTS = (*earlier(7), API, WEB, INFRA, LAB, DOCS, BILLING, MOBILE)


class Moment(NamedTuple):
    """Something a session's file states besides requests."""

    clock: str
    part: Part
    kind: Literal["compacted", "limit", "retry", "refused"]
    detail: str = ""


MOMENTS = (
    Moment("09:52", DOCS, "compacted", "168412"),
    Moment("10:48", API, "compacted", "159080"),
    Moment("11:48", API, "limit", "five_hour"),
    Moment("13:44", API, "refused"),
    Moment("14:21", WEB, "compacted", "154730"),
    Moment("14:38:20", API, "compacted", "161540"),
)


class Circle(NamedTuple):
    """A call that a session makes again and again, without an edit in between."""

    part: Part
    tool: str
    target: str
    clocks: tuple[str, ...]


CIRCLES = (
    Circle(WEB, "Bash", "npm", ("14:30:58", "14:31:17", "14:31:36", "14:31:58")),
)
USUAL = Usual(Decimal("4.10"), 14, 5, "Tuesday afternoon")
"""What an hour like this comes to; the weeks before are not recorded."""


class Gauge(Struct, frozen=True):
    """A window whose use the vendor states with every answer of the agent."""

    agent: str
    kind: str
    minutes: int
    resets_at: datetime
    full: int
    """Output tokens that would fill it; vendors publish no such number, we invent."""
    source: str
    every: timedelta = timedelta(0)
    """The vendor's word is heard this seldom; in between, it is estimated."""
    past: tuple[tuple[float, float], ...] = ()
    """Earlier windows, the newest first: share used by now, and added after that."""

    @property
    def length(self) -> timedelta:
        """Its span."""
        return timedelta(minutes=self.minutes)

    @property
    def starts_at(self) -> datetime:
        """When it began."""
        return self.resets_at - self.length


SELDOM = timedelta(minutes=4)

GAUGES = (
    Gauge(
        "claude",
        "five_hour",
        300,
        instant("17:00"),
        1_250_000,
        "statusline",
        SELDOM,
        (
            (0.73, 0.27),
            (0.14, 0.34),
            (0.52, 0.02),
            (0.31, 0.11),
            (0.58, 0.04),
            (0.07, 0.27),
            (0.39, 0.21),
            (0.62, 0.0),
            (0.28, 0.45),
            (0.35, 0.08),
        ),
    ),
    Gauge(
        "claude",
        "seven_day",
        10_080,
        instant("21:00", -2),
        5_180_000,
        "statusline",
        SELDOM,
        (
            (0.71, 0.29),
            (0.46, 0.34),
            (0.74, 0.22),
            (0.38, 0.08),
            (0.63, 0.30),
            (0.69, 0.22),
            (0.52, 0.41),
            (0.61, 0.19),
        ),
    ),
    Gauge(
        "codex",
        "primary",
        300,
        instant("14:30:20"),
        870_000,
        "codex rollout",
        past=((0.11, 0.09), (0.20, 0.12), (0.08, 0.16), (0.17, 0.06), (0.13, 0.11)),
    ),
    Gauge("codex", "primary", 300, instant("19:32:36"), 870_000, "codex rollout"),
    Gauge(
        "codex",
        "secondary",
        10_080,
        instant("09:00", -5),
        1_575_000,
        "codex rollout",
        past=(
            (0.29, 0.20),
            (0.34, 0.16),
            (0.25, 0.27),
            (0.31, 0.09),
            (0.38, 0.22),
            (0.27, 0.12),
        ),
    ),
)
"""The limits of the day. Codex' five hours end a minute before ``START``: until its
next answer nobody knows what is used."""

BUDGETS = (Budget("day", 75.0),)
"""What Sam wants to spend at most."""
