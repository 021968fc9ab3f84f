"""Does the live view miss, double or delay anything that is written to a disk?

Each case starts a real engine in a process of its own, with real file events, over an
invented home, and does to the files what agents, people and systems do. The engine
tells of every snapshot; the trial takes the time from the last byte written to the
snapshot that holds it. In the end the ledger is compared with what was written.

    python tests/trials/watching.py [--times N] [--only WORDS] [--burning | --resting]

It runs in some ten minutes and exits with 1 if anything was missed, doubled, or came
later than a second (and half a second more for a busy machine). A case whose limits
cannot be set on this system is told as not tried.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

import homes  # noqa: E402 — the builders lie one directory up
import zstandard  # noqa: E402
from cases import Cases, NotTried, asked, say  # noqa: E402

ON_TIME = 1.5
"""Seconds that are no delay: the second of the promise, and room for a busy machine."""
PATIENCE = 45.0
"""Seconds after which something is taken for missed."""
LIMITED = (
    "echo {watches} > /proc/sys/user/max_inotify_watches"
    " && echo {instances} > /proc/sys/user/max_inotify_instances && exec {command}"
)


# --- the engine's process ------------------------------------------------------------


def engine(home: str, watch: bool) -> None:
    """Follow a home until standard input ends; a line for each snapshot."""
    from burnmon import config
    from burnmon.live.feeder import Feeder
    from burnmon.live.snapshot import Snapshot

    def post(shown: Snapshot) -> None:
        # Not those of the rows: only so many sessions have one.
        words = next(each for each in shown.burn.explain if each.startswith("today: "))
        requests = int(words.split()[1])
        told = [time.monotonic(), requests, shown.health.watching, shown.scan is None]
        say(json.dumps(told))

    # It is about noon, so that what was written two hours ago is of today.
    zone = f"Etc/GMT{datetime.now(UTC).hour - 12:+}"
    environ = {"HOME": home, "TZ": zone, "BURNMON_DATA_DIR": f"{home}/burn"}
    stop = Feeder(config.load({}, environ), post, watch=watch).start()
    sys.stdin.read()
    stop()


class Engine:
    """An engine in a process, and what it told last."""

    def __init__(self, home: Path, watch: bool, limits: tuple[int, int] | None) -> None:
        words = [sys.executable, str(HERE), "--engine", str(home)]
        if not watch:
            words.append("--unwatched")
        if limits is not None:
            command = LIMITED.format(
                watches=limits[0], instances=limits[1], command=" ".join(words)
            )
            words = ["unshare", "--user", "--map-root-user", "sh", "-c", command]
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # watchdog's own faults are told there
            text=True,
        )
        self.watching = False
        self.told: queue.Queue[tuple[float, int, bool, bool]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.told.put(tuple(json.loads(line)))
        self.told.put((time.monotonic(), -1, False, True))

    def settled(self) -> None:
        """Wait until all that was there is read."""
        until = time.monotonic() + PATIENCE
        while True:
            told = self.told.get(timeout=max(0.01, until - time.monotonic()))
            self.watching = told[2]
            if told[1] < 0:
                raise NotTried("the engine could not be started so")
            if told[3]:
                return

    def seen(self, requests: int) -> tuple[float, int] | None:
        """When so many requests were shown, and how many; None if they never were."""
        until = time.monotonic() + PATIENCE
        while (left := until - time.monotonic()) > 0:
            try:
                at, shown, self.watching, _ = self.told.get(timeout=left)
            except queue.Empty:
                return None
            if shown >= requests:
                return at, shown
        return None

    def cpu(self) -> float:
        """Seconds of processor time used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """Let it give the ledger back."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


# --- a trial -------------------------------------------------------------------------


@dataclass
class Trial:
    """One home, its engine, and everything that was written to it."""

    home: Path
    resting: bool
    """Requests are hours old, so that nothing burns and the engine rests."""
    written: set[int] = field(default_factory=set)
    """The output tokens of each request: its number, by which it is known again."""
    older: set[int] = field(default_factory=set)
    """What was written of days that are not shown."""
    delays: list[float] = field(default_factory=list)
    missed: int = 0
    doubled: int = 0
    running: Engine | None = None
    _number: int = 0

    @property
    def claude(self) -> Path:
        return self.home / ".claude"

    @property
    def codex(self) -> Path:
        return self.home / ".codex"

    def session(self, name: str = "S1", project: str = "-home-dev-w") -> Path:
        """Where a session's file lies; its directory is made."""
        path = self.claude / "projects" / project / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def line(self, session: str = "S1", padding: int = 0, days: int = 0) -> bytes:
        """A request that was never written before."""
        self._number += 1
        name = f"m{self._number:06}"
        (self.older if days else self.written).add(self._number)
        age = timedelta(days=days, hours=2 * self.resting)
        inside = {"content": [homes.said("x" * padding)]}
        stamp = (datetime.now(UTC) - age).isoformat(timespec="milliseconds")
        return homes.text(
            homes.assistant(
                name,
                (10, self._number, 1000, 0, 100),
                inside,
                sessionId=session,
                timestamp=stamp[:-6] + "Z",
            )
        )

    def rollout(self, number: int) -> bytes:
        """What a thread of Codex begins with."""
        return homes.text(homes.meta(number, history_mode="paginated"))

    def record(self, number: int) -> bytes:
        """A request of a thread that was never written before."""
        self._number += 1
        name = f"resp-{self._number:06}"
        self.written.add(self._number)
        used = (100, 50, 0, self._number)
        so_far = (100 * self._number, 50 * self._number, 0, self._number**2)
        stamp = datetime.now(UTC) - timedelta(hours=2 * self.resting)
        lines = [
            homes.turn(f"t{self._number}"),
            homes.record(f"t{self._number}", name, used, so_far),
        ]
        for each in lines:
            each["timestamp"] = stamp.isoformat(timespec="milliseconds")[:-6] + "Z"
        return homes.text(*lines)

    def begin(
        self, *, watch: bool = True, limits: tuple[int, int] | None = None
    ) -> Engine:
        """Start the engine, and wait until it has read everything."""
        self.running = Engine(self.home, watch, limits)
        self.running.settled()
        time.sleep(0.3)
        return self.running

    def shown(self) -> float:
        """Wait until all that was written is shown; the seconds it took."""
        assert self.running
        since = time.monotonic()
        seen = self.running.seen(len(self.written))
        if seen is None:
            self.missed += 1
            return PATIENCE
        late = max(0.0, seen[0] - since)
        self.delays.append(late)
        self.doubled += max(0, seen[1] - len(self.written))
        return late

    def pause(self, seconds: float = 0.4) -> None:
        """Let what was done come to rest, without counting it."""
        time.sleep(seconds)

    def end(self) -> None:
        """Compare the ledger with what was written."""
        if self.running is None:
            return
        self.running.end()
        from burnmon.usage.ledger import Ledger

        with Ledger(self.home / "burn" / "ledger.sqlite3") as ledger:
            kept = [each.usage.output for each in ledger.requests()]
        expected = self.written | self.older
        self.missed += len(expected - set(kept))
        self.doubled += max(0, len(kept) - len(expected & set(kept)))


def add(path: Path, contents: bytes) -> None:
    """Append as agents do."""
    with path.open("ab") as stream:
        stream.write(contents)


# --- cases ---------------------------------------------------------------------------

CASES: Cases[Trial] = Cases()


@CASES.named("a line is appended")
def appended(trial: Trial) -> None:
    path = trial.session()
    add(path, trial.line())
    trial.begin()
    for _ in range(10):
        add(path, trial.line())
        trial.shown()
        trial.pause(0.1)


@CASES.named("half a line, then its rest")
def halves(trial: Trial) -> None:
    path = trial.session()
    add(path, trial.line())
    trial.begin()
    for _ in range(5):
        line = trial.line()
        add(path, line[:90])
        trial.pause(0.2)
        add(path, line[90:])
        trial.shown()


@CASES.named("a session, a project, a tree of directories is new")
def new(trial: Trial) -> None:
    add(trial.session(), trial.line())
    trial.begin()
    for number in range(5):
        add(trial.session(f"N{number}"), trial.line(f"N{number}"))
        trial.shown()
        add(trial.session("N", f"-new-{number}"), trial.line("N"))
        trial.shown()
        deep = f"-deep-{number}/S/subagents/a/b"
        path = trial.session("agent-a", deep)
        add(path, trial.line("N"))
        trial.shown()
        add(path, trial.line("N"))
        trial.shown()


@CASES.named("500 directories are made in a burst")
def burst_of_directories(trial: Trial) -> None:
    add(trial.session(), trial.line())
    trial.begin()
    paths = [trial.session(f"B{n}", f"-burst-{n}") for n in range(500)]
    for number, path in enumerate(paths):
        add(path, trial.line(f"B{number}"))
    trial.shown()
    trial.pause(1)
    for number in (0, 250, 499):
        add(paths[number], trial.line(f"B{number}"))
        trial.shown()


@CASES.named("10,000 files")
def many_files(trial: Trial) -> None:
    for number in range(10_000):
        path = trial.session(f"F{number}", f"-p-{number % 100}")
        path.write_bytes(trial.line(f"F{number}", days=9))
    trial.begin()
    for number in (0, 5_000, 9_999):
        path = trial.session(f"F{number}", f"-p-{number % 100}")
        add(path, trial.line(f"F{number}"))
        trial.shown()
    add(trial.session("F-new"), trial.line("F-new"))
    trial.shown()


@CASES.named("3,000 directories")
def many_directories(trial: Trial) -> None:
    for number in range(3_000):
        path = trial.session(f"D{number}", f"-d-{number}")
        path.write_bytes(trial.line(f"D{number}", days=9))
    trial.begin()
    for number in (0, 1_500, 2_999):
        add(trial.session(f"D{number}", f"-d-{number}"), trial.line(f"D{number}"))
        trial.shown()
        path = trial.session(f"New{number}", f"-d-{number}")
        add(path, trial.line(f"New{number}"))
        trial.shown()


def _rewritten(trial: Trial, change: Callable[[Path, bytes, bytes], None]) -> None:
    path = trial.session()
    before = [trial.line(padding=2_000) for _ in range(4)]
    path.write_bytes(b"".join(before))
    trial.begin()
    for _ in range(3):
        change(path, b"".join(before[:2]), trial.line(padding=2_000))
        trial.shown()
        path.write_bytes(b"".join(before))
        trial.pause()


@CASES.named("rewritten in place, shorter")
def shorter(trial: Trial) -> None:
    _rewritten(trial, lambda path, kept, line: _overwrite(path, kept + line))


@CASES.named("rewritten in place, as long")
def as_long(trial: Trial) -> None:
    def change(path: Path, kept: bytes, line: bytes) -> None:
        size = path.stat().st_size
        room = size - len(kept) - len(line) - 1
        _overwrite(path, kept + line + b" " * room + b"\n")
        assert path.stat().st_size == size

    _rewritten(trial, change)


@CASES.named("rewritten in place, longer")
def longer(trial: Trial) -> None:
    _rewritten(
        trial,
        lambda path, kept, line: _overwrite(path, line + kept * 3),
    )


@CASES.named("rewritten in place, as long, and its time set back")
def as_long_and_back(trial: Trial) -> None:
    def change(path: Path, kept: bytes, line: bytes) -> None:
        size = path.stat().st_size
        room = size - len(kept) - len(line) - 1
        _overwrite(path, kept + line + b" " * room + b"\n")
        os.utime(path, (1_700_000_000, 1_700_000_000))

    _rewritten(trial, change)


def _overwrite(path: Path, contents: bytes) -> None:
    with path.open("r+b") as stream:
        stream.write(contents)
        stream.truncate()


@CASES.named("truncated, then written on")
def truncated(trial: Trial) -> None:
    path = trial.session()
    add(path, trial.line() + trial.line())
    trial.begin()
    for _ in range(3):
        os.truncate(path, 0)
        add(path, trial.line())
        trial.shown()
        os.truncate(path, 0)
        trial.pause()
        add(path, trial.line())
        trial.shown()


@CASES.named("rotated: renamed, and a new file in its place")
def rotated(trial: Trial) -> None:
    path = trial.session()
    add(path, trial.line())
    trial.begin()
    for number in range(4):
        path.rename(path.with_name(f"S1-{number}.jsonl"))
        add(path, trial.line())
        trial.shown()
        add(path.with_name(f"S1-{number}.jsonl"), trial.line())
        trial.shown()


@CASES.named("replaced by a rename")
def replaced(trial: Trial) -> None:
    path = trial.session()
    add(path, trial.line())
    trial.begin()
    for _ in range(4):
        aside = path.with_name("S1.tmp")
        aside.write_bytes(path.read_bytes() + trial.line())
        aside.replace(path)
        trial.shown()
        outside = trial.home / "outside"
        outside.write_bytes(path.read_bytes() + trial.line())
        outside.replace(path)
        trial.shown()


@CASES.named("moved into Codex' archive, and written on there")
def archived(trial: Trial) -> None:
    path = trial.codex / homes.rollout(1)
    path.parent.mkdir(parents=True)
    path.write_bytes(trial.rollout(1) + trial.record(1))
    trial.begin()
    add(path, trial.record(1))
    trial.shown()
    new = trial.codex / homes.rollout(1, archived=True)
    new.parent.mkdir()
    path.rename(new)
    trial.pause()
    for _ in range(3):
        add(new, trial.record(1))
        trial.shown()


@CASES.named("compressed by Codex")
def compressed(trial: Trial) -> None:
    path = trial.codex / homes.rollout(1)
    path.parent.mkdir(parents=True)
    path.write_bytes(trial.rollout(1) + trial.record(1))
    trial.begin()
    contents = path.read_bytes() + trial.record(1)
    packed = path.with_name(f"{path.name}.zst")
    packed.write_bytes(zstandard.compress(contents))
    path.unlink()
    trial.shown()
    path.write_bytes(contents + trial.record(1))
    packed.unlink()
    trial.shown()


@CASES.named("a directory is renamed, and written on there")
def renamed_directory(trial: Trial) -> None:
    path = trial.session("S1", "-old")
    add(path, trial.line())
    trial.begin()
    for number in range(4):
        new = path.parent.with_name(f"-new-{number}")
        path.parent.rename(new)
        path = new / path.name
        add(path, trial.line())
        trial.shown()
        trial.pause()
        add(path, trial.line())
        trial.shown()


@CASES.named("a directory is moved in from outside")
def moved_in(trial: Trial) -> None:
    add(trial.session(), trial.line())
    trial.begin()
    for number in range(3):
        outside = trial.home / f"outside-{number}"
        outside.mkdir()
        add(outside / "M.jsonl", trial.line("M"))
        inside = trial.claude / "projects" / f"-in-{number}"
        outside.rename(inside)
        trial.shown()
        add(inside / "M.jsonl", trial.line("M"))
        trial.shown()


@CASES.named("a second name (hard link) inside the tree")
def linked_inside(trial: Trial) -> None:
    path = trial.session()
    add(path, trial.line())
    trial.begin()
    second = path.with_name("S1-again.jsonl")
    os.link(path, second)
    for each in (path, second, path):
        add(each, trial.line())
        trial.shown()


@CASES.named("written through a name outside of the tree (no events)")
def linked_outside(trial: Trial) -> None:
    path = trial.session()
    outside = trial.home / "outside.jsonl"
    add(outside, trial.line())
    os.link(outside, path)
    trial.begin()
    for _ in range(3):
        add(outside, trial.line())
        trial.shown()


@CASES.named("written through a memory map (no events)")
def mapped(trial: Trial) -> None:
    path = trial.session()
    first, second = trial.line(), trial.line()
    trial.written.discard(2)
    path.write_bytes(first + b" " * (len(second) - 1) + b"\n")
    trial.begin()
    with path.open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as memory:
        memory[len(first) :] = second
        memory.flush()
    trial.written.add(2)
    trial.shown()


@CASES.named("a time is set back, and nothing else")
def set_back(trial: Trial) -> None:
    path = trial.session()
    add(path, trial.line())
    trial.begin()
    for days in (1, 400, -400):
        then = time.time() - 86_400 * days
        os.utime(path, (then, then))
        trial.pause()
        add(path, trial.line())
        os.utime(path, (then, then))
        trial.shown()


@CASES.named("the root is a link")
def linked_root(trial: Trial) -> None:
    real = trial.home / "real"
    real.mkdir()
    trial.claude.symlink_to(real)
    _grown(trial)


@CASES.named("the tree below the root is a link")
def linked_tree(trial: Trial) -> None:
    real = trial.home / "real"
    real.mkdir()
    trial.claude.mkdir()
    (trial.claude / "projects").symlink_to(real)
    _grown(trial)


def _grown(trial: Trial) -> None:
    add(trial.session(), trial.line())
    trial.begin()
    for number in range(3):
        add(trial.session(f"N{number}"), trial.line(f"N{number}"))
        trial.shown()
        path = trial.session("N", f"-new-{number}")
        add(path, trial.line("N"))
        trial.shown()
        add(path, trial.line("N"))
        trial.shown()


def _again(trial: Trial, take: Callable[[int], None]) -> None:
    add(trial.session(), trial.line())
    trial.begin()
    for number in range(3):
        take(number)
        add(trial.session(), trial.line())
        trial.shown()
        trial.pause(1.2)
        add(trial.session(), trial.line())
        trial.shown()
        trial.pause(1.2)


@CASES.named("the tree is deleted and made anew")
def deleted_tree(trial: Trial) -> None:
    _again(trial, lambda number: shutil.rmtree(trial.claude / "projects"))


@CASES.named("the root is deleted and made anew")
def deleted_root(trial: Trial) -> None:
    _again(trial, lambda number: shutil.rmtree(trial.claude))


@CASES.named("the tree is moved away and made anew")
def moved_tree(trial: Trial) -> None:
    def take(number: int) -> None:
        (trial.claude / "projects").rename(trial.home / f"away-{number}")

    _again(trial, take)


@CASES.named("the root is moved away and made anew")
def moved_root(trial: Trial) -> None:
    def take(number: int) -> None:
        trial.claude.rename(trial.home / f"away-{number}")

    _again(trial, take)


@CASES.named("the root is gone for three seconds")
def gone_root(trial: Trial) -> None:
    def take(number: int) -> None:
        shutil.rmtree(trial.claude)
        time.sleep(3)

    _again(trial, take)


@CASES.named("the first root appears later")
def first_root(trial: Trial) -> None:
    trial.begin()
    trial.pause(2)
    add(trial.session(), trial.line())
    trial.shown()
    trial.pause(1.2)
    add(trial.session(), trial.line())
    trial.shown()


@CASES.named("another root appears later")
def second_root(trial: Trial) -> None:
    add(trial.session(), trial.line())
    trial.begin()
    trial.pause(2)
    path = trial.codex / homes.rollout(1)
    path.parent.mkdir(parents=True)
    add(path, trial.rollout(1) + trial.record(1))
    trial.shown()
    trial.pause(1.2)
    add(path, trial.record(1))
    trial.shown()


@CASES.named("the kernel's queue overflows while the reader is stopped")
def overflow_stopped(trial: Trial) -> None:
    paths = [trial.session(f"O{number}", f"-o-{number}") for number in range(40)]
    for number, path in enumerate(paths):
        add(path, trial.line(f"O{number}"))
    _overflow(trial, paths, trial.begin())


@CASES.named("the same with 3,000 directories")
def overflow_with_many(trial: Trial) -> None:
    for number in range(3_000):
        path = trial.session(f"D{number}", f"-d-{number}")
        path.write_bytes(trial.line(f"D{number}", days=9))
    paths = [trial.session(f"D{n}", f"-d-{n}") for n in range(0, 3_000, 75)]
    _overflow(trial, paths, trial.begin())


def _overflow(trial: Trial, paths: list[Path], running: Engine) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for _ in range(2):
        os.kill(running.process.pid, signal.SIGSTOP)
        scratch = [path.with_suffix(".txt") for path in paths]
        for number in range(most + 4_000):
            # Two files in turn, because the kernel merges what repeats.
            os.utime(scratch[number % 40]) if number >= 40 else scratch[number].touch()
        for number, path in enumerate(paths):
            add(path, trial.line(path.stem))
            if number % 4 == 0:
                new = trial.session(path.stem, f"{path.parent.name}-after")
                add(new, trial.line(path.stem))
        os.kill(running.process.pid, signal.SIGCONT)
        # Written while the watches are made anew.
        for _ in range(20):
            time.sleep(0.02)
            add(paths[7], trial.line(paths[7].stem))
            add(paths[-1], trial.line(paths[-1].stem))
        trial.shown()
        trial.pause(2.5)
        for path in (paths[0], paths[-1]):
            add(path, trial.line(path.stem))
            trial.shown()


@CASES.named("60,000 events while the reader runs")
def storm(trial: Trial) -> None:
    paths = [trial.session(f"W{number}", f"-w-{number}") for number in range(20)]
    for number, path in enumerate(paths):
        add(path, trial.line(f"W{number}"))
    trial.begin()
    for number in range(60_000):
        scratch = paths[number % 20].with_suffix(".txt")
        scratch.touch()
        if number % 2_000 == 0:
            at = number // 2_000 % 20
            add(paths[at], trial.line(f"W{at}"))
    trial.shown()


@CASES.named("directories come, move and go in a storm")
def churn(trial: Trial) -> None:
    path = trial.session()
    add(path, trial.line())
    trial.begin()
    top = trial.claude / "projects"
    for number in range(600):
        one, other = top / f"c-{number % 7}", top / f"d-{number % 5}"
        (one / "x" / "y").mkdir(parents=True, exist_ok=True)
        shutil.rmtree(other, ignore_errors=True)
        one.rename(other)
        if number % 3 == 0:
            shutil.rmtree(other)
        if number % 60 == 0:
            add(path, trial.line())
    trial.shown()
    trial.pause(1.5)
    for name in ("S1", "S2", "S1"):
        add(trial.session(name), trial.line(name))
        trial.shown()


def _limited(trial: Trial, limits: tuple[int, int]) -> None:
    for number in range(40):
        add(trial.session(f"L{number}", f"-l-{number}"), trial.line(f"L{number}"))
    trial.begin(limits=limits)
    for number in (0, 13, 39):
        add(trial.session(f"L{number}", f"-l-{number}"), trial.line(f"L{number}"))
        trial.shown()
        add(trial.session("New", f"-l-{number}"), trial.line("New"))
        trial.shown()


@CASES.named("the limit of watches is reached at once")
def no_watch(trial: Trial) -> None:
    _limited(trial, (0, 128))


@CASES.named("the limit of watches is reached on the way")
def few_watches(trial: Trial) -> None:
    _limited(trial, (12, 128))


@CASES.named("the limit of instances is reached")
def no_instance(trial: Trial) -> None:
    _limited(trial, (8192, 0))


@CASES.named("the limit of watches is reached later")
def watches_run_out(trial: Trial) -> None:
    for number in range(10):
        add(trial.session(f"L{number}", f"-l-{number}"), trial.line(f"L{number}"))
    trial.begin(limits=(16, 128))
    for number in range(30):
        add(trial.session(f"R{number}", f"-r-{number}"), trial.line(f"R{number}"))
    trial.shown()
    trial.pause(4)
    for number in (29, 20, 3):
        add(trial.session(f"R{number}", f"-r-{number}"), trial.line(f"R{number}"))
        trial.shown()
        add(trial.session(f"New{number}", f"-r-{number}"), trial.line(f"New{number}"))
        trial.shown()


@CASES.named("no events at all (observer disabled)")
def unwatched(trial: Trial) -> None:
    path = trial.session()
    add(path, trial.line())
    trial.begin(watch=False)
    for number in range(5):
        add(path, trial.line())
        trial.shown()
        add(trial.session("N", f"-new-{number}"), trial.line("N"))
        trial.shown()


@CASES.named("no events at all, 10,000 files in 3,000 directories")
def many_unwatched(trial: Trial) -> None:
    for number in range(10_000):
        path = trial.session(f"F{number}", f"-p-{number % 3_000}")
        path.write_bytes(trial.line(f"F{number}", days=9))
    trial.begin(watch=False)
    for number in (0, 9_999):
        path = trial.session(f"F{number}", f"-p-{number % 3_000}")
        add(path, trial.line(f"F{number}"))
        trial.shown()


@contextmanager
def mirrored(trial: Trial) -> Iterator[Path]:
    """A mount whose files change on its other side, without events."""
    other = trial.home / "other side"
    other.mkdir()
    trial.claude.mkdir()
    # The kernel's own memory of a mount is not what is tried here.
    options = "attr_timeout=0,entry_timeout=0,negative_timeout=0"
    if shutil.which("bindfs") is None:
        raise NotTried("there is no bindfs")
    mount = ["bindfs", "--no-allow-other", "-o", options, str(other), str(trial.claude)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise NotTried("no mount may be made here")
    try:
        yield other
    finally:
        if trial.running:
            trial.running.end()
        unmount = ["fusermount", "-u", "-z", str(trial.claude)]
        subprocess.run(unmount, capture_output=True, check=False)


@CASES.named("a mount that changes without events")
def mounted(trial: Trial) -> None:
    with mirrored(trial) as below:
        path = trial.session()
        add(path, trial.line())
        trial.begin()
        under = below / path.relative_to(trial.claude)
        for number in range(3):
            add(under, trial.line())
            trial.shown()
            new = under.with_name(f"N{number}.jsonl")
            add(new, trial.line(f"N{number}"))
            trial.shown()


@CASES.named("the reader sleeps for three seconds")
def asleep(trial: Trial) -> None:
    path = trial.session()
    add(path, trial.line())
    running = trial.begin()
    for number in range(2):
        os.kill(running.process.pid, signal.SIGSTOP)
        add(path, trial.line())
        add(trial.session("N", f"-new-{number}"), trial.line("N"))
        time.sleep(3)
        os.kill(running.process.pid, signal.SIGCONT)
        trial.shown()


@CASES.named("written all the while it starts")
def starting(trial: Trial) -> None:
    path = trial.session()
    for number in range(400):
        old = trial.line(f"H{number}", padding=20_000, days=3)
        trial.session(f"H{number}", f"-h-{number}").write_bytes(old)
        os.utime(trial.session(f"H{number}", f"-h-{number}"), (1, 1))
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.wait(0.01):
            number += 1
            add(path, trial.line())
            add(trial.session(f"N{number}", f"-n-{number}"), trial.line("N"))

    writer = threading.Thread(target=write)
    writer.start()
    trial.running = Engine(trial.home, watch=True, limits=None)
    time.sleep(2.5)
    ended.set()
    writer.join()
    trial.shown()
    add(path, trial.line())
    trial.shown()


# --- the table -----------------------------------------------------------------------


@dataclass
class Row:
    """What all runs of one case came to."""

    times: int = 0
    steps: int = 0
    missed: int = 0
    doubled: int = 0
    delays: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def failed(self) -> bool:
        late = max(self.delays, default=0.0) > ON_TIME
        return bool(self.missed or self.doubled or late)


def run(words: str, resting: bool, row: Row) -> None:
    """Make a case once."""
    with tempfile.TemporaryDirectory(prefix="watching-") as directory:
        trial = Trial(Path(directory), resting)
        try:
            CASES[words](trial)
        except NotTried as reason:
            row.note = f"not tried: {reason}"
            trial.written, trial.older = set(), set()
            if trial.running:
                trial.running.end()
            return
        trial.end()
        row.times += 1
        row.missed += trial.missed
        row.doubled += trial.doubled
        row.delays += trial.delays
        if trial.running and not trial.running.watching:
            row.note = "without events"


def main() -> int:
    """Run the cases that were asked for."""
    parser = asked(__doc__)
    parser.add_argument("--burning", action="store_true", help="not the resting engine")
    parser.add_argument("--resting", action="store_true", help="not the burning engine")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--unwatched", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.engine:
        engine(args.engine, not args.unwatched)
        return 0
    modes = [False] * (not args.resting) + [True] * (not args.burning)
    failed = 0
    say(f"{'case':62} times steps missed doubled  median   worst")
    for words in CASES:
        if args.only not in words:
            continue
        for resting in modes:
            row = Row()
            for _ in range(args.times):
                run(words, resting, row)
            delays = sorted(row.delays) or [0.0]
            name = f"{words}{', at rest' if resting else ''}"
            say(
                f"{name:62} {row.times:5} {len(row.delays):5} {row.missed:6}"
                f" {row.doubled:7} {delays[len(delays) // 2]:6.3f} s"
                f" {delays[-1]:6.3f} s  {'FAILED ' * row.failed}{row.note}"
            )
            failed += row.failed
    say(f"{failed} failed" if failed else "nothing missed, doubled or late")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
