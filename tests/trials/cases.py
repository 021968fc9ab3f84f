"""The cases of a trial, by what they do in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Cases(dict[str, Callable[[T], None]], Generic[T]):
    """What is tried one after the other, each with a record of its own to write in."""

    def named(self, words: str) -> Callable[[Callable[[T], None]], Callable[[T], None]]:
        """A decorator that takes a function up as a case."""

        def take(function: Callable[[T], None]) -> Callable[[T], None]:
            self[words] = function
            return function

        return take
