"""Reads a config file, and refuses what is wrong in it by file, key and nearest match.

It knows tables, keys and types; ``config`` knows what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from burnmon.errors import ConfigError
from burnmon.files import content

LARGEST = 1 << 20
"""Bytes of a file that a person wrote."""
_MOST_DOTS = 100
"""Dots in a line, beyond which its reader would take minutes for a key."""
_WORDS = {
    str: "a string",
    bool: "true or false",
    dict: "a table",
    list: "a list",
    float: "a number",
}


def read_table(
    file: Path, keys: Mapping[str, type], must_exist: bool = False
) -> dict[str, Any]:
    """The config file's table, its keys and types checked; empty if there is none."""
    try:
        text = content(file, LARGEST).decode()
    except FileNotFoundError:
        if must_exist:
            refuse(f"{file}: there is no such config file")
        return {}
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"{file}: {error}")
    try:
        table = parsed(text)
    except RecursionError:
        refuse(f"{file}: is nested too deeply")
    except ValueError as error:  # of TOML, or of a number with too many digits
        refuse(f"{file}: {error}")
    check(table, keys, str(file))
    return table


def parsed(text: str, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """The table of a TOML text, in little time whatever it is.

    Raises ValueError, and RecursionError where it is nested too deeply.
    """
    import tomllib  # most people have no such file

    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _MOST_DOTS:
            raise ValueError(f"line {number} has more than {_MOST_DOTS} dots")
    return tomllib.loads(text, parse_float=parse_float)


def check(table: Mapping[str, Any], known: Mapping[str, type], where: str) -> None:
    """Refuse a key that is not known, or a value of another type than its key takes."""
    for key, value in table.items():
        if key not in known:
            keys = ", ".join(known)
            close = nearest(key, list(known))
            refuse(f"{where}: unknown key {key!r}; known: {keys}{close}")
        is_number = known[key] is float and type(value) is int
        if type(value) is not known[key] and not is_number:
            refuse(f"{where}: {key} takes {_WORDS[known[key]]}, not {value!r}")
        if isinstance(value, str) and "\0" in value:
            refuse(f"{where}: {key} holds a NUL character")


def nearest(word: str, known: list[str]) -> str:
    """``; did you mean 'day'?`` for the closest of the known words, or nothing."""
    from difflib import get_close_matches

    lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), list(lower), 1, 0.6)
    return f"; did you mean {lower[close[0]]!r}?" if close else ""


def refuse(message: str) -> NoReturn:
    """Raise ConfigError."""
    raise ConfigError(message)
