"""Tells what is due: decides with the log, and runs what tmux and the person provide.

The only place that runs programs. They run on a thread of their own, with a short time
to live, and what they answer goes into the log; nothing of theirs reaches the screen.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec.structs import replace

from burnmon import text
from burnmon.config import Settings
from burnmon.live.alert_log import TOLD, AlertLog, document, note
from burnmon.live.alerts import due, with_events
from burnmon.live.snapshot import Alert, Event, Snapshot

DECIDING = timedelta(seconds=1)
"""It is decided what to tell at most so often."""
SIGNALLED = timedelta(minutes=1)
"""How long a snapshot carries what was told, for the screen to signal it."""
TMUX_TIME, COMMAND_TIME = 2.0, 10.0
"""Seconds that a program may take."""
MESSAGE_TIME = 4_000
"""Milliseconds that tmux shows a message, unless a key is pressed before. So long it
holds still what the client shows, and drops what is passed through."""
SCREEN_TIME = 0.5
"""Seconds for the screen to signal first, because of that."""
LONGEST = 200
"""Cells of a message; tmux cuts it at the client's width."""


class Teller:
    """What one instance tells, once for all instances of the person."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        ways = settings.alerts.channels
        if not environ.get("TMUX"):
            ways = tuple(each for each in ways if each != "tmux")
        self._rules = replace(settings.alerts, channels=ways)
        self._log = AlertLog(settings.alerts_file)
        self._environ = environ
        self._lately: tuple[Alert, ...] = ()
        self._decided_at: datetime | None = None
        self._merged: tuple[object, tuple[Event, ...]] = (None, ())
        """Events with alerts among them, behind what they rest on."""

    def tell(self, snapshot: Snapshot, clock: Callable[[], datetime]) -> Snapshot:
        """Tell what is due; the snapshot with it. ``clock`` dates the outcomes."""
        if not self._rules.ways:
            return snapshot
        last, self._decided_at = self._decided_at, snapshot.now
        if last is not None and timedelta(0) < snapshot.now - last < DECIDING:
            self._decided_at = last
            return self.shown(replace(snapshot, alerts=self._lately))
        fresh = self._log.decide(lambda told: due(snapshot, told, self._rules))
        loud = [each for each in fresh if {"tmux", "command"} & set(each.channels)]
        if loud:
            threading.Thread(
                target=self._run, args=(loud, clock), name="alerts", daemon=True
            ).start()
        since = snapshot.now - SIGNALLED
        lately = [each for each in self._lately if since < each.at <= snapshot.now]
        self._lately = (*lately, *(each for each in fresh if not each.held))
        return self.shown(replace(snapshot, alerts=self._lately))

    def shown(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with what was told before among its events."""
        told = self._log.told()
        rests_on = (int(snapshot.now.timestamp()), snapshot.events, told)
        if self._merged[0] != rests_on:
            merged = with_events(snapshot, told, self._rules)
            self._merged = rests_on, merged.events
        return replace(snapshot, events=self._merged[1])

    def _run(self, alerts: Sequence[Alert], clock: Callable[[], datetime]) -> None:
        """Run what was asked for; whatever happens is an outcome."""
        try:
            shown = [each.message for each in alerts if "tmux" in each.channels]
            time.sleep(SCREEN_TIME if shown else 0)
            in_tmux = show_in_tmux(shown, self._environ) if shown else ""
            for each in alerts:
                outcome = {"tmux": in_tmux} if "tmux" in each.channels else {}
                if "command" in each.channels:
                    command = self._rules.command
                    outcome["command"] = run_command(command, each, self._environ)
                with suppress(
                    OSError
                ):  # doctor tells of a place that cannot be written
                    note(self._log.path, each, outcome, clock())
        except Exception:  # a thread that nobody waits for
            logging.getLogger(__name__).exception("alerts")


def show_in_tmux(messages: Sequence[str], environ: Mapping[str, str]) -> str:
    """Show messages to everyone who looks at the tmux around; what came of it."""
    failure, clients = _ran(
        ["tmux", "list-clients", "-F", "#{client_name}"], environ, TMUX_TIME
    )
    names = clients.split()
    if failure or not names:
        return failure or "nobody is attached"
    words = text.fit(text.plain(" · ".join(messages)), LONGEST)
    shown = ["display-message", "-d", str(MESSAGE_TIME)]
    calls = [[*shown, "-c", name, "--", _literal(words)] for name in names]
    chained = [word for call in calls for word in (*call, ";")][:-1]
    failure, _ = _ran(["tmux", *chained], environ, TMUX_TIME)
    return failure or TOLD


def _literal(words: str) -> str:
    """A message in which tmux finds no format, command or time to put in.

    A semicolon at the end of an argument would end the command.
    """
    return words.replace("#", "##").replace("%", "%%").rstrip(";")


def run_command(command: str, alert: Alert, environ: Mapping[str, str]) -> str:
    """Run the person's command with an alert on its input; what came of it."""
    told = json.dumps(document(alert), ensure_ascii=False) + "\n"
    # Nobody reads what it prints, and it may print without end.
    quiet = f"exec >/dev/null\n{command}"
    failure, _ = _ran(["/bin/sh", "-c", quiet], environ, COMMAND_TIME, told)
    return failure or TOLD


def _ran(
    words: Sequence[str], environ: Mapping[str, str], seconds: float, told: str = ""
) -> tuple[str, str]:
    """Why a program failed, or nothing, and what it said."""
    import subprocess  # slow to import, and most days there is nothing to tell

    try:
        process = subprocess.Popen(
            words,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return f"{words[0]}: {error.strerror}", ""
    with process:
        try:
            output, errors = process.communicate(told.encode(), seconds)
        except subprocess.TimeoutExpired:
            # With its children: a shell's would go on without it.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            return f"did not end within {seconds:g} s", ""
    if process.returncode:
        last = text.plain(errors.decode(errors="replace").strip()[-LONGEST:])
        return f"ended with {process.returncode}: {last}".rstrip(": "), ""
    return "", output.decode(errors="replace")
