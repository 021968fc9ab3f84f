"""Walks commits by their parents: what is reachable, and from which branch. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from burnmon.shipped.commits import Commit, Header

TAG = -1
"""Stands for the commit date of an annotated tag, whose parent is what it names."""

Ask = Callable[[list[str]], Iterable[Header]]
"""What is known of some objects; those that are missing are left out."""


def walk(
    tips: Iterable[str], ask: Ask, since: int, ends: frozenset[str]
) -> Iterator[Header]:
    """What is reachable from tips, back to the first commits before ``since``.

    Those commits are included, what is behind them is not. The parents of ``ends`` are
    not looked for.
    """
    asked = set(tips)
    front = sorted(asked)
    while front:
        behind: list[str] = []
        for header in ask(front):
            yield header
            if header.sha not in ends and (
                header.committed_at >= since or header.committed_at == TAG
            ):
                behind += (sha for sha in header.parents if sha not in asked)
                asked.update(header.parents)
        front = behind


def reach(tips: Iterable[str], seen: Mapping[str, Header]) -> set[str]:
    """The commits of a walk that are reachable from some of its tips."""
    found: set[str] = set()
    left = list(tips)
    while left:
        sha = left.pop()
        if sha in seen and sha not in found:
            found.add(sha)
            left += seen[sha].parents
    return found


def branches(
    refs: Mapping[str, str], seen: Mapping[str, Header], on_main: set[str]
) -> dict[str, str]:
    """The branch that each commit outside the main one is on, see ``History``."""
    found: dict[str, str] = {}
    for name, tip in sorted(refs.items(), key=lambda ref: _order(ref[0])):
        branch = branch_name(name)
        left = [tip] if branch else []
        while left:
            sha = left.pop()
            if sha in seen and sha not in found and sha not in on_main:
                found[sha] = branch
                left += seen[sha].parents
    return found


def places(commits: Sequence[Commit]) -> list[int]:
    """For each commit how many stand below it that its author made in the same second.

    A script makes several commits in one second, and they are no copies of each other;
    copies of one have the same place in every copy of the chain.
    """
    seen = {each.sha: each for each in commits}
    found: dict[str, int] = {}
    for each in commits:
        chain: list[str] = []
        below: Commit | None = each
        while below is not None and below.sha not in found:
            chain.append(below.sha)
            parent = seen.get(below.parents[0]) if below.parents else None
            below = parent if parent and _instant(parent) == _instant(each) else None
        first = 0 if below is None else found[below.sha] + 1
        found.update((sha, first + n) for n, sha in enumerate(reversed(chain)))
    return [found[each.sha] for each in commits]


def _instant(commit: Commit) -> tuple[str, int]:
    """What copies of a change have in common."""
    return commit.author_email, commit.authored_at


def branch_name(ref: str) -> str:
    """What people call a ref: ``feat/x``, ``pull/12``; empty for tags and the like."""
    _, kind, *rest = ref.split("/")
    if kind == "heads":
        return "/".join(rest)
    if kind == "remotes":
        return "/".join(rest[1:])
    if kind in ("pull", "merge-requests") and rest:
        return f"{kind}/{rest[0]}"
    return ""


def _order(ref: str) -> tuple[bool, int, str]:
    name = branch_name(ref)
    return ref.split("/")[1] in ("pull", "merge-requests"), len(name), name
