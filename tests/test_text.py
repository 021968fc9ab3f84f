"""Words for figures."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from burnmon import text

NOW = datetime(2026, 11, 17, 13, 32, 7, tzinfo=UTC)
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("12.84", "$12.84"),
        ("0", "$0.00"),
        ("0.004", "$0.004"),
        ("0.0004", "$0.0004"),
        ("0.00004", "<$0.0001"),
        ("0.00999", "$0.01"),
        ("1234.5", "$1,234.50"),
        ("-0.31", "−$0.31"),
    ],
)
def test_money(amount: str, words: str) -> None:
    """An amount keeps meaning however small it is."""
    assert text.money(Decimal(amount)) == words


def test_unpriced_money() -> None:
    """What has no price says so, and is never zero."""
    assert text.money(None) == text.rate(None) == "unpriced"


def test_rate() -> None:
    """A rate names its minute."""
    assert text.rate(Decimal("0.42")) == "$0.42/min"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0 k"),
        (8_100, "8.1 k"),
        (142_000, "142 k"),
        (999_500, "1.0 M"),
        (12_000_000, "12 M"),
    ],
)
def test_tokens(count: int, words: str) -> None:
    """A count of tokens takes at most five characters."""
    assert text.tokens(count) == words


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (None, "unknown"),
        (0.0, "0 %"),
        (0.0001, "<1 %"),
        (0.61, "61 %"),
        (0.999, "99 %"),
        (1.0, "100 %"),
    ],
)
def test_share(part: float | None, words: str) -> None:
    """A share is never rounded to nothing or to all."""
    assert text.share(part) == words


def test_fine_share() -> None:
    """A small share keeps a decimal when asked to."""
    assert text.share(0.019, fine=True) == "1.9 %"


@pytest.mark.parametrize(
    ("length", "words", "clock"),
    [
        (timedelta(seconds=9), "9 s", "0:00"),
        (timedelta(minutes=3), "3 m", "0:03"),
        (timedelta(minutes=72), "1 h 12", "1:12"),
        (timedelta(minutes=148), "2 h 28", "2:28"),
        (timedelta(hours=52), "2 d 4 h", "2 d 4 h"),
        (timedelta(seconds=-5), "0 s", "0:00"),
    ],
)
def test_spans(length: timedelta, words: str, clock: str) -> None:
    """A span reads in two units, and as a countdown on a clock face."""
    assert text.span(length) == words
    assert text.countdown(length) == clock


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=0.4), "0.4 s ago"),
        (timedelta(minutes=3), "3 m ago"),
        (timedelta(seconds=-1), "now"),
    ],
)
def test_ago(age: timedelta, words: str) -> None:
    """A line from a clock that runs ahead is new, not of the future."""
    assert text.ago(NOW - age, NOW) == words


@pytest.mark.parametrize(
    ("later", "words"),
    [
        (timedelta(hours=2), "16:32"),
        (timedelta(hours=12), "Wed 02:32"),
        (timedelta(days=6), "Mon 14:32"),
        (timedelta(days=27), "14 Dec"),
    ],
)
def test_clock(later: timedelta, words: str) -> None:
    """A clock time names a day only when it is another day."""
    assert text.clock(NOW + later, BERLIN, NOW) == words


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (1, 2, "15:32–16:32"),
        (44.5, 52.5, "Thu 11–19 h"),
        (32, 36, "Wed 22 h–Thu 2 h"),
        (240, 264, "27 Nov–28 Nov"),
    ],
)
def test_clock_range(first: float, last: float, words: str) -> None:
    """A range of instants names each day once."""
    start, end = NOW + timedelta(hours=first), NOW + timedelta(hours=last)
    assert text.clock_range(start, end, BERLIN, NOW) == words


@pytest.mark.parametrize(
    ("agent", "kind", "minutes", "words"),
    [
        ("claude", "five_hour", 300, "Claude 5h"),
        ("claude", "seven_day_opus", 10080, "Claude 7d opus"),
        ("codex", "secondary", 10079, "Codex 7d"),
        ("codex", "primary", 299, "Codex 5h"),
        ("codex", "primary", 90, "Codex 90m"),
    ],
)
def test_window_label(agent: str, kind: str, minutes: int, words: str) -> None:
    """A window is called by its agent and length, not by the vendor's position."""
    assert text.window_label(agent, kind, minutes) == words


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("claude-opus-5-5-20261001", "opus-5.5"),
        ("claude-opus-5", "opus-5"),
        ("claude-3-5-sonnet-20241022", "sonnet-3.5"),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", "opus-4.1"),
        ("claude-haiku-4-5@20251001", "haiku-4.5"),
        ("gpt-5.6-sol", "gpt-5.6-sol"),
        ("", ""),
    ],
)
def test_short_model(model: str, words: str) -> None:
    """A model is called by family and version."""
    assert text.short_model(model) == words


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]52;c;ZXZpbA==\x1b\\b", "ab"),
        ("a\x9b2Jb", "ab"),
        ("one\r\ntwo\tthree", "one two three"),
        ("user\u202egpj.exe", "usergpj.exe"),
        ("un\x00fin\x1b", "unfin"),
        ("naïve 日本", "naïve 日本"),
        ("a\xa0b\u2003c", "a b c"),
    ],
)
def test_plain(raw: str, safe: str) -> None:
    """Nothing from a file reaches the terminal as anything but text."""
    assert text.plain(raw) == safe


@given(st.text(st.characters(codec="utf-8")))
def test_plain_is_safe(raw: str) -> None:
    """Plain text holds no control, format or line-breaking character, and one blank."""
    made = text.plain(raw)
    categories = {unicodedata.category(char) for char in made.replace(" ", "")}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}


@given(st.text(), st.integers(-1, 40))
def test_fit(raw: str, width: int) -> None:
    """A fitted text is never wider than its width."""
    assert text.cells(text.fit(text.plain(raw), width)) <= max(0, width)


@given(st.text(), st.integers(0, 40), st.booleans())
def test_pad(raw: str, width: int, right: bool) -> None:
    """A padded text is exactly as wide as its width."""
    assert text.cells(text.pad(text.plain(raw), width, right=right)) == width


@pytest.mark.parametrize("word", ["api", "日本語", "naïve", "●◐○ ▁█━┃", "e\u0301"])
def test_cells(word: str) -> None:
    """Widths agree with the ones that the screen reckons with."""
    assert text.cells(word) == cell_len(word)


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (30, "one · two · three"),
        (16, "one · two"),
        (9, "one · two"),
        (4, "one"),
        (2, "o…"),
    ],
)
def test_whole(width: int, words: str) -> None:
    """Phrases are dropped whole, from the end; only the first is ever cut."""
    assert text.whole("one · two · three", width) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0.4, "less than one more request like the last 100"),
        (1.2, "≈ 1 more request like the last 100"),
        (11.4, "≈ 11 more requests like the last 100"),
        (143.0, "≈ 140 more requests like the last 100"),
        (1278.0, "≈ 1,300 more requests like the last 100"),
        (12_780.0, "≈ 13 k more requests like the last 100"),
    ],
)
def test_more(count: float, words: str) -> None:
    """What is left is told to two digits: it is an estimate."""
    assert text.more("request", count, 100) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "+0"), (0.0006, "+0.1"), (0.014, "+1.4"), (0.123, "+12")],
)
def test_points(share: float, words: str) -> None:
    """Points that are added carry their sign."""
    assert text.points(share) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        ("4.1", "6.749", "$4.10–6.75"),
        ("19.2", "27", "$19–27"),
        ("27", "27.3", "$27"),
        ("1155", "2410", "$1.2–2.4 k"),
    ],
)
def test_money_between(low: str, high: str, words: str) -> None:
    """Two amounts are one range, with cents while they matter."""
    assert text.money_between(Decimal(low), Decimal(high)) == words
