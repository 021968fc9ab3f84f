"""Reads whole files on several processors, for the first scan of a long history.

What comes back is what the sweep would have read itself, in the same order.
"""

from __future__ import annotations

import marshal
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from burnmon.live.sweep import Found, Read, read_file
from burnmon.records import Facts, Sighting
from burnmon.usage.ledger import FileState

SHARE = 12 << 20
"""Bytes that one worker takes at a time."""

_Packed = list[tuple[FileState, bytes, Facts]]


def read_ahead(found: Sequence[Found], workers: int, batch: int) -> Iterator[Read]:
    """Files that were never read, in batches of that many bytes, in order.

    A file that cannot be read is left out; the sweep then meets it by itself.
    """
    context = multiprocessing.get_context("fork")
    read: Read = []
    size = 0
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        for packed in pool.map(_read, list(_portions(found))):
            read.extend(_unpacked(*each) for each in packed)
            size += SHARE
            if size >= batch:
                yield read
                read, size = [], 0
    if read:
        yield read


def _portions(found: Sequence[Found]) -> Iterator[list[Found]]:
    portion: list[Found] = []
    size = 0
    for each in found:
        portion.append(each)
        size += each.size
        if size >= SHARE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _read(portion: list[Found]) -> _Packed:
    packed: _Packed = []
    for each in portion:
        try:
            state, facts = read_file(each, None)
        except OSError:
            continue
        # Plain tuples by marshal: pickling them one by one takes as long as reading.
        sightings: list[Any] = list(map(tuple, facts.sightings))
        facts.sightings = []
        packed.append((state, marshal.dumps(sightings), facts))
    return packed


def _unpacked(
    state: FileState, sightings: bytes, facts: Facts
) -> tuple[FileState, Facts]:
    facts.sightings = list(map(Sighting._make, marshal.loads(sightings)))
    return state, facts
