"""Lets two live views and status bars run through days of work, and looks at them.

Six days of twenty sessions at once are replayed in half an hour: every process of the
trial has a clock that runs 288 times as fast. Eight days of the same lie before them,
so that what is kept in memory has its full size from the beginning. Two live views in
tmux follow, ``burnmon status`` is called three times a second. Watched are the memory
and the CPU time of both views, what they show, and what fails; in the end the figures
of both and of the ledger are compared with those of a fresh scan.

    python tests/trials/soak.py [--minutes 30] [--rate 40] [--corpus DIR] [--keep]

``--minutes`` shortens it, at the same speed. ``--corpus`` takes the lines of real
session files below a directory, with new ids and instants, in place of invented ones.
Prints a table; exit code 1 when figures differ, something failed, or memory grows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

import homes  # noqa: E402 - the tests' own builders
import works  # noqa: E402
from repos import Repo  # noqa: E402
from sessions import absorb  # noqa: E402

from burnmon import cli, config  # noqa: E402
from burnmon.live import engine, feeder, status  # noqa: E402
from burnmon.live.snapshot import Snapshot  # noqa: E402
from burnmon.usage.ledger import Ledger  # noqa: E402

SPEED = 288
"""Seconds of the trial's clock in one of the machine's: six days in half an hour."""
BEFORE = timedelta(days=8)
"""What lies there when it begins: as far back as a live view remembers."""
SESSIONS = 20
PATIENCE = timedelta(seconds=60) * SPEED
"""Spans that stand for what a machine takes at most are that long: its processes run
no faster than usual."""
LIFE = timedelta(hours=5)
"""How long a session lasts before another one takes its place, about."""
SAMPLE = 5.0
"""Seconds between two looks at memory and screens."""
GROWTH = 0.15
"""The share by which memory may grow from the middle of the trial to its end."""
VIEWS = ("one", "two")


class Clock:
    """A clock that runs fast, the same in every process of a trial."""

    def __init__(self, began: float, at: datetime) -> None:
        self.began = began
        self.at = at

    def __call__(self) -> datetime:
        return self.at + timedelta(seconds=(time.time() - self.began) * SPEED)


# --- what agents write ---------------------------------------------------------------


Now = Callable[[], datetime]
"""The instant of the line that is being written."""


class Session:
    """A file that grows, line by line."""

    def __init__(self, path: Path, lines: Iterator[homes.Line], ends: datetime) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.ends = ends
        self._lines = lines

    def grow(self, at: datetime) -> int:
        """Write the next line; how many there were to write."""
        line = next(self._lines, None)
        if line is None:
            return 0
        line = {**line, "timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"}
        with self.path.open("ab", buffering=0) as file:
            file.write(homes.packed(line) + b"\n")
        return 1


class Agents:
    """Twenty sessions at once, in the homes of two agents."""

    def __init__(self, home: Path, repo: Path, corpus: Path | None) -> None:
        self._home = home
        self._repo = repo
        self._chance = random.Random(7)
        self._number = 0
        self._real = real_files(corpus) if corpus else []
        self._open: list[Session | None] = [None] * SESSIONS
        self.lines = self.sessions = 0
        self._at = datetime.now(UTC)

    def write(self, at: datetime) -> None:
        """One more line of one of the sessions."""
        self._at = at
        place = self._chance.randrange(SESSIONS)
        session = self._open[place]
        if session is None or at >= session.ends or not session.grow(at):
            self._open[place] = session = self._begin(at)
            session.grow(at)
        self.lines += 1

    def _begin(self, at: datetime) -> Session:
        self.sessions = self._number = self._number + 1
        ends = at + LIFE * self._chance.uniform(0.3, 1.7)
        if self._real:
            path, lines = replayed(self._chance.choice(self._real), self._number)
        elif self._number % 4:
            path, lines = claude(self._number, self._repo, self._chance)
        else:
            path, lines = codex(
                self._number, self._repo, self._chance, lambda: self._at
            )
        return Session(self._home / path, lines, ends)


def claude(
    number: int, repo: Path, chance: random.Random
) -> tuple[str, Iterator[homes.Line]]:
    """A session of Claude Code: prompts, repeated lines, edits, failures, copies."""
    name = f"claude-{number}"
    where: Any = {"sessionId": name, "cwd": str(repo), "gitBranch": "main"}

    def lines() -> Iterator[homes.Line]:
        step = 0
        old: homes.Line = {}
        while True:
            step += 1
            each = f"{name}-{step}"
            tokens = (step % 9, 90, 9000 + 400 * (step // 2), 0, 500)
            yield {**homes.prompt(f"Do {step} " + "x" * 300), **where}
            yield homes.placeholder(each, 2, **where)
            call = {
                **homes.calls("Edit", file_path=f"{repo}/a.py", old_string="a"),
                "id": f"toolu-{each}",
            }
            yield homes.assistant(each, tokens, {"content": [call]}, **where)
            told = works.patched("-a", f"+line {step} of {name}", path=f"{repo}/a.py")
            block = {"type": "tool_result", "tool_use_id": call["id"], "content": "ok"}
            yield {**homes.user([block], toolUseResult=told), **where}
            yield homes.assistant(f"{each}-end", tokens, **where)
            old = old or homes.assistant(f"{each}-end", tokens, **where)
            if step % 10 == 0:
                # As a resumed session does: an old answer once more.
                yield old
            if step % 17 == 0:
                yield {**homes.compacted(), **where}

    return f".claude/projects/w/{name}.jsonl", lines()


def codex(
    number: int, repo: Path, chance: random.Random, now: Now
) -> tuple[str, Iterator[homes.Line]]:
    """A thread of Codex: counts that repeat, and limits that rise."""

    def lines() -> Iterator[homes.Line]:
        yield homes.meta(number, cwd=str(repo))
        yield homes.codex("turn_context", {"cwd": str(repo), "model": "gpt-5.5"})
        so_far, step = (0, 0, 0, 0), 0
        while True:
            step += 1
            last = (5000 + step, 4000, 0, 100 + chance.randrange(50))
            so_far = tuple(a + b for a, b in zip(so_far, last, strict=True))  # type: ignore[assignment]
            windows = homes.limits(window(now(), 300), window(now(), 7 * 1440))
            yield homes.count(so_far, last, **windows)
            if step % 3 == 0:
                yield homes.count(so_far, last, **windows)

    return f".codex/{homes.rollout(number)}", lines()


def window(at: datetime, minutes: int) -> homes.Line:
    """A limit of which more is used the longer its window is open."""
    resets_at = (int(at.timestamp()) // (minutes * 60) + 1) * minutes * 60
    open_for = 1 - (resets_at - at.timestamp()) / (minutes * 60)
    return homes.window(int(90 * open_for), minutes, resets_at=resets_at)


def real_files(corpus: Path) -> list[list[bytes]]:
    """The lines of session files of Claude Code that have enough of them."""
    found = []
    for path in sorted(corpus.rglob("*.jsonl")):
        lines = [each for each in path.read_bytes().splitlines() if each[:1] == b"{"]
        if b'"sessionId"' in b"".join(lines[:20]) and len(lines) > 30:
            found.append([each for each in lines if len(each) < 200_000])
    if not found:
        raise SystemExit(f"{corpus}: no session files of Claude Code")
    return found


def replayed(real: list[bytes], number: int) -> tuple[str, Iterator[homes.Line]]:
    """A real file as another session, with ids of its own."""
    name = f"real-{number}"

    def lines() -> Iterator[homes.Line]:
        for raw in real:
            try:
                line = json.loads(raw)
            except ValueError:
                continue
            if not isinstance(line, dict):
                continue
            message = line.get("message")
            if isinstance(message, dict) and "id" in message:
                message["id"] = f"{message['id']}-{number}"
            for key in ("requestId", "uuid"):
                if line.get(key):
                    line[key] = f"{line[key]}-{number}"
            yield {**line, "sessionId": name}

    return f".claude/projects/w/{name}.jsonl", lines()


# --- what watches them ---------------------------------------------------------------


def give_time() -> None:
    """Lengthen what is measured in the machine's own time."""
    engine.LATE = timedelta(minutes=59)  # a tally lets go what is older than an hour
    status.FRESH = status.STALE = PATIENCE
    feeder.STATE = timedelta(seconds=2) * SPEED


def view(clock: Clock, told: Path) -> int:
    """The live view, with this clock; leaves its last figures in a file."""
    give_time()
    newest: list[Snapshot] = []
    begin = feeder.Feeder.__init__

    def remembering(self: feeder.Feeder, settings: Any, post: Any) -> None:
        def posted(snapshot: Snapshot) -> None:
            newest[:] = [snapshot]
            post(snapshot)

        begin(self, settings, posted, clock)

    feeder.Feeder.__init__ = remembering  # type: ignore[method-assign, assignment]
    code = cli.run([], os.environ, clock())
    if newest:
        told.write_text(json.dumps(figures(newest[0])))
    return code


def figures(snapshot: Snapshot) -> dict[str, Any]:
    """What a view shows of money, sessions and limits."""
    return {
        "now": snapshot.now.isoformat(),
        "today": str(snapshot.burn.cost_today),
        "sessions": {
            each.session_id: [str(each.cost), each.requests]
            for each in snapshot.sessions
        },
        "limits": {
            each.label: [each.window.used, str(each.window.resets_at)]
            for each in snapshot.limits
        },
    }


STATUS = """
import os, time
from datetime import datetime, timedelta
from burnmon import cli
from burnmon.live import status
status.FRESH = status.STALE = timedelta(seconds={0})
now = datetime.fromisoformat("{2}")
now += timedelta(seconds=(time.time() - {1}) * {3})
cli.run(["status", "--width", "60"], os.environ, now)
"""
"""What a status bar starts: the command, with the clock of the trial."""


class Tmux:
    """A tmux server of the trial's own."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._socket = f"soak{os.getpid()}"
        self._environ = environ

    def __call__(self, *words: str) -> str:
        return subprocess.run(
            ["tmux", "-L", self._socket, "-f", "/dev/null", *words],
            env=dict(self._environ),
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    def open(self, name: str, words: Sequence[str]) -> int:
        """Begin a program in a session; the number of its process."""
        self("new-session", "-d", "-s", name, "-x", "120", "-y", "40", *words)
        self("set-option", "-t", name, "remain-on-exit", "on")
        return int(self("display-message", "-p", "-t", name, "#{pane_pid}"))

    def screen(self, name: str) -> str:
        return self("capture-pane", "-p", "-t", name)


class Watched:
    """Memory and CPU time of one process, over the trial."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.memory: list[tuple[float, float]] = []
        self._cpu_before = self.cpu()
        self._began = time.monotonic()

    def look(self) -> None:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        if found:
            self.memory.append((time.monotonic(), int(found[1]) / 1024))

    def cpu(self) -> float:
        """Seconds of all its threads so far."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def share(self) -> float:
        """Of one core, in percent, since the trial began."""
        spent = self.cpu() - self._cpu_before
        return 100 * spent / (time.monotonic() - self._began)

    def slope(self) -> float:
        """MB per hour that memory grows in the second half."""
        half = self.memory[len(self.memory) // 2 :]
        middle = sum(at for at, _ in half) / len(half)
        mean = sum(size for _, size in half) / len(half)
        spread = sum((at - middle) ** 2 for at, _ in half) or 1.0
        joint = sum((at - middle) * (size - mean) for at, size in half)
        return 3600 * joint / spread


class Bars:
    """Three status bars that ask once a second each."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str]) -> None:
        self._words = words
        self._environ = environ
        self.ended = threading.Event()
        self.said: Counter[str] = Counter()
        self.took: list[float] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(3)]
        for number, each in enumerate(self._threads):
            time.sleep(0.33 * (number > 0))
            each.start()

    def _ask(self) -> None:
        while not self.ended.wait(1.0):
            began = time.monotonic()
            answer = subprocess.run(
                self._words,
                env=dict(self._environ),
                capture_output=True,
                text=True,
                check=False,
            )
            self.took.append(time.monotonic() - began)
            good = answer.returncode == 0 and answer.stdout.strip()
            self.said["answered" if good else answer.stderr.strip()[-200:]] += 1

    def end(self) -> None:
        self.ended.set()
        for each in self._threads:
            each.join()


# --- the trial -----------------------------------------------------------------------


class Trial:
    """One soak, from the first line to the comparison."""

    def __init__(self, top: Path, args: argparse.Namespace) -> None:
        self.top = top
        self.seconds = args.minutes * 60
        self._pause = 1 / args.rate
        span = timedelta(seconds=self.seconds * SPEED)
        self._first = datetime.now(UTC).replace(microsecond=0) - span - BEFORE
        home = top / "home"
        self.repo = Repo(home / "src" / "api")
        self.agents = Agents(home, self.repo.path, args.corpus)
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(TESTS.parent),
            "HOME": str(home),
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "BURNMON_DATA_DIR": str(top / "data"),
        }
        self.wrong: list[str] = []

    def fill(self) -> None:
        """Write what lies before, as fast as that goes."""
        step = timedelta(seconds=self._pause * SPEED)
        at, until = self._first, self._first + BEFORE
        while at < until:
            self.agents.write(at)
            at += step
        # Known to the ledger, for a first scan would take hours of this clock.
        subprocess.run(
            [sys.executable, "-m", "burnmon", "commits", "--json"],
            cwd=TESTS.parent,
            env=self.environ,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def run(self) -> None:
        """Let agents work, views and bars look on."""
        clock = Clock(time.time(), self._first + BEFORE)
        child = [sys.executable, __file__, "--child"]
        given = [str(clock.began), clock.at.isoformat()]
        tmux = Tmux(self.environ)
        try:
            self.views = {}
            for name in VIEWS:
                told = str(self.top / f"{name}.json")
                words = [*child, *given, told]
                self.views[name] = Watched(tmux.open(name, words))
                time.sleep(1)
            ending = threading.Event()
            looking = threading.Thread(target=self._look, args=(tmux, ending))
            looking.start()
            asking = STATUS.format(PATIENCE.total_seconds(), *given, SPEED)
            self.bars = Bars([sys.executable, "-c", asking], self.environ)
            self._work(clock)
            self.bars.end()
            ending.set()
            looking.join()
            time.sleep(15)
            self._leave(tmux)
        finally:
            tmux("kill-server")

    def _work(self, clock: Clock) -> None:
        began = time.monotonic()
        written = commits = 0
        while (passed := time.monotonic() - began) < self.seconds:
            while written < passed / self._pause:
                self.agents.write(clock())
                written += 1
            if commits < passed / 30:
                commits += 1
                self.repo.write("a.py", f"line {commits}\n").git("add", "a.py")
                at = int(clock().timestamp())
                self.repo.git("commit", "-q", "-m", f"Step {commits}", at=at)
            time.sleep(0.02)

    def _look(self, tmux: Tmux, ending: threading.Event) -> None:
        while not ending.wait(SAMPLE):
            for name, watched in self.views.items():
                try:
                    watched.look()
                except OSError:
                    self.wrong.append(f"{name} ended: {tmux.screen(name)[-300:]}")
                    return
                shown = tmux.screen(name)
                for bad in ("stale", "is not kept", "Traceback", "Error"):
                    if f" {bad}" in shown:
                        line = next(x for x in shown.split("\n") if bad in x)
                        self.wrong.append(f"{name}: {line.strip()}")

    def _leave(self, tmux: Tmux) -> None:
        for name, watched in self.views.items():
            watched.cpu_share = watched.share()  # type: ignore[attr-defined]
            tmux("send-keys", "-t", name, "q")
        until = time.monotonic() + 20
        for name in VIEWS:
            told = self.top / f"{name}.json"
            while not told.exists() and time.monotonic() < until:
                time.sleep(0.1)
            if not told.exists():
                self.wrong.append(f"{name} does not end: {tmux.screen(name)[-300:]}")

    def compare(self) -> None:
        """Both views and the ledger, with a fresh scan."""
        fresh = config.load({"data_dir": str(self.top / "fresh")}, self.environ)
        kept = config.load({}, self.environ)
        absorb(fresh)
        with Ledger(fresh.ledger_file) as ledger:
            expected = facts(ledger, self.top)
        with Ledger(kept.ledger_file) as ledger:
            held = facts(ledger, self.top)
            damage = ledger.damage()
        if damage:
            self.wrong.append(f"the ledger is damaged: {damage}")
        self.facts = {name: len(rows) for name, rows in expected.items()}
        for name, rows in expected.items():
            if rows != held[name]:
                lost = [each for each in rows if each not in held[name]]
                more = [each for each in held[name] if each not in rows]
                self.wrong.append(
                    f"{name}: {len(lost)} lost, {len(more)} more: {lost[:1]} {more[:1]}"
                )
        for name in VIEWS:
            told = self.top / f"{name}.json"
            if told.exists():
                self._compare_view(name, json.loads(told.read_text()), fresh)

    def _compare_view(
        self, name: str, shown: dict[str, Any], fresh: config.Settings
    ) -> None:
        then = datetime.fromisoformat(shown["now"])
        # As JSON has it, for instance without tuples.
        right = json.loads(json.dumps(figures(engine.once(fresh, then))))
        for part, value in right.items():
            if shown[part] != value:
                if isinstance(value, dict):
                    keys = {*value, *shown[part]}
                    value = {
                        key: (shown[part].get(key), value.get(key))
                        for key in sorted(keys)
                        if shown[part].get(key) != value.get(key)
                    }
                    words = f"{len(value)} differ: {list(value.items())[:3]}"
                else:
                    words = f"{shown[part]}, should be {value}"
                self.wrong.append(f"{name}: {part}: {words}")

    def report(self) -> int:
        """Print the table; the exit code."""
        agents, bars = self.agents, self.bars
        print(f"{agents.lines:,} lines of {agents.sessions} sessions", end=", ")
        print(f"{self.seconds * SPEED / 86400:.1f} days in {self.seconds / 60:g} min")
        print(", ".join(f"{n:,} {name}" for name, n in self.facts.items()))
        took = sorted(bars.took)
        print(
            f"status: {len(took)} calls, {bars.said['answered']} answered, median"
            f" {took[len(took) // 2] * 1000:.0f} ms, longest {took[-1] * 1000:.0f} ms"
        )
        self.wrong += [
            f"status: {n} × {words}"
            for words, n in bars.said.items()
            if words != "answered"
        ]
        head = ("view", "MB at first", "half", "end", "most", "MB/h", "CPU %")
        print("".join(f"{each:>12}" for each in head))
        for name, watched in self.views.items():
            sizes = [size for _, size in watched.memory]
            half = sorted(sizes[len(sizes) // 3 : len(sizes) * 2 // 3])
            last = sorted(sizes[-max(1, len(sizes) // 6) :])
            middle, end = half[len(half) // 2], last[len(last) // 2]
            row = (sizes[0], middle, end, max(sizes), watched.slope())
            share = watched.cpu_share  # type: ignore[attr-defined]
            print(f"{name:>12}" + "".join(f"{n:>12.1f}" for n in (*row, share)))
            if end > middle * (1 + GROWTH):
                self.wrong.append(f"{name}: grows from {middle:.0f} to {end:.0f} MB")
        for words, n in Counter(self.wrong).items():
            print(f"FAILED {n} × {words}")
        print("nothing failed" if not self.wrong else f"{len(self.wrong)} failures")
        return 1 if self.wrong else 0


def facts(ledger: Ledger, top: Path) -> dict[str, list[Any]]:
    """Everything a ledger holds, in words; of sessions and nothing of our own."""
    told: dict[str, list[Any]] = {**homes.rows(ledger, top), **works.rows(ledger)}
    told["file"] = [each for each in told["file"] if each[1] in ("claude", "codex")]
    return told


def main() -> int:
    """Run the trial and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=40, help="lines a second")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--keep", action="store_true", help="leave the files")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        began, at, told = args.child
        return view(Clock(float(began), datetime.fromisoformat(at)), Path(told))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    top = Path(tempfile.mkdtemp(prefix="burnmon-soak-"))
    try:
        trial = Trial(top, args)
        trial.fill()
        print(f"{trial.agents.lines:,} lines lie before", flush=True)
        trial.run()
        trial.compare()
        return trial.report()
    finally:
        if args.keep:
            print(f"left in {top}")
        else:
            shutil.rmtree(top)


if __name__ == "__main__":
    sys.exit(main())
