"""Words of a command line, and variables that stand for flags, into one ``args``.

Refuses what is unknown with the list of what is known and the nearest match.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from burnmon import __version__
from burnmon.cli.commands import COMMANDS, SHARED, Command, Flag
from burnmon.config import environ_switch
from burnmon.config_file import nearest
from burnmon.errors import ConfigError, UsageError

ABOUT = """\
A live burn monitor for AI coding agents: what burns, and when a limit runs out.
Without a command it shows the live view."""

# These are read from the environment by ``config``, which knows the file as well.
_SETTINGS = {
    "config",
    "data_dir",
    "timezone",
    "offline",
    "poll_usage",
    "no_color",
    "mouse",
    "theme",
    "path_map",
}
_UNSET_BY_ENVIRONMENT = {"help", "version", "apply", "undo", "refresh", "hook"}
"""Asking for help, a change or a protocol is something one does at the moment."""


_formatter = partial(argparse.HelpFormatter, width=80)
"""For parsers that show nothing: each flag makes one, which looks at the terminal."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\ntry: {self.prog} --help")


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> argparse.Namespace:
    """The command and its flags; UsageError says what is wrong and what would do.

    Shared flags are taken out first, wherever they stand; what is left starts with
    the command.
    """
    shared = _flag_parser("burnmon", SHARED)
    args, rest = shared.parse_known_args(list(argv))
    args.command = _command(rest)
    if args.command:
        rest.remove(args.command)
    command = COMMANDS[args.command]
    own = _flag_parser(_program(args.command), command.flags)
    args.targets = _take_targets(rest) if args.command == "setup" else []
    _, unknown = own.parse_known_args(rest, args)
    args.operand = _take_operand(unknown) if command.operand else ""
    if unknown:
        _refuse_word(unknown[0], args.command)
    for parser, flags in ((shared, SHARED), (own, command.flags)):
        _fill_from(environ, flags, args, parser)
    for flag in command.flags:
        if getattr(args, flag.dest) is None and flag.default:
            setattr(args, flag.dest, flag.default)
    return args


def help_text(command: str) -> str:
    """The help of one command, or of burnmon as a whole."""
    what = COMMANDS[command]
    parser = _Parser(
        prog=_program(command),
        usage=f"{_program(command)} [flags] {what.operand}".rstrip()
        if command
        else "burnmon [command] [flags]",
        description=what.does if command else ABOUT,
        epilog=_epilog(command, what),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    for title, flags in (("flags", what.flags), ("shared flags", SHARED)):
        _add(parser.add_argument_group(title), flags)
    return parser.format_help().rstrip("\n")


def version() -> str:
    """Name and version."""
    return f"burnmon {__version__}"


def one_of(known: Sequence[str]) -> Callable[[str], str]:
    """A type for values from a list: refuses others with the list."""

    def choose(value: str) -> str:
        if value in known:
            return value
        words = ", ".join(known)
        raise argparse.ArgumentTypeError(
            f"unknown value {value!r}; known: {words}{nearest(value, list(known))}"
        )

    return choose


def _program(command: str) -> str:
    return f"burnmon {command}".rstrip()


def _flag_parser(program: str, flags: Iterable[Flag]) -> _Parser:
    parser = _Parser(
        prog=program, add_help=False, allow_abbrev=False, formatter_class=_formatter
    )
    _add(parser, flags)
    return parser


def _add(parser: argparse._ActionsContainer, flags: Iterable[Flag]) -> None:
    for flag in flags:
        known = ": " + ", ".join(flag.choices) if flag.choices else ""
        options: dict[str, Any] = {"help": flag.help + known, "dest": flag.dest}
        if flag.kind == "switch":
            options |= {"action": "store_true"}
        else:
            options |= {"metavar": flag.takes}
        if flag.kind == "list":
            options |= {"action": "append"}
        if flag.kind == "number":
            options |= {"type": int}
        if flag.choices:
            options |= {"type": one_of(flag.choices)}
        parser.add_argument(*flag.names, **options)


def _command(rest: Sequence[str]) -> str:
    """The command among the words that are no shared flag; empty when there is none."""
    if rest and not rest[0].startswith("-") and rest[0] not in COMMANDS:
        names = [name for name in COMMANDS if name]
        known, close = ", ".join(names), nearest(rest[0], names)
        raise UsageError(f"unknown command {rest[0]!r}; known: {known}{close}")
    return next((word for word in rest if word and word in COMMANDS), "")


def _take_targets(rest: list[str]) -> list[str]:
    """The things ``setup`` is limited to, taken out of ``rest``."""
    named = [word for word in rest if not word.startswith("-")]
    rest[:] = [word for word in rest if word.startswith("-")]
    try:
        return [one_of(("claude", "tmux", "hook"))(word) for word in named]
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"setup: {error}") from None


def _take_operand(rest: list[str]) -> str:
    """The one word that is no flag, taken out of ``rest``; empty if there is none."""
    operand = next((word for word in rest if not word.startswith("-")), "")
    if operand:
        rest.remove(operand)
    return operand


def _refuse_word(word: str, command: str) -> NoReturn:
    flags = [
        name for flag in (*COMMANDS[command].flags, *SHARED) for name in flag.names
    ]
    long = [name for name in flags if name.startswith("--")]
    flag = word.partition("=")[0]
    raise UsageError(
        f"{_program(command)} does not take {word!r}; known: "
        f"{', '.join(long)}{nearest(flag, long)}"
    )


def _fill_from(
    environ: Mapping[str, str],
    flags: Iterable[Flag],
    args: argparse.Namespace,
    parser: argparse.ArgumentParser,
) -> None:
    """Let ``BURNMON_SINCE`` and its like speak for flags that were not given."""
    for flag in flags:
        variable = f"BURNMON_{flag.dest.upper()}"
        skipped = flag.dest in _SETTINGS | _UNSET_BY_ENVIRONMENT
        if skipped or getattr(args, flag.dest) or not environ.get(variable):
            continue
        try:
            parser.parse_args(_as_flags(flag, environ[variable], environ), args)
        except (UsageError, ConfigError) as error:
            raise UsageError(f"{variable}: {error}") from None


def _as_flags(flag: Flag, value: str, environ: Mapping[str, str]) -> list[str]:
    name = flag.names[-1]
    if flag.kind == "switch":
        return [name] if environ_switch(f"BURNMON_{flag.dest.upper()}", environ) else []
    values = value.split(",") if flag.kind == "list" else [value]
    return [f"{name}={part}" for part in values]


def _epilog(command: str, what: Command) -> str:
    parts = []
    if not command:
        width = max(map(len, COMMANDS))
        rows = [f"  {name:{width}}  {c.does}" for name, c in COMMANDS.items() if name]
        parts.append("commands:\n" + "\n".join(rows))
    if what.more:
        parts.append(what.more)
    if what.json:
        head = "json, after schema_version and generated_at:\n  "
        parts.append(head + what.json.replace("\n", "\n  "))
    parts.append("examples:\n  " + "\n  ".join(what.examples))
    return "\n\n".join(parts)
