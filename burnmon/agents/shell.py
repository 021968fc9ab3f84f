"""What a shell command of an agent did: commits, written files, pull requests."""

from __future__ import annotations

import re
from itertools import takewhile

from burnmon.agents.shell_text import absolute, inside, runs

# --- git -----------------------------------------------------------------------------

_VERB = re.compile(r"\b(?:commit|cherry-pick|revert|am|merge|rebase)\b")
_VERBS = frozenset("commit cherry-pick revert am merge rebase".split())
_WITH_VALUE = frozenset("-C -c --git-dir --work-tree --namespace --config-env".split())
_NO_COMMIT = {
    "commit": frozenset("--dry-run --porcelain --short --long -z".split()),
    "cherry-pick": frozenset(("-n", "--no-commit")),
    "revert": frozenset(("-n", "--no-commit")),
    "merge": frozenset(("--no-commit", "--squash", "--ff-only")),
}
_NOTHING_DONE = frozenset(
    "-h --help --abort --quit --edit-todo --show-current-patch".split()
)
_TEXT_OPTION = re.compile(r"-\w*[mF]|--message|--file|--author|--date|--trailer")


def _git(words: list[str]) -> tuple[str, list[str], str]:
    """Verb, arguments and ``-C`` directory of a git command."""
    at, directory = 0, ""
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "-C" and at + 1 < len(words):
            directory = absolute(words[at + 1], directory)
        at += 2 if words[at] in _WITH_VALUE else 1
    return (words[at] if at < len(words) else ""), words[at + 1 :], directory


def _made(words: list[str]) -> str:
    """The verb of a git command that can make commits, else nothing."""
    verb, arguments, _ = _git(words)
    if verb not in _VERBS:
        return ""
    before = ""
    for word in arguments:
        if word == "--":
            break
        told = word in _NOTHING_DONE or word in _NO_COMMIT.get(verb, ())
        if told and not _TEXT_OPTION.fullmatch(before):
            return ""
        before = word
    return verb


def _may_commit(command: str) -> bool:
    """A quick look; most commands have nothing to do with git."""
    return "git" in command and _VERB.search(command) is not None


def commits_made(command: str) -> str:
    """The git verbs of a command that can make commits, in order, joined by spaces."""
    if not _may_commit(command):
        return ""
    return " ".join(
        verb
        for run in runs(command, "")
        if run.program == "git" and (verb := _made(run.words))
    )


def directory(command: str, cwd: str) -> str:
    """Where the first git of a command that can make commits runs, else its first."""
    found = [run for run in runs(command, cwd) if run.program == "git"]
    for run in [each for each in found if _made(each.words)] or found:
        return inside([_git(run.words)[2]], run.directory)
    return cwd


# --- what git and the forge printed --------------------------------------------------

_PRINTED = re.compile(
    r"^\[(?P<branch>[^\n]{1,255}?)(?: \(root-commit\))? (?P<sha>[0-9a-f]{7,40})\]"
    r"(?: (?P<subject>[^\r\n]*))?",
    re.MULTILINE,
)
_NO_BRANCH = ("HEAD", "detached HEAD", "(no branch)")
_LOGGED = re.compile(
    r"^(?:commit )?(?P<sha>[0-9a-f]{40}|[0-9a-f]{7,16})(?: \([^)\n]*\))?"
    r"(?:[ \t]+(?P<subject>[^\r\n]*))?\r?$",
    re.MULTILINE,
)
_NOTHING = re.compile(r"^(?:nothing to commit|no changes added|nothing added)", re.M)
_PR = re.compile(r"https://[\w.-]+/[\w./-]+?/(?:pull|-/merge_requests)/\d+(?![\w/])")
_CREATING = (("gh", "pr", "create"), ("glab", "mr", "create"))
_CREATES_PR = re.compile(r"\b(?:gh\s+pr|glab\s+mr)\s+create\b")


def printed_commits(output: str) -> tuple[tuple[str, str, str], ...]:
    """Branch, SHA and subject of each ``[branch sha] subject`` line.

    The branch is empty where the head was detached.
    """
    if "[" not in output:
        return ()
    return tuple(
        (
            "" if found["branch"] in _NO_BRANCH else found["branch"],
            found["sha"],
            (found["subject"] or "").strip(),
        )
        for found in _PRINTED.finditer(output)
    )


def followed_commits(command: str, output: str) -> tuple[tuple[str, str, str], ...]:
    """What a ``git log``, ``show`` or ``rev-parse`` after a quiet commit printed.

    At most one: the first line, which is the newest commit. Nothing where the head may
    be somebody else's: after a merge, or where one was printed before the commit.
    """
    return newest_shown(output) if shows_its_commit(command) else ()


def newest_shown(output: str) -> tuple[tuple[str, str, str], ...]:
    """The first commit that a git printed; nothing where there was none to make."""
    found = None if _NOTHING.search(output) else _LOGGED.search(output)
    return (("", found["sha"], (found["subject"] or "").strip()),) if found else ()


_PRINTS = frozenset("log show rev-parse".split())
_MOVES = frozenset("merge rebase pull checkout switch reset".split())
_OF_HEAD = re.compile(r"-(?!-reverse).*|\d+|HEAD|@|\S*\.\.(?:HEAD)?|.*%.*")


def shows_its_commit(command: str) -> bool:
    """Whether the first commit that is printed must be one that was just made."""
    made = False
    for run in runs(command, "") if _may_commit(command) else ():
        if run.program != "git" or run.captured:
            continue
        verb, arguments, _ = _git(run.words)
        if verb in _PRINTS and not run.command.targets:
            filtered = run.command.then in ("|", "|&")
            own = all(map(_OF_HEAD.fullmatch, takewhile("--".__ne__, arguments)))
            return made and own and not filtered
        if _made(run.words) and verb not in _MOVES:
            made = True
        elif verb in _MOVES:
            made = False
    return False


def pull_requests(command: str, output: str) -> tuple[str, ...]:
    """Addresses of the pull or merge requests that a command created."""
    return requests_named(output) if creates_request(command) else ()


def creates_request(command: str) -> bool:
    """Whether a command asks for commits to be pulled or merged."""
    asks = "create" in command and _CREATES_PR.search(command) is not None
    return asks and any(
        (run.program, *run.words[:2]) in _CREATING for run in runs(command, "")
    )


def requests_named(output: str) -> tuple[str, ...]:
    """Addresses of all pull or merge requests in a text."""
    return tuple(dict.fromkeys(_PR.findall(output)))


# --- here-documents ------------------------------------------------------------------


_MOST_TARGETS = 16
"""Files that one body is written to; nobody names more."""


def heredoc_writes(command: str, cwd: str) -> list[tuple[str, list[bytes], bool]]:
    """Path, lines and literalness of each file written from a here-document.

    Where it is not literal the shell expanded ``$`` and backticks in the lines. A body
    that is fed to any other program than ``cat`` and ``tee`` writes no file; one that
    goes to a file named by a variable is left out.
    """
    if "<<" not in command:
        return []
    written = []
    for run in runs(command, cwd):
        bodies = run.command.heredocs or (run.piped.heredocs if run.piped else [])
        targets = list(run.command.targets)
        if run.program == "tee":
            targets += [each for each in run.words if not each.startswith("-")]
        elif run.program != "cat" or run.words[:1] not in ([], ["-"]):
            continue
        if not bodies:
            continue
        lines = [each.encode("utf-8", "replace") for each in bodies[-1].lines]
        for target in targets[:_MOST_TARGETS]:
            if not target.startswith("/dev/") and not set("$`") & set(target):
                path = absolute(target, run.directory)
                written.append((path, lines, bodies[-1].literal))
    return written
