"""The command line: one command in, text or JSON and an exit code out.

This module only decides who answers. It stays light because a status bar starts it
every few seconds: parsing is loaded when the arguments need it, a command's module
when the command is asked for, and the screen for the live view alone.

Every command is ``run(args, settings, now) -> int``. ``args`` holds each flag of the
command and the shared ones under the long name (``args.path_map``), None or False where
not given; ``args.since`` and ``args.until`` are aware UTC instants or None, and
``until`` is the first instant that no longer counts. ``args.shown`` are the lines that
stand on the screen already.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from burnmon.errors import BurnmonError

OK = 0
FAILED = 1
USAGE = 2
NEAR_LIMIT = 10
LIMIT_REACHED = 11
CANNOT_TELL = 20
NO_DATA = 30
INTERRUPTED = 130

EARLIEST, LATEST = 1970, 2999
"""Years in which there is a year before and after, as far as calendars go."""

PLAIN_VALUED = {
    "--config": "config",
    "--data-dir": "data_dir",
    "-z": "timezone",
    "--timezone": "timezone",
}
"""Shared flags with a value that a command without a parser takes, by name."""
PLAIN_SWITCHES = {
    "-j": "json",
    "--json": "json",
    "-O": "offline",
    "--offline": "offline",
    "--no-color": "no_color",
}
"""The same for those without a value."""


def run(argv: Sequence[str], environ: Mapping[str, str], now: datetime) -> int:
    """Carry out one command line and return its exit code.

    Raises BurnmonError with a message for the person; the caller prints it.
    """
    with _uncollected():
        return _run(argv, environ, now)


def _run(argv: Sequence[str], environ: Mapping[str, str], now: datetime) -> int:
    called = "" if _asks_for_help(argv) else _command_of(argv)
    if called in ("statusline", "collect"):
        from burnmon.cli.statusline import main

        return main([called, *_without(called, argv)], environ, now)
    if called == "check" and "--hook" in argv:
        from burnmon.cli import hook

        return hook.main(_without(called, argv), environ, now)
    if argv[:1] == ["status"]:
        from burnmon.cli.status import quick

        code = quick(argv[1:], environ, now)
        if code is not None:
            return code
    if argv[:1] == ["check"] and not _asks_for_help(argv):
        from burnmon.cli import check

        code = check.quick(argv[1:], environ, now)
        if code is not None:
            return code
    if not called:
        from burnmon.cli.opening import last_picture

        with last_picture(argv, environ, now) as shown:
            return _run_parsed(argv, environ, now, shown)
    return _run_parsed(argv, environ, now)


def simple_flags(
    argv: Sequence[str], valued: Mapping[str, str], switches: Mapping[str, str]
) -> tuple[dict[str, str | bool], list[str]]:
    """Flags that need no parser, by name; and whatever else was there."""
    found: dict[str, str | bool] = {}
    others: list[str] = []
    words = iter(argv)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag in valued:
            found[valued[flag]] = value if equals else next(words, "")
        elif word in switches:
            found[switches[word]] = True
        else:
            others.append(word)
    return found, others


def _command_of(argv: Sequence[str]) -> str:
    """The command behind whatever plain flags stand before it; empty if it is unclear.

    What an agent calls must never fail, so no parser may see it first: a wrong command
    line ends with 2, which makes Claude Code throw the prompt away.
    """
    _, others = simple_flags(argv, PLAIN_VALUED, PLAIN_SWITCHES)
    return next((word for word in others if not word.startswith("-")), "")


def _without(command: str, argv: Sequence[str]) -> list[str]:
    place = argv.index(command)
    return [*argv[:place], *argv[place + 1 :]]


def _asks_for_help(argv: Sequence[str]) -> bool:
    return "-h" in argv or "--help" in argv


def _run_parsed(
    argv: Sequence[str],
    environ: Mapping[str, str],
    now: datetime,
    shown: Sequence[str] = (),
) -> int:
    from importlib import import_module

    with _without_module("typing_extensions"):
        import msgspec  # noqa: F401 - whoever needs it finds it loaded

    from burnmon.cli import parser
    from burnmon.cli.commands import COMMANDS

    args = parser.parse(argv, environ)
    args.shown = shown
    if args.help or args.version:
        print(parser.help_text(args.command) if args.help else parser.version())
        return OK
    if not EARLIEST <= now.year <= LATEST:
        raise BurnmonError(f"the clock of this machine says {now:%d %b} {now.year}")
    from burnmon import config

    settings = config.load(vars(args), environ)
    if args.since or args.until:
        from burnmon.cli.when import between

        args.since, args.until = between(args.since, args.until, now, settings.zone)
    else:
        args.since = args.until = None
    module, _, function = COMMANDS[args.command].target.partition(":")
    command = getattr(import_module(module), function)
    code: int = command(args, settings, now)
    return code


@contextmanager
def _without_module(name: str) -> Iterator[None]:
    """Let an import of this module fail, unless it is loaded already.

    msgspec takes from it, where it is installed, what Python has as well by now. To
    load it takes a tenth of a quick command's time.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # as Python documents it
    try:
        yield
    finally:
        del sys.modules[name]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage in circles: a command ends before it matters, and looking
    takes up to a fifth of its time. What lives longer looks again when it is up."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
