"""Finds repositories and says what they are: work trees, main branch, refs, reflogs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from burnmon.errors import HistoryError
from burnmon.files import content
from burnmon.shipped import reflogs
from burnmon.shipped.commits import Repository
from burnmon.shipped.git import GitFailed, Objects, ask, objects_at

MAIN = ("main", "master", "trunk", "develop")
"""Names a main branch has, the likeliest first."""
_KINDS = ("heads", "tags", "remotes", "pull", "merge-requests")
GIT_AI = "refs/notes/ai"
"""Where git-ai keeps its notes."""
_FORMATS = ("sha1", "sha256")
_SETTINGS = (
    r"^(user\.email|author\.email|core\.(worktree|bare)|extensions\.objectformat"
    r"|extensions\.partialclone|remote\..*\.promisor)$"
)


class Refs(NamedTuple):
    """What a repository's refs name."""

    shas: dict[str, str]
    """Full name → SHA, possibly of an annotated tag."""
    remote_main: str
    """The ref that ``origin/HEAD`` stands for; empty if there is none."""


def repository_of(path: Path) -> Repository | None:
    """The repository a directory lies in; None where there is none.

    Raises HistoryError where it cannot be told or read.
    """
    if not path.is_dir():
        raise HistoryError(f"{path}: is gone")
    git_dir = _git_dir(path)
    if git_dir is None:
        return None
    settings = _settings(path)
    object_format = settings.get("extensions.objectformat", "sha1").lower()
    if object_format not in _FORMATS:
        raise HistoryError(f"{git_dir}: has objects of an unknown kind")
    refs = read_refs(git_dir)
    main = _main(refs, git_dir)
    email = {
        settings[key] for key in ("user.email", "author.email") if settings.get(key)
    }
    with objects_at(str(git_dir), object_format) as seen:
        mapped = mailmapped(
            seen, refs.shas.get(main, ""), {("", each) for each in email}
        )
    worktrees = tuple(_worktrees(git_dir, settings))
    return Repository(
        git_dir=str(git_dir),
        name=_name(git_dir, worktrees),
        worktrees=worktrees,
        main=main,
        emails=frozenset(each for _, each in mapped.values()),
        shallow=bool(boundary(git_dir)),
        partial="extensions.partialclone" in settings
        or any(key.endswith(".promisor") for key in settings),
        object_format=object_format,
    )


def read_refs(git_dir: Path) -> Refs:
    """All refs that can hold work; raises HistoryError."""
    words = ("for-each-ref", "--format=%(objectname) %(refname) %(symref)")
    kinds = (f"refs/{kind}" for kind in _KINDS)
    try:
        said = ask(str(git_dir), (*words, *kinds, GIT_AI))
    except GitFailed as failed:
        raise trouble(git_dir, failed) from failed
    shas: dict[str, str] = {}
    remote_main = ""
    # Only a newline ends a line: a ref's name may hold what ends one in Unicode.
    for line in said.decode("utf-8", "surrogateescape").split("\n")[:-1]:
        sha, name, symref = line.split(" ", 2)
        if name == "refs/remotes/origin/HEAD":
            remote_main = symref
        elif not symref and not _foreign(name):
            shas[name] = sha
    return Refs(shas, remote_main)


def checked_out(git_dir: Path, refs: Refs) -> set[str]:
    """The commits that HEADs of all work trees name."""
    found = set()
    for directory in _head_dirs(git_dir):
        head = _text(directory / "HEAD").strip()
        name = head.removeprefix("ref: ")
        found.add(refs.shas.get(name, "") if name != head else head)
    return found - {""}


def head_logs(git_dir: Path) -> list[list[reflogs.Entry]]:
    """The reflogs of the HEADs of all work trees."""
    logs = (directory / "logs" / "HEAD" for directory in _head_dirs(git_dir))
    return [reflogs.entries(_bytes(path)) for path in logs]


def branch_logs(git_dir: Path) -> Iterator[list[reflogs.Entry]]:
    """The reflogs of local branches."""
    top = git_dir / "logs" / "refs" / "heads"
    for directory, _, files in os.walk(top):
        if not _foreign(Path(directory).relative_to(git_dir / "logs").as_posix() + "/"):
            yield from (reflogs.entries(_bytes(Path(directory, f))) for f in files)


def boundary(git_dir: Path) -> frozenset[str]:
    """Commits of a shallow clone whose parents it does not have."""
    return frozenset(_text(git_dir / "shallow").split())


def packs(git_dir: Path) -> str:
    """A word that changes when objects arrived."""
    with suppress(OSError):
        return str((git_dir / "objects" / "pack").stat().st_mtime_ns)
    return ""


def position(repository: Repository) -> str:
    """A word that changes whenever a commit, ref or reflog of the repository did.

    Costs a few calls to ``stat``; empty where the repository is gone.
    """
    git_dir = Path(repository.git_dir)
    digest = blake2b(digest_size=16)
    found = False
    for path in _moving(git_dir):
        with suppress(OSError):
            stat = path.stat()
            told = f"{path}\0{stat.st_mtime_ns}\0{stat.st_size}\0{stat.st_ino}\0"
            digest.update(os.fsencode(told))
            found = True
    return digest.hexdigest() if found else ""


def mailmapped(
    seen: Objects, main: str, authors: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str, str]]:
    """Names and addresses as the mailmap of a commit has them; addresses lower case."""
    given = sorted(set(authors))
    plain = {(name, email): (name, email.lower()) for name, email in given}
    if not main or not given:
        return plain
    told = "".join(f"{name} <{email}>\n" for name, email in given)
    words = ("-c", f"mailmap.blob={main}:.mailmap", "check-mailmap", "--stdin")
    try:
        said = seen.answer(words, told.encode("utf-8", "surrogateescape"))
    except GitFailed:
        return plain
    lines = said.decode("utf-8", "surrogateescape").split("\n")[:-1]
    if len(lines) != len(given):
        return plain
    for author, line in zip(given, lines, strict=True):
        name, _, email = line.rpartition("<")
        plain[author] = (name.strip(), email.rstrip(">").lower())
    return plain


# --- where it is ---------------------------------------------------------------------


def _git_dir(path: Path) -> Path | None:
    try:
        said = ask(str(path), ("rev-parse", "--git-common-dir"))
    except GitFailed as failed:
        if "not a git repository (or any" in str(failed):
            return None
        raise trouble(path, failed) from failed
    return Path(os.path.realpath(path / os.fsdecode(said[:-1])))


def trouble(path: Path, failed: GitFailed) -> HistoryError:
    """What git said, in words a person can act on."""
    words = str(failed)
    if "dubious ownership" in words or "unsafe repository" in words:
        return HistoryError(
            f"{path}: belongs to another user; to have it read, run"
            f" git config --global --add safe.directory {path}"
        )
    if "ermission denied" in words:
        return HistoryError(f"{path}: permission denied")
    if "not a git repository:" in words:
        return HistoryError(f"{path}: its repository is gone")
    last = words.splitlines()[-1] if words else f"git ended with {failed.code}"
    return HistoryError(f"{path}: {last.removeprefix('fatal: ')}")


def _settings(path: Path) -> dict[str, str]:
    """The settings that matter, the last of each; a key without a value is true."""
    try:
        said = ask(str(path), ("config", "-z", "--get-regexp", _SETTINGS))
    except GitFailed as failed:
        if failed.code == 1:
            return {}
        raise trouble(path, failed) from failed
    pairs = (each.partition("\n") for each in os.fsdecode(said).split("\0") if each)
    return {key: value for key, _, value in pairs}


def _worktrees(git_dir: Path, settings: Mapping[str, str]) -> Iterator[str]:
    if settings.get("core.worktree"):
        yield os.path.realpath(git_dir / settings["core.worktree"])
    elif git_dir.name == ".git" and settings.get("core.bare", "false") != "true":
        yield str(git_dir.parent)
    for linked in _linked(git_dir):
        if place := _text(linked / "gitdir").strip():
            tree = os.path.realpath((linked / place).parent)
            if Path(tree).is_dir():
                yield tree


def _name(git_dir: Path, worktrees: tuple[str, ...]) -> str:
    if git_dir.name == ".git" or (worktrees and git_dir.parent.name == "modules"):
        return Path(worktrees[0]).name if worktrees else git_dir.parent.name
    return git_dir.name.removesuffix(".git") or git_dir.name


def _main(refs: Refs, git_dir: Path) -> str:
    if refs.remote_main in refs.shas:
        return refs.remote_main
    for name in MAIN:
        for place in ("refs/remotes/origin/", "refs/heads/"):
            if place + name in refs.shas:
                return place + name
    head = _text(git_dir / "HEAD").strip().removeprefix("ref: ")
    return head if head in refs.shas else ""


def _foreign(name: str) -> bool:
    """Whether a ref belongs to another tool's bookkeeping, not to the work."""
    parts = name.split("/")
    if parts[1] == "remotes":
        return "entire" in parts[3:-1]
    return parts[1:3] == ["heads", "entire"] and len(parts) > 3


def _linked(git_dir: Path) -> list[Path]:
    with suppress(OSError):
        return sorted((git_dir / "worktrees").iterdir())
    return []


def _head_dirs(git_dir: Path) -> list[Path]:
    return [git_dir, *_linked(git_dir)]


def _moving(git_dir: Path) -> Iterator[Path]:
    """What git touches when something moves; a directory where a file is replaced."""
    for head in _head_dirs(git_dir):
        yield head / "HEAD"
        yield head / "logs" / "HEAD"
    for name in ("packed-refs", "shallow", "objects/pack", "reftable/tables.list"):
        yield git_dir / name
    for top in ("refs", "logs/refs"):
        for directory, _, _ in os.walk(git_dir / top):
            yield Path(directory)


def _text(path: Path) -> str:
    return os.fsdecode(_bytes(path))


def _bytes(path: Path) -> bytes:
    with suppress(OSError):
        return content(path)
    return b""
