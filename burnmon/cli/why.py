"""Why a session burns as text and as one document: the screen's words, no boxes."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from burnmon import cli
from burnmon.cli.catchup import Progress, gathered
from burnmon.cli.output import print_document
from burnmon.cli.review import day_asked
from burnmon.config import Settings
from burnmon.errors import UsageError
from burnmon.frame.segments import to_text
from burnmon.frame.session import page
from burnmon.live.abandoning import span_of, with_abandoned
from burnmon.live.explaining import Explaining
from burnmon.live.shipping import Shipping
from burnmon.shipped.review import bounds
from burnmon.text import plain, share, short_model, tokens
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger
from burnmon.usage.shifts import SHARES, Shift
from burnmon.why import Cause, Parts, Turn, Why


def run(args: Namespace, settings: Settings, now: datetime) -> int:
    """Explain one session: the one that is named, else the newest."""
    if args.since or args.until:
        raise UsageError("why takes one session; burnmon report sums up a span")
    prices = pricing.load(settings.prices_file, settings.fetched_prices_file)
    within: tuple[datetime, datetime] | None
    with gathered(settings, now) as ledger, Progress(sys.stderr) as progress:
        explaining = Explaining(ledger, prices)
        if args.shifts:
            return _tell_shifts(explaining.shifts(now), args.json, now)
        why: Why | None
        if args.day:
            day = day_asked(args.day, settings.zone, now)
            within = bounds(day, settings.zone)
            why = replace(explaining.day(*within), title=f"{day:%a %-d %b %Y}")
        else:
            why = _explained(ledger, explaining, args.operand)
            within = span_of(why) if why and why.turns else None
        if why is not None and within is not None:
            with closing(Shipping(settings, ledger, prices)) as shipping:
                lost = shipping.discarded(*within, why.session_id, progress.commits)
            why = with_abandoned(why, lost)
    if why is None:
        words = "no session has made a request yet"
        if args.json:
            print_document(now, {"session_id": None, "sentence": words})
        else:
            print(words)
        return cli.OK
    why = replace(why, zone=settings.zone)
    if args.json:
        print_document(now, document(why))
    else:
        for line in lines(why, shutil.get_terminal_size((120, 24)).columns):
            print(line.rstrip())
    return cli.OK


def _tell_shifts(found: Sequence[Shift], as_json: bool, now: datetime) -> int:
    """Print what is no longer as it was, and since which version."""
    if as_json:
        print_document(now, {"shifts": [_shift(each) for each in found]})
        return cli.OK
    for each in found:
        print(
            f"{plain(each.agent)} {plain(short_model(each.model))}: {each.figure}"
            f" {_change(each)} since {plain(each.version)} of {each.since:%Y-%m-%d};"
            f" {each.sessions[0]} sessions before, {each.sessions[1]} after; by chance"
            f" in {each.chance:.1%} of such pasts"
        )
    if not found:
        print("no figure of your own sessions is another since a version began")
    return cli.OK


def _change(each: Shift) -> str:
    if each.figure in SHARES:
        return f"{share(each.before)} → {share(each.after)}"
    return f"{each.ratio:.2f}× ({tokens(each.before)} → {tokens(each.after)} tokens)"


def _shift(each: Shift) -> dict[str, Any]:
    return {
        "agent": each.agent,
        "model": each.model,
        "figure": each.figure,
        "version": each.version,
        "since": each.since,
        "before": each.before,
        "after": each.after,
        "ratio": each.ratio if each.before else None,
        "sessions_before": each.sessions[0],
        "sessions_after": each.sessions[1],
        "chance_percent": 100 * each.chance,
    }


def _explained(ledger: Ledger, explaining: Explaining, named: str) -> Why | None:
    """The session whose id begins with a word, or the newest that made a request.

    None where no session did; raises UsageError where none is named so, or several.
    """
    named = named.encode("utf-8", "replace").decode()  # an argument may be any bytes
    like = ledger.sessions_like(named)
    whole = [each for each in like if each == named]
    if named and len(like) > 1 and not whole:
        some = ", ".join(each[:13] for each in like[:4])
        raise UsageError(f"{named!r} begins several sessions: {some} …")
    for session_id in whole or like:
        why = explaining.session(session_id)
        if why is not None:
            return why
    if not named:
        return None
    raise UsageError(
        f"no session begins with {named!r}; burnmon report --by session lists them"
    )


def lines(why: Why, width: int) -> Iterator[str]:
    """The session explained, in lines of at most ``width`` cells."""
    return (to_text(line) for line in page(why, width))


def document(why: Why) -> dict[str, Any]:
    """The session explained as JSON fields."""
    return {
        "agent": why.agent,
        "session_id": why.session_id,
        "title": why.title,
        "project": why.project,
        "cost_usd": why.parts.cost if _priced(why) else None,
        "parts_usd": _parts(why.parts) if _priced(why) else None,
        "subagents_usd": why.subagents if _priced(why) else None,
        "requests": why.requests,
        "unpriced_requests": why.unpriced,
        "unpriced_tokens": why.unpriced_tokens,
        "cache_read_percent": _percent(why.cache_read),
        "cache_rebuilt_percent": _percent(why.cache_rebuilt),
        "sentence": why.sentence,
        "cost_per_turn_usd": why.per_turn,
        "edits": {
            "by_tool": [
                {"tool": tool, "accepted": accepted, "asked": asked}
                for tool, accepted, asked in why.edits.by_tool
            ],
            "not_redone": why.edits.kept,
            "told": why.edits.telling,
        },
        "unseen_subagents": why.unseen,
        "turns": [_turn(each) for each in why.turns],
        "causes": [_cause(each) for each in why.causes],
    }


def _priced(whole: Why | Turn) -> bool:
    """Whether the dollars mean anything: what has no price is null, never 0."""
    return not whole.unpriced or whole.unpriced < whole.requests


def _parts(parts: Parts) -> dict[str, Any]:
    return parts._asdict()


def _percent(part: float | None) -> float | None:
    return None if part is None else round(part * 100, 2)


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "number": turn.number,
        "began_at": turn.began_at,
        "took_seconds": round(turn.took.total_seconds(), 3),
        "model": turn.model,
        "cost_usd": turn.parts.cost if _priced(turn) else None,
        "parts_usd": _parts(turn.parts) if _priced(turn) else None,
        "subagents_usd": turn.subagents if _priced(turn) else None,
        "requests": turn.requests,
        "unpriced_requests": turn.unpriced,
        "unpriced_tokens": turn.unpriced_tokens,
        "context_tokens": turn.context,
        "calls": turn.calls,
        "marks": turn.marks,
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "kind": cause.kind,
        "cost_usd": cause.dollars,
        "times": cause.times,
        "words": cause.words,
        "remedy": cause.remedy,
        "first_at": cause.first_at,
        "last_at": cause.last_at,
        "turns": cause.turns,
    }
