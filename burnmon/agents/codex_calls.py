"""What a tool call of Codex sets out to do, and what its result says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from burnmon.agents import patches, scripts, shell
from burnmon.agents.lines import UNREADABLE, loose, program, squeezed
from burnmon.agents.shell_text import SHELLS, absolute
from burnmon.records import identity
from burnmon.text import base
from burnmon.work import Outcome, ToolOutcome, fingerprints

# --- calls ---------------------------------------------------------------------------


class Change(msgspec.Struct, array_like=True):
    """A file that a call changes, should it succeed."""

    path: str
    tool: str
    lines_added: int
    lines_removed: int
    added: bytes = b""
    removed: bytes = b""
    """Fingerprints."""


class Call(msgspec.Struct, array_like=True):
    """A call without a result so far, as far as it matters; holds no code."""

    begun_at: int = 0
    verbs: str = ""
    """Git verbs that may make commits."""
    directory: str = ""
    """Where the first of them runs."""
    shows: bool = False
    """It prints the commit that it made before."""
    requests: bool = False
    """It creates a pull request."""
    scripted: bool = False
    changes: list[Change] = []
    continues: list[str] = []
    """Running commands whose output it waits for; once known, their calls."""
    printed: list[list[str]] = []
    """Commits that were printed so far."""
    urls: list[str] = []
    tool: str = ""
    """Empty once what it came to was told."""
    target: str = ""
    what: int = 0
    """See ``ToolCall``."""

    @property
    def matters(self) -> bool:
        """Whether anything of it is work."""
        return bool(self.verbs or self.requests or self.changes)


def read(name: str, given: msgspec.Raw, cwd: str) -> Call:
    """The call of a tool, from its arguments in whatever shape a version wrote them."""
    text = _text(given)
    arguments = loose(text)
    call = Call(tool=name)
    if name == "apply_patch":
        patch = arguments.get("input", arguments.get("patch", text))
        _patch(call, str(patch), cwd)
    elif name == "exec" and not arguments:
        _script(call, text, cwd)
    elif name in ("write_stdin", "wait"):
        for key, prefix in (("session_id", "session"), ("cell_id", "cell")):
            if key in arguments:
                call.continues.append(f"{prefix} {arguments[key]}")
        call.what = identity(name, *call.continues, arguments.get("chars"))
    elif name.endswith("create_pull_request"):
        call.requests = True
    else:
        command = _line(arguments.get("cmd", arguments.get("command")))
        where = arguments.get("workdir", arguments.get("working_directory"))
        if command:
            call.target = program(command)
            call.what = identity(name, squeezed(command), where)
        _command(call, command, absolute(str(where), cwd) if where else cwd)
    call.what = call.what or identity(name, text)
    call.changes = _together(call.changes)
    if not call.target and call.changes:
        call.target = base(call.changes[0].path)
    return call


def _together(changes: list[Change]) -> list[Change]:
    """One change for each file."""
    files: dict[str, Change] = {}
    for each in changes:
        first = files.setdefault(each.path, each)
        if first is not each:
            first.lines_added += each.lines_added
            first.lines_removed += each.lines_removed
            first.added += each.added
            first.removed += each.removed
    return list(files.values())


def _text(given: msgspec.Raw) -> str:
    """The arguments as text: they are a string that may hold JSON, or JSON itself."""
    try:
        value = msgspec.json.decode(given) if given else ""
    except UNREADABLE:
        return ""
    return value if isinstance(value, str) else bytes(given).decode("utf-8", "replace")


def _line(command: object) -> str:
    """A shell command, of one text or of words."""
    if not isinstance(command, list):
        return command if isinstance(command, str) else ""
    words = [str(word) for word in command]
    if len(words) > 1 and (base(words[0]) in SHELLS or words[0] == "apply_patch"):
        return words[-1]
    return " ".join(words)


def _script(call: Call, text: str, cwd: str) -> None:
    script = scripts.read(text)
    call.scripted = True
    call.continues = [f"session {each}" for each in script.continued]
    for patch in script.patches:
        _patch(call, patch, cwd)
    if script.continued and not script.commands:
        call.target = "write_stdin"
    for command, where in script.commands:
        call.target = call.target or program(command)
        _command(call, command, absolute(where, cwd) if where else cwd)


def _patch(call: Call, text: str, cwd: str) -> None:
    for change in patches.patched(text):
        path = absolute(change.path, cwd)
        call.changes.append(_changed(change._replace(path=path)))


def _changed(change: patches.Change) -> Change:
    """A change by a patch, with fingerprints in place of its lines."""
    _, added, removed = change
    counts = len(added), len(removed)
    return Change(
        change.path, "apply_patch", *counts, fingerprints(added), fingerprints(removed)
    )


def stated(changes: msgspec.Raw) -> Iterator[Change]:
    """The changes of an event, file by file."""
    for path, each in loose(changes).items():
        if not isinstance(each, dict):
            continue
        text = {key: value for key, value in each.items() if isinstance(value, str)}
        if "unified_diff" in text:
            moved = text.get("move_path") or path
            yield _changed(patches.of_diff(moved, text["unified_diff"]))
        else:
            lines = patches.all_lines(text.get("content", ""))
            gone = text.get("type") == "delete"
            both = ([], lines) if gone else (lines, [])
            yield _changed(patches.Change(path, *both))


_WORK = ("Begin Patch", "<<", "commit", "cherry-pick", "revert", "merge", "rebase")
_MAIL = re.compile(r"am\b(?<!\wam)")
_REQUEST = re.compile(r"(?:pr|mr)\s+create")


def _works(command: str) -> bool:
    """A quick look: most commands neither write a file that is seen nor make commits,
    or ask for them to be merged."""
    return (
        any(each in command for each in _WORK)
        or _MAIL.search(command) is not None
        or ("create" in command and _REQUEST.search(command) is not None)
    )


def _command(call: Call, command: str, cwd: str) -> None:
    if not _works(command):
        return
    if "*** Begin Patch" in command:
        _patch(call, command, shell.directory(command, cwd))
    else:
        call.changes.extend(_written(command, cwd))
    if verbs := shell.commits_made(command):
        call.directory = call.directory or shell.directory(command, cwd)
        call.verbs = f"{call.verbs} {verbs}".strip()
        call.shows = call.shows or shell.shows_its_commit(command)
    call.requests = call.requests or shell.creates_request(command)


def _written(command: str, cwd: str) -> Iterator[Change]:
    """Files written from here-documents; lines that are expanded are only counted."""
    for path, lines, literal in shell.heredoc_writes(command, cwd):
        known = lines if literal else [e for e in lines if not _EXPANDED.search(e)]
        yield Change(path, "shell", len(lines), 0, fingerprints(known))


_EXPANDED = re.compile(rb"[$`\\]")


# --- results -------------------------------------------------------------------------


class Result(NamedTuple):
    """What came of a call."""

    begun: str
    """What it printed; ``more`` follows. Of most calls nobody asks for all of it."""
    exit_code: int | None = None
    running: str = ""
    """By what it can be asked for more, where it has not ended."""
    refused: bool = False
    """The person said no."""
    barred: bool = False
    """It was never begun, or broke off."""
    more: Sequence[str] = ()
    """What else a script passed on."""

    @property
    def text(self) -> str:
        """All that it printed."""
        return "\n".join((self.begun, *map(_said, self.more)))


_EXITED = re.compile(r"^(?:Process exited with code|Exit code:) (-?\d+)", re.M)
_RUNNING = re.compile(
    r"^(?:Process running with (session) ID (\w+)|Script running with (cell) ID (\w+))",
    re.M,
)
_REFUSED = re.compile(
    r"(?:rejected|declined|denied|aborted) by (?:the )?user(?! approval settings)"
)
_BARRED = re.compile(
    r"exec_command failed|Script (?:failed|terminated)|Command blocked"
    r"|apply_patch verification failed|failed to parse|failed for|approval required"
    r"|patch rejected|unsupported call|sandbox error"
)
# What is looked for in long outputs begins with a text, for that is found quickly.
_CODES = re.compile(r"exit(?<!\wexit)(?:_code)?\\?[\"']?\s*[:=]\s*(-?\d+)")
_SESSION = re.compile(r"\bsession_id\\?\"?\s*[:=]\s*(\d+)", re.I)
_OUTPUT = re.compile(r"\"output\":\s*\"")
_HEADED = re.compile(r"\A(?:.*\n){0,80}?Output:(?:\n|\Z)")


def result_of(output: msgspec.Raw) -> Result:
    """What a result says, in whatever shape a version wrote it."""
    try:
        value = msgspec.json.decode(output)
    except UNREADABLE:
        return Result("")
    if isinstance(value, str) and value.startswith('{"') and (held := loose(value)):
        value = held
    if isinstance(value, dict):
        return _structured(value)
    parts = [value] if isinstance(value, str) else list(_parts(value))
    if not parts:
        return Result("")
    return _worded(parts[0], parts[1:])


def _structured(value: dict[str, Any]) -> Result:
    """A result of older versions: an object with the output and its exit code."""
    text = value.get("output", value.get("content", value.get("text")))
    metadata = value.get("metadata")
    code = metadata.get("exit_code") if isinstance(metadata, dict) else None
    text = text if isinstance(text, str) else ""
    return Result(
        text,
        code if isinstance(code, int) else None,
        refused=_REFUSED.search(text[:300]) is not None,
        barred=_BARRED.match(text) is not None,
    )


def _worded(first: str, others: list[str]) -> Result:
    """A result with a few lines of words before the output."""
    headed = _HEADED.match(first)
    head = headed[0] if headed else first
    exited, running = _EXITED.search(head), _RUNNING.search(head)
    code = int(exited[1]) if exited else None
    name = " ".join(each for each in running.groups() if each) if running else ""
    if head.startswith("Script "):
        printed = "\n".join(others)
        codes = [int(each) for each in _CODES.findall(printed)]
        code = next((each for each in codes if each), codes[0] if codes else None)
        unnamed = not (codes or name) and "session_id" in printed.lower()
        session = _SESSION.search(printed) if unnamed else None
        name = f"session {session[1]}" if session else name
    answer = head if headed else first[:300]
    return Result(
        first[len(head) :] if headed else first,
        code,
        name,
        refused=code is None and _REFUSED.search(answer) is not None,
        barred=code is None and _BARRED.match(answer) is not None,
        more=others,
    )


def _parts(value: object) -> Iterator[str]:
    for each in value if isinstance(value, list) else ():
        text = each.get("text") if isinstance(each, dict) else each
        if isinstance(text, str):
            yield text


def _said(text: str) -> str:
    """What a script passed on, without the JSON that it may be wrapped in."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return text
    try:
        return "\n".join(_outputs(msgspec.json.decode(text)))
    except UNREADABLE:
        # Long texts are cut in the middle; their lines are still to be seen.
        return _OUTPUT.sub("\n", text).replace("\\n", "\n")


def _outputs(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _outputs(value.get("output", value.get("stdout")))
        yield from _outputs(value.get("value"))
    elif isinstance(value, list):
        for each in value:
            yield from _outputs(each)


_BROKEN_OFF = re.compile(r"aborted by (?:the )?user")


def came(result: Result) -> ToolOutcome:
    """What came of a call."""
    if result.refused:
        broken_off = _BROKEN_OFF.search(result.text[:300])
        return "interrupted" if broken_off else "rejected"
    return "failed" if result.barred or result.exit_code else "ok"


_SUCCESS = re.compile(r"Success\. Updated the following files")


def outcome(change: Change, call: Call, result: Result) -> Outcome:
    """What came of a change that no event told of.

    A here-document is written even where a later command of its line fails.
    """
    if result.refused:
        return "rejected"
    if result.barred:
        return "failed"
    certain = change.tool == "shell" or call.scripted or result.exit_code == 0
    return "accepted" if certain or _SUCCESS.search(result.text) else "failed"
