"""Reads whole files on several processors, for the first scan of a long history.

What comes back is what the sweep would have read itself, in the same order, with the
copies in each file joined. Children are forked and speak through pipes: starting a pool
of the standard library takes longer than reading a short history.
"""

from __future__ import annotations

import fcntl
import gc
import os
import selectors
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from operator import attrgetter
from typing import NoReturn, TypeVar

import msgspec

from burnmon.agents import load
from burnmon.live.sweep import Found, Read, read_file
from burnmon.records import Facts
from burnmon.usage.copies import Copies, fold
from burnmon.usage.ledger import FileState

SHARE = 4 << 20
"""Bytes that one worker takes at a time."""
MOST_SHARES = 4096
"""Their numbers fit into a pipe."""
HEAD = 8
"""Bytes of a number on a pipe."""
ROOM = 1 << 20
"""Bytes of answers that may wait, so that nobody waits while a batch is written."""

_Portion = tuple[Read, list[Copies]]
_T = TypeVar("_T")


def read_ahead(found: Sequence[Found], workers: int, batch: int) -> Iterator[_Portion]:
    """Files that were never read, in batches of that many bytes, in order.

    A file that cannot be read is left out, as is all that a worker took that died; the
    sweep then meets it by itself. No thread may run in this process.
    """
    portions, share = portions_of(found, attrgetter("size"), SHARE)
    load({each.agent for each in found})
    packed = shared(portions, _packed, workers)
    yield from _batches((_unpacked(each) for _, each in packed), batch // share)


def shared(
    portions: Sequence[list[_T]], pack: Callable[[list[_T]], bytes], workers: int
) -> Iterator[tuple[int, bytes]]:
    """What children make of portions, in order, each with the portion's number.

    What a child took that died is left out. No thread may run in this process.
    """
    tasks, submit = os.pipe()
    os.write(submit, b"".join(map(_head, range(len(portions)))))
    os.close(submit)
    pipes: list[int] = []
    children: list[int] = []
    try:
        for _ in range(workers):
            answers, tell = os.pipe()
            pipes.append(answers)
            child = os.fork()
            if child == 0:
                _work(portions, pack, tasks, tell, pipes)
            os.close(tell)
            children.append(child)
        yield from _in_order(_answers(pipes))
    finally:
        os.close(tasks)
        for answers in pipes:
            os.close(answers)
        for child in children:
            os.waitpid(child, 0)


def _head(number: int) -> bytes:
    return number.to_bytes(HEAD, "big")


def portions_of(
    files: Sequence[_T], size_of: Callable[[_T], int], least: int
) -> tuple[list[list[_T]], int]:
    """Files in portions, and about how many bytes each of these has."""
    share = max(least, sum(map(size_of, files)) // MOST_SHARES)
    portions: list[list[_T]] = []
    portion: list[_T] = []
    size = 0
    for each in files:
        portion.append(each)
        size += size_of(each)
        if size >= share:
            portions.append(portion)
            portion, size = [], 0
    if portion:
        portions.append(portion)
    return portions, share


# --- a child -------------------------------------------------------------------------


def _work(
    portions: Sequence[list[_T]],
    pack: Callable[[list[_T]], bytes],
    tasks: int,
    tell: int,
    others: Sequence[int],
) -> NoReturn:
    """Read portions until none is left; never returns into the parent's program."""
    for pipe in others:  # or a child whose parent is gone would wait for a reader
        os.close(pipe)
    # Nothing here lives in circles, and looking for them costs a tenth of the time.
    gc.disable()
    with suppress(BaseException):
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with suppress(OSError):
                fcntl.fcntl(tell, fcntl.F_SETPIPE_SZ, ROOM)
        while task := os.read(tasks, HEAD):
            answer = pack(portions[int.from_bytes(task, "big")])
            rest = memoryview(b"".join((task, _head(len(answer)), answer)))
            while rest:
                rest = rest[os.write(tell, rest) :]
    os._exit(0)


def _packed(portion: list[Found]) -> bytes:
    files = []
    for found in portion:
        with suppress(OSError, OverflowError, UnicodeError):
            state, facts = read_file(found, None)
            first = state.trail.first_at
            copies = fold(state.agent, found.path, first, facts.sightings)
            facts.sightings = []
            # What has no place in it, as numbers of any size, is left to the parent.
            files.append(msgspec.Raw(msgspec.msgpack.encode((state, facts, copies))))
    return msgspec.msgpack.encode(files)


# --- the parent ----------------------------------------------------------------------


def _answers(pipes: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Numbers and packed contents of portions, as they are done."""
    arrived = {pipe: bytearray() for pipe in pipes}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                piece = os.read(key.fd, ROOM)
                if not piece:
                    selector.unregister(key.fd)
                whole = arrived[key.fd]
                whole += piece
                while len(whole) >= 2 * HEAD:
                    end = 2 * HEAD + int.from_bytes(whole[HEAD : 2 * HEAD], "big")
                    if len(whole) < end:
                        break
                    yield (
                        int.from_bytes(whole[:HEAD], "big"),
                        bytes(whole[2 * HEAD : end]),
                    )
                    del whole[:end]


def _in_order(answers: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Packed portions by number; behind one that was lost, when all have come."""
    early: dict[int, bytes] = {}
    number = 0
    for each, packed in answers:
        early[each] = packed
        while number in early:
            yield number, early.pop(number)
            number += 1
    yield from sorted(early.items())


def _unpacked(packed: bytes) -> _Portion:
    files = _files().decode(packed)
    return [each[:2] for each in files], [each[2] for each in files]


@cache
def _files() -> msgspec.msgpack.Decoder[list[tuple[FileState, Facts, Copies]]]:
    return msgspec.msgpack.Decoder(list[tuple[FileState, Facts, Copies]])


def _batches(portions: Iterator[_Portion], size: int) -> Iterator[_Portion]:
    read: Read = []
    copies: list[Copies] = []
    taken = 0
    for more, with_copies in portions:
        read.extend(more)
        copies.extend(with_copies)
        taken += 1
        if taken >= size:
            yield read, copies
            read, copies, taken = [], [], 0
    if read:
        yield read, copies
