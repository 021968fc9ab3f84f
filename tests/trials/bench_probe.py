"""Measures commands as whole processes, and a screen inside tmux.

Machines are noisy: commands run in turn, and a ratio is taken inside each round.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SIZE = (120, 40)
POLL = 0.004
"""Seconds between two looks at the screen."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command."""

    wall: float
    """Seconds, as are those of the processor."""
    cpu: float
    peak: float
    """MiB of its largest process."""
    code: int


@dataclass(frozen=True, slots=True)
class Command:
    """Something to run, in some environment."""

    argv: Sequence[str]
    environ: Mapping[str, str]
    input: str = os.devnull
    """A file for standard input."""
    prepare: Callable[[], object] = lambda: None
    """Called before each run, and not measured."""


def run(command: Command) -> Run:
    """Run a command once; what it prints is thrown away."""
    command.prepare()
    opened = (
        (os.POSIX_SPAWN_OPEN, 0, command.input, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    )
    began = time.perf_counter()
    argv = list(command.argv)
    # The kernel would look along our own path instead of the command's.
    program = shutil.which(argv[0], path=command.environ["PATH"]) or argv[0]
    pid = os.posix_spawn(program, argv, dict(command.environ), file_actions=opened)
    _, status, used = os.wait4(pid, 0)
    return Run(
        time.perf_counter() - began,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / 1024,
        os.waitstatus_to_exitcode(status),
    )


def in_turn(
    commands: Mapping[str, Command], rounds: int, warm: int = 1
) -> dict[str, list[Run]]:
    """Each command once a round; the ``warm`` first rounds are not kept."""
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(warm + rounds):
        for name, command in commands.items():
            ran = run(command)
            if number >= warm:
                found[name].append(ran)
    return found


def ratio(runs: Sequence[Run], base: Sequence[Run], of: str = "wall") -> float:
    """The median of the ratios of each round."""
    pairs = zip(runs, base, strict=True)
    found = [getattr(one, of) / max(getattr(other, of), 1e-4) for one, other in pairs]
    return float(statistics.median(found))


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which a part of all values lies."""
    return sorted(values)[int(part * (len(values) - 1))]


# --- a process that goes on ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Use:
    """What the threads of a process used so far."""

    at: float
    cpu: float
    """Seconds."""
    wakeups: int
    rss: float
    """MiB."""

    def since(self, before: Use) -> tuple[float, float]:
        """Percent of a core, and wake-ups a second."""
        seconds = self.at - before.at
        wakeups = (self.wakeups - before.wakeups) / seconds
        return 100 * (self.cpu - before.cpu) / seconds, wakeups


def use_of(pid: int) -> Use:
    """What a process used, from Linux's ``/proc``."""
    cpu = wakeups = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that just ended
            cpu += int((task / "schedstat").read_text().split()[0])
            told = re.search(r"^voluntary\S+\s+(\d+)", (task / "status").read_text(), 8)
            wakeups += int(told[1]) if told else 0
    told = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    rss = int(told[1]) / 1024 if told else 0.0
    return Use(time.monotonic(), cpu / 1e9, wakeups, rss)


class Screen:
    """A program on a terminal of tmux, read by one client that stays."""

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self._tmux = ["tmux", "-L", name, "-f", os.devnull]
        self._environ = dict(environ)
        self._environ.pop("TMUX", None)
        width, height = map(str, SIZE)
        self._call("new-session", "-d", "-s", "s", "-x", width, "-y", height, "cat")
        for option in ("remain-on-exit on", "status off", "escape-time 0"):
            self._call("set", "-g", *option.split())
        self._client = subprocess.Popen(
            [*self._tmux, "-C", "attach", "-t", "s", "-f", "no-output"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            errors="replace",
            env=self._environ,
        )
        self._say(f"refresh-client -C {width}x{height}")

    def _call(self, *words: str) -> str:
        return subprocess.run(
            [*self._tmux, *words],
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    def _say(self, words: str) -> list[str]:
        """One command of the client, and the lines that tmux answers."""
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        self._client.stdin.write(words + "\n")
        self._client.stdin.flush()
        answer: list[str] = []
        own = False
        for line in self._client.stdout:
            if line.startswith("%begin"):
                own, answer = line.split()[-1] == "1", []
            elif line.startswith(("%end", "%error")):
                if own:
                    return answer
            else:
                answer.append(line.rstrip("\n"))
        raise RuntimeError("tmux has ended")

    def start(self, argv: Sequence[str]) -> float:
        """Start a program in place of what runs; when that was."""
        self._say("respawn-pane -k -t s cat")
        self._say("clear-history -t s")
        time.sleep(0.3)
        began = time.monotonic()
        words = shlex.quote("exec " + shlex.join(argv))
        self._say(f"respawn-pane -k -t s {words}")
        return began

    def shown(self) -> str:
        """The screen as text."""
        return "\n".join(self._say("capture-pane -p -t s"))

    def until(self, wanted: str, seconds: float) -> float | None:
        """When the screen first matched; None if it did not within ``seconds``."""
        deadline = time.monotonic() + seconds
        while (now := time.monotonic()) < deadline:
            if re.search(wanted, self.shown()):
                return time.monotonic()
            time.sleep(max(0.0, POLL - (time.monotonic() - now)))
        return None

    @property
    def pid(self) -> int:
        """The program's process."""
        return int(self._call("display", "-p", "-t", "s", "#{pane_pid}"))

    def close(self) -> None:
        """End the program and tmux."""
        self._say("respawn-pane -k -t s true")
        self._call("kill-server")
        self._client.communicate()


@contextlib.contextmanager
def screen(environ: Mapping[str, str]) -> Iterator[Screen]:
    """A terminal for a while."""
    opened = Screen(f"bench{os.getpid()}", environ)
    try:
        yield opened
    finally:
        opened.close()


# --- lines ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delays:
    """How long appended lines took to be seen."""

    seconds: tuple[float, ...]
    missed: int
    cpu: float
    """Percent of a core meanwhile."""


def delays(
    marks: Sequence[float], seen: Sequence[tuple[float, float]]
) -> tuple[tuple[float, ...], int]:
    """Seconds until each mark was counted on the screen, and how many never were.

    ``marks``: when each was written. ``seen``: instants and how many were counted.
    """
    found, missed, place = [], 0, 0
    for count, written in enumerate(marks, 1):
        while place < len(seen) and seen[place][1] < count - 0.5:
            place += 1
        if place == len(seen):
            missed += 1
        else:
            found.append(max(0.0, seen[place][0] - written))
    return tuple(found), missed
