"""The review as Markdown, as text and as a document."""

from __future__ import annotations

import json
import re
import resource
from decimal import Decimal
from pathlib import Path

import example
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from burnmon.cli.output import print_document
from burnmon.cli.review import document, lines, markdown, written
from burnmon.frame.markdown import code, line_of, reference
from burnmon.text import cells

SPANS = re.compile(r"`[^`\n]*`")


@pytest.mark.parametrize(
    "foreign",
    [
        "ping @sam and #12",
        "a | b",
        "a `b` c",
        "<img src=x onerror=y>",
        "[here](https://example.com) www.example.com",
        "*bold* _under_ ~~gone~~ \\",
        "two\nlines\x1b[2J",
        "reverts a1b2c3d4e5f6",
    ],
)
def test_foreign_text_stays_text(foreign: str) -> None:
    """Outside of code spans nothing of a subject is left to be read as Markdown."""
    commits = tuple(replace(e, subject=foreign) for e in example.day_commits())
    text = markdown(example.day(commits=commits))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {11}
    assert not re.search(r"[@\[\\]|<\w|https|www|a1b2c3d", SPANS.sub("", text))
    assert set(re.findall(r"#\d+", SPANS.sub("", text))) == {"#398", "#412"}


@given(st.text(max_size=60))
def test_code_has_no_way_out(foreign: str) -> None:
    """A code span begins and ends once, whatever stands in it."""
    span = code(foreign)
    assert span == "–" or re.fullmatch(r"`[^`|\r\n]+`", span)


@pytest.mark.parametrize("told", ["#412", "ENT-108", "LINEAR2-7"])
def test_references_are_linked(told: str) -> None:
    """What looks like a reference is left for the forge to link."""
    assert reference(told) == told


@pytest.mark.parametrize("told", ["#12 @sam", "javascript:x", "<b>", "#x", "a/b#1"])
def test_nothing_else_is_linked(told: str) -> None:
    """What does not look like a reference stays a code span."""
    assert reference(told) == f"`{told}`"


def test_markdown_of_a_day() -> None:
    """It has a heading, a row per commit, an item per rest and the proof."""
    text = markdown(example.day())
    assert text.startswith("### Tue 17 Nov 2026: $26.38+ → 6 commits, 4 on main")
    assert (
        "| 14:31 | `0000001` | `fix: merge stale limit echoes` | $3.18 | exact"
        " | +100 −14 | 96 % | not merged | #412 | `api` |" in text
    )
    assert "- $4.01 uncommitted: 3 files in `api` (`feat/limits`): `limits.py`" in text
    assert "Sum: $17.36 in commits + $9.02 in none = $26.38 ✓" in text


def test_markdown_of_an_empty_day() -> None:
    """A day without anything is a heading and a sum."""
    text = markdown(example.empty_day())
    assert text == (
        "### Tue 17 Nov 2026: $0.00 → 0 commits\n\n"
        "Sum: $0.00 in commits + $0.00 in none = $0.00 ✓\n"
    )


def test_line_of_a_row() -> None:
    """A commit, or a rest, is one item of a list."""
    day = example.day()
    assert line_of(day, day.commits[-1]) == (
        "- `0000001` `fix: merge stale limit echoes` · $3.18 exact · +100 −14"
        " · AI 96 % · not merged · #412 · `api`"
    )
    assert line_of(day, day.rests[2]) == "- $1.51 edits thrown away in `api` (`main`)"


@pytest.mark.parametrize("width", [120, 80, 40])
def test_text(width: int) -> None:
    """The text has every row, and is no wider than asked for."""
    text = list(lines(example.day(), width))
    assert max(map(cells, text)) <= width
    assert sum("exact" in line for line in text) == 4
    assert any("= $26.38 ✓" in line for line in text)


def test_document(capsys: pytest.CaptureFixture[str]) -> None:
    """The document has the names of the interface, and its sums are exact."""
    found = document(example.day())
    totals = found["totals"]
    assert totals["linked_usd"] + totals["unlinked_usd"] == totals["cost_usd"]
    assert totals["cost_usd"] == Decimal("26.376903")
    first = found["commits"][0]
    assert first["confidence"] == "exact"
    assert first["commit"] == "000044c" + "0" * 33
    assert (first["cost_usd"], first["agent_percent"]) == (Decimal("0.400002"), 96.0)
    assert found["unlinked"][0]["reason"] == "uncommitted"
    print_document(example.NOW, found)
    told = json.loads(capsys.readouterr().out)
    assert told["commits"][0]["committed_at"] == "2026-11-16T19:12:07Z"
    assert told["markdown"] == markdown(example.day())


def test_document_of_unknowns() -> None:
    """No price is null, and so is what a commit without a session cost."""
    found = {each["subject"]: each for each in document(example.day())["commits"]}
    assert found["try: another ranker"]["cost_usd"] is None
    assert found["try: another ranker"]["unpriced_tokens"] == 12_000
    assert found["chore: release"]["session_id"] is None
    assert found["chore: release"]["cost_usd"] is None
    assert found["fix: a guess"]["cost_usd"] == 0


def test_written(tmp_path: Path) -> None:
    """A day is written once; what stands in the way is left alone."""
    day = example.day()
    first = written(day, tmp_path)
    assert first == str(tmp_path / "burnmon-2026-11-17.md")
    assert written(day, tmp_path) == first
    Path(first).write_text("mine", "utf-8")
    second = written(day, tmp_path)
    assert second == str(tmp_path / "burnmon-2026-11-17-2.md")
    assert Path(second).read_text("utf-8") == markdown(day)
    assert Path(first).read_text("utf-8") == "mine"


def test_written_nowhere(tmp_path: Path) -> None:
    """A directory that is not there is an error of the system."""
    with pytest.raises(OSError, match="nowhere"):
        written(example.day(), tmp_path / "nowhere")


def test_written_to_a_full_disk(tmp_path: Path) -> None:
    """A day that does not fit leaves no half of itself behind."""
    limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, most))
    try:
        with pytest.raises(OSError, match="large"):
            written(example.day(), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    assert list(tmp_path.iterdir()) == []
