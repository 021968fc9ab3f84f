"""Dated list prices: what a request would cost when paid for by the token.

Owns the price table and the rules that turn a request's model, instant, prompt size
and terms into a rate. Refuses to guess: a model that the table does not name has no
price, which is ``None`` and never zero. Reads the shipped ``prices.json``, a table
fetched on request, and the user's ``prices.toml``, which wins::

    [models."my-model"]            # USD per million tokens
    input = 2.0                    # required
    output = 8.0                   # required
    cache_read = 0.2               # else the input price
    cache_write_5m = 2.5           # else 1.25 × input for claude-…, or input
    cache_write_1h = 4.0           # else 2 × input for claude-…, or the 5 m price
    fast = 2                       # factor when the terms say "fast"; else 1
    priority = 2                   # the same for OpenAI's "priority" tier
    web_search = 0.01              # USD per search; else 0.01 for claude-…, or 0
    valid_from = 2026-10-07        # date (00:00 UTC) or instant; else always
    above.200000 = { input = 4.0, output = 12.0 }   # a prompt above 200,000 tokens

    [models."nickname"]
    alias_of = "claude-opus-5-5"

Several dated prices of one model are an array: ``[[models."my-model"]]``. Before the
first ``valid_from`` of the user's prices the table's own prices stay in force.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from burnmon import private
from burnmon.errors import BurnmonError, ConfigError
from burnmon.records import Request, Terms, Usage
from burnmon.usage import price_file
from burnmon.usage.model_names import spellings
from burnmon.usage.price_file import CLASSES, Aliases, Entry, Models, instant

if TYPE_CHECKING:
    import httpx

URL = (
    "https://raw.githubusercontent.com/pydantic/genai-prices/"
    "refs/heads/main/prices/new_data/v2/data.json"
)
"""Where ``refresh`` gets a newer table: genai-prices' own published prices."""

SHIPPED = Path(__file__).with_name("prices.json")

_FIGURES = frozenset((*CLASSES, "fast", "priority", "web_search"))

STANDARD = Terms()
"""No faster mode and no region with a surcharge."""

_FETCH_SECONDS = 30.0
_US_SURCHARGE = Decimal("1.1")
_CLAUDE_SEARCH = Decimal("0.01")


class Rate(Struct, frozen=True):
    """Exact prices of one request, or of many of the same class: USD per token."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    web_search: Decimal
    """USD per search; no factor applies to it."""

    def cost(self, usage: Usage, web_searches: int = 0) -> Decimal:
        """Price in USD; linear, so a sum of usages costs the sum of their costs."""
        return (
            self.input * usage.input
            + self.output * usage.output
            + self.cache_read * usage.cache_read
            + self.cache_write_5m * usage.cache_write_5m
            + self.cache_write_1h * usage.cache_write_1h
            + self.web_search * web_searches
        )

    def whole(self) -> tuple[tuple[int, ...], int]:
        """The six prices in whole parts of a dollar, and how many parts make one.

        Whole numbers multiply several times as fast, for those who want a float.
        """
        prices = [getattr(self, name) for name in self.__struct_fields__]
        digits = max(-int(each.as_tuple().exponent) for each in prices)
        parts = 10 ** max(0, digits)
        return tuple(int(each * parts) for each in prices), parts


class Price(Struct, frozen=True):
    """One line of the table: what a model costs from an instant on, above a size."""

    model: str
    valid_from: datetime | None
    """Start, aware UTC; ``None`` when the price holds since ever."""
    above: int
    """Prompt size in tokens that must be exceeded; 0 for the ordinary price."""
    input: Decimal
    """USD per million tokens, as are the other four classes."""
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    fast: Decimal
    """Factor on every token price when the terms say ``fast``."""
    priority: Decimal
    """The same for ``priority``."""
    web_search: Decimal
    """USD per search."""
    origin: str
    """``measured``, ``genai-prices`` or ``yours``."""

    def rate(self, terms: Terms) -> Rate:
        """The price per token under these terms; unknown words change nothing."""
        dearer = {"fast": self.fast, "priority": self.priority}
        factor = dearer.get(terms.speed, Decimal(1))
        if terms.region == "us" and self.model.startswith("claude-"):
            factor *= _US_SURCHARGE
        per_token = factor.scaleb(-6)
        return Rate(
            input=self.input * per_token,
            output=self.output * per_token,
            cache_read=self.cache_read * per_token,
            cache_write_5m=self.cache_write_5m * per_token,
            cache_write_1h=self.cache_write_1h * per_token,
            web_search=self.web_search,
        )


_Band = tuple[datetime | None, tuple[tuple[int, Rate], ...]]
"""Start of a date band and its tiers, both newest or highest first."""


class PriceTable(Struct, frozen=True, eq=False):
    """All prices at once; an immutable value apart from its memory of past answers.

    Requests may be priced as one sum when they share the model, the terms, the
    place of their prompt among ``thresholds`` and of their instant among ``changes``.
    """

    source: str
    """Where the prices come from: ``genai-prices 0.2.3 + measured``."""
    dated: date
    """Day on which the table was known to be right."""
    thresholds: tuple[int, ...]
    """Every prompt size, in tokens, above which some price changes; sorted."""
    changes: tuple[datetime, ...]
    """Every instant, aware UTC, at which some price changes; sorted."""
    models: Models
    """Dated prices by model, as the files spell them; ``rows`` is for reading."""
    aliases: Aliases
    _known: dict[tuple[str, str, str], tuple[_Band, ...]] = field(default_factory=dict)

    def rate(
        self, model: str, at: datetime, prompt_tokens: int, terms: Terms = STANDARD
    ) -> Rate | None:
        """The price of a request, or ``None`` when the model is unknown.

        ``prompt_tokens`` counts input, cache reads and cache writes; a tier starts
        strictly above its threshold and then prices every token, output too.
        """
        key = (model, terms.speed, terms.region)
        bands = self._known.get(key)
        if bands is None:
            bands = self._known[key] = self._bands(model, terms)
        for start, tiers in bands:
            if start is None or at >= start:
                for above, rate in tiers:
                    if prompt_tokens > above or above == 0:
                        return rate
        return None

    def rate_of(self, request: Request) -> Rate | None:
        """``rate`` for one request."""
        prompt = request.usage.prompt
        return self.rate(request.model, request.at, prompt, request.terms)

    def cost(self, request: Request) -> Decimal | None:
        """Dollars of one request; None when its model has no price."""
        rate = self.rate_of(request)
        return None if rate is None else rate.cost(request.usage, request.web_searches)

    def canonical(self, model: str) -> str | None:
        """The table's own name of a model, or ``None`` when it is unknown."""
        for name in spellings(model):
            name = self.aliases.get(name, name)
            if name in self.models:
                return name
        return None

    def cuts(
        self, models: Iterable[str]
    ) -> tuple[tuple[int, ...], tuple[datetime, ...]]:
        """Those of ``thresholds`` and ``changes`` that concern some models."""
        named = {self.canonical(model) for model in models}
        return _cuts([e for name in named if name for e in self.models[name]])

    def rows(self) -> tuple[Price, ...]:
        """Every line of the table: by model, then by date, then by prompt size."""
        return tuple(price for name in sorted(self.models) for price in self._of(name))

    def _of(self, name: str) -> Iterator[Price]:
        for entry in self.models[name]:
            yield from _prices(name, entry)

    def _bands(self, model: str, terms: Terms) -> tuple[_Band, ...]:
        name = self.canonical(model)
        if name is None:
            return ()
        bands: dict[datetime | None, list[tuple[int, Rate]]] = {}
        for price in self._of(name):
            tier = (price.above, price.rate(terms))
            bands.setdefault(price.valid_from, []).insert(0, tier)
        return tuple((start, tuple(tiers)) for start, tiers in bands.items())[::-1]


def _prices(model: str, entry: Entry) -> Iterator[Price]:
    """The lines of one dated entry: the ordinary price, then each tier above it."""
    tiers = entry.get("above", {})
    yield _price(model, entry, 0)
    for above in sorted(map(int, tiers)):
        yield _price(model, {**entry, **tiers[str(above)]}, above)


def _price(model: str, entry: Entry, above: int) -> Price:
    """One line; a class without a price of its own follows the vendor's rule."""
    claude = model.startswith("claude-")
    given = {name: Decimal(entry[name]) for name in CLASSES if name in entry}
    base = given["input"]
    write = given.get("cache_write_5m", base * Decimal("1.25") if claude else base)
    return Price(
        model=model,
        valid_from=instant(start) if (start := entry.get("valid_from")) else None,
        above=above,
        input=base,
        output=given["output"],
        cache_read=given.get("cache_read", base),
        cache_write_5m=write,
        cache_write_1h=given.get("cache_write_1h", base * 2 if claude else write),
        fast=Decimal(entry.get("fast", 1)),
        priority=Decimal(entry.get("priority", 1)),
        web_search=Decimal(entry.get("web_search", _CLAUDE_SEARCH if claude else 0)),
        origin=entry.get("origin", "genai-prices"),
    )


def load(user_file: Path | None = None, fetched_file: Path | None = None) -> PriceTable:
    """The table in force: the user's prices, over the fetched, over the shipped.

    A fetched table older than the shipped one is left aside, so that an update of
    the program is never undone by an old fetch. A file that does not exist is none.
    """
    table = price_file.read_table(SHIPPED)
    if fetched_file is not None and fetched_file.exists():
        fetched = _sound(fetched_file, price_file.read_table(fetched_file))
        if fetched["dated"] >= table["dated"]:
            table = {**fetched, "models": {**table["models"], **fetched["models"]}}
    aliases = {k: v for k, v in table["models"].items() if isinstance(v, str)}
    models = {k: v for k, v in table["models"].items() if not isinstance(v, str)}
    shipped = _table(table["source"], table["dated"], models, aliases)
    if user_file is None or not user_file.exists():
        return shipped
    return _with_users(shipped, user_file)


def _sound(path: Path, table: dict[str, Any]) -> dict[str, Any]:
    """A table that came from elsewhere, if all of its prices can be reckoned with."""
    try:
        _check(table["models"])
    except price_file.NOT_A_TABLE as error:
        raise price_file.no_table(path, error) from error
    return table


def _check(models: Mapping[str, Any]) -> None:
    """Raise ValueError or its like for what is neither dated prices nor a name."""
    _cuts([e for entries in models.values() if type(entries) is list for e in entries])
    for name, entries in models.items():
        if isinstance(entries, str):
            continue
        if not entries:
            raise ValueError(f"{name} has no price")
        for entry in entries:
            tiers = entry.get("above", {})
            parts = (entry, *tiers.values())
            figures = [part[key] for part in parts for key in _FIGURES & part.keys()]
            sizes = all(str(int(size)) == size for size in tiers)
            if not sizes or not all(map(_is_price, figures)):
                raise ValueError(f"a price of {name} is none")


def _is_price(figure: object) -> bool:
    if type(figure) is int or isinstance(figure, Decimal):
        return price_file.is_price(Decimal(figure))
    return False


def _table(source: str, dated: str, models: Models, aliases: Aliases) -> PriceTable:
    every = [entry for entries in models.values() for entry in entries]
    sizes, starts = _cuts(every)
    return PriceTable(
        source,
        date.fromisoformat(dated),
        sizes,
        starts,
        models,
        aliases,
    )


def _cuts(entries: Sequence[Entry]) -> tuple[tuple[int, ...], tuple[datetime, ...]]:
    """Prompt sizes and instants at which the price of some entry changes."""
    sizes = {int(size) for entry in entries for size in entry.get("above", ())}
    starts = {instant(e["valid_from"]) for e in entries if "valid_from" in e}
    return tuple(sorted(sizes)), tuple(sorted(starts))


def _with_users(table: PriceTable, path: Path) -> PriceTable:
    """The table with the user's prices and nicknames laid over it."""
    models, aliases = dict(table.models), dict(table.aliases)
    theirs, nicknames = price_file.read_users(path)
    for name, entries in theirs.items():
        first = entries[0].get("valid_from")
        known = models.get(table.canonical(name) or "", [])
        models[name] = [*_until(first, known), *entries]
        aliases.pop(name, None)
    for name in nicknames:
        models.pop(name, None)
    named = _table(f"{table.source} + yours", str(table.dated), models, aliases)
    for name, target in nicknames.items():
        if (meant := named.canonical(target)) is None:
            raise ConfigError(
                f'{path}: models."{name}".alias_of names {target}, which has no price'
            )
        nicknames[name] = meant
    others = {name: nicknames.get(meant, meant) for name, meant in aliases.items()}
    return replace(named, aliases={**others, **nicknames})


def _until(first: datetime | None, known: list[Entry]) -> list[Entry]:
    """The prices that hold before an instant; none before the beginning of time."""
    if first is None:
        return []
    return [e for e in known if not (v := e.get("valid_from")) or instant(v) < first]


def refresh(
    destination: Path, *, transport: httpx.BaseTransport | None = None
) -> PriceTable:
    """Fetch the published prices into ``destination``; asked for by a person only.

    Prices measured from a vendor's own program stay, for the time they cover. The
    file is replaced whole or not at all.
    """
    from burnmon.usage import price_source  # conversion is needed here only

    body, fetched_on = _fetch(transport)
    shipped = price_file.read_table(SHIPPED)
    measured = _measured(shipped["models"])
    measured_on = date.fromisoformat(shipped["measured"])
    try:
        providers = json.loads(body, parse_float=price_file.figure)
        models = price_source.table(providers, measured, measured_on)
        source = f"genai-prices of {fetched_on} + measured"
        text = price_file.dump(source, fetched_on, measured_on, models)
        text.encode()
        _check(json.loads(text, parse_float=price_file.figure)["models"])
    except (*price_file.NOT_A_TABLE, re.error) as error:
        raise BurnmonError(f"{URL}: not a list of prices: {error!r}") from error
    _write(destination, text)
    return load(fetched_file=destination)


def _fetch(transport: httpx.BaseTransport | None) -> tuple[bytes, date]:
    """What the URL holds, and the server's day, or else this machine's."""
    from email.utils import parsedate_to_datetime

    import httpx  # a third of a second to import, and only this function needs it

    known = httpx.URL(URL)

    def stay(request: httpx.Request) -> None:
        """Follow the list where it moves on its host, and nowhere else."""
        if (request.url.scheme, request.url.host) != (known.scheme, known.host):
            raise BurnmonError(f"{URL}: leads to {request.url}, which is not asked")

    try:
        with httpx.Client(
            transport=transport,
            timeout=_FETCH_SECONDS,
            follow_redirects=True,
            event_hooks={"request": [stay]},
        ) as client:
            response = client.get(URL).raise_for_status()
    except httpx.HTTPError as error:
        raise BurnmonError(f"{URL}: cannot be fetched: {error}") from error
    stated = response.headers.get("date")
    day = datetime.now(UTC)
    with suppress(ValueError, OverflowError):
        day = parsedate_to_datetime(stated) if stated else day
    return response.content, day.date()


def _measured(models: Mapping[str, Any]) -> Models:
    """The prices of a table that were measured, with nothing else of their model."""
    of = {
        name: [e for e in entries if e.get("origin") == "measured"]
        for name, entries in models.items()
        if not isinstance(entries, str)
    }
    return {name: entries for name, entries in of.items() if entries}


def _write(path: Path, text: str) -> None:
    """Put the file in its place, readable by its owner only."""
    try:
        private.replace_file(path, text.encode())
    except OSError as error:
        raise BurnmonError(f"{path}: cannot be written: {error}") from error
