"""Small real git repositories, the same on every machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from burnmon.shipped.commits import Change, Commit, History
from burnmon.shipped.history import Histories, repository_of

BEGIN = 1_795_000_000
"""The instant of the first commit, epoch seconds; each later one is a minute on."""
ADA = ("Ada", "ada@example.org")
BOB = ("Bob", "bob@example.org")


class Repo:
    """A work tree to write to and commit from."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self.now = BEGIN
        if create:
            path.mkdir(parents=True)
            self.git("init", "--quiet", "--initial-branch=main")
            self.git("config", "user.name", ADA[0])
            self.git("config", "user.email", ADA[1])

    def git(
        self,
        *words: str | bytes,
        at: int | None = None,
        authored_at: int | None = None,
        author: tuple[str, str] | None = None,
        fails: bool = False,
        edits: bool = False,
    ) -> str:
        """What git says; its clock stands at ``at``, else where the last one was."""
        self.now = at or self.now
        name, email = author or ADA
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_COMMITTER_DATE": f"{self.now} +0000",
            "GIT_COMMITTER_NAME": ADA[0],
            "GIT_COMMITTER_EMAIL": ADA[1],
            "GIT_EDITOR": "true",
            "GIT_SEQUENCE_EDITOR": "true",
            "LC_ALL": "C",
        }
        if edits:  # by the editor that is configured
            del environment["GIT_SEQUENCE_EDITOR"]
        if words[:1] == ("commit",) and "--amend" not in words:
            environment |= {
                "GIT_AUTHOR_DATE": f"{authored_at or self.now} +0000",
                "GIT_AUTHOR_NAME": name,
                "GIT_AUTHOR_EMAIL": email,
            }
        ended = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *words],
            cwd=self.path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=not fails,
            timeout=60,
        )
        return ended.stdout.decode("utf-8", "replace").strip()

    def write(self, path: str | bytes, text: str | bytes) -> Repo:
        """Put a file into the work tree."""
        place = os.path.join(os.fsencode(self.path), os.fsencode(path))  # noqa: PTH118 - any bytes
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120
        contents = text.encode() if isinstance(text, str) else text
        with open(place, "wb") as file:  # noqa: PTH123
            file.write(contents)
        return self

    def commit(
        self,
        message: str,
        *words: str,
        at: int | None = None,
        authored_at: int | None = None,
        author: tuple[str, str] | None = None,
    ) -> str:
        """Commit everything, a minute after the last one; the SHA."""
        self.git("add", "--all")
        self.git(
            *("commit", "--quiet", "--allow-empty", "-m", message, *words),
            at=at or self.now + 60,
            authored_at=authored_at,
            author=author,
        )
        return self.head()

    def head(self, name: str = "HEAD") -> str:
        """The SHA a name stands for."""
        return self.git("rev-parse", name)


def code(*numbers: int, word: str = "line") -> str:
    """Lines of code that are told apart."""
    return "".join(f"{word} number {number}\n" for number in numbers)


def history(path: Path, since: int = 0, cache: Path | None = None) -> History:
    """What is read of a repository."""
    repository = repository_of(path)
    assert repository is not None
    with Histories(cache) as histories:
        return histories.read(repository, since)


def commits(history: History) -> dict[str, Commit]:
    """Its commits but merges, by SHA."""
    return {each.sha: each for change in history.changes for each in change.commits}


def subjects(history: History) -> list[str]:
    """The subjects of its commits, oldest first."""
    found = sorted(commits(history).values(), key=lambda each: each.committed_at)
    return [each.subject for each in found]


def change_of(history: History, sha: str) -> Change:
    """The change a commit is a copy of."""
    return next(
        change
        for change in history.changes
        if any(each.sha == sha for each in change.commits)
    )


def shas(change: Change) -> Sequence[str]:
    """Its copies."""
    return [each.sha for each in change.commits]
