"""What git tells of a repository, as values: commits, changes, a whole history.

Instants are epoch seconds, as git writes them. Of code only fingerprints of lines are
kept, see ``work.fingerprints``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from msgspec import Struct

Skipped = Literal["", "binary", "large", "generated", "missing"]
"""Why a file's lines are not known. binary: it has none; large: over one MiB;
generated: its name says that a program wrote it, or it is a submodule; missing: the
repository does not hold its content."""


class FilePatch(NamedTuple):
    """What a commit did to one file."""

    path: str
    """After the change, before it where the file was deleted; ``/`` separates. Bytes
    that are not UTF-8 are surrogates, as in ``os.fsdecode``."""
    old_path: str
    """Before the change where it was renamed, else empty."""
    added: bytes
    removed: bytes
    """Fingerprints of the lines; empty where they are not known."""
    lines_added: int
    lines_removed: int
    """As git counts them; 0 where it does not."""
    only_space: bool
    """Lines changed, and nothing but white space is different."""
    skipped: Skipped


class Header(NamedTuple):
    """What a commit says of itself; its author as written."""

    sha: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    authored_at: int
    committed_at: int
    subject: str
    mentions: tuple[str, ...]
    reverts: tuple[str, ...]
    trailers: tuple[tuple[str, str], ...]


class Commit(NamedTuple):
    """One commit and its patch against its first parent."""

    sha: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    """Lower case; both as the mailmap has them."""
    authored_at: int
    committed_at: int
    subject: str
    mentions: tuple[str, ...]
    """Issues and pull requests that subject and body name: ``#12``, ``KEY-12``."""
    reverts: tuple[str, ...]
    """SHAs it says it reverts, possibly abbreviated."""
    trailers: tuple[tuple[str, str], ...]
    """Those that speak of agents: key in the usual case, value as written.
    ``("git-ai", "note")`` where git-ai left a note."""
    files: tuple[FilePatch, ...] = ()
    read: bool = True
    """Its patch was read; else ``files`` says nothing. Merges have none to read."""


class Change(NamedTuple):
    """All copies of one change: rebase, amend and cherry-pick keep author and date."""

    author_email: str
    authored_at: int
    commits: tuple[Commit, ...]
    """By the time they were committed, oldest first; never a merge."""
    nth: int = 0
    """Place among changes that the author made one upon the other in that second."""


class Repository(Struct, frozen=True):
    """A repository: one common git directory, however many work trees it has."""

    git_dir: str
    """Absolute path of the common git directory."""
    name: str
    worktrees: tuple[str, ...]
    """Absolute paths, main one first; empty for a bare clone."""
    main: str
    """Full name of the ref taken for the main branch; empty if there is none."""
    emails: frozenset[str]
    """The person's addresses as git is configured here, lower case, mailmapped."""
    shallow: bool
    partial: bool
    object_format: str = "sha1"


class History(Struct, frozen=True, eq=False):
    """What a repository holds of the time since an instant."""

    repository: Repository
    changes: tuple[Change, ...]
    """By author date."""
    merges: tuple[Commit, ...]
    """By the time they were committed."""
    on_main: frozenset[str]
    """SHAs reachable from the main branch, here or on its remote."""
    reachable: frozenset[str]
    """SHAs reachable from any ref or checked-out commit; others are in reflogs only."""
    branches: Mapping[str, str]
    """SHA → branch, for commits that are not on main: the shortest name wins, pull
    requests (``pull/12``) come last. No remote's name is in it."""
    rewritten: Mapping[str, str]
    """SHA → what an amend or a rebase made of it in the end, as the reflogs tell."""
    notes: tuple[str, ...]
    """What a reader must know, in words."""
    complete: bool
    """Everything was read; False after an interruption."""
