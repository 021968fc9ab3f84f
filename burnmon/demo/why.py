"""Why the recorded sessions burn: explained as real ones are, from what they state."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from burnmon.demo import day, script
from burnmon.demo.script import Part
from burnmon.live.explaining import explained
from burnmon.records import Request
from burnmon.usage.breakdown import broken_down
from burnmon.usage.causes import causes
from burnmon.usage.pricing import PriceTable
from burnmon.usage.turns import Told, marks_of
from burnmon.why import Why


def explained_part(
    part: Part, requests: Iterable[Request], prices: PriceTable, now: datetime
) -> Why:
    """A recorded session as it stands by then."""
    name = part.session_id
    own = [each for each in requests if each.session_id == name and each.at <= now]
    marks = [each for each in day.marks(now) if each.session_id == name]
    told = Told(broken_down(own, marks, prices.rate_of), marks_of(marks, "prompt"))
    about = name, part.title, f"/home/sam/code/{part.project}"
    why = explained(told, causes(told), about)
    return replace(why, agent=part.agent, zone=script.ZONE)
