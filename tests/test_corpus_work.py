"""Money of recorded sessions that lie beside the repository, split over commits.

Nothing of that collection is part of the project; without it these tests are skipped.
The commits are made of what the sessions wrote: every third edit of a day is one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import homes
import pytest
from days import ADA, change, commit, history, spent

from burnmon.day import total
from burnmon.live.gathering import behind, gather
from burnmon.records import Request
from burnmon.shipped.commits import FilePatch
from burnmon.shipped.linking import Worked, link
from burnmon.shipped.reckoning import Known, Linked, Reckoning
from burnmon.shipped.review import review
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger
from burnmon.work import Edit

CORPUS = Path(__file__).parents[1].parent / "shared" / "corpus"
PRICES = pricing.load()
REPO = "/made/up"
ME = frozenset({ADA})


def collected() -> Iterator[Path]:
    """Directories that are a home of an agent."""
    for name in ("projects", "sessions"):
        for top in ("claude-code", "codex", "traps"):
            yield from (each.parent for each in (CORPUS / top).rglob(name))


HOMES = sorted(set(collected()))

pytestmark = pytest.mark.skipif(
    not HOMES, reason="the collection of sessions is not there"
)


def price(request: Request) -> Decimal | None:
    usage = request.usage
    rate = PRICES.rate(request.model, request.at, usage.prompt, request.terms)
    return None if rate is None else rate.cost(usage, request.web_searches)


def made_of(edits: Sequence[Edit]) -> Linked:
    """A repository whose commits are edits, a minute after they were made."""
    by_second: dict[int, Edit] = {}
    for each in edits[::3]:
        by_second[each.at // 1000 + 60] = each
    changes = []
    for at, each in sorted(by_second.items()):
        lines = each.lines_added, each.lines_removed
        path = each.path.lstrip("/")
        file = FilePatch(path, "", each.added, each.removed, *lines, False, "")
        made_at = datetime.fromtimestamp(at, UTC)
        changes.append(change(commit(f"{each.key:040x}", made_at, files=(file,))))
    past = history(*changes, path="/")
    return Linked(REPO, past, link(Worked(edits, [], {}), past, ME), ME)


def everything(ledger: Ledger) -> Known:
    """All that a ledger knows, with made-up commits."""
    requests: dict[str, list[Request]] = defaultdict(list)
    for each in ledger.requests():
        requests[each.session_id].append(each)
    edits = ledger.work.edits()
    repo = made_of([each for each in edits if each.outcome == "accepted"])
    by_session: dict[str, list[Edit]] = defaultdict(list)
    for edit in edits:
        by_session[edit.session_id].append(edit)
    return Known(
        [repo],
        requests,
        by_session,
        {},
        lambda place: REPO if place else "",
        lambda path: None,
        price,
    )


@pytest.mark.parametrize(
    "home", HOMES, ids=lambda home: str(home.relative_to(CORPUS)).replace("/", "-")
)
def test_sums_are_exact(home: Path) -> None:
    """Per session, day and repository the parts are what was asked, to the digit."""
    with Ledger(None) as ledger:
        homes.sweep(ledger, home)
        for _ in gather(ledger, behind(ledger)):
            pass
        known = everything(ledger)
    reckoning = Reckoning(known)
    for session_id, charges in reckoning.charges.items():
        asked = known.requests[session_id]
        assert total(each.spent for each in charges) == spent(asked, price), session_id
    asked = [each for some in known.requests.values() for each in some]
    for zone in ("UTC", "America/New_York"):
        found = [review(day, zone, known) for day in days(asked, zone)]
        assert all(each.adds_up for each in found)
        assert total(each.spent for each in found) == spent(asked, price)
        repos = [row.spent for day in found for row in day.commits]
        repos += [rest.spent for day in found for rest in day.rests]
        assert total(repos) == spent(asked, price)


def days(requests: Sequence[Request], zone: str) -> list[date]:
    there = ZoneInfo(zone)
    return sorted({each.at.astimezone(there).date() for each in requests})


def test_some_of_it_is_linked() -> None:
    """The made-up commits are found, or these tests would say nothing."""
    with Ledger(None) as ledger:
        homes.sweep(ledger, CORPUS / "claude-code" / "entireio+cli")
        for _ in gather(ledger, behind(ledger)):
            pass
        known = everything(ledger)
    (repo,) = known.repos
    made = {each.change for each in repo.links}
    assert len(made) > 0.7 * len(repo.history.changes)
    linked = [each for some in Reckoning(known).charges.values() for each in some]
    assert sum(each.link is not None for each in linked) > 0.5 * len(linked)
