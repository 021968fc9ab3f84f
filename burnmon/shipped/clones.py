"""Clones of one repository: each commit of theirs is counted in one of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from burnmon.shipped.commits import Change
from burnmon.shipped.linking import Link

Key = tuple[str, str, int, int]
"""A change anywhere: repository, author, instant (epoch s), and place among those."""


def elsewhere(
    changes: Mapping[Key, Change], links: Mapping[Key, Sequence[Link]], only: str
) -> Iterator[Key]:
    """Changes that another clone holds too, and is linked with more surely, or that
    is the one asked about: ``only``, if any."""

    def doubt(key: Key) -> tuple[bool, float]:
        sure = max((each.confidence for each in links.get(key, ())), default=0.0)
        return key[0] != only, -sure

    copies: dict[tuple[str, int, int], list[Key]] = defaultdict(list)
    for key in changes:
        copies[key[1:]].append(key)
    for keys in copies.values():
        kept: set[str] = set()
        for key in sorted(keys, key=doubt):
            shas = {each.sha for each in changes[key].commits}
            if kept & shas:
                yield key
            kept |= shas
