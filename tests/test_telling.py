"""Telling for real: the log, tmux, a command, the feeder's thread, the screen."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import example
import homes
import pytest
from example import NOW
from msgspec.structs import replace

import burnmon
from burnmon import config
from burnmon.alert_settings import Alerts
from burnmon.config import Settings
from burnmon.live import telling
from burnmon.live.alert_log import read
from burnmon.live.feeder import Feeder
from burnmon.live.snapshot import Alert, Snapshot
from burnmon.live.telling import Teller, run_command, show_in_tmux

ALERT = Alert(NOW, "verdict", "Claude 7d", NOW, 2, "alarm", "Claude 7d runs out")
PATIENCE = 30
"""Seconds after which a program that says nothing is taken for dead."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a person who has configured nothing."""
    monkeypatch.setattr(telling, "SCREEN_TIME", 0)
    environ = {"HOME": str(tmp_path), "TZ": "UTC", "BURNMON_DATA_DIR": f"{tmp_path}/d"}
    return config.load({}, environ)


def rules(settings: Settings, **given: object) -> Settings:
    """The settings with other alerts."""
    return replace(settings, alerts=replace(Alerts(), **given))


def alerting(now: datetime = NOW) -> Snapshot:
    """A snapshot with one thing to tell: a week that runs out."""
    weeks = example.limits()[:1]
    return replace(example.snapshot(), limits=weeks, sessions=(), now=now)


def tell(teller: Teller, snapshot: Snapshot | None = None) -> Snapshot:
    """What is shown after telling, once all programs have ended."""
    told = teller.tell(snapshot or alerting(), lambda: NOW)
    for each in threading.enumerate():
        if each.name == "alerts":
            each.join(PATIENCE)
    return told


# --- one instance, several, anew -----------------------------------------------------


def test_told_once(settings: Settings) -> None:
    """What is true for long is signalled and listed once."""
    teller = Teller(settings, {})
    first, second = tell(teller), tell(teller, alerting(NOW + timedelta(seconds=1)))
    assert [each.kind for each in first.alerts] == ["verdict"]
    assert second.alerts == first.alerts
    assert tell(teller, alerting(NOW + timedelta(minutes=2))).alerts == ()
    assert len(read(settings.alerts_file)) == 1


def test_restart_repeats_nothing(settings: Settings) -> None:
    """A new start lists what was told before, and does not signal it."""
    tell(Teller(settings, {}))
    again = tell(Teller(settings, {}), alerting(NOW + timedelta(minutes=1)))
    assert again.alerts == ()
    assert again.events[0].at == NOW
    assert again.events[0].level == "alarm"


def test_second_instance_lists_what_the_first_told(settings: Settings) -> None:
    """Of two that run at once one signals, and both list."""
    one, other = Teller(settings, {}), Teller(settings, {})
    assert tell(one).alerts
    second = tell(other)
    assert second.alerts == ()
    assert second.events == tell(one).events


def test_held_is_not_signalled(settings: Settings) -> None:
    """In the quiet hours an alert is logged as held, listed, and signalled by none."""
    teller = Teller(rules(settings, quiet=(14 * 60, 15 * 60), command="exit 1"), {})
    shown = tell(teller)
    assert shown.alerts == ()
    (alert,) = read(settings.alerts_file)
    assert (alert.held, alert.channels, alert.outcome) == (True, (), ())
    assert shown.events[0].text == alert.text


def test_nobody_is_to_be_told(settings: Settings) -> None:
    """Without a channel and a command nothing is decided, listed or logged."""
    snapshot = alerting()
    assert tell(Teller(rules(settings, channels=()), {}), snapshot) is snapshot
    assert not settings.alerts_file.exists()


# --- programs ------------------------------------------------------------------------


def test_command_gets_the_alert(settings: Settings, tmp_path: Path) -> None:
    """The command reads the alert as JSON; its text is data and never runs."""
    nasty = replace(ALERT, text="$(touch hacked) `touch hacked`; '\"")
    command = f"cat > {tmp_path}/told.json"
    assert run_command(command, nasty, {"PATH": os.defpath}) == "told"
    document = json.loads((tmp_path / "told.json").read_text())
    assert document["text"] == nasty.text
    assert document["key"] == nasty.key
    assert not Path("hacked").exists()


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        ("echo no such luck >&2; exit 3", "ended with 3: no such luck"),
        ("exit 4", "ended with 4"),
        ("printf '\\033]0;x\\007y' >&2; exit 1", "ended with 1: y"),
        ("kill -9 $$", "ended with -9"),
    ],
)
def test_command_that_fails(command: str, outcome: str) -> None:
    """A failure is an outcome, in words that are safe to print."""
    assert run_command(command, ALERT, {"PATH": os.defpath}) == outcome


def test_command_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that does not end is ended, its children too."""
    monkeypatch.setattr(telling, "COMMAND_TIME", 0.2)
    outcome = run_command("sleep 600; true", ALERT, {"PATH": os.defpath})
    assert outcome == "did not end within 0.2 s"


def test_command_that_does_not_read(settings: Settings) -> None:
    """A command need not read what it is told."""
    large = replace(ALERT, text="x" * 1_000_000)
    assert run_command("exec <&-; true", large, {"PATH": os.defpath}) == "told"


def test_outcomes_are_logged(settings: Settings) -> None:
    """The log says what came of the ways that answer."""
    environ = {"PATH": str(settings.data_dir), "TMUX": "/tmp/x,1,0"}
    tell(Teller(rules(settings, command="exit 7"), environ))
    (alert,) = read(settings.alerts_file)
    assert alert.channels == ("screen", "bell", "tmux", "command")
    missing = "tmux: No such file or directory"
    assert alert.outcome == (("tmux", missing), ("command", "ended with 7"))


def test_log_that_is_gone(settings: Settings, tmp_path: Path) -> None:
    """Where no outcome can be written down, every alert is still told."""
    settings.state_dir.parent.mkdir()
    settings.state_dir.write_text("in the way")
    command = f"cat >> {tmp_path}/told.jsonl"
    teller = Teller(rules(settings, command=command), {"PATH": os.defpath})
    both = replace(alerting(), limits=example.limits()[::2])
    assert len(tell(teller, both).alerts) == 2
    assert len((tmp_path / "told.jsonl").read_text().splitlines()) == 2


# --- tmux ----------------------------------------------------------------------------


def test_outside_of_tmux(settings: Settings) -> None:
    """Outside of tmux an alert is not told through it, and tmux is not run."""
    tell(Teller(settings, {}))
    (alert,) = read(settings.alerts_file)
    assert (alert.channels, alert.outcome) == (("screen", "bell"), ())


def test_tmux_that_is_missing() -> None:
    """A tmux that cannot be run is an outcome."""
    outcome = show_in_tmux(["hello"], {"TMUX": "/tmp/x,1,0", "PATH": ""})
    assert outcome == "tmux: No such file or directory"


class Attached:
    """A tmux server of one's own, and a terminal that is attached to it."""

    def __init__(self, place: Path) -> None:
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(place),
            "TERM": "xterm",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TMUX_TMPDIR": str(place),
        }
        self.run("new-session", "-d", "-s", "s", "-x", "220", "-y", "20", "cat")
        where = self.run("display-message", "-p", "#{socket_path},#{pid},0")
        self.inside = {**self._environ, "TMUX": where}
        self._process, self._terminal = pty.fork()
        if not self._process:
            termios.tcsetwinsize(0, (20, 220))
            words = ["tmux", "-L", "b", "attach"]
            os.execvpe("tmux", words, self._environ)

    def run(self, *words: str) -> str:
        """What tmux answers."""
        command = ["tmux", "-L", "b", "-f", "/dev/null", *words]
        ended = subprocess.run(
            command, env=self._environ, capture_output=True, text=True, check=True
        )
        return ended.stdout.strip()

    def read_until(self, wanted: bytes) -> bytes:
        """What the terminal showed, up to the wanted bytes."""
        return read_until(self._terminal, wanted)

    def end(self) -> None:
        """Take the server down."""
        self.run("kill-server")
        os.waitpid(self._process, 0)
        os.close(self._terminal)


def read_until(terminal: int, wanted: bytes) -> bytes:
    """What a terminal showed, up to the wanted bytes."""
    shown = b""
    while wanted not in shown:
        if not select.select([terminal], [], [], PATIENCE)[0]:
            pytest.fail(f"the terminal never showed {wanted!r}: {shown[-2000:]!r}")
        try:
            shown += os.read(terminal, 65536)
        except OSError:
            pytest.fail(f"the terminal ended without {wanted!r}: {shown[-2000:]!r}")
    return shown


@pytest.fixture
def attached(tmp_path: Path) -> Iterator[Attached]:
    """A tmux with somebody who looks at it."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    tmux = Attached(tmp_path)
    try:
        tmux.read_until(b"[s]")
        yield tmux
    finally:
        tmux.end()


def test_message_in_tmux(attached: Attached, tmp_path: Path) -> None:
    """Who looks at tmux reads the message as it is, whatever tmux could make of it."""
    words = f"50 % used #S #(touch {tmp_path}/hacked) %H $HOME ~; now;"
    assert show_in_tmux([words, "and"], attached.inside) == "told"
    attached.read_until(f"{words} · and".encode())
    assert show_in_tmux([words], attached.inside) == "told"
    attached.read_until(words.rstrip(";").encode())
    assert not (tmp_path / "hacked").exists()


def test_nobody_is_attached(attached: Attached) -> None:
    """A tmux that nobody looks at shows nothing, and says so."""
    attached.run("detach-client", "-a")
    attached.run("detach-client", "-s", "s")
    until = time.monotonic() + PATIENCE
    while attached.run("list-clients") and time.monotonic() < until:
        time.sleep(0.01)  # it leaves when it has read that it is to leave
    assert show_in_tmux(["hello"], attached.inside) == "nobody is attached"


# --- the thread and the screen -------------------------------------------------------


def reached(home: Path) -> None:
    """A Codex home in which the week is used up until some day far away."""
    full = homes.limits(homes.window(100, resets_at=2_085_000_000))
    lines = [homes.meta(1), *homes.first_turn()]
    homes.write(
        home / ".codex",
        {
            homes.rollout(1): homes.text(
                *lines, homes.event("token_count", "10:00:30", info=None, **full)
            )
        },
    )


def test_nothing_is_told_of_half_a_history(settings: Settings, tmp_path: Path) -> None:
    """Alerts begin with the first snapshot that knows everything."""
    reached(tmp_path)
    old = tmp_path / ".claude" / homes.S1
    homes.write(tmp_path / ".claude", {homes.S1: homes.text(homes.assistant("m1"))})
    os.utime(old, (0, 0))
    seen: list[Snapshot] = []
    told = threading.Event()

    def post(snapshot: Snapshot) -> None:
        seen.append(snapshot)
        if snapshot.alerts:
            told.set()

    at = datetime.fromisoformat("2026-11-20T10:31:00+00:00")
    stop = Feeder(settings, post, lambda: at, watch=False).start()
    assert told.wait(PATIENCE)
    stop()
    half = [each for each in seen if each.scan]
    assert [len(each.limits) for each in half] == [1] * len(half) != []
    first = next(each for each in seen if each.alerts)
    assert first.scan is None
    assert first.alerts[0].text.startswith("Codex 7d reached")
    assert first.events[0].text == first.alerts[0].text


def in_terminal(home: Path, use: Callable[[int], object]) -> None:
    """Run the live view in a terminal of its own, use it, and leave it."""
    process, terminal = pty.fork()
    if not process:
        termios.tcsetwinsize(0, (30, 100))
        environ = {
            "HOME": str(home),
            "PATH": os.defpath,
            "TERM": "xterm",
            "TZ": "UTC",
            "PYTHONPATH": str(Path(burnmon.__file__).parents[1]),
            "PYTHONUTF8": "1",
        }
        os.execve(sys.executable, [sys.executable, "-m", "burnmon"], environ)
    try:
        use(terminal)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)


def test_terminal_is_signalled_once_for_ever(tmp_path: Path) -> None:
    """The live view rings and notifies; begun anew it lists what it told."""
    reached(tmp_path)
    file = tmp_path / ".config" / "burnmon" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[alerts]\nchannels = ["screen", "bell", "osc9"]\n')
    signals = b"\x07\x1b]9;burnmon: Codex 7d reached"
    in_terminal(tmp_path, partial(read_until, wanted=signals))

    def again(terminal: int) -> None:
        shown = read_until(terminal, "■  ".encode())
        os.write(terminal, b"q")
        try:
            while more := os.read(terminal, 65536):
                shown += more
        except OSError:
            pass  # the terminal ended
        assert b"\x1b]9;" not in shown

    in_terminal(tmp_path, again)
