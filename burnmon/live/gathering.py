"""Reads session files once more, for what their sessions did to files and commits.

It follows the sweep, because requests are wanted first and are quicker to find. What it
was told of a file's session by the ledger holds here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec
from msgspec.structs import replace

from burnmon.agents import AGENTS, load
from burnmon.live.sweep import open_session, processors
from burnmon.usage.ledger import Ledger
from burnmon.usage.work_store import WorkFile, WorkRows, work_rows
from burnmon.work import Work, WorkTrail

BATCH = 64 << 20
"""Bytes read between two commits."""
SHARED_BATCH = 96 << 20
"""The same while others read: the last batch is written when they are through."""
WORTH_WORKERS = 8 << 20
"""Bytes from which it pays to share them among processors."""
SHARE = 1 << 20
"""Bytes that one takes at a time."""
READERS = {name: each.work_version for name, each in AGENTS.items() if each.worker}
"""Agents whose files tell of work, with the version of their reader."""


def behind(ledger: Ledger, paths: Iterable[str] | None = None) -> list[WorkFile]:
    """Files that were not read for work as far as they were for requests.

    ``paths`` leaves all others out.
    """
    return ledger.work.behind(READERS, paths)


def returned(ledger: Ledger) -> list[WorkFile]:
    """Files that were gone when they should have been read, and are there again."""
    gone = ledger.work.gone(READERS)
    return [each for each in gone if Path(each.path).exists()]


def fresh(file: WorkFile) -> int:
    """Bytes of a file that are to be read."""
    if file.reader != READERS[file.agent]:
        return file.size
    return max(0, file.size - file.offset)


def gather(
    ledger: Ledger, files: Sequence[WorkFile], batch: int = BATCH
) -> Iterator[int]:
    """Read files for work and absorb it; yields how many files are done so far.

    Stopping between two steps loses nothing.
    """
    read: list[WorkRows] = []
    size = 0
    for done, file in enumerate(files, 1):
        size += fresh(file)
        read.extend(_read_work(file))
        if size >= batch:
            ledger.put_work(read)
            read, size = [], 0
            yield done
    if read:
        ledger.put_work(read)
        yield len(files)


def gather_history(ledger: Ledger, files: Sequence[WorkFile]) -> Iterator[int]:
    """``gather`` with all processors, if that is worth it.

    For commands that wait for it; it forks, so no thread may run beside it.
    """
    count = processors()
    left = list(files)
    if count > 1 and sum(map(fresh, files)) >= WORTH_WORKERS:
        ledger.settle()
        known: set[int] = set()
        for rows, done in _gather_ahead(files, count, SHARED_BATCH):
            ledger.put_work(rows)
            known.update(each.file[0] for each in rows)
            yield done
        left = [each for each in files if each.id not in known]
    for _ in gather(ledger, left):
        yield len(files)


def _gather_ahead(
    files: Sequence[WorkFile], workers: int, batch: int
) -> Iterator[tuple[list[WorkRows], int]]:
    """What files state of work, read by children, with how many are done so far."""
    from burnmon.live.workers import portions_of, shared

    portions, share = portions_of(files, fresh, SHARE)
    load({each.agent for each in files}, work=True)
    rows: list[WorkRows] = []
    taken = done = 0
    for number, packed in shared(portions, _packed, workers):
        rows.extend(_rows().decode(packed))
        done += len(portions[number])
        taken += 1
        if taken * share >= batch:
            yield rows, done
            rows, taken = [], 0
    if rows:
        yield rows, done


def _packed(files: list[WorkFile]) -> bytes:
    packed = []
    for file in files:
        for rows in _read_work(file):
            # What has no place in it, as numbers of any size, is left to the parent.
            with suppress(OverflowError, UnicodeError):
                packed.append(msgspec.Raw(msgspec.msgpack.encode(rows)))
    return msgspec.msgpack.encode(packed)


@cache
def _rows() -> msgspec.msgpack.Decoder[list[WorkRows]]:
    return msgspec.msgpack.Decoder(list[WorkRows])


def _read_work(file: WorkFile) -> list[WorkRows]:
    """What a file states beyond what was read of it; nothing if it cannot be read."""
    try:
        return [work_rows(file, _read(file))]
    except FileNotFoundError:
        return [work_rows(_gone(file), Work())]
    except OSError:
        return []


def _gone(file: WorkFile) -> WorkFile:
    """A file that is not there: agents delete old ones, and then there are many."""
    version = AGENTS[file.agent].work_version
    return replace(file, reader=version, offset=file.size, tail=b"")


def _read(file: WorkFile) -> Work:
    """What a file states of work beyond what was read of it; raises OSError."""
    agent = AGENTS[file.agent]
    read = agent.work
    total = Work()
    with open_session(file.path) as stream:
        same = stream.continues(file.offset, file.tail)
        if not same or file.reader != agent.work_version:
            # What was there before and is there no more remains known.
            file.anew = same and file.offset > 0
            file.reader, file.offset, file.trail = agent.work_version, 0, WorkTrail()
        trail = file.trail
        trail.session_id, trail.subagent = file.of.session_id, file.of.subagent
        trail.first_at = file.of.first_at
        for lines, end in stream.lines(file.offset):
            part = read(lines, trail, file.account)
            total.edits += part.edits
            total.calls += part.calls
            total.tools += part.tools
            total.marks += part.marks
            file.offset = end
        file.tail = stream.digest(file.offset)
    return total
