"""Words for figures: money, tokens, shares, spans, clock times and safe text.

The one place where a figure becomes something to read, shared by the commands and
the screen. Local time exists here only. Nothing here reads a clock or a setting;
what came from a file passes `plain` before it may reach a terminal.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

ELLIPSIS = "…"
UNPRICED = "unpriced"
UNKNOWN = "unknown"

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_MINUTES = {"minute": 1, "hour": 60, "day": 1440, "week": 10080}
_COUNTS = "zero one two three four five six seven eight nine ten".split()


def money(amount: Decimal | None) -> str:
    """Dollars to the cent; below a cent as many digits as it takes to mean something.

    >>> money(Decimal("12.84")), money(Decimal("0.004")), money(None)
    ('$12.84', '$0.004', 'unpriced')
    """
    if amount is None:
        return UNPRICED
    sign, size = ("−" if amount < 0 else ""), abs(amount)
    if size and size < Decimal("0.0001"):
        return f"{sign}<$0.0001"
    digits = 2 if not size or size >= Decimal("0.0095") else -size.adjusted()
    rounded = size.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{sign}${rounded:,}"


def out_of(spent: Decimal | None, allowance: Decimal | None) -> str:
    """Dollars of those that may be spent: ``$12.34 of $50``; unlimited, what was spent.

    >>> out_of(Decimal("12.34"), Decimal(50)), out_of(Decimal("12.34"), None)
    ('$12.34 of $50', '$12.34')
    """
    limit = "" if allowance is None else f" of {money(allowance).removesuffix('.00')}"
    return money(spent) + limit


def rate(per_minute: Decimal | None) -> str:
    """Dollars per minute: ``$0.42/min``."""
    return UNPRICED if per_minute is None else f"{money(per_minute)}/min"


def tokens(count: float) -> str:
    """A count in at most five characters: ``142 k``, ``8.1 k``, ``1.2 M``."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= size * 0.9995:
            scaled = count / size
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"
    return f"{count:.0f}"


def share(part: float | None, *, fine: bool = False) -> str:
    """A share in percent; never rounded up to 100 % nor down to 0 %.

    ``fine`` keeps one decimal below ten percent.
    """
    if part is None:
        return UNKNOWN
    percent = part * 100
    if 0 < percent < (0.05 if fine else 0.5):
        return "<0.1 %" if fine else "<1 %"
    if 99 < percent < 100:
        return "99 %"
    if fine and percent < 9.95:
        return f"{percent:.1f} %"
    return f"{percent:.0f} %"


def between(low: float, high: float) -> str:
    """Two shares as one range: ``72–88 %``, or ``72 %`` when both read the same."""
    first, last = share(low), share(high)
    return last if first == last else f"{first.removesuffix(' %')}–{last}"


def money_between(low: Decimal, high: Decimal) -> str:
    """Two amounts as one range: ``$19–27``, ``$4.10–6.75``, ``$1.2–2.4 k``."""
    if high >= 1000:
        return f"${low / 1000:.1f}–{high / 1000:.1f} k"
    digits = 2 if high < 10 else 0
    first, last = f"{low:,.{digits}f}", f"{high:,.{digits}f}"
    return f"${last}" if first == last else f"${first}–{last}"


def span(length: timedelta) -> str:
    """How long, to two units: ``9 s``, ``3 m``, ``1 h 12``, ``2 d 4 h``."""
    seconds = max(0, int(length.total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"
    if hours:
        return f"{hours} h {minutes % 60:02}" if minutes % 60 else f"{hours} h"
    return f"{minutes} m" if minutes else f"{seconds} s"


def age(length: timedelta) -> str:
    """How old, to one unit: ``9 s``, ``4 m``, ``2 h``, ``3 d``."""
    words = span(length).split(" ")
    return " ".join(words[:2])


def points(share: float) -> str:
    """A share that is added to another, in percent: ``+1.4``, ``+0``."""
    percent = share * 100
    return f"+{percent:.1f}" if 0.05 <= percent < 9.95 else f"+{percent:.0f}"


def more(noun: str, count: float, like: int) -> str:
    """How many of a thing are left, to two digits.

    >>> more("request", 143.0, 100)
    '≈ 140 more requests like the last 100'
    >>> more("turn", 0.6, 20)
    'less than one more turn like the last 20'
    """
    if count < 1:
        return f"less than one more {noun} like the last {like}"
    digits = max(0, len(str(round(count))) - 2)
    rounded = round(round(count), -digits)
    number = tokens(rounded) if rounded >= 10_000 else f"{rounded:,}"
    return f"≈ {number} more {noun}{'s' * (rounded != 1)} like the last {like}"


def lasting(length: timedelta, until: timedelta) -> str:
    """How long something lasts that starts anew after ``until``: ``≈ 48 m``."""
    return "past the reset" if length >= until else f"≈ {span(length)}"


def countdown(length: timedelta) -> str:
    """Time left on a clock face: ``2:28``, ``0:04``; days as in `span`."""
    if length >= _DAY:
        return span(length)
    minutes = max(0, int(length / _MINUTE))
    return f"{minutes // 60}:{minutes % 60:02}"


def ago(at: datetime, now: datetime) -> str:
    """Age of an instant: ``0.4 s ago``, ``3 m ago``; the future reads ``now``."""
    age = now - at
    if age < timedelta(0):
        return "now"
    if age < timedelta(seconds=9.95):
        return f"{age.total_seconds():.1f} s ago"
    return f"{span(age)} ago"


@lru_cache(maxsize=8)
def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # slow to import, and many commands show no time

    return ZoneInfo(name)


def local(at: datetime, zone: str) -> datetime:
    """The instant on the wall clock of an IANA zone."""
    return at.astimezone(_zone(zone))


def clock(at: datetime, zone: str, now: datetime) -> str:
    """A wall-clock time, as short as is clear: ``17:00``, ``Thu 21:00``, ``14 Dec``."""
    there, here = local(at, zone), local(now, zone)
    if there.date() == here.date():
        return f"{there:%H:%M}"
    if abs((there.date() - here.date()).days) < 7:
        return f"{_DAYS[there.weekday()]} {there:%H:%M}"
    return day(at, zone)


def day(at: datetime, zone: str) -> str:
    """A day of the year: ``14 Dec``."""
    there = local(at, zone)
    return f"{there.day} {_MONTHS[there.month - 1]}"


def clock_range(first: datetime, last: datetime, zone: str, now: datetime) -> str:
    """Two instants: ``15:40–16:20``, ``Thu 11–19 h``, ``Wed 22 h–Thu 2 h``."""
    start, end, today = (local(at, zone) for at in (first, last, now))
    if start.date() == end.date() == today.date():
        one, two = f"{start:%H:%M}", f"{end:%H:%M}"
        return one if one == two else f"{one}–{two}"
    if abs((end.date() - today.date()).days) >= 7:
        one, two = clock(first, zone, now), clock(last, zone, now)
        return one if one == two else f"{one}–{two}"
    day, other = _DAYS[start.weekday()], _DAYS[end.weekday()]
    if start.date() != end.date():
        return f"{day} {start.hour} h–{other} {end.hour} h"
    hours = f"{start.hour}–{end.hour}" if start.hour != end.hour else f"{end.hour}"
    return f"{day} {hours} h"


_LENGTH_WORDS = re.compile(r"^(five_hour|seven_day|primary|secondary)_?")


def window_label(agent: str, kind: str, minutes: int) -> str:
    """Agent, length and what else the vendor's word says: ``Claude 7d opus``."""
    rest = _LENGTH_WORDS.sub("", kind).replace("_", " ").strip()
    return plain(f"{agent[:1].upper()}{agent[1:]} {_length(minutes)} {rest}").strip()


def _length(minutes: int) -> str:
    """Length of a window; vendors state some a minute short (10079 is seven days)."""
    for size, unit in ((1440, "d"), (60, "h")):
        count = round(minutes / size)
        if count and abs(minutes - count * size) <= 2:
            return f"{count}{unit}"
    return f"{minutes}m"


_LONGEST_MODEL = 200
"""No model has a longer name; only so much of one is looked at."""
_MODEL_TAIL = re.compile(r"([-@]20\d{6}|-v\d+(:\d+)?|\[[^\[\]]*\]|-latest)+$")
_MODEL_CLAUDE = re.compile(r"^(?:[a-z0-9]+\.)*claude-(.+)$")
_MODEL_OLD = re.compile(r"^(\d+)(?:[-.](\d+))?-([a-z]+)$")
_MODEL_NEW = re.compile(r"^([a-z]+)-(\d+)-(\d{1,2})$")


@lru_cache(maxsize=256)
def short_model(model: str) -> str:
    """A vendor's model id without vendor, date and build: ``opus-5.5``."""
    name = plain(model[:_LONGEST_MODEL]).rsplit("/", 1)[-1]
    name = _MODEL_TAIL.sub("", name) or name
    claude = _MODEL_CLAUDE.match(name)
    if claude is None:
        return name
    name = claude[1]
    if old := _MODEL_OLD.match(name):
        return f"{old[3]}-{old[1]}.{old[2]}" if old[2] else f"{old[3]}-{old[1]}"
    if new := _MODEL_NEW.match(name):
        return f"{new[1]}-{new[2]}.{new[3]}"
    return name


_ESCAPES = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, to its terminator
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)?"  # DCS and kin
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # every other escape
)
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@lru_cache(maxsize=2048)
def base(path: str) -> str:
    """Last part of a path of either kind of system."""
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def counted(number: int, noun: str) -> str:
    """How many there are: ``1 commit``, ``1,640 commits``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def plain(text: str) -> str:
    """One line that is safe to print: no escapes, controls or direction overrides.

    Joiners and variation selectors go too: terminals disagree on their width.
    """
    if text.isascii() and text.isprintable():
        return text
    return _plain_again(text) if len(text) < _SHORT else _plain(text)


_SHORT = 200
"""Characters of a text that may come again: names and words of our own."""


def _plain(text: str) -> str:
    # Blanks of any width count as one, for not all of them are printable.
    spaced = re.sub(r"[^\S ]+", " ", _ESCAPES.sub("", text))
    return "".join(
        char
        for char in spaced
        if unicodedata.category(char) not in _UNSEEN
        and not "\ufe00" <= char <= "\ufe0f"
        and not "\U000e0100" <= char <= "\U000e01ef"
    )


_plain_again = lru_cache(maxsize=512)(_plain)


@lru_cache(maxsize=1024)
def _cell(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cells(text: str) -> int:
    """How many terminal cells a plain text takes."""
    return len(text) if text.isascii() else _wide(text)


@lru_cache(maxsize=4096)
def _wide(text: str) -> int:
    """``cells`` of a text beyond ASCII; rules and bars come again and again."""
    return sum(map(_cell, text))


def fit(text: str, width: int) -> str:
    """The text, or as much of it as fits into ``width`` cells with a closing ``…``."""
    if cells(text) <= width:
        return text
    kept, used = [], 0
    for char in text:
        used += _cell(char)
        if used > width - 1:
            break
        kept.append(char)
    return "".join(kept).rstrip() + ELLIPSIS if width > 0 else ""


def whole(text: str, width: int) -> str:
    """As many phrases between `` · `` as fit; only the first is ever cut.

    >>> whole("one · two · three", 10)
    'one · two'
    """
    while cells(text) > width and " · " in text:
        text = text.rpartition(" · ")[0]
    return fit(text, width)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The fitted text in exactly ``width`` cells, set to the left or the right."""
    fitted = fit(text, width)
    blank = " " * (width - cells(fitted))
    return blank + fitted if right else fitted + blank


def numbered(account: str, place: int) -> str:
    """An account whose home several use in turn: ``work #2``; the first as it is."""
    return account if place == 1 else f"{account} #{place}".strip()


def unnumbered(account: str) -> str:
    """The account of the home, or a label that ends with it, without the number.

    >>> unnumbered("work #2"), unnumbered("#3"), unnumbered("Codex 5h #2")
    ('work', '', 'Codex 5h')
    """
    return re.sub(r" ?#\d+$", "", account)


def minutes_of(kind: str) -> int:
    """Length of a window from its name; 0 where that says none.

    >>> minutes_of("five_hour"), minutes_of("seven_day_opus"), minutes_of("overage")
    (300, 10080, 0)
    """
    count, _, rest = kind.partition("_")
    length = _MINUTES.get(rest.partition("_")[0].removesuffix("s"), 0)
    if count in _COUNTS:
        return _COUNTS.index(count) * length
    counted = count.isascii() and count.isdigit() and len(count) <= 3
    return int(count) * length if counted else 0
