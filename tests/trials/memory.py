"""Feeds one engine days of work in a few minutes, and looks at its memory.

The same agents as in ``soak.py`` write, without waiting for any clock: their lines of
eight days lie there before, those of the days after are read step by step, as the
thread of a live view reads them. After each day are told the resident memory, where it
is, and, with ``--types``, the kinds of object that became more.

    python tests/trials/memory.py [--days 6] [--lines 28000] [--reader] [--types]

``--lines`` is how many a day has. ``--reader`` follows a ledger that another engine
writes. ``--days-made`` also makes the day of commits every simulated five minutes.
Exit code 1 when memory grew by more than 15 % from the second day to the last.
"""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import gc
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(Path(__file__).parent)]

import soak  # noqa: E402 - the agents of that trial
from repos import Repo  # noqa: E402

from burnmon import config  # noqa: E402
from burnmon.live.engine import Engine  # noqa: E402
from burnmon.live.making import Making  # noqa: E402
from burnmon.usage.ledger import Ledger  # noqa: E402

STEP = 400
"""Lines between two looks at the files."""
GROWTH = 0.15
DAY = timedelta(days=1)


def resident() -> float:
    """Resident memory of this process in MB."""
    told = Path("/proc/self/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", told)
    return int(found[1]) / 1024 if found else 0.0


class _Heap(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks used free"
        " keepcost".split()
    )


def places() -> dict[str, float]:
    """Where the memory of this process is, in MB.

    ``files``: mapped ones, above all the ledger. ``objects``: blocks of Python's own
    allocator in use, ``holes``: what it keeps besides. ``heap`` and ``gaps``: the same
    of the C library, with all arenas of Python's. ``sqlite`` is part of the heap.
    """
    told = Path("/proc/self/status").read_text()
    kinds = dict(re.findall(r"Rss(Anon|File|Shmem):\s+(\d+)", told))
    found = {
        "anonymous": int(kinds["Anon"]) / 1024,
        "files": (int(kinds["File"]) + int(kinds["Shmem"])) / 1024,
    }
    python = debug_stats()
    found["objects"] = python["in allocated blocks"] / 2**20
    found["arenas"] = python["arenas"] / 2**20
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallinfo2"):
        libc.mallinfo2.restype = _Heap
        heap = libc.mallinfo2()
        found["heap"] = (heap.used + heap.hblkhd) / 2**20
        found["gaps"] = heap.free / 2**20
    sqlite = ctypes.util.find_library("sqlite3")
    if sqlite:
        library = ctypes.CDLL(sqlite)
        library.sqlite3_memory_used.restype = ctypes.c_longlong
        found["sqlite"] = library.sqlite3_memory_used() / 2**20
    return found


def debug_stats() -> dict[str, int]:
    """Bytes of Python's own allocator, as it tells them on standard error."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        sys._debugmallocstats()
        os.dup2(kept, 2)
        os.close(kept)
        file.seek(0)
        told = file.read().decode()
    used = re.search(r"# bytes in allocated blocks\s+=\s+([\d,]+)", told)
    whole = re.search(r"\d+ arenas \* \d+ bytes/arena\s+=\s+([\d,]+)", told)
    return {
        "in allocated blocks": int(used[1].replace(",", "")) if used else 0,
        "arenas": int(whole[1].replace(",", "")) if whole else 0,
    }


def held() -> dict[str, int]:
    """Objects that Python knows of, by kind."""
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects())


def sizes(thing: Any, name: str, depth: int = 3) -> dict[str, int]:
    """How many entries each collection below an object has, by where it is."""
    found: dict[str, int] = {}
    if isinstance(thing, dict | set | list | tuple):
        found[name] = len(thing)
        return found
    names = [*getattr(thing, "__dict__", {}), *getattr(thing, "__struct_fields__", ())]
    module = type(thing).__module__
    if depth and module.startswith("burnmon"):
        for each in names:
            found |= sizes(getattr(thing, each), f"{name}.{each}", depth - 1)
    return found


class Trial:
    """One engine, or a writer and a reader, and the agents they follow."""

    def __init__(self, top: Path, args: argparse.Namespace) -> None:
        home = top / "home"
        self.args = args
        self.repo = Repo(home / "src" / "api")
        self.agents = soak.Agents(home, self.repo.path, None)
        environ = {"HOME": str(home), "BURNMON_DATA_DIR": str(top / "data")}
        self.settings = config.load({}, {"TZ": "UTC", **environ})
        self.begun = datetime.now(UTC).replace(microsecond=0) - args.days * DAY
        self.pause = DAY / args.lines
        self.changed: set[str] = set()

    def write(self, at: datetime, until: datetime) -> datetime:
        """What the agents write in a span."""
        while at < until:
            self.agents.write(at)
            at += self.pause
        return at

    def fill(self, at: datetime) -> None:
        """Read history in a process of its own, whose memory is not looked at."""
        child = os.fork()
        if child == 0:
            with Ledger(self.settings.ledger_file) as ledger:
                filler = Engine(self.settings, ledger, at)
                filler.absorb(filler.pending())
                filler.gather(at + DAY)
                ledger.settle()
            os._exit(0)
        os.waitpid(child, 0)

    def run(self) -> int:
        """Let days pass; the exit code."""
        at = self.write(self.begun - soak.BEFORE, self.begun)
        self.fill(at)
        print(f"{resident():7.1f} MB before an engine is made", flush=True)
        writer = Ledger(self.settings.ledger_file).lasts()
        follower = (
            Ledger(self.settings.ledger_file).lasts() if self.args.reader else None
        )
        engine = Engine(self.settings, writer, at)
        views = [engine]
        if follower is not None:
            views.append(Engine(self.settings, follower, at))
        making = None
        if self.args.days_made:
            making = Making(
                self.settings,
                Ledger(self.settings.ledger_file, writes=False).lasts(),
            )
        before: dict[str, int] = {}
        counts: dict[str, int] = {}
        curve = []
        for day in range(self.args.days + 1):
            ends = self.begun + day * DAY
            while at < ends:
                at = self.write(at, min(ends, at + STEP * self.pause))
                self.step(views, at, making)
            curve.append(resident())
            print(f"{curve[-1]:7.1f} MB on day {day}", end="", flush=True)
            print(f", {self.agents.sessions} sessions", end=": ")
            where = {**places(), "ledger": ledger_size(self.settings.ledger_file)}
            print(", ".join(f"{name} {size:.1f}" for name, size in where.items()))
            if self.args.types:
                now = held()
                parts: dict[str, int] = {}
                for number, each in enumerate(views):
                    parts |= sizes(each, f"engine{number}")
                if making is not None:
                    parts |= sizes(making, "making", 4)
                told(before, now)
                told(counts, parts)
                before, counts = now, parts
        first, last = curve[min(2, self.args.days)], curve[-1]
        print(f"from {first:.1f} to {last:.1f} MB")
        return int(last > first * (1 + GROWTH))

    def step(self, views: list[Engine], at: datetime, making: Making | None) -> None:
        """One step of a feeder, and of what makes days."""
        for engine in views:
            engine.keep_young(at)
            engine.follow_writer(at)
            if engine.ledger.writable:
                engine.absorb(engine.pending(self.touched()))
            engine.look_around()
            engine.snapshot(at)
            engine.gather(at)
            engine.compare(at)
            engine.learn(at)
        if making is not None and at.minute % 5 == 0 and making.moved(at):
            making.today(at)

    def touched(self) -> list[str]:
        """Files of the sessions that are open."""
        return [str(each.path) for each in self.agents._open if each is not None]


def ledger_size(path: Path) -> float:
    """A ledger with its log, in MB."""
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*")) / 1e6


def told(before: dict[str, int], now: dict[str, int]) -> None:
    """Print what became more."""
    more = sorted(
        ((n - before.get(name, 0), n, name) for name, n in now.items()), reverse=True
    )
    for grown, n, name in more[:14]:
        if grown > 0 and before:
            print(f"    {grown:+9,} {n:9,} {name}")


def main() -> int:
    """Run the trial."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=6)
    parser.add_argument("--lines", type=int, default=28_000)
    parser.add_argument("--reader", action="store_true")
    parser.add_argument("--days-made", action="store_true")
    parser.add_argument("--types", action="store_true")
    args = parser.parse_args()
    top = Path(tempfile.mkdtemp(prefix="burnmon-memory-"))
    try:
        return Trial(top, args).run()
    finally:
        shutil.rmtree(top)


if __name__ == "__main__":
    sys.exit(main())
