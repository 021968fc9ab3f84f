"""Is the terminal as it was, whatever happens to burnmon in it?

Each case runs burnmon in a pseudo-terminal (or in a tmux of its own), does something to
it, and reads what the terminal was told and how its settings are afterwards. What the
screen switches on must be off again; no traceback may be seen; a screen that lives on
must be drawn anew and take no processor; one that ends must end with its code.

    python tests/trials/terminal.py [--times N] [--only WORDS]

It runs in some three minutes and exits with 1 if anything failed. The cases with tmux
are told as not tried where there is none.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

import cases  # noqa: E402
import homes  # noqa: E402 — the builders lie one directory up
from cases import Cases, NotTried  # noqa: E402
from ptys import FRAME, Terminal  # noqa: E402

BUSY = 0.25
"""The share of a core from which a screen that shows a recorded day is busy."""
QUICK = 5.0
"""Seconds within which a process that was told to end has ended."""
BAD = (b"Traceback", b"Exception", b"Error:")
SCREENS = {"burn": "", "day": "d", "session": "\r", "explain": "i", "keys": "?"}
"""Keys that lead to each screen."""


class Faults(cases.Faults):
    """What was wrong with a terminal."""

    def ended(
        self, terminal: Terminal, *codes: int, since: float = 0.0, within: float = QUICK
    ) -> None:
        """Check that the process ends soon, with a code, and leaves no trace."""
        began = since or time.monotonic()
        code = terminal.wait()
        took = time.monotonic() - began
        self.check(code in codes, f"exit code {code}, not {codes}")
        self.check(took < within, f"ended after {took:.1f} s")
        if terminal.slave >= 0:
            self.extend(f"left on: {each}" for each in terminal.left_on())
        self.clean(terminal)

    def clean(self, terminal: Terminal) -> None:
        """Check that no error was shown."""
        self.extend(f"shows {each!r}" for each in BAD if each in terminal.written)

    def lives(self, terminal: Terminal, since: int) -> None:
        """Check that a screen is drawn anew, takes keys one by one, and no processor,
        and that it can be left."""
        self.check(terminal.drawn(since), "not drawn anew")
        self.check(terminal.until(terminal.is_raw), "keys do not reach it")
        time.sleep(0.5)
        if terminal.process.poll() is None:
            share = terminal.cpu()
            self.check(share < BUSY, f"takes {share:.0%} of a core")
            terminal.press("q")
        self.ended(terminal, 0)


CASES: Cases[Faults] = Cases()


@contextmanager
def shown(*words: str, **options: object) -> Iterator[Terminal]:
    """A recorded day on the screen, at rest."""
    with Terminal(words or ("--demo",), **options) as terminal:  # type: ignore[arg-type]  # passed on
        if not terminal.drawn():
            raise AssertionError(f"no frame: {terminal.written[-400:]!r}")
        time.sleep(0.4)
        yield terminal


@contextmanager
def home() -> Iterator[Path]:
    """A home in which an agent worked just now."""
    with tempfile.TemporaryDirectory(prefix="terminal-") as directory:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        line = homes.text(homes.assistant("m1", timestamp=stamp))
        homes.write(Path(directory) / ".claude", {homes.S1: line})
        yield Path(directory)


# --- leaving -------------------------------------------------------------------------


def _leave(faults: Faults, act: Callable[[Terminal], object], code: int) -> None:
    for words in (("--demo",), ("--demo", "--mouse")):
        with shown(*words) as terminal:
            act(terminal)
            faults.ended(terminal, code)
    with home() as place, shown("-O", environ={"HOME": str(place)}) as terminal:
        act(terminal)
        faults.ended(terminal, code)


for _words, _act, _code in (
    ("q", lambda terminal: terminal.press("q"), 0),
    ("ctrl+c", lambda terminal: terminal.press("\x03"), 130),
    ("SIGINT", lambda terminal: terminal.send(signal.SIGINT), 130),
    ("SIGTERM", lambda terminal: terminal.send(signal.SIGTERM), 143),
    ("SIGHUP", lambda terminal: terminal.send(signal.SIGHUP), 129),
):
    CASES[f"left by {_words}"] = partial(_leave, act=_act, code=_code)


@CASES.named("left by twenty SIGTERM in a row")
def many_signals(faults: Faults) -> None:
    with shown() as terminal:
        for _ in range(20):
            with suppress(ProcessLookupError):
                terminal.send(signal.SIGTERM)
            time.sleep(0.003)
        # The last may come when the interpreter is on its way out.
        faults.ended(terminal, 143, -signal.SIGTERM)


@CASES.named("signals at any moment of the start (50 moments)")
def while_starting(faults: Faults) -> None:
    for number in range(50):
        with Terminal() as terminal:
            time.sleep(number * 0.02)
            kind = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[number % 3]
            terminal.send(kind)
            # Before Python is up, the kernel ends it.
            faults.ended(terminal, 128 + kind, -kind)


@CASES.named("a terminal that takes no output, and SIGTERM")
def blocked(faults: Faults) -> None:
    with Terminal(reading=False) as terminal:
        time.sleep(3)
        terminal.send(signal.SIGTERM)
        code = terminal.wait()
        faults.check(code == 143, f"exit code {code}, not 143")
        settings = termios.tcgetattr(terminal.slave)
        faults.check(settings == terminal.before, "left on: settings")
        terminal.read()
        faults.check("alternate screen" not in terminal.left_on(), "left on: screen")


@CASES.named("the terminal is closed, burnmon its foreground")
def closed(faults: Faults) -> None:
    for words in ("--demo", "-O"):
        with home() as place, shown(words, environ={"HOME": str(place)}) as terminal:
            began = time.monotonic()
            terminal.hang_up()
            faults.ended(terminal, 129, since=began)


@CASES.named("the terminal is closed, and nobody signals it")
def closed_unsaid(faults: Faults) -> None:
    for words in ("--demo", "-O"):
        environ = {"HOME": "/nonexistent"}
        with home() as place:
            environ["HOME"] = str(place)
            with shown(words, environ=environ, controlling=False) as terminal:
                began = time.monotonic()
                terminal.hang_up()
                faults.ended(terminal, 129, since=began)


@CASES.named("the terminal is closed at any moment of the start (20 moments)")
def closed_while_starting(faults: Faults) -> None:
    for number in range(20):
        with Terminal(controlling=number % 2 == 0) as terminal:
            time.sleep(number * 0.05)
            began = time.monotonic()
            terminal.hang_up()
            faults.ended(terminal, 129, -signal.SIGHUP, 2, since=began)


# --- stopping and going on -----------------------------------------------------------


@CASES.named("suspended (SIGTSTP) and resumed, three times")
def suspended(faults: Faults) -> None:
    with shown() as terminal:
        for _ in range(3):
            terminal.send(signal.SIGTSTP)
            stopped = terminal.until(lambda: terminal.state() == "T")
            faults.check(stopped, "does not stop")
            faults.extend(f"suspended with {each}" for each in terminal.left_on())
            since = len(terminal.written)
            terminal.send(signal.SIGCONT)
            faults.check(terminal.drawn(since), "not drawn anew")
            time.sleep(0.3)
        faults.lives(terminal, since)


@CASES.named("stopped (SIGSTOP) and resumed, five times")
def stopped(faults: Faults) -> None:
    with shown() as terminal:
        for _ in range(5):
            since = len(terminal.written)
            terminal.send(signal.SIGSTOP)
            terminal.until(lambda: terminal.state() == "T")
            time.sleep(0.2)
            terminal.send(signal.SIGCONT)
            faults.check(terminal.drawn(since), "not drawn anew")
            time.sleep(0.3)
        faults.lives(terminal, since)


@CASES.named("stopped, the terminal used by another, resumed")
def used_meanwhile(faults: Faults) -> None:
    with shown() as terminal:
        terminal.send(signal.SIGSTOP)
        terminal.until(lambda: terminal.state() == "T")
        termios.tcsetattr(terminal.slave, termios.TCSANOW, terminal.before)
        os.write(terminal.slave, b"\x1b[?1049l\x1b[?25h$ ls\r\nfiles\r\n")
        since = len(terminal.written) + 40
        terminal.send(signal.SIGCONT)
        faults.lives(terminal, since)


@CASES.named("SIGCONT out of nowhere, fifty times")
def continued(faults: Faults) -> None:
    with shown() as terminal:
        for _ in range(50):
            terminal.send(signal.SIGCONT)
            time.sleep(0.01)
        time.sleep(1)
        since = len(terminal.written)
        terminal.resize(90, 25)
        faults.lives(terminal, since)


@CASES.named("asleep for eight seconds, with real files")
def asleep(faults: Faults) -> None:
    with home() as place, shown("-O", environ={"HOME": str(place)}) as terminal:
        terminal.send(signal.SIGSTOP)
        time.sleep(8)
        since = len(terminal.written)
        terminal.send(signal.SIGCONT)
        faults.lives(terminal, since)


@CASES.named("the clock jumps by hours and days, with real files")
def clock_jumps(faults: Faults) -> None:
    from burnmon import config
    from burnmon.live.feeder import Feeder
    from burnmon.live.snapshot import Snapshot

    came: list[Snapshot] = []
    arrived = threading.Condition()
    ahead = [timedelta(0)]

    def post(snapshot: Snapshot) -> None:
        with arrived:
            came.append(snapshot)
            arrived.notify_all()

    with home() as place:
        environ = {"HOME": str(place), "TZ": "UTC", "BURNMON_DATA_DIR": f"{place}/d"}
        settings = config.load({}, environ)
        stop = Feeder(settings, post, lambda: datetime.now(UTC) + ahead[0]).start()
        path, count = place / ".claude" / homes.S1, 1
        for hours in (8, 0, 200, -3, 0, 30 * 24, 0):
            ahead[0] = timedelta(hours=hours)
            count += 1
            stamp = (datetime.now(UTC) + ahead[0]).isoformat(timespec="milliseconds")
            line = homes.assistant(f"m{count}", timestamp=stamp[:-6] + "Z")
            with path.open("ab") as stream:
                stream.write(homes.text(line))

            def seen(wanted: int = count) -> bool:
                last = came[-1] if came else None
                rows = last.sessions if last else ()
                return sum(row.requests for row in rows) == wanted

            with arrived:
                told = arrived.wait_for(seen, 20)
            faults.check(told, f"{count} requests not shown after {hours:+} h")
            failed = [each.health.failure for each in came if each.health.failure]
            faults.check(not failed, f"fails after {hours:+} h: {failed[:1]}")
        stop()


_AHEAD = """
import os, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from burnmon import cli
from burnmon.live import feeder
def now():
    return datetime.now(UTC) + timedelta(hours=float(Path("ahead").read_text()))
begin = feeder.Feeder.__init__
feeder.Feeder.__init__ = lambda *given: begin(*given, now)
sys.exit(cli.run(["-O"], os.environ, now()))
"""
"""The live view with a clock that is as many hours ahead as a file says."""


@CASES.named("the system sleeps for hours and days, on the screen")
def system_sleeps(faults: Faults) -> None:
    with home() as place:
        ahead = place / "ahead"
        ahead.write_text("0")
        options = {"environ": {"HOME": str(place), "TZ": "UTC"}, "directory": place}
        with shown(command=[sys.executable, "-c", _AHEAD], **options) as terminal:
            for hours in (8, 9, 200, 900, -3, 0):
                terminal.send(signal.SIGSTOP)
                time.sleep(1)
                ahead.write_text(str(hours))
                terminal.send(signal.SIGCONT)
                now = datetime.now(UTC) + timedelta(hours=hours)
                stamp = now.isoformat(timespec="milliseconds")[:-6] + "Z"
                name = f"after{hours + 3}h"
                line = homes.assistant(
                    name, sessionId=name, cwd=f"/w/{name}", timestamp=stamp
                )
                path = f"projects/w/{name}.jsonl"
                homes.write(place / ".claude", {path: homes.text(line)})
                awaited = name.encode()
                seen = terminal.until(lambda: awaited in terminal.written)  # noqa: B023 - of this turn
                faults.check(seen, f"{hours:+} h: a new session is not shown")
                share = terminal.cpu()
                faults.check(share < BUSY, f"{hours:+} h: {share:.0%} of a core")
            since = len(terminal.written)
            terminal.resize(101, 31)
            faults.lives(terminal, since)


# --- sizes, colours, streams ---------------------------------------------------------


@CASES.named("200 sizes in five seconds")
def resized(faults: Faults) -> None:
    chance = random.Random(1)
    with shown() as terminal:
        for _ in range(200):
            terminal.resize(chance.randint(1, 300), chance.randint(1, 100))
            time.sleep(0.025)
        time.sleep(1)
        since = len(terminal.written)
        terminal.resize(101, 31)
        faults.lives(terminal, since)


@CASES.named("20×3, 1×1, 500×200 and others, each screen")
def sizes(faults: Faults) -> None:
    for size in ((20, 3), (1, 1), (500, 200), (2, 60), (300, 2), (39, 9)):
        for name, keys in SCREENS.items():
            with Terminal(size=size) as terminal:
                terminal.until(lambda: len(terminal.written) > 400)
                time.sleep(0.6)
                terminal.press(keys)
                time.sleep(0.4)
                terminal.resize(100, 30)
                time.sleep(0.2)
                terminal.resize(*size)
                time.sleep(0.3)
                faults.check(terminal.process.poll() is None, f"{size} {name}: ended")
                if terminal.process.poll() is None:
                    # A large screen may still be drawn on a machine with much to do.
                    shares = (terminal.cpu(0.5) for _ in range(6))
                    share = next((each for each in shares if each < BUSY), 1.0)
                    faults.check(share < BUSY, f"{size} {name}: {share:.0%} of a core")
                terminal.press("\x03")
                before = len(faults)
                faults.ended(terminal, 130)
                faults[before:] = [f"{size} {name}: {each}" for each in faults[before:]]


@CASES.named("NO_COLOR")
def colourless(faults: Faults) -> None:
    asked = {"NO_COLOR": "1", "COLORTERM": "truecolor"}
    with shown(environ=asked) as terminal:
        shades = re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", terminal.written)
        coloured = [each for each in shades if len(set(each)) > 1]
        faults.check(bool(shades), "draws nothing")
        faults.check(not coloured, f"has a colour: {coloured[:1]}")
        terminal.press("q")
        faults.ended(terminal, 0)


@CASES.named("TERM=dumb")
def dumb(faults: Faults) -> None:
    for name in ("dumb", "unknown"):
        with Terminal(environ={"TERM": name}) as terminal:
            faults.ended(terminal, 2)
            faults.check(b"\x1b" not in terminal.written, "writes escapes")
            faults.check(b"burnmon --once" in terminal.written, "names no way out")


@CASES.named("TERM unset, empty, never heard of")
def unset(faults: Faults) -> None:
    for name in (None, "", "never-heard-of"):
        with shown(environ={"TERM": name}) as terminal:
            terminal.press("q")
            faults.ended(terminal, 0)


@CASES.named("input, output or errors are no terminal, or closed")
def streams(faults: Faults) -> None:
    for name in ("stdin", "stdout", "stderr"):
        with Terminal(streams={name: subprocess.DEVNULL}) as terminal:
            faults.ended(terminal, 2)
    for number in (0, 1, 2):
        script = f"exec {sys.executable} -m burnmon --demo {number}>&-"
        with Terminal(words=("--version",)) as terminal:
            terminal.wait()
            done = subprocess.run(
                ["sh", "-c", script],
                stdin=terminal.slave,
                stdout=terminal.slave,
                stderr=terminal.slave,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(HERE.parents[2])},
                check=False,
            )
            faults.check(done.returncode == 2, f"{number}>&-: code {done.returncode}")
            faults.clean(terminal)


@CASES.named("rubbish is typed (20,000 bytes)")
def rubbish(faults: Faults) -> None:
    chance = random.Random(2)
    # Nothing that leaves: q, Q, ctrl+c, ctrl+q, m writes a file.
    safe = [n for n in range(256) if n not in (3, 13, 17, ord("q"), ord("m"))]
    with tempfile.TemporaryDirectory() as directory, shown() as terminal:
        before = Path.cwd()
        os.chdir(directory)
        for _ in range(100):
            typed = bytes(chance.choice(safe) for _ in range(160))
            if chance.random() < 0.5:
                typed += b"\x1b[" + bytes(
                    chance.choice(b"0123456789;<?") for _ in "xxxx"
                )
            os.write(terminal.master, typed + b"\x1b[<0;1;1M"[: chance.randint(0, 9)])
            time.sleep(0.02)
        os.chdir(before)
        time.sleep(1)
        alive = terminal.process.poll() is None
        faults.check(alive, f"ended with {terminal.process.returncode}")
        terminal.send(signal.SIGTERM)
        # What was typed before comes first.
        faults.ended(terminal, 143, within=15)


# --- tmux ----------------------------------------------------------------------------


class Tmux:
    """A tmux of its own, with a shell in it."""

    def __init__(self, directory: Path) -> None:
        if shutil.which("tmux") is None:
            raise NotTried("there is no tmux")
        self._socket = str(directory / "tmux")
        self.run("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "sh")
        self.run("set-environment", "-g", "PYTHONPATH", str(HERE.parents[2]))
        self.type("PS1='$ '; clear")

    def run(self, *words: str) -> str:
        """What a command of tmux prints."""
        done = subprocess.run(
            ["tmux", "-S", self._socket, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def type(self, words: str, *keys: str) -> None:
        """Type a line into the pane."""
        self.run("send-keys", "-l", words)
        self.run("send-keys", *(keys or ("Enter",)))

    def screen(self) -> str:
        """What the pane shows."""
        return self.run("capture-pane", "-p")

    def waits(self, wanted: Callable[[str], bool]) -> bool:
        """Wait until the pane shows something."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if wanted(self.screen()):
                return True
            time.sleep(0.05)
        return False

    def ask(self, form: str) -> str:
        """A variable of the pane."""
        return self.run("display-message", "-p", form).strip()

    def start(self) -> int:
        """Start burnmon in the shell; its process id once it is drawn."""
        self.type(f"PYTHONPATH={HERE.parents[2]} {sys.executable} -m burnmon --demo")
        if not self.waits(lambda seen: FRAME.decode() in seen):
            raise AssertionError(f"no frame: {self.screen()}")
        shell = self.ask("#{pane_pid}")
        found = subprocess.run(
            ["pgrep", "-P", shell], capture_output=True, text=True, check=False
        )
        return int(found.stdout.split()[0])

    def end(self) -> None:
        """End the server and all that is in it."""
        self.run("kill-server")


@contextmanager
def tmux() -> Iterator[Tmux]:
    """A tmux that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="terminal-") as directory:
        server = Tmux(Path(directory))
        try:
            yield server
        finally:
            server.end()


def _gone(faults: Faults, process: int) -> None:
    until = time.monotonic() + QUICK
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1]
        except OSError:
            return
        if state.split()[0] == "Z":
            return
        time.sleep(0.05)
    faults.append("does not end")
    os.kill(process, signal.SIGKILL)


for _words in ("kill-pane", "kill-session", "kill-server"):

    def _killed(faults: Faults, command: str = _words) -> None:
        with tmux() as server:
            process = server.start()
            server.run(command)
            _gone(faults, process)

    CASES[f"tmux {_words}"] = _killed


@CASES.named("tmux attached, detached, attached smaller")
def attached(faults: Faults) -> None:
    with tmux() as server:
        process = server.start()
        for size in ((100, 30), (60, 20), (160, 45)):
            client = _client(server, size)
            width, height = size[0], size[1] - 1
            shape = f"{width}x{height}"
            faults.check(
                server.waits(
                    lambda seen, shape=shape: (  # type: ignore[misc]  # of this turn
                        server.ask("#{pane_width}x#{pane_height}") == shape
                        and seen.rstrip().endswith(("quit", "─╯"))
                    )
                ),
                f"{size}: not drawn",
            )
            time.sleep(0.5)
            server.run("detach-client", "-a")
            server.run("detach-client")
            client.wait()
            client.close()
        server.type("", "q")
        faults.check(server.waits(lambda seen: seen.rstrip().endswith("$")), "not left")
        _tidy(faults, server)
        _gone(faults, process)


def _client(server: Tmux, size: tuple[int, int]) -> Terminal:
    return Terminal(
        command=["tmux", "-S", server._socket, "attach"],
        environ={"TERM": "xterm-256color"},
        size=size,
    )


def _tidy(faults: Faults, server: Tmux) -> None:
    """Check that the pane is a shell's again."""
    asked = {
        "alternate screen": "#{alternate_on}",
        "mouse": "#{mouse_any_flag}",
        "keypad": "#{keypad_flag}",
    }
    for name, form in asked.items():
        faults.check(server.ask(form) == "0", f"left on in tmux: {name}")
    faults.check(server.ask("#{cursor_flag}") == "1", "cursor hidden in tmux")
    server.type("stty -a | tr ' ' '\\n' | grep -cx -e icanon -e 'echo' -e isig")
    faults.check(server.waits(lambda seen: "\n3\n" in seen), "settings in tmux")


@CASES.named("a shell's job in tmux: stopped, bg, fg, left")
def job(faults: Faults) -> None:
    with tmux() as server:
        for kind in (signal.SIGTSTP, signal.SIGSTOP):
            server.type("exec bash --norc")
            server.type("PS1='$ '; clear")
            time.sleep(0.3)
            process = server.start()
            for back in (False, True):
                os.kill(process, kind)
                stopped = server.waits(lambda seen: "Stopped" in seen)
                faults.check(stopped, f"{kind.name}: not back in the shell")
                if back:
                    server.type("clear; bg")
                    time.sleep(1)
                server.type("clear; fg")
                time.sleep(0.3)
                drawn = server.waits(
                    lambda seen: FRAME.decode() in seen and "today" in seen
                )
                faults.check(drawn, f"{kind.name}, bg {back}: not drawn anew")
                time.sleep(0.3)
            server.type("", "q")
            left = server.waits(lambda seen: seen.rstrip().endswith("$"))
            faults.check(left, f"{kind.name}: not left")
            _tidy(faults, server)
            _gone(faults, process)


if __name__ == "__main__":
    fine = "all terminals are as they were"
    sys.exit(cases.run(CASES, Faults, cases.asked(__doc__).parse_args(), fine))
