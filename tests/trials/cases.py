"""The cases of a trial, by what they do in words, and a table of what came of them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
F = TypeVar("F", bound="Faults")


class NotTried(Exception):
    """This system does not let the case be made."""


class Cases(dict[str, Callable[[T], None]], Generic[T]):
    """What is tried one after the other, each with a record of its own to write in."""

    def named(self, words: str) -> Callable[[Callable[[T], None]], Callable[[T], None]]:
        """A decorator that takes a function up as a case."""

        def take(function: Callable[[T], None]) -> Callable[[T], None]:
            self[words] = function
            return function

        return take


class Faults(list[str]):
    """What was wrong in one run of a case."""

    def check(self, holds: bool, words: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.append(words)


def say(words: str) -> None:
    """A line for who watches, at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def asked(what: str | None) -> argparse.ArgumentParser:
    """A parser of a trial's command line: how often, and which cases."""
    parser = argparse.ArgumentParser(description=(what or "").split("\n")[0])
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--only", default="", help="cases whose name holds these words")
    return parser


def run(
    cases: Cases[F], record: Callable[[], F], args: argparse.Namespace, fine: str
) -> int:
    """Make the cases that were asked for, and print the table; the exit code.

    ``fine`` is said when nothing failed.
    """
    failures = 0
    say(f"{'case':62} times failed  seconds")
    for words, case in cases.items():
        if args.only not in words:
            continue
        failed, tried, began = 0, 0, time.monotonic()
        notes: list[str] = []
        for _ in range(args.times):
            faults = record()
            try:
                case(faults)
            except NotTried as reason:
                notes.append(f"not tried: {reason}")
                break
            except AssertionError as error:
                faults.append(str(error))
            tried += 1
            failed += bool(faults)
            notes += [note for note in faults if note not in notes]
        took = (time.monotonic() - began) / max(1, tried)
        say(f"{words:62} {tried:5} {failed:6} {took:8.1f}  {'; '.join(notes[:4])}")
        failures += failed
    say(f"{failures} failed" if failures else fine)
    return 1 if failures else 0
