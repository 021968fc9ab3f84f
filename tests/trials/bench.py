"""Measures burnmon beside the peers that are found, and prints one table.

Homes are copies of real ones, ids rewritten and times moved to end now, in 1, 3, 10 and
30 copies; or invented ones where none is given.

    python tests/trials/bench.py [--claude DIR …] [--codex DIR …] [--size MB]
        [--peers DIR] [--keep DIR] [--only ROW …] [--rounds 7] [--seconds 60] [--quick]

``--claude`` and ``--codex`` name homes of agents (default: this machine's, else
invented ones of ``--size`` megabytes). ``--peers`` is put before ``PATH`` to find
ccusage, tokscale, codeburn and claude-monitor. ``--keep`` makes the copies there, and
uses those that are there. ``--seconds`` is the length of each live part. ``--quick``
tries everything once and means nothing. The live parts need tmux and Linux.

Trust ratios and processor seconds: wall times are of this machine and of its load.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import bench_homes
from bench_probe import (
    POLL,
    Command,
    Delays,
    Run,
    Screen,
    delays,
    in_turn,
    quantile,
    ratio,
    run,
    screen,
    use_of,
)

ROOT = Path(__file__).resolve().parents[2]
BURNMON = (sys.executable, "-m", "burnmon")
COPIES = (1, 3, 10, 30)
USUAL = 10
"""Copies that the goals are about."""
MARK = 2.5
"""Dollars that each marker line adds: 100,000 tokens of output of ``_MODEL``."""
_MODEL = "claude-opus-4-5-20251101"
_TODAY = r"\$([\d,]+\.\d\d)\+? today"
_LIVE = rf"(?s)\A(?! ○ as it was).*{_TODAY}"
"""The same where it is not the last picture, which stands there first."""
PEERS = {
    "ccusage": ("ccusage", "daily", "--offline"),
    "tokscale": ("tokscale", "models", "--light", "--no-spinner"),
    "codeburn": ("codeburn", "status"),
    "claude-monitor": ("claude-monitor", "--view", "daily", "--once"),
}
"""Reports of peers, as they are asked for without a network."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    figure: str
    goal: str
    measured: str
    met: bool | None = None
    """Whether the goal was; None where there is none."""


@dataclass(slots=True)
class Bench:
    """What the rows are measured with."""

    place: Path
    """Where the homes are made."""
    sources: Mapping[str, Sequence[Path]]
    size: int
    peers: str
    rounds: int
    seconds: float
    made: dict[int, Path] = field(default_factory=dict)

    def home(self, copies: int = USUAL) -> Path:
        """A person's home with so many copies; made when it is first asked for."""
        if copies not in self.made:
            home = self.place / f"{copies}x"
            if not home.exists():
                fresh = Path(f"{home}.part")
                shutil.rmtree(fresh, ignore_errors=True)
                self._fill(fresh, copies)
                fresh.rename(home)
            self.made[copies] = home
        return self.made[copies]

    def _fill(self, home: Path, copies: int) -> None:
        # A session that has just written would burn while idleness is measured.
        end = datetime.now(UTC) - timedelta(minutes=40)
        if any(self.sources.values()):
            bench_homes.scale(home, dict(self.sources), copies, end)
        else:
            whole = self.size * copies
            bench_homes.invent(home / bench_homes.HOMES["claude"], whole, end)

    def environ(self, home: Path) -> dict[str, str]:
        """The environment of whatever runs in a home; nothing else of this one."""
        return {
            "HOME": os.fspath(home),
            "PATH": os.pathsep.join(filter(None, (self.peers, os.environ["PATH"]))),
            "PYTHONPATH": os.fspath(ROOT),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }

    def burnmon(self, *words: str, copies: int = USUAL, cold: bool = False) -> Command:
        """A command of burnmon; ``cold``: without what it learned before."""
        home = self.home(copies)
        forget = (lambda: _forget(home)) if cold else (lambda: None)
        return Command((*BURNMON, *words), self.environ(home), prepare=forget)

    def yardstick(self, *argv: str, copies: int = USUAL) -> Command:
        """Any other command in the same home."""
        return Command(argv, self.environ(self.home(copies)))


def _forget(home: Path) -> None:
    for kind in ("share", "state"):
        shutil.rmtree(home / ".local" / kind / "burnmon", ignore_errors=True)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _walls(runs: Sequence[Run]) -> float:
    return median(each.wall for each in runs)


# --- whole commands ------------------------------------------------------------------


def cold(bench: Bench) -> Iterator[Row]:
    """A first report, and one with all that linking needs, beside the peers."""
    home = bench.home()
    commands = {
        "report": bench.burnmon("report", cold=True),
        "commits": bench.burnmon("commits", "--json", cold=True),
        "cat": bench.yardstick("cat", *bench_homes.bytes_below(home)),
    }
    absent = []
    for name, argv in PEERS.items():
        peer = bench.yardstick(*argv)
        found = shutil.which(argv[0], path=peer.environ["PATH"])
        code = run(peer).code if found else None
        if code == 0:
            commands[name] = peer
        else:
            absent.append((name, f"ended with {code}" if found else "is not here"))
    runs = in_turn(commands, bench.rounds)
    for name, each in runs.items():
        cpu, peak = median(r.cpu for r in each), max(r.peak for r in each)
        words = f"{_walls(each):.2f} s, {cpu:.2f} s CPU, peak {peak:.0f} MB"
        yield Row(f"cold {name}, {USUAL}×", "", words)
    for name, reason in absent:
        yield Row(f"cold {name}", "", reason)
    yield from _beside(runs, "report", "cat", 4.5)
    if "ccusage" in runs:
        yield from _beside(runs, "report", "ccusage", 0.5)
        yield from _beside(runs, "commits", "ccusage", 1.0)
    peak = max(each.peak for each in runs["report"])
    yield Row("peak of the cold report", "≤ 250 MB", f"{peak:.0f} MB", peak <= 250)


def _beside(
    runs: Mapping[str, Sequence[Run]], name: str, base: str, goal: float
) -> Iterator[Row]:
    wall, cpu = (ratio(runs[name], runs[base], of) for of in ("wall", "cpu"))
    told = f"{wall:.2f} × (CPU {cpu:.2f} ×)"
    yield Row(f"cold {name} : {base}", f"≤ {goal:g} ×", told, wall <= goal)


def quick(bench: Bench) -> Iterator[Row]:
    """What a status bar starts again and again, and warm reports."""
    run(bench.burnmon("report"))
    home = bench.home()
    told = home / "status.json"
    told.write_text(json.dumps({"session_id": "bench", "model": {"id": _MODEL}}))
    statusline = bench.burnmon("statusline")
    collect = bench.burnmon("collect")
    commands = {
        "python -c pass": bench.yardstick(sys.executable, "-c", "pass"),
        "status": bench.burnmon("status"),
        "statusline": Command(statusline.argv, statusline.environ, os.fspath(told)),
        "collect": Command(collect.argv, collect.environ, os.fspath(told)),
        "report --json": bench.burnmon("report", "--json"),
        "limits --json": bench.burnmon("limits", "--json"),
    }
    runs = in_turn(commands, bench.rounds * 3)
    base = runs.pop("python -c pass")
    yield Row("python -c pass", "", _ms(_walls(base)))
    for name, each in runs.items():
        wall, times = _walls(each), ratio(each, base)
        most, factor = (0.12, None) if "--json" in name else (0.045, 3)
        goal = f"≤ {_ms(most)}" + (f", ≤ {factor} × pass" if factor else "")
        met = wall <= most and (factor is None or times <= factor)
        yield Row(f"{name}, warm", goal, f"{_ms(wall)}, {times:.1f} × pass", met)


def growth(bench: Bench) -> Iterator[Row]:
    """The same by the length of history."""
    for copies in COPIES:
        home = bench.home(copies)
        size = sum(Path(each).stat().st_size for each in bench_homes.bytes_below(home))
        first = in_turn(
            {"cold": bench.burnmon("report", copies=copies, cold=True)}, 2, 0
        )["cold"]
        warm = in_turn(
            {"warm": bench.burnmon("report", "--json", copies=copies)}, bench.rounds
        )["warm"]
        with _written(home) as write:
            grown = bench.burnmon("report", "--json", copies=copies)
            tail = Command(grown.argv, grown.environ, prepare=lambda: write(True))
            tails = in_turn({"tail": tail}, bench.rounds)["tail"]
        wall = _walls(first)
        words = (
            f"cold {wall:.2f} s = {wall / size * 1e9:.2f} s/GB, warm"
            f" {_ms(_walls(warm))}, with one more line {_ms(_walls(tails))}"
        )
        yield Row(f"{copies}×, {size / 1e6:.0f} MB", "", words)


# --- the screen ----------------------------------------------------------------------


def start(bench: Bench) -> Iterator[Row]:
    """From the command to the first frame, and to the live screen."""
    textual = bench.yardstick(sys.executable, "-c", "import textual.app")
    imports = _walls(in_turn({"textual": textual}, bench.rounds)["textual"])
    yield Row("import textual.app", "", _ms(imports))
    live: dict[str, float] = {}
    cases = (("1×", 1, False), ("10×", USUAL, False), ("10×, no ledger", USUAL, True))
    for name, copies, forgets in cases:
        home = bench.home(copies)
        run(bench.burnmon("commits", "--json", copies=copies))
        firsts, whole = [], []
        with screen(bench.environ(home)) as terminal:
            terminal.start(BURNMON)  # once, so that it knows what it showed last
            terminal.until(_LIVE, 60)
            time.sleep(2)
            for _ in range(bench.rounds):
                if forgets:
                    _forget(home)
                began = terminal.start(BURNMON)
                first = terminal.until(_TODAY, 60)
                shown = terminal.until(_LIVE, 60)
                if first is not None and shown is not None:
                    firsts.append(first - began)
                    whole.append(shown - began)
                time.sleep(0.5)
        live[name] = median(whole)
        if not forgets:
            goal, met = "≤ 60 ms", median(firsts) <= 0.06
            yield Row(f"first figures, {name}", goal, _ms(median(firsts)), met)
        most = 0.6 if forgets else 0.4
        met = live[name] <= most
        yield Row(f"live screen, {name}", f"≤ {_ms(most)}", _ms(live[name]), met)
    for base, factor, other in (
        ("import textual.app", 1.8, imports),
        ("1×", 1.15, live["1×"]),
    ):
        times = live["10×"] / other
        told = f"{times:.2f} ×"
        yield Row(f"live screen 10× : {base}", f"≤ {factor} ×", told, times <= factor)


def idle(bench: Bench) -> Iterator[Row]:
    """What an open screen uses while nothing burns."""
    home = bench.home()
    run(bench.burnmon("commits", "--json"))
    with screen(bench.environ(home)) as terminal:
        terminal.start(BURNMON)
        terminal.until(_TODAY, 120)
        time.sleep(65)  # the first minute's step judges all forecasts of a new ledger
        _settle(terminal)
        before = use_of(terminal.pid)
        time.sleep(max(60.0, bench.seconds))  # of which a minute's step is a part
        after = use_of(terminal.pid)
    cpu, wakeups = after.since(before)
    yield Row("idle, processor", "≤ 0.1 %", f"{cpu:.2f} %", cpu <= 0.1)
    yield Row("idle, wake-ups", "≤ 2/s", f"{wakeups:.1f}/s", wakeups <= 2)
    rss = after.rss
    yield Row("memory of the open screen", "≤ 70 MB", f"{rss:.0f} MB", rss <= 70)


def _settle(terminal: Screen) -> None:
    """Wait until what is done once is done."""
    for _ in range(24):
        before = use_of(terminal.pid)
        time.sleep(5)
        if use_of(terminal.pid).since(before)[0] < 0.5:
            break


def tail(bench: Bench) -> Iterator[Row]:
    """From an appended line to the screen, and what that uses."""
    home = bench.home()
    run(bench.burnmon("commits", "--json"))
    goals = {1: (0.02, 0.04), 50: (0.04, 0.1)}
    with screen(bench.environ(home)) as terminal:
        terminal.start(BURNMON)
        terminal.until(_TODAY, 120)
        _settle(terminal)
        for rate, (middle, late) in goals.items():
            found = _followed(terminal, home, rate, bench.seconds)
            if not found.seconds:
                yield Row(f"{rate} lines/s", "", "none was seen", False)
                continue
            typical, p95 = median(found.seconds), quantile(found.seconds, 0.95)
            goal = f"≤ {_ms(middle)}, p95 ≤ {_ms(late)}"
            words = f"{_ms(typical)}, p95 {_ms(p95)}, {found.missed} missed"
            met = typical <= middle and p95 <= late and not found.missed
            yield Row(f"line → screen, {rate}/s", goal, words, met)
            words = f"{found.cpu:.1f} %"
            if rate > 1:
                met = found.cpu <= 6
                yield Row(f"processor at {rate} lines/s", "≤ 6 %", words, met)
            else:
                yield Row("processor at 1 line/s", "", words)


def _followed(terminal: Screen, home: Path, rate: int, seconds: float) -> Delays:
    """Append lines at a rate, and look when the screen counts them."""
    marks: list[float] = []
    seen: list[tuple[float, float]] = []
    base = _dollars(terminal.shown()) or 0.0
    before = use_of(terminal.pid)
    after, written = before, 0
    with _written(home) as write:
        began = time.monotonic()
        end = began + seconds
        while (now := time.monotonic()) < end + 5:
            if now < end and now >= began + written / rate:
                is_mark = rate == 1 or written % 3 == 0
                write(is_mark)
                marks += [time.monotonic()] * is_mark
                written += 1
                after = use_of(terminal.pid) if now > end - 1 else after
            shown = _dollars(terminal.shown())
            if shown is not None:
                seen.append((time.monotonic(), (shown - base) / MARK))
            if now >= end and seen and seen[-1][1] > len(marks) - 0.5:
                break
            time.sleep(max(0.0, POLL / 2 - (time.monotonic() - now)))
    found, missed = delays(marks, seen)
    cpu = after.since(before)[0] if after is not before else 0.0
    return Delays(found, missed, cpu)


def _dollars(shown: str) -> float | None:
    found = re.search(_TODAY, shown)
    return float(found[1].replace(",", "")) if found else None


@contextmanager
def _written(home: Path) -> Iterator[Callable[[bool], None]]:
    """A session file that lines are appended to; it is removed again.

    Every marker adds ``MARK`` dollars, the lines between are of a person.
    """
    session = str(uuid.uuid4())
    path = home / bench_homes.HOMES["claude"] / "projects/-bench" / f"{session}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        yield lambda mark: _append(handle, session, mark)
    finally:
        os.close(handle)
        shutil.rmtree(path.parent)


def _append(handle: int, session: str, mark: bool) -> None:
    message: dict[str, object] = {"role": "user", "content": "go on " * 150}
    if mark:
        message = {
            "id": f"msg_01{uuid.uuid4().hex[:22]}",
            "role": "assistant",
            "model": _MODEL,
            "content": [{"type": "text", "text": "and on " * 150}],
            "usage": {"input_tokens": 0, "output_tokens": 100_000},
        }
    line = {
        "sessionId": session,
        "cwd": "/bench",
        "type": "assistant" if mark else "user",
        "uuid": str(uuid.uuid4()),
        "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        "message": message,
    }
    if mark:
        line["requestId"] = f"req_011C{uuid.uuid4().hex[:20]}"
    os.write(handle, json.dumps(line).encode() + b"\n")


# --- the table -----------------------------------------------------------------------

ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "cold": cold,
    "start": start,
    "idle": idle,  # before anything is written: for five minutes after it burns
    "tail": tail,
    "quick": quick,
    "growth": growth,
}
ON_SCREEN = {"start", "tail", "idle"}


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown, one line a row."""
    words = {True: "yes", False: "NO", None: ""}
    cells = [("figure", "goal", "measured", "met"), ("---",) * 4]
    cells += [(row.figure, row.goal, row.measured, words[row.met]) for row in rows]
    return [f"| {' | '.join(each)} |" for each in cells]


def versions(bench: Bench, home: Path) -> Iterator[str]:
    """Which peers there are."""
    environ = bench.environ(home)
    for name in PEERS:
        if shutil.which(name, path=environ["PATH"]):
            said = subprocess.run(
                [name, "--version"], env=environ, capture_output=True, text=True
            )
            words = (said.stdout or said.stderr).strip().splitlines()
            yield f"{name}: {words[0] if words else 'says nothing'}"


def main() -> int:
    """Measure what is asked for; whether every goal was met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for agent in bench_homes.TREES:
        parser.add_argument(f"--{agent}", type=Path, action="append", metavar="DIR")
    parser.add_argument("--size", type=int, default=100, metavar="MB")
    parser.add_argument("--peers", default="", metavar="DIR")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    parser.add_argument("--only", choices=list(ROWS), action="append", metavar="ROW")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    # A burnmon that is left in tmux would make the next one its reader.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    own = {agent: Path.home() / name for agent, name in bench_homes.HOMES.items()}
    given = {agent: getattr(args, agent) or [] for agent in own}
    for agent, homes in given.items():
        for home in homes:
            if not bench_homes.sources(agent, [home]):
                parser.error(f"--{agent} {home}: no session file below it")
    if not any(given.values()):
        used = {a: home for a, home in own.items() if bench_homes.sources(a, [home])}
        given = {agent: [home] for agent, home in used.items()}
    rounds, seconds = (1, 5.0) if args.quick else (args.rounds, args.seconds)
    with tempfile.TemporaryDirectory(prefix="burnmon-bench-") as temporary:
        place = args.keep or Path(temporary)
        bench = Bench(place, given, args.size << 20, args.peers, rounds, seconds)
        for line in versions(bench, place):
            print(line)
        rows: list[Row] = []
        for name in args.only or ROWS:
            if name in ON_SCREEN and not shutil.which("tmux"):
                rows.append(Row(name, "", "not measured: there is no tmux"))
                continue
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            rows += ROWS[name](bench)
        print("\n".join(table(rows)))
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
