"""What a screen may show, computed once per ``now``: the only value the screen knows.

Owns the shape of a snapshot. It refuses to read files, clocks or settings, and a
pane that draws it has nothing left to compute. Big values compare by identity.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from msgspec import Struct

from burnmon.day import Grade
from burnmon.records import Credits, SessionState, Window

SHOWN = timedelta(hours=24)
"""Sessions without a line for longer are left out."""


class Cache(Struct, frozen=True):
    """The prompt cache of one session."""

    warm_until: datetime
    """When the newest entry expires if nothing is sent before."""
    rebuild_cost: Decimal | None
    """What the next turn costs more if the cache is cold by then; None: unpriced."""


class SessionRow(Struct, frozen=True, eq=False):
    """One session, as a line of the Sessions pane; the same object while it says the
    same."""

    session_id: str
    agent: str
    project: str
    """Last part of the working directory."""
    cwd: str
    branch: str
    model: str
    """Model id as the vendor writes it; ``text.short_model`` shortens it."""
    title: str
    state: SessionState
    state_since: datetime
    """When the session entered its state, as far as the files tell."""
    cost_per_minute: Decimal | None
    """Dollars per minute over ``Burn.span``; None when a request has no price."""
    tokens_per_minute: float
    """Tokens per minute over ``Burn.span``, cache reads left out."""
    spark: tuple[float, ...]
    """Dollars per ``Snapshot.spark_step``, oldest first, the last one running."""
    cost: Decimal | None
    """Dollars of the whole session, sub-agents included; None: nothing priced."""
    unpriced_requests: int
    """Requests left out of ``cost`` because no price is known."""
    requests: int
    context_tokens: int | None
    """Prompt tokens of the newest request: what each next turn carries."""
    context_window: int | None
    """Tokens the context can hold, where the agent states it."""
    cache: Cache | None
    subagents: int
    """Sub-agents that made a request within ``Burn.span``."""
    doing: str
    """Tool and target of the newest call, or empty."""
    started_at: datetime
    last_at: datetime
    explain: tuple[str, ...] = ()
    """Source, age, formula and counts behind the row's figures, a line each."""
    circling: int = 0
    """How often it just made the same call, or failed, in a row; 0 if it did not."""


class Held(Struct, frozen=True):
    """How many of the last forecasts ended inside their band."""

    inside: int
    made: int

    @property
    def share(self) -> str:
        """In percent, as words."""
        return f"{self.inside / self.made * 100:.0f} %"


class LimitRow(Struct, frozen=True):
    """One window, as a line of the Limits pane."""

    window: Window
    label: str
    """Agent and length, ``Claude 5h``; made from kind and length, never position."""
    elapsed: float | None
    """Share of the window that has passed, 0–1: even pace."""
    explain: tuple[str, ...] = ()
    headroom: tuple[str, ...] = ()
    """What is left in requests and in time, in words; empty where nobody knows."""
    held: Held | None = None
    """How the last forecasts of such windows held; None while none was judged."""


class MissingLimit(Struct, frozen=True):
    """An agent that burns while none of its limits is known."""

    agent: str
    label: str
    reason: str
    remedy: str
    """The one command that makes the limit known."""


class Chart(Struct, frozen=True, eq=False):
    """A burn-up: what was used so far, and where it is heading."""

    title: str
    """What and over which span: ``Claude 5h``, ``today``, ``last 24 h`` …"""
    unit: Literal["share", "usd"]
    starts_at: datetime
    ends_at: datetime
    points: tuple[tuple[datetime, float], ...]
    """Cumulative use, rising; shares 0–1 or dollars. The last one is now."""
    limit: float | None
    """The level that stops the work, in the chart's unit; None when unknown."""
    band: tuple[float, float, float] | None
    """p10, p50, p90 at ``ends_at``; None when there is no forecast."""


class Norm(Struct, frozen=True):
    """The person's own busy pace: what nine in ten of their active spans stay below."""

    together: Decimal
    """Dollars per minute of everything that burnt in a span."""
    session: Decimal
    """Dollars per minute of one session."""


class Burn(Struct, frozen=True):
    """The pace of everything together."""

    span: timedelta
    """The recent span that every rate is taken over."""
    cost_per_minute: Decimal | None
    tokens_per_minute: float
    """Cache reads left out."""
    cache_reads_per_minute: float
    cost_today: Decimal | None
    """Dollars since local midnight; None when nothing of today is priced."""
    unpriced_today: int
    """Requests of today without a price."""
    cache_read_share: float | None
    """Share of today's prompt tokens that came from a cache, 0–1."""
    cache_written_share: float | None
    """Share of today's prompt tokens written to a cache, 0–1."""
    explain: tuple[str, ...] = ()
    norm: Norm | None = None
    """None until there is enough history to call anything usual."""
    compared: Compared | None = None
    """The same, and while nothing burned within the hour."""


class Compared(NamedTuple):
    """The last hour beside what is usual at such a time of the week."""

    times: float
    """So many times what is usual; 1 is as usual."""
    when: str
    """``Tuesday afternoon``."""
    hours: int
    """How many of one's own hours that rests on."""


class Event(Struct, frozen=True):
    """Something worth a line, once."""

    at: datetime
    level: Literal["note", "warning", "alarm"]
    text: str
    """One line, safe to print."""
    project: str = ""


class CommitEvent(Struct, frozen=True):
    """A commit that sessions made, and what it cost."""

    at: datetime
    sha: str
    subject: str
    cost: Decimal | None
    """Dollars on all days; None when nothing of it has a price."""
    unpriced: int
    """Requests left out of ``cost`` because no price is known."""
    grade: Grade | None
    """How sure the link is; None where no session made the commit."""
    repo: str
    """Last part of the repository's path."""
    branch: str


class Alert(Struct, frozen=True):
    """Something the person is told once, wherever they look."""

    at: datetime
    kind: Literal["verdict", "threshold", "free", "runaway", "cold", "waiting"]
    subject: str
    """Label of the window or id of the session; empty for everything together."""
    occasion_at: datetime
    """What tells one occasion from the next: the window's reset, the end of the
    cache, the begin of the wait."""
    step: int
    """How far it went: percent passed, or 1 watch, 2 runs out, 3 reached; else 0."""
    level: Literal["note", "warning", "alarm"]
    text: str
    """One line, safe to print."""
    project: str = ""
    why: tuple[tuple[str, float | str | None], ...] = ()
    """The figures behind it, under the names that JSON gives them."""
    channels: tuple[str, ...] = ()
    """Ways in which it was told; empty while it is held."""
    held: bool = False
    """It fell into the quiet hours, and is told after them if it is still true."""
    outcome: tuple[tuple[str, str], ...] = ()
    """What came of the channels that answer: ``told``, or why not."""

    @property
    def key(self) -> str:
        """Equal for two alerts that tell the same."""
        occasion = f"{self.occasion_at:%Y-%m-%dT%H:%M:%SZ}"
        return f"{self.kind} {self.step} {occasion} {self.subject}".rstrip()

    @property
    def message(self) -> str:
        """The text with its project, for a place that has no column for it."""
        return f"{self.project}: {self.text}" if self.project else self.text


class Scan(Struct, frozen=True):
    """A first reading of history that is still under way."""

    files_done: int
    files: int
    bytes_done: int
    bytes: int
    left: timedelta | None
    """Time left at the present speed; None until it can be told."""


class Place(Struct, frozen=True):
    """A directory that was looked into for session files."""

    agent: str
    path: str
    exists: bool
    files: int


class Health(Struct, frozen=True):
    """Whether the figures are what the files say right now."""

    last_line_at: datetime | None
    """Timestamp of the newest line of any session."""
    watching: bool
    """File events wake the sweep; otherwise it runs on its timer alone."""
    failed_at: datetime | None = None
    """Since when nothing could be read any more; None while all is well."""
    failure: str = ""
    reader: bool = False
    """Another burnmon writes the ledger; this one follows it."""


class Snapshot(Struct, frozen=True, eq=False):
    """Everything to be shown, at one ``now``."""

    now: datetime
    zone: str
    """IANA name of the zone that clock times are shown in and days are cut in."""
    answer: str
    """The first line: one sentence, am I about to be cut off."""
    answer_level: Literal["calm", "attention", "alarm", "unknown"]
    limits: tuple[LimitRow, ...]
    """The binding window of each agent first."""
    missing: tuple[MissingLimit, ...]
    burn: Burn
    charts: tuple[Chart, ...]
    """One per span that ``+`` and ``-`` step through; the default comes first."""
    sessions: tuple[SessionRow, ...]
    """Burning first, then waiting, then idle; within each, dearest pace first."""
    spark_step: timedelta
    events: tuple[Event, ...]
    """Newest first."""
    health: Health
    scan: Scan | None
    places: tuple[Place, ...]
    prices: str
    """Date and source of the price table in force."""
    unpriced_models: tuple[str, ...]
    totals: tuple[str, ...] = ()
    """Lines seen, requests kept, duplicates dropped, lines skipped, in words."""
    credits: tuple[Credits, ...] = ()
    """Paid use beyond a plan's limits, by account; stated within the last day."""
    commits: tuple[CommitEvent, ...] = ()
    """Those of the last days, newest first."""
    alerts: tuple[Alert, ...] = ()
    """What this instance told within the last minute; a screen that missed a snapshot
    still finds in the next one what it has to signal."""
