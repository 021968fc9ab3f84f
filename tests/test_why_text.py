"""A session explained as text and as a document, for whoever is not at a screen."""

from __future__ import annotations

from decimal import Decimal

import example

from burnmon.cli.why import document, lines


def test_text() -> None:
    """The text says the sentence, the sum, the turns and the causes, without boxes."""
    told = list(lines(example.why(unseen=2), 80))
    assert told[0].strip().startswith("$3.11 of $6.94 · the cache went cold 2 times")
    text = "\n".join(told)
    assert "= $6.94 ✓" in text
    assert "#6" in text
    assert "→ go on sooner" in text
    assert "98 % of 43 edits accepted, failed ones apart: Edit 30/31" in text
    assert "90 % of 40 edits not redone" in text
    assert "2 sub-agents asked for, and no request of theirs is known" in text
    assert not {"│", "╭", "─"} & set(text)
    assert max(map(len, told)) <= 80


def test_document() -> None:
    """The document has every figure with all its digits; its parts add up."""
    why = example.why(unseen=2)
    fields = document(why)
    assert fields["cost_usd"] == sum(fields["parts_usd"].values())
    assert sum(turn["cost_usd"] for turn in fields["turns"]) == fields["cost_usd"]
    assert list(fields["parts_usd"]) == [
        "carried",
        "rebuilt",
        "added",
        "thinking",
        "output",
        "searches",
    ]
    assert fields["cache_read_percent"] == 96.4
    assert fields["sentence"] == why.causes[0].words
    first = fields["causes"][0]
    assert first["kind"] == "cold_cache"
    assert first["cost_usd"] == Decimal("3.1066")
    assert first["turns"] == (3, 6)
    assert fields["cost_per_turn_usd"] == why.per_turn
    assert fields["edits"] == {
        "by_tool": [
            {"tool": "Edit", "accepted": 30, "asked": 31},
            {"tool": "Write", "accepted": 12, "asked": 12},
        ],
        "not_redone": 36,
        "told": 40,
    }
    assert fields["unseen_subagents"] == 2


def test_unknown_is_null() -> None:
    """What has no price is null in the document, never 0."""
    fields = document(example.why_unpriced())
    assert fields["cost_usd"] is None
    assert fields["parts_usd"] is None
    assert fields["turns"][0]["cost_usd"] is None
    assert fields["unpriced_tokens"] == 340_000


def test_nothing_is_nothing() -> None:
    """A session that asked for nothing cost nothing."""
    fields = document(example.why_nothing())
    assert fields["cost_usd"] == 0
    assert fields["cache_read_percent"] is None
    assert fields["turns"] == []
