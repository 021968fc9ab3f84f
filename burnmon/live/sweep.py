"""Finds session files that moved on, reads what is new, and absorbs it.

The sweep decides by ``stat`` what changed; file events may only hurry it. Files are
opened for reading, newest first, and never written. Bytes after the last newline wait
for it: a complete object there is absorbed but read again later, which changes nothing.
"""

from __future__ import annotations

import errno
import gc
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from heapq import nlargest
from io import BytesIO
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct
from msgspec.structs import replace

from burnmon.agents import AGENTS, Agent
from burnmon.config import Root
from burnmon.records import Facts
from burnmon.usage.copies import Copies
from burnmon.usage.ledger import Change, FileState, Known, Ledger

BLOCK = 1 << 20
"""Bytes read at a time; a longer line grows the block that holds it."""
SHORT = 1 << 16
"""Bytes that are read at once: to set up a buffer takes longer than to fill one."""
BATCH = 256 << 20
"""Bytes read between two commits while history is absorbed."""
SHARED_BATCH = 96 << 20
"""The same while others read: the last batch is written when they are through."""
WORKERS = hasattr(os, "sched_getaffinity") and hasattr(os, "fork")
"""Whether this system can share the first reading among processors."""
WORTH_WORKERS = 100 << 20
"""Bytes from which that pays."""
MOST_STATES = 32
"""States of files that are kept at hand: those that are written to now."""
LONGEST_LINE = 64 << 20
"""A line beyond this is no session line; it is skipped and counted."""
LARGEST_UNPACKED = 512 << 20
"""Bytes that a compressed file is unpacked to at most: it may be a bomb."""
_LAST = itemgetter(-1)
TAIL = 4096
"""Bytes before the offset whose digest shows that a file was only extended."""


Read = list[tuple[FileState, Facts]]
"""Facts of some files, each with the state its file is left in."""


class Found(Struct, frozen=True):
    """A file that has bytes the ledger does not know yet."""

    agent: str
    account: str
    path: str
    below: str
    """Path relative to its root."""
    inode: int
    size: int
    mtime_ns: int
    fresh: int
    """Bytes to read, as far as its size tells."""


class Sweep:
    """The files of some roots against one ledger."""

    def __init__(self, ledger: Ledger, roots: Iterable[Root]) -> None:
        self.ledger = ledger
        self.roots = tuple(roots)
        self._bases = [
            (f"{each.path}/", each, AGENTS[each.agent]) for each in self.roots
        ]
        self.known: dict[str, Known] = ledger.known()
        self._states: dict[str, FileState] = {}
        """States of the files that were read last, as the ledger has them."""
        self.unreadable: dict[str, str] = {}
        """Paths that could not be opened or listed, with the system's reason."""
        self.hindered = ""
        """Why no file at all can be opened, as far as the last look met any."""
        self.directories: set[int] = set()
        """What the last walk listed, by inode: one reached by two paths is one."""

    def look(self, only: Iterable[str] | None = None) -> list[Found]:
        """Files that changed, newest first: all of the roots, or ``only`` these paths.

        A path that vanished is no change: its history stays in the ledger.
        """
        self.hindered = ""
        if only is None:
            self.unreadable, self.directories = {}, set()
        found = list(self._walk() if only is None else self._named(only))
        found.sort(key=lambda each: each.mtime_ns, reverse=True)
        return found

    def newest(self, count: int) -> list[str]:
        """The files that were written last, of those that are known."""
        known = self.known
        return nlargest(count, known, key=lambda path: known[path].mtime_ns)

    def moved(self, paths: Iterable[str]) -> list[str]:
        """Those of some known files that are other than they were read."""
        found = []
        for path in paths:
            try:
                status = os.stat(path)  # noqa: PTH116 — asked each second
            except OSError:
                continue
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            if self.known[path][1:] != seen:
                found.append(path)
        return found

    def count(self, root: Root) -> int:
        """Session files below a root."""
        return sum(1 for _ in self._below(root, every=True))

    def _walk(self) -> Iterator[Found]:
        for root in self.roots:
            yield from self._below(root)

    def _below(self, root: Root, every: bool = False) -> Iterator[Found]:
        """What changed below a root, or ``every`` session file."""
        agent = AGENTS[root.agent]
        base = os.fspath(root.path)
        cut = len(base) + 1
        for name in agent.documents:
            seen = self._entry(root, f"{base}/{name}", cut, every=every)
            if seen is not None:
                yield seen
        for tree in agent.trees:
            yield from self._scan(agent, root, f"{base}/{tree}", cut, every)

    def _scan(
        self, agent: Agent, root: Root, start: str, cut: int, every: bool
    ) -> Iterator[Found]:
        """Session files at any depth; links to directories are not followed."""
        pending = [(start, 0)]
        while pending:
            directory, inode = pending.pop()
            try:
                with os.scandir(directory) as entries:
                    self.directories.add(inode or Path(directory).stat().st_ino)
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            pending.append((entry.path, entry.inode()))
                        elif agent.owns(entry.path[cut:]):
                            seen = self._entry(root, entry.path, cut, entry, every)
                            if seen is not None:
                                yield seen
            except FileNotFoundError:
                continue
            except OSError as error:
                self._report(directory, error)

    def _entry(
        self,
        root: Root,
        path: str,
        cut: int,
        entry: os.DirEntry[str] | None = None,
        every: bool = False,
    ) -> Found | None:
        """A file as it lies there, unless it was read like that; ``every`` tells of
        those as well."""
        try:
            status = entry.stat() if entry is not None else os.stat(path)  # noqa: PTH116 — asked for each event
            if not every and self._is_read(root, path, status):
                return None  # as nearly all are
            path.encode()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeEncodeError) as error:
            self._report(path, error)
            return None
        if not stat.S_ISREG(status.st_mode):
            self.unreadable[path] = "not a regular file"
            return None
        return Found(
            root.agent,
            root.label,
            path,
            path[cut:],
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            self._fresh(path, status),
        )

    def _report(self, path: str, error: OSError | UnicodeEncodeError) -> None:
        reason = error.strerror if isinstance(error, OSError) else "name is not UTF-8"
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            self.hindered = "too many files are open; raise the limit, see ulimit -n"
        self.unreadable[path.encode("utf-8", "replace").decode()] = reason or str(error)

    def _fresh(self, path: str, status: os.stat_result) -> int:
        known = self.known.get(path)
        return max(0, status.st_size - known.size) if known else status.st_size

    def _named(self, paths: Iterable[str]) -> Iterator[Found]:
        for path in paths:
            for base, root, agent in self._bases:
                if not path.startswith(base):
                    continue
                cut = len(base)
                below = path[cut:]
                if below.split("/")[0] in agent.trees and agent.owns(below):
                    seen = self._entry(root, path, cut)
                    if seen is not None:
                        yield seen

    def _is_read(self, root: Root, path: str, status: os.stat_result) -> bool:
        """Whether a file is as it was when it was read, by the reader of now."""
        return self.known.get(path) == (
            AGENTS[root.agent].version,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
        )

    def absorb_history(
        self, found: Sequence[Found], since: datetime | None = None
    ) -> Iterator[tuple[Read, list[Change]]]:
        """``absorb`` with all processors, if that is worth it.

        For commands that wait for it; it forks, so no thread may run beside it.
        """
        new = [each for each in found if each.path not in self.known]
        workers = processors()
        if workers > 1 and sum(each.size for each in new) >= WORTH_WORKERS:
            from burnmon.live.workers import read_ahead

            # Nothing that lives long is in circles, and there is much of it.
            collects = gc.isenabled()
            gc.disable()
            try:
                with self.ledger.filling():
                    for read, copies in read_ahead(new, workers, SHARED_BATCH):
                        yield self._commit(read, since, copies)
            finally:
                if collects:
                    gc.enable()
            found = [each for each in found if each.path not in self.known]
        yield from self.absorb(found, since)

    def absorb(
        self, found: Iterable[Found], since: datetime | None = None
    ) -> Iterator[tuple[Read, list[Change]]]:
        """Read and absorb files in order, a batch at a time.

        Yields what was read, with the files' new states, and the requests it changed.

        Stopping between two batches loses nothing.
        """
        read: Read = []
        size = 0
        for each in found:
            read.extend(self._read(each))
            size += each.fresh
            if size >= BATCH:
                yield self._commit(read, since)
                read, size = [], 0
        if read:
            yield self._commit(read, since)

    def _commit(
        self,
        read: Read,
        since: datetime | None,
        copies: Sequence[Copies] | None = None,
    ) -> tuple[Read, list[Change]]:
        changes = self.ledger.absorb(read, since, copies)
        self._states.update((state.path, state) for state, _ in read[-MOST_STATES:])
        while len(self._states) > MOST_STATES:
            del self._states[next(iter(self._states))]
        for state, _ in read:
            self.known[state.path] = Known(
                state.reader, state.inode, state.size, state.mtime_ns
            )
        return read, changes

    def _read(self, found: Found) -> list[tuple[FileState, Facts]]:
        try:
            return [self._read_new(found)]
        except OSError as error:
            self._report(found.path, error)
            return []

    def _read_new(self, found: Found) -> tuple[FileState, Facts]:
        # Reading changes it: it is as the ledger's again once that was written.
        state = self._states.pop(found.path, None)
        if state is None and found.path in self.known:
            state = self.ledger.file(found.path)
        return read_file(found, state)


def processors() -> int:
    """How many processes may read at the same time."""
    return len(os.sched_getaffinity(0)) if WORKERS else 1


def read_file(found: Found, state: FileState | None) -> tuple[FileState, Facts]:
    """What a file states beyond what was read of it; ``None`` if nothing was.

    Raises OSError when it cannot be read.
    """
    agent = AGENTS[found.agent]
    if agent.whole:
        return _read_whole(found, agent)
    if state is None or state.reader != agent.version:
        state = _unread(found, agent)
    total = Facts()
    with open_session(found.path) as stream:
        # A change that left the size alone is no extension either.
        if state.size == found.size or not stream.continues(state.offset, state.tail):
            state = _unread(found, agent)
        for lines, end in stream.lines(state.offset):
            _add(total, agent.read(lines, state.trail, found.account))
            state.offset = end
        state.tail = stream.digest(state.offset)
        total.skipped = {**total.skipped, **stream.skipped}
        rest = stream.rest
    state.lines += total.lines
    state.sightings += len(total.sightings) + total.repeated
    _count(state.skipped, total.skipped)
    _count(state.unknown, total.unknown)
    if rest.rstrip().endswith(b"}"):
        _peek(agent, rest, state, total, found.account)
    _seen(state, found)
    return state, total


def _seen(state: FileState, found: Found) -> None:
    state.inode, state.size, state.mtime_ns = found.inode, found.size, found.mtime_ns


def _read_whole(found: Found, agent: Agent) -> tuple[FileState, Facts]:
    """What a document states; what it stated before it was replaced is forgotten."""
    state = _unread(found, agent)
    with open_session(found.path) as stream:
        document = stream.read(min(found.size, LONGEST_LINE), 0)
    facts = agent.read([document], state.trail, found.account)
    state.skipped, state.unknown = facts.skipped, facts.unknown
    _seen(state, found)
    return state, facts


def _unread(found: Found, agent: Agent) -> FileState:
    return FileState(
        found.agent,
        found.account,
        found.path,
        agent.version,
        trail=agent.trail(found.below),
    )


def _peek(
    agent: Agent, rest: bytes, state: FileState, total: Facts, account: str
) -> None:
    """Absorb a last line that only lacks its newline; it will be read again.

    The trail it leads to is not kept, or the line would count twice for it.
    """
    trail = replace(state.trail, memory=dict(state.trail.memory))
    seen = agent.read([rest], trail, account)
    if not seen.skipped:
        state.trail.first_at = trail.first_at
        total.sightings.extend(seen.sightings)
        total.readings.extend(seen.readings)
        total.marks.extend(seen.marks)


def _add(total: Facts, part: Facts) -> None:
    total.sightings.extend(part.sightings)
    total.readings.extend(part.readings)
    total.marks.extend(part.marks)
    total.repeated += part.repeated
    total.lines += part.lines
    _count(total.skipped, part.skipped)
    _count(total.unknown, part.unknown)


def _count(total: dict[str, int], part: dict[str, int]) -> None:
    for reason, count in part.items():
        total[reason] = total.get(reason, 0) + count


def open_session(path: str) -> SessionStream:
    """A session file, compressed or not, as a stream of complete lines."""
    if path.endswith(".zst"):
        return ZstandardStream(path)
    return SessionStream(path)


class SessionStream:
    """Complete lines of one file from an offset on, in blocks."""

    def __init__(self, path: str) -> None:
        self.rest = b""
        """Bytes after the last newline, once ``lines`` is through."""
        self.skipped: dict[str, int] = {}
        # Never block on a FIFO or device that took a session file's place.
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            os.close(self._file)
            raise OSError(errno.EINVAL, "not a regular file", path)

    def __enter__(self) -> SessionStream:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def read(self, size: int, offset: int) -> bytes:
        return os.pread(self._file, size, offset)

    def continues(self, offset: int, tail: bytes) -> bool:
        """Whether the bytes before the offset are those that were read before."""
        return offset == 0 or self.digest(offset) == tail

    def digest(self, offset: int) -> bytes:
        """What tells the last bytes before an offset without keeping them."""
        size = min(offset, TAIL)
        return blake2b(self.read(size, offset - size), digest_size=16).digest()

    def lines(self, offset: int) -> Iterator[tuple[list[bytes], int]]:
        """Blocks of complete lines, each with the offset behind it."""
        left = self._size() - offset
        if left > LONGEST_LINE:
            yield from self._guarded(offset)
            return
        if left <= SHORT:  # as while it is followed
            block = self.read(max(0, left), offset)
            end = block.rfind(b"\n") + 1
            self.rest = block[end:]
            if end:
                yield BytesIO(block[:end]).readlines(), offset + end
            return
        with self._open() as file:
            file.seek(offset)
            size = self._size()
            while not self.rest and (lines := file.readlines(BLOCK)):
                end = file.tell()
                if end >= size or not lines[-1].endswith(b"\n"):
                    # A writer may end a line meanwhile: its halves are not two lines.
                    ends = bytes(map(_LAST, lines))
                    whole = len(ends) - len(ends.lstrip(b"\n"))
                    self.rest = b"".join(lines[whole : whole + 1])
                    del lines[whole:]
                    end = offset + sum(map(len, lines))
                if lines:
                    offset = end
                    yield lines, offset

    def _size(self) -> int:
        return os.fstat(self._file).st_size

    def _open(self) -> BinaryIO:
        # Iterating a buffered file finds lines several times faster than splitting.
        return open(self._file, "rb", buffering=1 << 18, closefd=False)

    def _guarded(self, offset: int) -> Iterator[tuple[list[bytes], int]]:
        """Lines of a file large enough to hold one that must not fill the memory."""
        waiting: list[bytes] = []
        size = 0
        while block := self.read(BLOCK, offset + size):
            end = block.rfind(b"\n")
            if end >= 0:
                lines = b"".join((*waiting, block[:end])).split(b"\n")
                offset += size + end + 1
                waiting, size = [block[end + 1 :]], len(block) - end - 1
                yield lines, offset
                continue
            waiting.append(block)
            size += len(block)
            if size > LONGEST_LINE:
                offset = self._over(offset + size)
                waiting, size = [], 0
                yield [], offset
        self.rest = b"".join(waiting)

    def _over(self, offset: int) -> int:
        """Step over the rest of a line that is too long to be one."""
        _count(self.skipped, {"longer than 64 MB": 1})
        while block := self.read(BLOCK, offset):
            end = block.find(b"\n")
            if end >= 0:
                return offset + end + 1
            offset += len(block)
        return offset


class ZstandardStream(SessionStream):
    """A compressed rollout; offsets count decompressed bytes.

    It is cold and small, so it is held whole.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        import zstandard

        try:
            with open(self._file, "rb", closefd=False) as packed:
                reader = zstandard.ZstdDecompressor().stream_reader(
                    packed, read_across_frames=True
                )
                self._bytes = reader.read(LARGEST_UNPACKED + 1)
        except zstandard.ZstdError as error:
            os.close(self._file)
            raise OSError(errno.EINVAL, str(error), path) from error
        if len(self._bytes) > LARGEST_UNPACKED:
            os.close(self._file)
            words = f"unpacks to more than {LARGEST_UNPACKED >> 20} MB"
            raise OSError(errno.EFBIG, words, path)

    def read(self, size: int, offset: int) -> bytes:
        return self._bytes[offset : offset + size]

    def _size(self) -> int:
        return len(self._bytes)

    def _open(self) -> BinaryIO:
        return BytesIO(self._bytes)
