"""Reads the patches that ``git diff-tree --stdin --raw -p -U0`` prints. Pure.

Keeps fingerprints and counts, never a line. One commit is held at a time, of which a
file's lines are at most what git is told to diff.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from msgspec import Struct, field

from burnmon.shipped.commits import FilePatch, Skipped
from burnmon.work import fingerprints

END = "end"
"""What git is told behind each commit: being no commit, it is printed as it is."""

_END = END.encode() + b"\n"
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_SHA = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?\n?")
_SUBMODULE = b"160000"
_SPACE = b" \t\n\r\v\f"

_LOCK_FILES = frozenset(
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb"
    " deno.lock Cargo.lock poetry.lock uv.lock pdm.lock Pipfile.lock pixi.lock"
    " conda-lock.yml go.sum go.work.sum composer.lock Gemfile.lock Podfile.lock"
    " pubspec.lock mix.lock flake.lock Package.resolved packages.lock.json"
    " gradle.lockfile paket.lock Cartfile.resolved .terraform.lock.hcl"
    " MODULE.bazel.lock".split()
)
_GENERATED = re.compile(
    r"(?:^|/)(?:vendor|node_modules|dist)/"
    r"|\.min\.(?:js|css|mjs)$|\.map$|\.snap$"
    r"|\.pb\.(?:go|cc|h|swift)$|_pb2(?:_grpc)?\.pyi?$|\.designer\.cs$"
    r"|[._]gen(?:erated)?\.[a-z]+$|(?:^|/)zz_generated\.|\.g\.(?:dart|cs)$"
)


class Listed(NamedTuple):
    """A line of the list before the patches: what happened to which file."""

    old_mode: bytes
    new_mode: bytes
    old_blob: str
    new_blob: str
    status: str
    path: str
    old_path: str

    @property
    def blobs(self) -> tuple[str, ...]:
        """Contents that the repository should hold: a submodule's are elsewhere."""
        sides = ((self.old_mode, self.old_blob), (self.new_mode, self.new_blob))
        return tuple(
            blob for mode, blob in sides if mode != _SUBMODULE and blob.strip("0")
        )


class CommitPatch(NamedTuple):
    """A commit's patch; ``unread`` are the files that git took for binary."""

    sha: str
    files: tuple[FilePatch, ...]
    unread: tuple[tuple[int, Listed], ...]
    """Index into ``files``, and how the file is listed."""


class _Lines(Struct):
    """What the patch of one file is made of."""

    added: list[bytes] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)
    binary: bool = False
    only_space: bool = True
    """No hunk has changed anything else; a line that moved is not where it was."""


class _Reading(Struct):
    """The commit that is being read."""

    sha: str
    listed: list[Listed] = field(default_factory=list)
    files: list[_Lines] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    """Which file each section of the patch is about."""
    sections: int = 0

    def list(self, line: bytes) -> None:
        entry = listing(line)
        # A change of type is told as a deletion and a creation.
        self.order += [len(self.listed)] * (2 if entry.status == "T" else 1)
        self.listed.append(entry)
        self.files.append(_Lines())

    def section(self) -> _Lines:
        file = self.files[self.order[self.sections]]
        self.sections += 1
        return file

    def whole(self) -> CommitPatch:
        pairs = list(zip(self.listed, self.files, strict=True))
        files = tuple(_file(entry, lines) for entry, lines in pairs)
        unread = tuple(
            (index, entry) for index, (entry, lines) in enumerate(pairs) if lines.binary
        )
        return CommitPatch(self.sha, files, unread)


def generated(path: str) -> bool:
    """Whether a file's name says that a program wrote it."""
    return path.rpartition("/")[2] in _LOCK_FILES or bool(_GENERATED.search(path))


def patches(lines: Iterator[bytes]) -> Iterator[CommitPatch]:
    """The commits of a stream in which END stands behind each."""
    commit = _Reading("")
    file = _Lines()
    for line in lines:
        if line.startswith(b"@@ "):
            _hunk(line, lines, file)
        elif line.startswith(b"diff --git "):
            file = commit.section()
        elif line.startswith(b"Binary files "):
            file.binary = True
        elif line.startswith(b":"):
            commit.list(line)
        elif line == _END:
            yield commit.whole()
        elif _SHA.fullmatch(line):
            commit = _Reading(line.strip().decode())


def listings(lines: Iterable[bytes]) -> Iterator[tuple[str, list[Listed]]]:
    """The lists of a stream that has no patches, in which END stands behind each."""
    sha = ""
    listed: list[Listed] = []
    for line in lines:
        if line.startswith(b":"):
            listed.append(listing(line))
        elif line == _END:
            yield sha, listed
        else:
            sha, listed = line.strip().decode(), []


def listing(line: bytes) -> Listed:
    """One line of ``--raw``, its names quoted as git quotes them."""
    fields, *names = line[1:].rstrip(b"\n").split(b"\t")
    old_mode, new_mode, old, new, status = fields.split(b" ")
    paths = [unquoted(name) for name in names]
    old_path = paths[0] if len(paths) > 1 else ""
    kind = status[:1].decode()
    return Listed(
        old_mode, new_mode, old.decode(), new.decode(), kind, paths[-1], old_path
    )


def unquoted(name: bytes) -> str:
    """A path as git prints it with ``core.quotePath``, as ``os.fsdecode`` gives it."""
    if name.startswith(b'"'):
        name = name[1:-1].decode("unicode_escape").encode("latin-1")
    return name.decode("utf-8", "surrogateescape")


def missing(entry: Listed) -> FilePatch:
    """A file whose content the repository does not hold."""
    return FilePatch(entry.path, entry.old_path, b"", b"", 0, 0, False, "missing")


def _hunk(line: bytes, lines: Iterator[bytes], file: _Lines) -> None:
    """Take the lines that a hunk's head counts."""
    matched = _HUNK.match(line)
    if matched is None:
        return
    removed, added = (1 if n is None else int(n) for n in matched.groups())
    taken = list(islice(lines, removed + added))
    # "\ No newline at end of file" is counted by no head.
    while marks := [each for each in taken if each.startswith(b"\\")]:
        taken = [each for each in taken if not each.startswith(b"\\")]
        taken += islice(lines, len(marks))
    file.removed += taken[:removed]
    file.added += taken[removed:]
    file.only_space &= _text(taken[:removed]) == _text(taken[removed:])


def _file(entry: Listed, lines: _Lines) -> FilePatch:
    skipped = _skipped(entry, lines)
    added, removed = lines.added, lines.removed
    return FilePatch(
        entry.path,
        entry.old_path,
        b"" if skipped else fingerprints(line[1:] for line in added),
        b"" if skipped else fingerprints(line[1:] for line in removed),
        len(added),
        len(removed),
        not skipped and bool(added or removed) and lines.only_space,
        skipped,
    )


def _skipped(entry: Listed, lines: _Lines) -> Skipped:
    if lines.binary:
        return "binary"
    if _SUBMODULE in (entry.old_mode, entry.new_mode) or generated(entry.path):
        return "generated"
    return ""


def _text(lines: list[bytes]) -> bytes:
    return b"".join(line[1:] for line in lines).translate(None, _SPACE)
