"""A day's review as a value: what the money turned into, and what it did not.

Everything a screen, a table or a Markdown text shows is in it, already added up. The
parts of ``Day`` sum to its cost to the last digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

from msgspec import Struct

Grade = Literal["exact", "likely", "possible"]
"""exact: the session itself made the commit; likely: its lines are in it; possible: a
hint, for which nothing is charged."""

State = Literal["on_main", "not_merged", "reverted", "rewritten"]
"""on_main: reachable from the main branch, or squashed into it; not_merged: on another
branch; reverted: a later commit took it back; rewritten: only an older copy is left."""

Reason = Literal["uncommitted", "elsewhere", "discarded", "no_edits", "no_repo"]
"""Why money is in no commit. uncommitted: its lines are in files, and in no commit;
elsewhere: its lines are in commits that could not be linked with it; discarded: its
lines are gone; no_edits: reading, planning, review; no_repo: the work was outside any
repository, or that is gone."""


class Spent(NamedTuple):
    """Money and what it stands for; adds up."""

    cost: Decimal = Decimal(0)
    """List-price dollars of the requests that have a price."""
    requests: int = 0
    unpriced: int = 0
    """Requests without a price: they are in no dollars."""
    tokens: int = 0
    unpriced_tokens: int = 0
    """Those of ``tokens`` that belong to requests without a price."""

    def plus(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(
            self.cost + other.cost,
            self.requests + other.requests,
            self.unpriced + other.unpriced,
            self.tokens + other.tokens,
            self.unpriced_tokens + other.unpriced_tokens,
        )


class Evidence(Struct, frozen=True):
    """Why one session is linked with a commit."""

    agent: str
    session_id: str
    title: str
    """The session's own name, if it has one; never a prompt."""
    tier: str
    """``proof``, ``bracket``, ``content``, ``moved``, ``amend``, ``other-author``,
    ``format-only`` or ``possible``."""
    grade: Grade
    confidence: float
    """Chance that the link is right, 0–1, as measured for links of its tier."""
    words: tuple[str, ...]
    """The evidence, a line each."""
    share: float | None
    """Share of the commit's lines that the session wrote or removed; None: unknown."""
    spent: Spent
    """What the session paid for the commit on the day."""
    whole: Spent
    """The same on all days."""
    lines: int | None = None
    """Lines of the commit that the session wrote; None if unknown."""


class CommitRow(Struct, frozen=True):
    """A commit of the day, or one of another day that the day's money went into."""

    repo: str
    """Path of the repository; its last part is its name."""
    sha: str
    subject: str
    committed_at: datetime
    branch: str
    author: str
    """Name of the author; empty where it is the person whose day it is."""
    reference: str
    """Issue or pull request, ``#412`` or ``KEY-12``; empty if none is named."""
    state: State
    state_words: str
    """What is behind the state: ``reverted by 1a2b3c4``; empty if nothing is."""
    grade: Grade | None
    """The best link's; None where no session made it."""
    agent_lines: int
    """Lines of the commit that sessions wrote."""
    added: int
    removed: int
    spent: Spent
    """What its sessions paid for it on the day."""
    whole: Spent
    """The same on all days."""
    evidence: tuple[Evidence, ...] = ()
    """Best first; ``possible`` ones last."""
    of_day: bool = True
    """It was made on the day."""

    @property
    def key(self) -> str:
        """What tells it from every other row of the day."""
        return f"{self.repo} {self.sha}"

    @property
    def charged(self) -> bool:
        """Whether sessions paid for it; a mere hint charges nothing."""
        return self.grade in ("exact", "likely")

    @property
    def agent_share(self) -> float | None:
        """Share of the added lines that sessions wrote, 0–1; None if none was added."""
        return min(1.0, self.agent_lines / self.added) if self.added else None


class Rest(Struct, frozen=True):
    """Money of the day that is in no commit, for one reason, in one place."""

    reason: Reason
    repo: str
    """Path of the repository, or the directory where there is none."""
    branch: str
    spent: Spent
    files: tuple[str, ...]
    """Files with lines that are in no commit, relative to the repository."""
    sessions: tuple[str, ...]

    @property
    def key(self) -> str:
        """What tells it from every other row of the day."""
        return f"{self.reason} {self.repo} {self.branch}"


class Group(Struct, frozen=True):
    """The day by branch, issue, project, model or hour; groups of a kind add up."""

    key: str
    """Empty where the facts do not tell."""
    spent: Spent
    commits: int
    took: timedelta | None = None
    """From the first request to the last commit; None without a commit."""


GROUPS = ("branch", "issue", "project", "model", "hour")
"""Kinds of groups, in the order in which a key leads through them."""


class Asked(Struct, frozen=True):
    """How often edits of the day were carried out."""

    accepted: int = 0
    rejected: int = 0
    failed: int = 0

    @property
    def rate(self) -> float | None:
        """Share of edits that nobody refused, 0–1, failed ones apart; None if none."""
        decided = self.accepted + self.rejected
        return self.accepted / decided if decided else None


class Day(Struct, frozen=True):
    """One day on the wall clock of one zone."""

    day: date
    zone: str
    spent: Spent
    """All requests of the day: commits and rests add up to it."""
    commits: tuple[CommitRow, ...]
    """By time; those of the day, and those of other days that took its money."""
    rests: tuple[Rest, ...]
    """Most money first."""
    groups: dict[str, tuple[Group, ...]]
    """By kind, see ``GROUPS``."""
    edits: Asked
    cache_read: float | None
    """Share of the input tokens that came from a cache, 0–1; None without requests."""
    rebuilt: Decimal | None = None
    """Dollars of the day that went into writing again what had lain in a cache; None if
    nobody looked."""
    notes: tuple[str, ...] = ()
    """What a reader must know: a repository that is gone, shallow or not yet read."""

    @property
    def linked(self) -> Spent:
        """What went into commits."""
        return total(each.spent for each in self.commits)

    @property
    def unlinked(self) -> Spent:
        """What is in no commit."""
        return total(each.spent for each in self.rests)

    @property
    def per_commit(self) -> tuple[Decimal, Decimal] | None:
        """Median and mean of the day's own commits that took money of it, if any."""
        own = (each.spent.cost for each in self.commits if each.of_day)
        costs = sorted(cost for cost in own if cost)
        if not costs:
            return None
        half = len(costs) // 2
        median = (costs[half] + costs[~half]) / 2
        return median, sum(costs, Decimal(0)) / len(costs)

    @property
    def adds_up(self) -> bool:
        """Whether the parts are the whole; anything else is a bug."""
        return self.linked.plus(self.unlinked) == self.spent


def total(parts: Iterable[Spent]) -> Spent:
    """Everything together."""
    whole = Spent()
    for each in parts:
        whole = whole.plus(each)
    return whole


_CENT = Decimal("0.01")


def in_cents(amounts: Sequence[Decimal]) -> list[Decimal]:
    """The amounts in whole cents, which add up to the rounded sum of all.

    Who adds up a column of rounded figures by hand comes out at its total: the cents
    that rounding down leaves over go to the largest fractions.

    >>> [str(each) for each in in_cents([Decimal("0.334")] * 3)]
    ['0.34', '0.33', '0.33']
    """
    down = [each.quantize(_CENT, ROUND_DOWN) for each in amounts]
    total = sum(amounts, Decimal(0)).quantize(_CENT, ROUND_HALF_UP)
    over = int((total - sum(down, Decimal(0))) / _CENT)
    by_fraction = sorted(range(len(down)), key=lambda at: down[at] - amounts[at])
    for place in by_fraction[:over]:
        down[place] += _CENT
    return down


_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)", re.ASCII)
_AGO = re.compile(r"(\d{1,5})([dw])", re.ASCII)
DAY_TAKES = "a day is YYYY-MM-DD, YYYYMMDD, today, yesterday, 3d or 2w"


_YEARS = range(1900, 3000)
"""Those a day may lie in: before the first and behind the last nobody can reckon."""


def day_named(words: str, today: date) -> date | None:
    """The day that words name, as ``DAY_TAKES`` tells; None if they name none."""
    word = words.strip().lower()
    if word in ("today", "yesterday"):
        return today - timedelta(days=word == "yesterday")
    try:
        if ago := _AGO.fullmatch(word):
            day = today - int(ago[1]) * timedelta(days=7 if ago[2] == "w" else 1)
            return day if day.year in _YEARS else None
        if stated := _DATE.fullmatch(word):
            day = date(*(int(part) for part in stated.groups()))
            return day if day.year in _YEARS else None
    except (ValueError, OverflowError):
        pass
    return None


class Reading(Struct, frozen=True):
    """A day that is still being made."""

    words: str
    """What is read: ``the history of api``."""
    done: int = 0
    total: int = 0
    """How many there are; 0 while that is not known."""
    unit: str = "commits"


class Refused(Struct, frozen=True):
    """A day that cannot be made."""

    words: str
    """Why, and what to do."""


DayAnswer = Day | Reading | Refused
PostDay = Callable[[DayAnswer], None]
"""Hands an answer over; may be called from any thread, and as often as need be."""


class Question(NamedTuple):
    """What a screen wants to see."""

    wish: date | str
    post: PostDay


AskDay = Callable[[date | str | None, PostDay], None]
"""Asks for a day: by its date, in a word that ``--since`` takes, or for none any more.

It returns at once. What was asked before is given up, and the answers come by the
``PostDay`` given with the question: readings on the way, then the day, then newer ones
of the same date for as long as nothing else is asked.
"""


class Days(Struct, frozen=True):
    """What a screen may ask of days; made by whoever may read and write files."""

    ask: AskDay
    write: Callable[[Day], str]
    """Writes a day as Markdown into a new file; returns its path, raises OSError."""
