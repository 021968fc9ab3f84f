"""Requests, links and all that is known of them, made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from burnmon.day import Spent
from burnmon.records import Request, Usage
from burnmon.shipped.commits import Change, Commit, FilePatch, History, Repository
from burnmon.shipped.linking import Link, Tier
from burnmon.shipped.reckoning import About, Known, Linked
from burnmon.work import Edit, fingerprints

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA = "ada@example.org"
API = "/src/api"


def price(request: Request) -> Decimal | None:
    """Dollars in more digits than a micro-dollar; unknown models have none."""
    if request.model == "unknown":
        return None
    return Decimal("0.00000012345") * request.usage.total


def spent(
    requests: Iterable[Request], price: Callable[[Request], Decimal | None] = price
) -> Spent:
    """What requests come to, added up without links."""
    priced = [(price(each), each.usage.total) for each in requests]
    without = [tokens for cost, tokens in priced if cost is None]
    return Spent(
        sum((cost for cost, _ in priced if cost is not None), Decimal(0)),
        len(priced),
        len(without),
        sum(tokens for _, tokens in priced),
        sum(without),
    )


def request(key: int, at: datetime, tokens: int = 1000, **more: Any) -> Request:
    """One request of a session in ``API``."""
    fields: dict[str, Any] = {
        "key": key,
        "agent": "claude",
        "session_id": "S1",
        "at": at,
        "model": "opus",
        "usage": Usage(input=tokens),
        "project": API,
        "branch": "main",
        **more,
    }
    return Request(**fields)


def commit(sha: str, at: datetime, subject: str = "Do it", **more: Any) -> Commit:
    """A commit of Ada's without a patch."""
    seconds = int(at.timestamp())
    fields: dict[str, Any] = {"mentions": (), "reverts": (), "trailers": (), **more}
    return Commit(sha, (), "Ada", ADA, seconds, seconds, subject, **fields)


def change(made: Commit) -> Change:
    return Change(made.author_email, made.authored_at, (made,))


def patch(path: str, *lines: bytes) -> FilePatch:
    """A file that gets these lines."""
    return FilePatch(path, "", fingerprints(lines), b"", len(lines), 0, False, "")


def link(made: Change, session_id: str = "S1", weight: float = 1.0) -> Link:
    """A link that charges its session."""
    tier: Tier = "content"
    (commit,) = made.commits
    at = made.authored_at * 1000
    return Link(session_id, made, commit, tier, 0.9, 1.0, weight, at, ())


def history(*changes: Change, path: str = API) -> History:
    """A repository whose changes are all on main."""
    shas = frozenset(each.sha for change in changes for each in change.commits)
    repository = Repository(
        f"{path}/.git",
        "api",
        (path,),
        "refs/heads/main",
        frozenset({ADA}),
        False,
        False,
    )
    return History(repository, changes, (), shas, shas, {}, {}, (), True)


def known(
    requests: Sequence[Request],
    repos: Sequence[Linked] = (),
    edits: Sequence[Edit] = (),
    about: Mapping[str, About] | None = None,
) -> Known:
    """All there is, of sessions in ``API`` and nothing on disk."""
    by_session: dict[str, list[Request]] = {}
    for each in sorted(requests, key=lambda each: each.at):
        by_session.setdefault(each.session_id, []).append(each)
    paths = [each.path for each in repos]
    return Known(
        repos,
        by_session,
        {name: [e for e in edits if e.session_id == name] for name in by_session},
        about or {},
        lambda place: next((each for each in paths if place.startswith(each)), ""),
        lambda path: None,
        price,
    )


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)
