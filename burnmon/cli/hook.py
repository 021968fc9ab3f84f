"""``check --hook``: what Claude Code calls to learn that a limit is about to run out.

Speaks its hook protocol: JSON on standard input and, once per window and session, JSON
on standard output that Claude reads beside the person's prompt or a tool's result.
Otherwise it says nothing, and it never fails or blocks: the exit code is always 0.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from burnmon import cli, places, private, text
from burnmon.cli import called, check
from burnmon.cli.recording import config_dir_of, number, table, word
from burnmon.errors import ConfigError, UsageError
from burnmon.live import status

TYPE_CHECKING = False  # typing itself takes longer to load than this module
if TYPE_CHECKING:
    from typing import Any

    from burnmon.cli.check import Window

EVENTS = ("UserPromptSubmit", "PostToolUse")
"""What a session does when there is something to decide; both take a context."""
LAST_PERCENT = 95
"""Percent used from which a session is told once more: the end is close."""
LOOK_EVERY = 60
"""Seconds after which a session looks into the files again where no burnmon runs."""
MOST_BYTES = 8 << 20
"""What one look reads at most: a tool call waits for it."""
KEPT_SECONDS = 86400
"""How long a look, and a word after its window's reset, is remembered."""
MEMORY = "hook.json"
"""The file in the state directory that keeps what was said to whom."""

_STEPS = {cli.NEAR_LIMIT: 1, cli.LIMIT_REACHED: 3}
_CLOSE = 2
_SERIES = ("agent", "account", "kind", "window_minutes")


def main(argv: Sequence[str], environ: Mapping[str, str], now: datetime) -> int:
    """Read one hook's message and answer it, where there is something to say."""
    answer = answered(called.read_input(), argv, environ, now)
    if answer:
        called.write_output(json.dumps(answer).encode() + b"\n")
    return cli.OK


def answered(
    received: bytes, argv: Sequence[str], environ: Mapping[str, str], now: datetime
) -> Mapping[str, Any]:
    """The answer to what Claude Code sent; empty where nothing is to be said."""
    message = called.message_of(received)
    try:
        return _answer(message, argv, environ, now)
    except Exception as error:
        # A hook that complains at each tool call is worse than one that is silent.
        return _complaint(error, message)


def _complaint(error: Exception, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the person must mend, shown beside the prompt; else nothing."""
    prompted = message.get("hook_event_name") == "UserPromptSubmit"
    if not prompted or not isinstance(error, ConfigError | UsageError):
        return {}
    return {"systemMessage": f"burnmon check --hook: {text.plain(str(error))}"}


def _answer(
    message: Mapping[str, Any],
    argv: Sequence[str],
    environ: Mapping[str, str],
    now: datetime,
) -> Mapping[str, Any]:
    event = word(message.get("hook_event_name"))
    if event not in EVENTS:
        return {}
    flags = check.plain_flags(argv, environ)
    if flags is None:
        from burnmon.cli import parser

        flags = vars(parser.parse(["check", *argv], environ))
    is_near = check.nearness(flags.get("chance"), flags.get("used"))
    config = called.config_of(environ, flags.get("config") or "")
    own = (flags.get("data_dir") or "", word(config.get("data_dir"), 4096))
    state_dir = places.state_dir(environ, *own)
    windows = _running(state_dir, now)
    if windows is None:
        windows = _of_files(flags, environ, f"{state_dir}/{MEMORY}", message, now)
    threats = [
        (step, window)
        for window in _of_session(windows, message, config, environ)
        if (step := _step(window, check.standing(window, is_near, now)))
    ]
    if not threats:
        return {}
    untold = _untold(f"{state_dir}/{MEMORY}", message, threats, now)
    zone = called.zone_of(flags.get("timezone") or "", environ, config, now)
    return said(event, message, untold, now, zone) if untold else {}


def _step(window: Window, code: int) -> int:
    """How grave a window is: each step is worth a word of its own; 0 is none."""
    step = _STEPS.get(code, 0)
    close = (status.figure(window.get("used_percent")) or 0) >= LAST_PERCENT
    return _CLOSE if step == 1 and close else step


# --- the figures ---------------------------------------------------------------------


def _running(state_dir: str, now: datetime) -> Sequence[Window] | None:
    state = status.current_state(f"{state_dir}/state.json", now)
    return None if state is None else check.counted(state, "claude") or None


def _of_files(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    memory: str,
    message: Mapping[str, Any],
    now: datetime,
) -> Sequence[Window]:
    """The windows that a short look into the files shows; none between two looks."""
    with _remembered(memory, now) as kept:
        looked, session = kept["looked"], word(message.get("session_id"))
        last = looked.get(session, 0)
        if 0 <= now.timestamp() - last < LOOK_EVERY:
            return ()
        looked[session] = now.timestamp()
    from burnmon import config
    from burnmon.cli import limits
    from burnmon.cli.catchup import glanced

    settings = config.load(flags, environ)
    with glanced(settings, MOST_BYTES) as ledger:
        found = limits.ask(ledger, "claude", now, settings)
        return check.counted(limits.figures(found), "claude")


def _of_session(
    windows: Sequence[Window],
    message: Mapping[str, Any],
    config: Mapping[str, Any],
    environ: Mapping[str, str],
) -> list[Window]:
    """The windows of the session's account, and budgets; all if it names none."""
    path = config_dir_of(word(message.get("transcript_path"), 4096))
    if not path:
        return list(windows)
    account = text.plain(called.account_of(path, config, environ))
    return [
        each
        for each in windows
        if each.get("agent") == status.BUDGET or _account(each) == account
    ]


def _account(window: Window) -> str:
    """Whose window it is; of accounts that share a home any may be the session's."""
    return text.unnumbered(str(window.get("account") or ""))


# --- once ----------------------------------------------------------------------------


def _untold(
    memory: str,
    message: Mapping[str, Any],
    threats: Sequence[tuple[int, Window]],
    now: datetime,
) -> list[Window]:
    """The windows this session was not told of at that step; from now on it is."""
    # A subagent has a context of its own and has not read what the session was told.
    who = [word(message.get(part)) for part in ("session_id", "agent_id")]
    untold = []
    with _remembered(memory, now) as kept:
        for step, window in threats:
            series = [window.get(part) for part in _SERIES]
            key = json.dumps([*who, *series])
            resets_at = (status.instant(window.get("resets_at")) or now).timestamp()
            last_step, last_reset = kept["told"].get(key, (0, 0))
            same = abs(resets_at - last_reset) <= called.SAME_RESET.total_seconds()
            if not same or step > last_step:
                kept["told"][key] = (step, resets_at)
                untold.append(window)
    return untold


@contextmanager
def _remembered(path: str, now: datetime) -> Iterator[dict[str, Any]]:
    """What the hook remembers; what is changed in it is kept, what is old is not.

    Raises OSError when it cannot be kept, or while another call is at it.
    """
    import fcntl

    private.make_directory(os.path.dirname(path))  # noqa: PTH120 - pathlib is not loaded here
    handle = private.open_file(path, os.O_RDWR)
    with os.fdopen(handle, "r+b") as file:
        # Of two calls at a time one is silent; the next tool call comes soon.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        kept = _memory(called.message_of(file.read(MOST_BYTES)), now.timestamp())
        yield kept
        # In one write, filled up to the former length: cut off anywhere it is whole.
        size = os.fstat(file.fileno()).st_size
        told = json.dumps(kept).encode()
        if os.pwrite(file.fileno(), told.ljust(size), 0) < len(told):
            raise OSError(f"{path}: the disk is full")
        os.ftruncate(file.fileno(), len(told))


def _memory(read: Mapping[str, Any], now: float) -> dict[str, Any]:
    """What was read, without what is of no form or no use any more."""
    looked, told = table(read.get("looked")), table(read.get("told"))
    since = now - KEPT_SECONDS
    return {
        "looked": {who: at for who, at in looked.items() if (number(at) or 0) > since},
        "told": {key: each for key, each in told.items() if _until(each) > since},
    }


def _until(told: object) -> float:
    """The reset of a window that a session was told of; 0 for anything else."""
    if not isinstance(told, list) or len(told) != 2 or number(told[0]) is None:
        return 0
    return number(told[1]) or 0


# --- words ---------------------------------------------------------------------------


def said(
    event: str,
    message: Mapping[str, Any],
    windows: Sequence[Window],
    now: datetime,
    zone: str,
) -> Mapping[str, Any]:
    """The answer: a context for Claude, and a line for the person.

    Facts and wishes rather than commands, for Claude mistrusts a text that commands.
    """
    facts = " ".join(sentence(window, now, zone) for window in windows)
    wish = _WISH_OF_SUBAGENT if word(message.get("agent_id")) else _WISH
    context = (
        f"Limits as of {text.clock(now, zone, now)}, from burnmon, which the user set"
        f" up to say so in time: {facts} {wish}"
    )
    return {
        "hookSpecificOutput": {"hookEventName": event, "additionalContext": context},
        "systemMessage": f"burnmon: {facts} Claude was asked to wrap up.",
    }


_WISH = (
    "In this case the user wants the work wrapped up: finish the current step, run the"
    " tests, commit, say what is left to do, and stop. Nothing new should be begun."
)
_WISH_OF_SUBAGENT = (
    "In this case the user wants the work wrapped up: finish the current step and hand"
    " back what there is and what is left to do. Nothing new should be begun."
)


def sentence(window: Window, now: datetime, zone: str) -> str:
    """A window in a sentence: use, when it runs out, how likely, when it resets."""
    name = text.plain(str(window.get("label") or "a limit"))
    resets_at = status.instant(window.get("resets_at"))
    reset = text.clock(resets_at, zone, now) if resets_at else text.UNKNOWN
    if window.get("verdict") == "reached":
        return f"The {name} limit is reached; it resets at {reset}."
    used = text.share((status.figure(window.get("used_percent")) or 0) / 100)
    figure = status.figure(window.get("exhaustion_probability"))
    if figure is None:
        return f"The {name} limit is {used} used; it resets at {reset}."
    chance = f"chance {text.share(figure)}"
    range_ = window.get("exhausted_at")
    out_at = status.instant(table(range_).get("p50"))
    if out_at is None:
        return f"The {name} limit may run out before its reset at {reset}" + (
            f" ({chance}, {used} used)."
        )
    at = text.clock(max(out_at, now), zone, now)
    return f"The {name} limit is about to run out at {at}" + (
        f" ({chance}, {used} used); it resets at {reset}."
    )
