"""Runs git: the one place that does, and only to read.

A repository may be anybody's, and its configuration can name programs to run: hooks,
filters, diff drivers, a file system monitor, a transport for objects that are missing.
So commits and patches are read through a git directory of our own, empty but for the
path of the repository's objects: what the repository configures is not in force there.
In the repository itself git is only asked where it is, what it is called and which refs
it has, which runs nothing. Nothing is ever fetched or written.
"""

from __future__ import annotations

import io
import os
import select
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from burnmon.errors import HistoryError
from burnmon.shipped.commits import Repository

PATIENCE = 60.0
"""Seconds without a word from git after which it is taken for hung."""
LARGE = 1 << 20
"""Bytes of a file above which git does not diff it."""
MEMORY = 2 << 30
"""Bytes that git may take: a ref that is a link to ``/dev/zero`` has no end."""
_TOGETHER = 64
"""Objects asked for at once: their names fit any pipe, so nobody waits for anybody."""
_CHUNK = 1 << 18

_KEPT = ("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "SYSTEMROOT")
_STILL = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # what a repository allows does not override this
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_PAGER": "cat",
    "GIT_ASKPASS": "",
    "GIT_SSH_COMMAND": "false",
}
_OWN = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}
_SAFE = (
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", f"core.attributesFile={os.devnull}"),
    *("-c", "protocol.allow=never"),
    # To some versions of git the git directory of a work tree is a bare repository,
    # which a careful person may have forbidden. What that guards against is above.
    *("-c", "safe.bareRepository=all"),
)


class GitFailed(Exception):
    """git ended with an error; its text is what git said last."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class GitIsSilent(HistoryError):
    """git waits for what never comes: there is a pipe among the refs, say."""


class GitObject(NamedTuple):
    """An object by its SHA."""

    sha: str
    kind: str
    """``commit``, ``tag``, ``tree``, ``blob``; empty where it is missing."""
    size: int
    content: bytes
    """Of commits and tags only."""


class _Patient(io.RawIOBase):
    """Reads what git says, and does not wait for ever."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        ready, _, _ = select.select([self._descriptor], [], [], PATIENCE)
        if not ready:
            raise GitIsSilent(f"git said nothing for {PATIENCE:g} s")
        return os.readv(self._descriptor, [buffer])


class _Running:
    """A git that runs; it and its children end with the context."""

    def __init__(
        self,
        words: Sequence[str],
        environ: dict[str, str],
        directory: str,
        told: bytes | None = b"",
    ) -> None:
        """``told`` is all its input; None leaves a pipe open to write to."""
        import subprocess  # slow to import, and only reading history needs it

        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - see __exit__
        if told is None:
            given: Any = subprocess.PIPE
        else:
            given = tempfile.TemporaryFile()  # noqa: SIM115 - git takes it over
            given.write(told)
            given.seek(0)
        try:
            self._process = subprocess.Popen(
                ["git", *words],
                env=environ,
                cwd=directory,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=self._said,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            self._said.close()
            raise HistoryError(
                "git: not found; install it to see what sessions became"
                if isinstance(error, FileNotFoundError)
                else f"git: {error.strerror}"
            ) from error
        finally:
            if told is not None:
                given.close()
        _bound(self._process.pid)
        assert self._process.stdout is not None
        self.output = io.BufferedReader(_Patient(self._process.stdout.fileno()), _CHUNK)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        for each in (self._process.stdin, self._process.stdout):
            if each is not None:
                with suppress(OSError):
                    each.close()
        self._process.wait()
        self._said.close()

    def tell(self, line: bytes) -> None:
        """Write to its input; what it does not take it tells when it ends."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(line)

    def ended(self) -> None:
        """Wait for its end; raises GitFailed if it was not a good one."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        code = self._process.wait(PATIENCE)
        if code:
            self._said.seek(0)
            words = self._said.read().decode("utf-8", "replace").strip()
            raise GitFailed(code, words)


def ask(directory: str, words: Sequence[str], told: bytes = b"") -> bytes:
    """What git answers in somebody's repository; raises GitFailed.

    Only for commands that run nothing, whatever the repository configures.
    """
    return _answer((*_SAFE, "-C", directory, *words), _environment(), "/", told)


class Objects:
    """The objects of a repository, seen through a git directory of our own."""

    def __init__(self, directory: Path, git_dir: str) -> None:
        self._directory = str(directory)
        self._environ = _environment() | _OWN
        self._environ |= {
            "GIT_DIR": self._directory,
            "GIT_OBJECT_DIRECTORY": str(Path(git_dir) / "objects"),
            "HOME": self._directory,
            "XDG_CONFIG_HOME": self._directory,
        }

    def answer(self, words: Sequence[str], told: bytes = b"") -> bytes:
        """All that git says; raises GitFailed."""
        return _answer((*_SAFE, *words), self._environ, self._directory, told)

    def lines(self, words: Sequence[str], told: bytes = b"") -> Iterator[bytes]:
        """What git says, line by line; raises GitFailed behind the last."""
        with self._running(words, told) as running:
            yield from running.output
            running.ended()

    @contextmanager
    def reader(self) -> Iterator[ObjectReader]:
        """One git that hands out objects until the context ends."""
        with self._running(("cat-file", "--batch"), None) as running:
            yield ObjectReader(running)

    def sizes(self, shas: Iterable[str]) -> dict[str, int]:
        """Bytes of the objects that are there."""
        told = "".join(f"{sha}\n" for sha in shas).encode()
        if not told:
            return {}
        said = self.answer(("cat-file", "--batch-check"), told).decode()
        each = (line.split(" ") for line in said.splitlines())
        return {words[0]: int(words[2]) for words in each if len(words) == 3}

    def _running(self, words: Sequence[str], told: bytes | None) -> _Running:
        return _Running((*_SAFE, *words), self._environ, self._directory, told)


class ObjectReader:
    """Hands out commits and tags as often as it is asked."""

    def __init__(self, running: _Running) -> None:
        self._running = running

    def read(self, names: Iterable[str]) -> Iterator[GitObject]:
        """The objects in the order they are asked for."""
        left = iter(names)
        while together := list(islice(left, _TOGETHER)):
            self._running.tell("".join(f"{name}\n" for name in together).encode())
            for name in together:
                yield self._next(name)

    def _next(self, name: str) -> GitObject:
        output = self._running.output
        head = output.readline().decode("ascii", "replace").split()
        if not head:
            self._running.ended()
            raise GitFailed(0, f"{name}: no answer")
        if len(head) != 3:
            return GitObject(name, "", 0, b"")
        sha, kind, size = head[0], head[1], int(head[2])
        if kind in ("commit", "tag"):
            content = output.read(size + 1)[:-1]
            return GitObject(sha, kind, size, content)
        left = size + 1
        while left and (skipped := len(output.read(min(left, _CHUNK)))):
            left -= skipped
        return GitObject(sha, kind, size, b"")


@contextmanager
def objects(repository: Repository) -> Iterator[Objects]:
    """The repository's objects, for as long as the context lasts."""
    with objects_at(repository.git_dir, repository.object_format) as seen:
        yield seen


@contextmanager
def objects_at(git_dir: str, object_format: str) -> Iterator[Objects]:
    """The objects of a git directory, for as long as the context lasts."""
    directory = Path(tempfile.mkdtemp(prefix="burnmon-git-"))
    try:
        (directory / "refs").mkdir()
        (directory / "HEAD").write_text("ref: refs/heads/none\n")
        (directory / "config").write_text(
            "[core]\n\tbare = true\n"
            f"\tbigFileThreshold = {LARGE}\n"
            "\trepositoryFormatVersion = 1\n"
            f"[extensions]\n\tobjectFormat = {object_format}\n"
        )
        yield Objects(directory, git_dir)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _answer(
    words: Sequence[str], environ: dict[str, str], directory: str, told: bytes
) -> bytes:
    with _Running(words, environ, directory, told) as running:
        answer = running.output.read()
        running.ended()
    return answer


def _bound(pid: int) -> None:
    """Bound what a process may allocate, where the system can do that from outside."""
    if sys.platform == "linux":
        import resource

        with suppress(OSError, ValueError):  # it has ended, or is bound more tightly
            resource.prlimit(pid, resource.RLIMIT_DATA, (MEMORY, MEMORY))


def _environment() -> dict[str, str]:
    """Little of the caller's: a GIT_DIR set in a hook would lead elsewhere."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | _STILL
