"""Has git print patches, and goes on where a repository does not hold everything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from burnmon.shipped.git import LARGE, GitFailed, Objects
from burnmon.shipped.patches import (
    END,
    CommitPatch,
    Listed,
    listings,
    missing,
    patches,
)

_LIST = (
    *("diff-tree", "--stdin", "--always", "--root", "-r", "--raw", "--no-abbrev"),
    *("--no-textconv", "--no-ext-diff", "--no-color"),
)
_PATCH = (
    *_LIST,
    *("-p", "-U0", "--inter-hunk-context=0", "--src-prefix=a/", "--dst-prefix=b/"),
    *("--submodule=short", "-l300"),  # no more pairs than that are compared for renames
)
_MOST_FAILURES = 100
"""Commits without their list of files after which the rest is taken for the same."""
_MOST_PATHS = 500
"""Files of a commit that are named to git."""


def read_patches(seen: Objects, shas: Sequence[str]) -> Iterator[CommitPatch]:
    """The patches of commits, none a merge; those without holes come first, in order.

    Files whose content the repository does not hold are ``missing``. A commit whose
    very list of files it does not hold is left out.
    """
    left = list(shas)
    done = 0
    try:
        for patch in _stream(seen, left, "-M"):
            yield patch
            done += 1
    except GitFailed:
        yield from _with_holes(seen, left[done:])


def large(seen: Objects, some: Iterable[CommitPatch]) -> list[CommitPatch]:
    """Patches with those files that git took for binary told apart by their size."""
    given = list(some)
    blobs = {
        blob
        for patch in given
        for _, entry in patch.unread
        for blob in (entry.old_blob, entry.new_blob)
        if blob.strip("0")
    }
    sizes = seen.sizes(sorted(blobs))
    for number, patch in enumerate(given):
        files = list(patch.files)
        for index, entry in patch.unread:
            if max(sizes.get(entry.old_blob, 0), sizes.get(entry.new_blob, 0)) > LARGE:
                files[index] = files[index]._replace(skipped="large")
        given[number] = patch._replace(files=tuple(files), unread=())
    return given


def _stream(
    seen: Objects, shas: Iterable[str], *words: str, paths: Iterable[str] = ()
) -> Iterator[CommitPatch]:
    told = "".join(f"{sha}\n{END}\n" for sha in shas).encode()
    command = ("--literal-pathspecs", *_PATCH, *words, "--", *paths)
    return patches(seen.lines(command, told))


def _with_holes(seen: Objects, shas: Sequence[str]) -> Iterator[CommitPatch]:
    """Patches of commits of which some lack something."""
    lists = dict(_lists(seen, shas))
    blobs = {sha: _blobs(listed) for sha, listed in lists.items()}
    there = seen.sizes(sorted(set().union(*blobs.values()))).keys()
    whole = [sha for sha in lists if blobs[sha] <= there]
    while whole:
        done = 0
        try:
            for patch in _stream(seen, whole, "-M"):
                yield patch
                done += 1
            break
        except GitFailed:
            whole = whole[done + 1 :]  # one that is there and cannot be read
    for sha in lists.keys() - {sha for sha in lists if blobs[sha] <= there}:
        yield _holed(seen, sha, lists[sha], there)


def _holed(
    seen: Objects, sha: str, listed: Sequence[Listed], there: Iterable[str]
) -> CommitPatch:
    """What can be read of a commit that lacks the content of some files."""
    held = set(there)
    gone = {entry.path for entry in listed if not _blobs([entry]) <= held}
    paths = [entry.path for entry in listed if entry.path not in gone]
    holes = tuple(missing(entry) for entry in listed if entry.path in gone)
    if not paths or len(paths) > _MOST_PATHS:
        rest = tuple(missing(entry) for entry in listed if entry.path not in gone)
        return CommitPatch(sha, (*holes, *rest), ())
    patch = CommitPatch(sha, (), ())
    with suppress(GitFailed):
        patch = next(_stream(seen, [sha], "--no-renames", paths=paths), patch)
    return patch._replace(files=(*patch.files, *holes))


def _lists(seen: Objects, shas: Sequence[str]) -> Iterator[tuple[str, list[Listed]]]:
    """What each commit changed, as far as its trees are there."""
    left = list(shas)
    for _ in range(_MOST_FAILURES):
        told = "".join(f"{sha}\n{END}\n" for sha in left).encode()
        done = 0
        try:
            for each in listings(seen.lines((*_LIST, "--no-renames"), told)):
                yield each
                done += 1
            return
        except GitFailed:
            left = left[done + 1 :]


def _blobs(listed: Iterable[Listed]) -> set[str]:
    return {blob for entry in listed for blob in entry.blobs}
