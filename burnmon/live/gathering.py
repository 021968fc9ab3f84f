"""Reads session files once more, for what their sessions did to files and commits.

It follows the sweep, because requests are wanted first and are quicker to find. What it
was told of a file's session by the ledger holds here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from burnmon.agents import AGENTS
from burnmon.live.sweep import open_session
from burnmon.usage.ledger import Ledger
from burnmon.usage.work_store import WorkFile
from burnmon.work import Work, WorkTrail

BATCH = 64 << 20
"""Bytes read between two commits."""
READERS = {name: each.work_version for name, each in AGENTS.items() if each.work}
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
    read: list[tuple[WorkFile, Work]] = []
    size = 0
    for done, file in enumerate(files, 1):
        size += fresh(file)
        try:
            read.append((file, _read(file)))
        except FileNotFoundError:
            read.append((_gone(file), Work()))
        except OSError:
            continue
        if size >= batch:
            ledger.absorb_work(read)
            read, size = [], 0
            yield done
    if read:
        ledger.absorb_work(read)
        yield len(files)


def _gone(file: WorkFile) -> WorkFile:
    """A file that is not there: agents delete old ones, and then there are many."""
    version = AGENTS[file.agent].work_version
    return replace(file, reader=version, offset=file.size, tail=b"")


def _read(file: WorkFile) -> Work:
    """What a file states of work beyond what was read of it; raises OSError."""
    agent = AGENTS[file.agent]
    assert agent.work is not None
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
            part = agent.work(lines, trail, file.account)
            total.edits += part.edits
            total.calls += part.calls
            total.tools += part.tools
            total.marks += part.marks
            file.offset = end
        file.tail = stream.digest(file.offset)
    return total
