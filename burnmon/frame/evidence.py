"""What stands behind a row of a day: sessions, grades, lines and files, to read."""

from __future__ import annotations

from collections.abc import Iterable

from burnmon.day import CommitRow, Day, Evidence, Rest, Spent
from burnmon.frame.day_view import Row, day_words
from burnmon.frame.explain import Facts, in_two_columns, wrapped
from burnmon.frame.segments import Line, Segment
from burnmon.frame.shipped_cells import STATE_WORDS, reason_words, unpriced
from burnmon.text import counted, local, money, plain, share


def evidence(day: Day, row: Row, width: int) -> list[Line]:
    """Why the row is what it is, ``width`` wide."""
    if isinstance(row, Rest):
        return _rest(day, row, width)
    page = [*_title(row.subject or "no subject", width), []]
    page += in_two_columns(_commit(day, row), width)
    if not row.evidence:
        none = "No session is linked with this commit, so nothing is charged to it."
        return [*page, [], *([Segment(each)] for each in wrapped(none, width))]
    for each in row.evidence:
        title = plain(each.title) or "untitled"
        page += [[], *_title(f"{plain(each.agent)} · {title}", width, "title")]
        page += in_two_columns(_session(day, each), width)
    return page


def _commit(day: Day, row: CommitRow) -> Facts:
    at = local(row.committed_at, day.zone)
    facts = [
        ("commit", plain(row.sha)),
        ("made", f"{at:%H:%M} on {day_words(at.date(), day.day)}"),
        ("where", f"{plain(row.repo)} · {plain(row.branch) or 'no branch'}"),
        *(_cost(day, row.spent, row.whole) if row.charged else []),
        ("lines", f"+{row.added} −{row.removed}"),
    ]
    if row.grade and row.agent_share is not None:
        own = f"{row.agent_lines} of {row.added} added lines are of sessions"
        facts.append(("AI", f"{share(row.agent_share)}: {own}"))
    behind = f": {plain(row.state_words)}" if row.state_words else ""
    facts.append(("state", STATE_WORDS[row.state] + behind))
    named = {"reference": row.reference, "author": row.author}
    return facts + [(name, plain(text)) for name, text in named.items() if text]


def _session(day: Day, each: Evidence) -> Facts:
    facts = [
        ("session", plain(each.session_id)),
        ("link", f"{each.grade}, by {each.tier}: {share(each.confidence)} sure"),
        *_named("evidence", each.words),
    ]
    part = "unknown" if each.share is None else f"{share(each.share)} of the commit's"
    facts.append(("lines", part))
    if each.grade == "possible":
        return [*facts, ("cost", "nothing is charged for a hint")]
    return [*facts, *_cost(day, each.spent, each.whole)]


def _rest(day: Day, row: Rest, width: int) -> list[Line]:
    facts: Facts = [("where", plain(row.repo) or "unknown")]
    if row.branch:
        facts.append(("branch", plain(row.branch)))
    facts += _cost(day, row.spent, row.spent)
    facts += _named("files", row.files)
    facts += _named("sessions", row.sessions)
    return [*_title(reason_words(row), width), [], *in_two_columns(facts, width)]


def _named(name: str, values: Iterable[str]) -> Facts:
    return [(name, plain(each)) for each in values]


def _cost(day: Day, spent: Spent, whole: Spent) -> Facts:
    """What was paid on the day, and in all where that is more."""
    words = _dollars(spent)
    if whole != spent:
        words += f" on {day_words(day.day, day.day)}, {_dollars(whole)} in all"
    facts = [("cost", f"{words}, in {counted(spent.requests, 'request')}")]
    if spent.unpriced:
        facts.append(("cost", f"{unpriced(spent)} are in no dollars"))
    return facts


def _dollars(spent: Spent) -> str:
    return "unknown" if spent.unpriced and not spent.cost else money(spent.cost)


def _title(words: str, width: int, style: str = "strong accent") -> list[Line]:
    return [[Segment(part, style)] for part in wrapped(plain(words), width)]
