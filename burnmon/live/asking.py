"""When Anthropic may be asked for limits again, and when it must not be asked at all.

Pure: what is known of the last time comes in, an instant or a reason goes out. Asking
too often is answered with refusals that last, so every doubt is decided for waiting.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

EVERY = timedelta(minutes=5)
"""The shortest time between two questions about one account."""
SPREAD = timedelta(minutes=1)
"""Up to so much is added, so that machines do not ask together."""
MOST = timedelta(minutes=30)
"""The longest time that failures alone make it wait."""
LONGEST = timedelta(days=1)
"""The longest time that the server can make it wait; more is a mistake."""
SET_BACK = timedelta(minutes=1)
"""A clock that is this far behind the last question was set back."""
SCOPE = "user:profile"
"""What a token must be good for; those of ``claude setup-token`` are not."""


class Credential(Struct, frozen=True):
    """What Claude Code keeps to speak for its person; the token is never shown."""

    token: str
    expires_at: datetime | None
    scopes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Credential(expires_at={self.expires_at!r}, scopes={self.scopes!r})"


class Answer(Struct, frozen=True):
    """What one question led to."""

    utilization: dict[str, Any] | None = None
    """The answer's windows; None where it failed."""
    trouble: str = ""
    """Why it failed, in words that hold nothing of the answer."""
    retry_after: timedelta | None = None
    """How long the server wants to be left alone, where it says."""


class Asked(Struct, frozen=True):
    """How asking about one account stands."""

    asked_at: datetime | None = None
    next_at: datetime | None = None
    """Not before; None: whenever there is a credential."""
    failures: int = 0
    """In a row, up to now."""
    trouble: str = ""
    """Why there is no newer answer; empty when the last question was answered."""
    fetched_at: datetime | None = None
    """When the last good answer was given."""


def is_due(asked: Asked, now: datetime) -> bool:
    """Whether to ask now. A clock that was set back is no reason to wait for long."""
    if asked.asked_at is None or asked.next_at is None:
        return True
    if now < asked.asked_at - SET_BACK:
        return True
    return min(asked.next_at, asked.asked_at + LONGEST + SPREAD) <= now


def after(asked: Asked, answer: Answer, now: datetime, spread: float) -> Asked:
    """How it stands after an answer; ``spread`` is 0–1, by chance."""
    if answer.utilization is not None:
        return Asked(now, now + EVERY + SPREAD * spread, fetched_at=now)
    failures = asked.failures + 1
    wait = min(EVERY * 2 ** min(failures, 10), MOST)
    wait = max(wait, min(answer.retry_after or timedelta(0), LONGEST))
    at = now + wait + SPREAD * spread
    return Asked(now, at, failures, answer.trouble, asked.fetched_at)


def obstacle(credential: Credential, now: datetime) -> str:
    """Why a credential must not be used; empty if it may be."""
    if not re.fullmatch("[!-~]+", credential.token):
        return "the token is damaged"
    if SCOPE not in credential.scopes:
        return f"the token lacks {SCOPE}; log in to Claude Code with /login"
    if credential.expires_at is not None and credential.expires_at <= now:
        return "token expired, start Claude Code"
    return ""


def retry_after(stated: str, now: datetime) -> timedelta | None:
    """The span a ``Retry-After`` names, in seconds or as a date, if it does."""
    stated = stated.strip()
    if stated.isascii() and stated.isdigit():
        return timedelta(seconds=min(int(stated[:9]), LONGEST.total_seconds()))
    from email.utils import parsedate_to_datetime  # slow to load, and seldom needed

    try:
        at = parsedate_to_datetime(stated)
    except (ValueError, TypeError, OverflowError):
        return None
    return max(timedelta(0), at.replace(tzinfo=at.tzinfo or UTC) - now)
