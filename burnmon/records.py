"""The vocabulary: immutable values that every other module speaks.

Instants are aware UTC ``datetime`` named ``…_at``; spans are ``timedelta``; shares
are floats 0–1; tokens are ``int``; money is ``Decimal`` US dollars, and ``None``
where a price is unknown. Nothing here reads a clock, a file or a setting.
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from msgspec import Struct, field

Confidence = Literal["official", "local_estimate", "experimental", "unknown"]
"""How a figure is known: stated by the vendor, derived here from local facts,
derived by a method that is still being judged, or not known at all."""

Verdict = Literal["safe", "watch", "runs_out", "reached", "unknown"]
"""What a window's forecast means for the person in front of it."""

BUDGET = "budget"
"""Stands where a window names its agent, for budgets of one's own."""

SessionState = Literal["burning", "waiting", "idle"]
"""burning: requests arrive or one is being generated; waiting: the turn ended or
the agent asks, and the person is next; idle: nothing for a while."""


class Usage(Struct, frozen=True):
    """Tokens of one or more requests, in the four classes that are priced apart."""

    input: int = 0
    """Input tokens that came from no cache."""
    output: int = 0
    """Billable output, thinking and reasoning included."""
    cache_read: int = 0
    """Input tokens read from the cache."""
    cache_write_5m: int = 0
    """Input tokens written to a cache that lives five minutes (or an unstated time)."""
    cache_write_1h: int = 0
    """Input tokens written to a cache that lives one hour."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write_5m + other.cache_write_5m,
            self.cache_write_1h + other.cache_write_1h,
        )

    @property
    def prompt(self) -> int:
        """All tokens sent with the request: what the context held."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def fresh(self) -> int:
        """Tokens that were new work: everything but cache reads."""
        return self.input + self.output + self.cache_write_5m + self.cache_write_1h

    @property
    def total(self) -> int:
        """Every token of every class."""
        return self.prompt + self.output


class Terms(Struct, frozen=True):
    """What, besides model and tokens, decides the price of a request."""

    speed: str = ""
    """The vendor's word for a faster, dearer mode (``fast``); empty when standard."""
    region: str = ""
    """The vendor's word for a region with a surcharge (``us``); empty when none."""


class Request(Struct, frozen=True):
    """One billed model call, as the ledger knows it after deduplication."""

    key: int
    """Stable 64-bit identity; equal in every copy of the same call."""
    agent: str
    session_id: str
    """Session that paid for the call first; forks and resumes copy, never own."""
    at: datetime
    """The earliest instant under which any copy of the call is recorded."""
    model: str
    usage: Usage
    terms: Terms = Terms()
    web_searches: int = 0
    """Searches the vendor bills per request, apart from tokens."""
    incomplete: bool = False
    """The final output count was never written: ``usage.output`` is a lower bound."""
    subagent: str = ""
    """Id of the sub-agent that made the call; empty for the session itself."""
    project: str = ""
    """Working directory at the time, as the agent wrote it."""
    branch: str = ""
    """Git branch at the time, as the agent wrote it; empty when it did not."""
    version: str = ""
    """Version of the agent that wrote it."""
    thinking: int | None = None
    """Of the output, tokens of reasoning; None where the agent does not tell."""


class LimitReading(Struct, frozen=True):
    """One official statement of how much of a window is used."""

    agent: str
    account: str
    """Whose limit it is; the root's label where the files name no account."""
    kind: str
    """The vendor's word: ``five_hour``, ``seven_day``, ``primary``, ``secondary`` …"""
    window_minutes: int
    used: float
    """Share used, 0–1; 1 when the vendor refused a request."""
    resets_at: datetime
    observed_at: datetime
    """When this figure was first seen stated."""
    source: str
    """Where it was stated: ``codex rollout``, ``statusline``, ``limit record`` …"""
    repeated_at: datetime | None = None
    """When the same figure was last seen stated again; ``None`` if it never was."""


class Credits(Struct, frozen=True):
    """What work beyond a plan's limits came to this month, as the vendor states it.

    No window: the vendor bills it by the month and does not say when that ends.
    """

    agent: str
    account: str
    spent: Decimal
    """Dollars used."""
    allowance: Decimal | None
    """Dollars that may be used; ``None`` where no cap is stated."""
    observed_at: datetime
    source: str


class Forecast(Struct, frozen=True):
    """The distribution of a window's use at its reset, as seen from one instant."""

    p10: float
    p50: float
    p90: float
    """Shares used at reset, 0 upwards; above 1 means the limit would be passed."""
    exhaustion_probability: float
    """Chance, 0–1, that the limit is reached before the reset."""
    exhausted_at: tuple[datetime, datetime, datetime] | None
    """10 %, 50 % and 90 % instants of exhaustion, should it come to that; ``None``
    where that is too unlikely to say when."""
    method: str
    confidence: Confidence = "experimental"
    made_at: datetime | None = None
    """The instant it was made at, knowing nothing later."""


class Exchange(NamedTuple):
    """What a dollar of list price takes from a window, as far as the past tells."""

    rate: float
    """Share of the window per dollar: the middle of what was seen."""
    low: float
    high: float
    """Quartiles of what was seen."""
    points: int
    """Rises of the window that were compared with the dollars spent meanwhile."""
    windows: int
    """Windows they are from."""
    doubt: str = ""
    """Why no estimate may rest on it, in words; empty when one may."""


class Headroom(NamedTuple):
    """What is left of a window in terms of one's own work: an estimate."""

    dollars: float
    """List-price dollars until the limit."""
    requests: float | None
    """So many requests like the last ones; None where their prices are unknown."""
    like: int
    """How many last requests these are measured by."""
    lasts: timedelta | None
    """How long that is at the present pace; None while nothing burns."""
    turns: float | None = None
    """So many turns like the last ones; None where too few of them are known."""
    like_turns: int = 0
    """How many last turns these are measured by."""


class ExtraUsage(NamedTuple):
    """Work that went on after a limit was reached: it is paid for by the dollar."""

    since: datetime
    """The first request that the limit did not stop."""
    dollars: float | None
    """List price of what was spent since; None where a request has no price."""


class Window(Struct, frozen=True):
    """A span over which a limit counts, at one ``now``."""

    agent: str
    account: str
    kind: str
    window_minutes: int
    used: float | None
    """Share used, 0–1; ``None`` when unknown or when the reading has expired."""
    resets_at: datetime | None
    observed_at: datetime | None
    source: str
    confidence: Confidence
    forecast: Forecast | None = None
    verdict: Verdict = "unknown"
    binding: bool = False
    """This is the window of its agent that would stop the work first."""
    reason: str = ""
    """Why a value is unknown, in words; empty when it is known."""
    live: float | None = None
    """Share presumably added since the reading, from local spend: an estimate on top of
    ``used``. None where it cannot be trusted; 0 where nothing was spent since."""
    live_at: datetime | None = None
    """When the last of what ``live`` stands for was spent."""
    spent: Decimal | None = None
    """Dollars used, for windows that count money: budgets."""
    allowance: Decimal | None = None
    """Dollars allowed, for windows that count money."""
    unpriced: int = 0
    """Requests of such a window without a price: ``spent`` is then a lower bound."""
    exchange: Exchange | None = None
    """What ``live`` and ``headroom`` rest on; None where nothing could be compared."""
    headroom: Headroom | None = None
    """What is left, as far as the exchange can be trusted."""
    extra: ExtraUsage | None = None
    """What was spent although the limit was reached; None where work stopped."""

    @property
    def starts_at(self) -> datetime | None:
        """Start of the window, counted back from the reset."""
        if self.resets_at is None:
            return None
        return self.resets_at - timedelta(minutes=self.window_minutes)

    def elapsed(self, now: datetime) -> float | None:
        """Share of the window's span that has passed at ``now``: even pace."""
        if self.resets_at is None:
            return None
        left = (self.resets_at - now) / timedelta(minutes=self.window_minutes)
        return min(1.0, max(0.0, 1.0 - left))


class Session(Struct, frozen=True):
    """One conversation, as its newest lines describe it."""

    agent: str
    session_id: str
    account: str = ""
    """Label of the root it was read from."""
    project: str = ""
    branch: str = ""
    model: str = ""
    """Model of the newest request of the session itself."""
    title: str = ""
    """The name the agent or the person gave it; never a prompt."""
    parent_id: str = ""
    """Session that this one is a sub-agent of; empty for a session of its own."""
    started_at: datetime | None = None
    last_at: datetime | None = None
    """Instant of the newest line, of the session or its sub-agents."""
    doing: str = ""
    """Tool and target of the newest call (``Edit limits.py``), or empty."""
    doing_at: datetime | None = None
    """When the newest line that tells whose turn it is was written."""
    turn: Literal["agent", "person", ""] = ""
    """Whose move it is after that line: ``agent`` works, ``person`` is awaited."""
    context_window: int | None = None
    """Size of the model's context in tokens, where the agent states it."""
    stated_cost: Decimal | None = None
    """The agent's own running total for the session, hidden calls included."""


class Mark(NamedTuple):
    """Something a session's file states happened at an instant, besides requests.

    A plain tuple because a scan makes one per prompt.
    """

    agent: str
    session_id: str
    at: datetime
    kind: Literal["compacted", "limit", "retry", "refused", "prompt", "pr"]
    """``prompt``: the person said something, and a turn began; ``pr``: a pull request
    belongs to the session, and ``detail`` is its address or ``owner/name#12``."""
    detail: str = ""
    """A few words or a number from the agent; never a prompt or code."""


class Alive(Struct, frozen=True):
    """A line of an agent's own registry of running sessions."""

    agent: str
    session_id: str
    status: str
    """The agent's word: ``busy``, ``idle``, ``waiting`` …"""
    since: datetime


class Sighting(NamedTuple):
    """One recorded copy of a request, before copies are joined.

    A plain tuple because a scan makes one per line; numbers first, then words, which
    most copies have in common with the one before. Instants are epoch milliseconds.
    """

    key: int
    """64-bit identity, see ``identity``."""
    at: int
    standing: int
    """How the copy counts: COUNTED, REPLAYED or EXTRA."""
    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    web_searches: int
    thinking: int
    """Of the output, tokens of reasoning; negative where the agent does not tell."""
    final: int
    """1 if the agent had seen the end of the answer when it wrote this copy."""
    model: str
    speed: str
    region: str
    session_id: str
    subagent: str
    project: str
    branch: str
    version: str
    """Version of the agent that wrote the line."""
    origin: str
    """Session a REPLAYED copy came from; empty otherwise."""


COUNTED = 0
"""A request that was paid for."""
REPLAYED = 1
"""History copied into a fork; counts only if the original cannot be the payer."""
EXTRA = 2
"""Work stated beside a request whose billing is not known; shown, never added."""


class Trail(Struct):
    """What a file says of its session, the last line winning; kept between reads.

    The ledger stores it with the byte offset, so reading goes on where it stopped.
    """

    session_id: str = ""
    subagent: str = ""
    """Id of the sub-agent the file belongs to; empty for the session itself."""
    own_id: str = ""
    """The file's own id where a session has several: a thread, in Codex."""
    first_at: int | None = None
    """Epoch ms of the file's first timestamped line: tells a fork from its origin."""
    last_at: int | None = None
    """Epoch ms of the newest line of the conversation, by position."""
    project: str = ""
    branch: str = ""
    model: str = ""
    version: str = ""
    title: str = ""
    named: bool = False
    """``title`` was chosen by the person, and no later automatic one replaces it."""
    doing: str = ""
    turn: str = ""
    context_window: int | None = None
    stated_cost: float | None = None
    memory: dict[str, Any] = field(default_factory=dict)
    """What only the agent's own reader needs to remember; JSON-shaped."""


class Facts(Struct):
    """What a stretch of lines states; the product of an agent's ``read``."""

    sightings: list[Sighting] = field(default_factory=list)
    readings: list[LimitReading] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    repeated: int = 0
    """Sightings that say nothing beyond the one before and are not listed."""
    lines: int = 0
    """Complete lines looked at."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Lines that could not be used, by reason: ``not json``, ``shape`` …"""
    unknown: dict[str, int] = field(default_factory=dict)
    """Lines of types no rule knows, by type; harmless, but a sign of change."""

    def skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def meet(self, kind: str) -> None:
        """Count a line of an unknown type, at most fifty kinds of them."""
        if kind in self.unknown or len(self.unknown) < 50:
            self.unknown[kind] = self.unknown.get(kind, 0) + 1


def identity(*parts: object) -> int:
    """A stable signed 64-bit number for a request, from what names it everywhere."""
    return hashed("\x1f".join(map(str, parts)))


def hashed(text: str) -> int:
    """The identity of parts that are joined already, by the separator U+001F."""
    hasher = _BEGUN()
    hasher.update(text.encode("utf-8", "surrogatepass"))
    number: int = _SIGNED(hasher.digest())[0]
    return number


_BEGUN = blake2b(digest_size=8).copy
"""A fresh hasher; to make one anew takes longer than to hash a line."""
_SIGNED = struct.Struct(">q").unpack
