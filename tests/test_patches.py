"""What git prints of commits, as values."""

from __future__ import annotations

import pytest

from burnmon.shipped.commit_text import header, mentions
from burnmon.shipped.patches import CommitPatch, generated, patches, unquoted
from burnmon.work import fingerprints

SHA = "a" * 40
BLOBS = f"{'1' * 40} {'2' * 40}"


def read(*lines: str) -> CommitPatch:
    """The one commit of a stream."""
    stream = [line.encode() + b"\n" for line in (SHA, *lines, "end")]
    (patch,) = patches(iter(stream))
    return patch


def test_lines_that_look_like_headers_are_lines() -> None:
    """What a hunk counts belongs to it, whatever it looks like."""
    patch = read(
        f":100644 100644 {BLOBS} M\ta.py",
        "",
        "diff --git a/a.py b/a.py",
        "--- a/a.py",
        "+++ b/a.py",
        "@@ -1,2 +1,3 @@",
        "--- a/other.py",
        "-diff --git a/x b/x",
        "+++ counter",
        "+@@ -1 +1 @@ again",
        "+" + SHA,
    )
    (file,) = patch.files
    assert file.added == fingerprints([b"++ counter", b"@@ -1 +1 @@ again", b"a" * 40])
    assert file.removed == fingerprints([b"-- a/other.py", b"diff --git a/x b/x"])
    assert (file.lines_added, file.lines_removed) == (3, 2)


def test_missing_last_newline_is_no_line() -> None:
    """git's remark on a missing newline is counted on neither side."""
    patch = read(
        f":100644 100644 {BLOBS} M\ta.py",
        "",
        "diff --git a/a.py b/a.py",
        "@@ -9 +9,2 @@",
        "-before here",
        "\\ No newline at end of file",
        "+after this",
        "+and that",
        "\\ No newline at end of file",
        "@@ -20 +21 @@",
        "-old words",
        "+new words",
    )
    (file,) = patch.files
    assert file.added == fingerprints([b"after this", b"and that", b"new words"])
    assert (file.lines_added, file.lines_removed) == (3, 2)


def test_broken_stream_gives_whole_commits_only() -> None:
    """A commit whose end was not seen is not given out."""
    stream = [f"{SHA}\n", "end\n", f"{'b' * 40}\n", f":100644 100644 {BLOBS} M\ta.py\n"]
    found = list(patches(line.encode() for line in stream))
    assert [patch.sha for patch in found] == [SHA]


@pytest.mark.parametrize(
    ("quoted", "path"),
    [
        (b"plain name.py", "plain name.py"),
        (rb'"a\nb\tc"', "a\nb\tc"),
        (rb'"\303\244.py"', "ä.py"),
        (rb'"\377\"\\"', '\udcff"\\'),
    ],
    ids=["plain", "control", "umlaut", "bytes"],
)
def test_names_are_unquoted(quoted: bytes, path: str) -> None:
    """A path is what ``os.fsdecode`` would give for its bytes."""
    assert unquoted(quoted) == path


@pytest.mark.parametrize(
    "path",
    ["web/package-lock.json", "vendor/x/y.go", "a.min.js", "api.pb.go", "dist/app.js"],
)
def test_generated_names(path: str) -> None:
    """Lock files, vendored and generated code are known by their names."""
    assert generated(path)


@pytest.mark.parametrize("path", ["lock.py", "distance/a.py", "vendors.py", "map.go"])
def test_written_names(path: str) -> None:
    """A name that only resembles those is written by hand."""
    assert not generated(path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Fix login (#412)", ("#412",)),
        ("ENG-12: fix, closes #3, see #3", ("ENG-12", "#3")),
        ("see https://github.com/a/b/pull/12 for it", ("#12",)),
        ("see https://github.com/a/b/issues/7#issuecomment-99", ("#7",)),
        ("see https://example.org/page#12 and owner/repo#5", ()),
        ("Use UTF-8 and SHA-256, CVE-2024-1234, &#39; and abc#4", ()),
        ("Merge branch 'feature/ENG-123-login'", ("ENG-123",)),
    ],
)
def test_mentions(text: str, found: tuple[str, ...]) -> None:
    """Issues and pull requests are told from what only looks like them."""
    assert mentions(text) == found


def test_header_in_its_own_encoding() -> None:
    """A commit's encoding header is honoured, and its trailers are kept."""
    raw = (
        b"tree 0\nparent " + b"b" * 40 + b"\n"
        b"author J\xf6rg <J@x.org> 1000 +0200\ncommitter C <c@x.org> 2000 +0000\n"
        b"encoding ISO-8859-1\ngpgsig -----BEGIN\n author X <x@x> 1 +0000\n\n"
        b"Gr\xfc\xdfe\nan alle\n\nThis reverts commit abcdef1.\n\n"
        b"co-authored-by: Claude <c@a.com>\nSigned-off-by: J\n"
        b"entire-checkpoint: 0123\n"
    )
    found = header(SHA, raw)
    assert (found.author_name, found.author_email) == ("Jörg", "J@x.org")
    assert (found.authored_at, found.committed_at) == (1000, 2000)
    assert found.subject == "Grüße an alle"
    assert found.reverts == ("abcdef1",)
    assert found.trailers == (
        ("Co-authored-by", "Claude <c@a.com>"),
        ("Entire-Checkpoint", "0123"),
    )


def test_malformed_header() -> None:
    """What is malformed in a commit is empty or zero, and no error."""
    found = header(SHA, b"tree 0\nauthor nobody at all\n\n\xff\xfe words")
    assert (found.author_email, found.authored_at, found.committed_at) == ("", 0, 0)
    assert found.subject == "ÿþ words"
