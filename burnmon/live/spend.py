"""What requests came to, and what those of the last minutes come to right now.

A sum over a moving span is kept up, not made anew: a request is added when its instant
comes and taken out when it leaves, so that a busy span costs no more than a quiet one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import heappop, heappush

from msgspec import Struct

from burnmon.records import Request, Usage


class Spend(Struct):
    """What some requests came to."""

    cost: Decimal = Decimal(0)
    """Dollars of the priced ones."""
    input: int = 0
    output: int = 0
    cache_read: int = 0
    written: int = 0
    """Tokens written to a cache, of either life."""
    requests: int = 0
    unpriced: int = 0
    incomplete: int = 0

    def add(self, usage: Usage, cost: Decimal | None, incomplete: bool, n: int) -> None:
        """Put a request in (``n`` = 1) or take it out (−1)."""
        if cost is None:
            self.unpriced += n
        else:
            self.cost += cost * n
        self.input += usage.input * n
        self.output += usage.output * n
        self.cache_read += usage.cache_read * n
        self.written += (usage.cache_write_5m + usage.cache_write_1h) * n
        self.requests += n
        self.incomplete += incomplete * n

    def merge(self, other: Spend) -> None:
        """Add what other requests came to."""
        self.cost += other.cost
        self.input += other.input
        self.output += other.output
        self.cache_read += other.cache_read
        self.written += other.written
        self.requests += other.requests
        self.unpriced += other.unpriced
        self.incomplete += other.incomplete

    @property
    def fresh(self) -> int:
        """Tokens of new work: all but cache reads."""
        return self.input + self.output + self.written

    @property
    def dollars(self) -> Decimal | None:
        """The cost, or None when nothing of it is priced."""
        return None if self.unpriced and self.unpriced == self.requests else self.cost


class Minutes:
    """What was spent in each of many minutes, in a twentieth of the room of sums.

    Dollars are kept as whole picodollars. As long as a minute comes to less than 9,000
    dollars they add up exactly, in whatever order, and what is taken out leaves nothing
    behind; beyond that the last digits are not exact.
    """

    __slots__ = ("_at", "_picos", "_requests", "_unpriced")

    def __init__(self) -> None:
        self._at = array("q")
        """Epoch minutes with a request, the oldest first."""
        self._picos = array("d")
        self._requests = array("q")
        self._unpriced = array("q")

    def add(self, minute: int, cost: Decimal | None, n: int) -> None:
        """Put a request in (``n`` = 1) or take it out (−1)."""
        place = self._place(minute)
        self._requests[place] += n
        if cost is None:
            self._unpriced[place] += n
        else:
            self._picos[place] += n * _picos(cost)

    def put(self, minute: int, spend: Spend) -> None:
        """Add what requests of a minute came to."""
        place = self._place(minute)
        self._picos[place] += _picos(spend.cost)
        self._requests[place] += spend.requests
        self._unpriced[place] += spend.unpriced

    def take(self, other: Minutes, since: int) -> None:
        """Add what others came to, from a minute on."""
        place = 0
        for minute, picos, requests, unpriced in other._from(since):
            # They come in order, so that it is never looked for further back.
            place = bisect_left(self._at, minute, place)
            if place == len(self._at) or self._at[place] != minute:
                self._begin(place, minute)
            self._picos[place] += picos
            self._requests[place] += requests
            self._unpriced[place] += unpriced

    def _place(self, minute: int) -> int:
        """Where a minute is; it is begun if it is not there yet."""
        place = len(self._at)
        if place and self._at[-1] >= minute:
            place = bisect_left(self._at, minute)
            if self._at[place] == minute:
                return place
        self._begin(place, minute)
        return place

    def _begin(self, place: int, minute: int) -> None:
        self._at.insert(place, minute)
        self._picos.insert(place, 0.0)
        self._requests.insert(place, 0)
        self._unpriced.insert(place, 0)

    def _from(self, minute: int) -> Iterator[tuple[int, float, int, int]]:
        first = bisect_left(self._at, minute)
        columns = (self._at, self._picos, self._requests, self._unpriced)
        return zip(*(each[first:] for each in columns), strict=True)

    def numbers(self, since: int) -> Sequence[int]:
        """The minutes from one on in which a request was ever put, in order."""
        return self._at[bisect_left(self._at, since) :]

    def since(self, minute: int) -> Iterator[tuple[int, float, int, int]]:
        """Each minute from one on in which there was a request: its number, what it
        came to in picodollars, and its requests with a price and without one."""
        for at, picos, requests, unpriced in self._from(minute):
            if requests:
                yield at, picos, requests - unpriced, unpriced


PICOS = 1e12
"""Picodollars in a dollar."""


def _picos(cost: Decimal) -> int:
    return round(float(cost) * PICOS)


class Lately:
    """Requests of a span that ends now, by key, and what they came to."""

    def __init__(self, span: timedelta) -> None:
        self.requests: dict[int, tuple[Request, Decimal | None]] = {}
        """Each with its dollars; those of later, by a clock that is ahead, as well."""
        self._span = span
        self._fresh: dict[int, None] = {}
        """Keys that were put since the last look."""
        self._entering: list[tuple[datetime, int]] = []
        self._leaving: list[tuple[datetime, int]] = []
        self._counted: set[int] = set()
        self._together = Spend()
        self._sessions: dict[str, Spend] = {}
        self._now: datetime | None = None

    def put(self, request: Request, cost: Decimal | None) -> None:
        """Take a request, in place of one of the same key."""
        self.drop(request.key)
        self.requests[request.key] = request, cost
        self._fresh[request.key] = None

    def drop(self, key: int) -> None:
        """Forget a request, if it is known."""
        if key in self._counted:
            self._leave(key)
        self.requests.pop(key, None)
        self._fresh.pop(key, None)

    def sums(self, now: datetime) -> tuple[Spend, Mapping[str, Spend]]:
        """What the span came to, together and by session; good until the next call."""
        if self._now is not None and now < self._now:
            self._begin_anew()
        self._now = now
        for key in self._fresh:
            if key not in self._counted:
                heappush(self._entering, (self.requests[key][0].at, key))
        self._fresh.clear()
        since = now - self._span
        while self._leaving and self._leaving[0][0] <= since:
            at, key = heappop(self._leaving)
            if key in self._counted and self.requests[key][0].at == at:
                self.drop(key)
        while self._entering and self._entering[0][0] <= now:
            at, key = heappop(self._entering)
            held = self.requests.get(key)
            if held is None or held[0].at != at or key in self._counted:
                continue  # it was dropped, or put again at another instant
            if at <= since:
                del self.requests[key]
            else:
                self._enter(key)
                heappush(self._leaving, (at, key))
        return self._together, self._sessions

    def _enter(self, key: int) -> None:
        request, cost = self.requests[key]
        self._counted.add(key)
        session = self._sessions.setdefault(request.session_id, Spend())
        for spend in (self._together, session):
            spend.add(request.usage, cost, request.incomplete, 1)

    def _leave(self, key: int) -> None:
        request, cost = self.requests[key]
        self._counted.discard(key)
        session = self._sessions[request.session_id]
        for spend in (self._together, session):
            spend.add(request.usage, cost, request.incomplete, -1)
        if not session.requests:
            del self._sessions[request.session_id]

    def _begin_anew(self) -> None:
        """The clock was set back: what was counted may be of later now."""
        self._together, self._sessions = Spend(), {}
        self._entering, self._leaving = [], []
        self._counted.clear()
        self._fresh = dict.fromkeys(self.requests)
