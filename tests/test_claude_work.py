"""What a line of Claude Code tells of files that were changed and commits made."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from homes import Line, at, line, packed
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict
from works import CALL, CANARY, answers, asks, committed, edit, edited, patched

from burnmon.agents.claude_work import work
from burnmon.work import MOST_PENDING, Work, WorkTrail, fingerprints

REFUSED = "The user doesn't want to proceed with this tool use. The tool use was"
REFUSED_BELOW = "Permission for this tool use was denied. The tool use was rejected"
INTERRUPTED = "[Request interrupted by user for tool use]"
QUOTED = "<tool_use_error>String to replace not found in file.\nString: "


def read(*lines: Line | bytes) -> tuple[Work, WorkTrail]:
    """What a file's lines state, and the trail they lead to."""
    trail = WorkTrail(session_id="S1", first_at=1)
    return work([x if isinstance(x, bytes) else packed(x) for x in lines], trail, ""), (
        trail
    )


def session(*lines: Line | bytes) -> Work:
    return read(*lines)[0]


def edits(found: Work) -> list[tuple[str, str, int, int]]:
    """Path, outcome and numbers of lines of each edit."""
    return [(e.path, e.outcome, e.lines_added, e.lines_removed) for e in found.edits]


# --- edits ---------------------------------------------------------------------------


def test_patch_tells_what_was_changed() -> None:
    """The result's patch tells the lines, not what the call asked for."""
    (found,) = session(
        asks("Edit", **edit()),
        answers(patched(" same", "-old words", "+new words", "+", "\\ No newline")),
    ).edits
    assert (found.path, found.tool, found.outcome) == (
        "/home/dev/w/a.py",
        "Edit",
        "accepted",
    )
    assert (found.lines_added, found.lines_removed) == (2, 1)
    assert found.added == fingerprints([b"new words"])
    assert found.removed == fingerprints([b"old words"])
    assert (found.session_id, found.project, found.branch) == (
        "S1",
        "/home/dev/w",
        "main",
    )


def test_edit_is_dated_when_its_result_is_there() -> None:
    """Lines are in a file from the result on, not from the call on."""
    (found,) = session(*edited("t", "10:00", "10:07")).edits
    assert found.at == 1795169220000


def test_edit_without_patch() -> None:
    """Where a result tells nothing, the lines that differ in the call stand."""
    asked = edit("keep this\nold words\nand that", "keep this\nnew words\nand that")
    (found,) = session(asks("Edit", **asked), answers()).edits
    assert (found.added, found.removed) == (
        fingerprints([b"new words"]),
        fingerprints([b"old words"]),
    )


@pytest.mark.parametrize("moved", [0, 300])
def test_longer_edit_without_patch(moved: int) -> None:
    """Long texts are compared as well, as what they hold, not in their order."""
    old = [f"line number {n}" for n in range(900)]
    new = [*old[moved : moved + 300], *old[:moved], *old[moved + 300 :], "one more"]
    new[800] = "another line"
    (found,) = session(
        asks("Edit", **edit("\n".join(old), "\n".join(new))), answers()
    ).edits
    assert found.removed == fingerprints([b"line number 800"])
    assert found.lines_added == 2


@pytest.mark.parametrize(
    ("tool", "asked", "told", "counts"),
    [
        pytest.param(
            "Write",
            {"content": "one\n\ntwo\n"},
            {"type": "create", "structuredPatch": [], "originalFile": None},
            (3, 0),
            id="new file",
        ),
        pytest.param(
            "Write",
            {"content": "one\ntwo\n"},
            patched("-zero", "+one", " two", type="update"),
            (1, 1),
            id="rewritten file",
        ),
        pytest.param(
            "Write",
            {"content": "one\n"},
            {
                "type": "update",
                "structuredPatch": [],
                "content": "one\n",
                "originalFile": "one\n",
            },
            (0, 0),
            id="file written as it was",
        ),
        pytest.param(
            "Write",
            {"content": "one\n"},
            {
                "type": "update",
                "structuredPatch": [],
                "content": "one\n",
                "originalFile": "two\n",
            },
            (1, 0),
            id="patch that took too long",
        ),
        pytest.param(
            "MultiEdit",
            {
                "edits": [
                    {"old_string": "a", "new_string": "b\nc"},
                    {"old_string": "d", "new_string": ""},
                ]
            },
            None,
            (2, 2),
            id="several edits",
        ),
        pytest.param("MultiEdit", {"edits": "none"}, None, (0, 0), id="no edits"),
        pytest.param("Edit", {"old_string": 5}, None, (0, 0), id="no text"),
        pytest.param("Edit", {}, "a mere text", (0, 0), id="text as result"),
        pytest.param("Edit", {}, [{"type": "text"}], (0, 0), id="list as result"),
        pytest.param(
            "Edit",
            edit(),
            patched("+own", "+words", userModified=True),
            (2, 0),
            id="changed by the person",
        ),
    ],
)
def test_tools(tool: str, asked: Line, told: Any, counts: tuple[int, int]) -> None:
    """Each tool says in its own way what it adds and removes."""
    given = {"file_path": "/w/a", **asked}
    (found,) = session(asks(tool, **given), answers(told)).edits
    assert (found.lines_added, found.lines_removed) == counts


def test_notebook() -> None:
    """What changed in a notebook is what changed in its file."""
    before = '{\n "source": "print(1)",\n "outputs": []\n}'
    after = '{\n "source": "print(2)\\nprint(3)",\n "outputs": []\n}'
    told = {
        "notebook_path": "/w/n.ipynb",
        "original_file": before,
        "updated_file": after,
        "old_source": "print(1)",
        "new_source": "print(2)\nprint(3)",
        "error": "",
    }
    asked = {"notebook_path": "/w/n.ipynb", "new_source": "print(2)\nprint(3)"}
    (found,) = session(asks("NotebookEdit", **asked), answers(told)).edits
    assert (found.path, found.tool) == ("/w/n.ipynb", "NotebookEdit")
    assert found.added == fingerprints([rb' "source": "print(2)\nprint(3)",'])
    assert found.removed == fingerprints([b' "source": "print(1)",'])


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        pytest.param(REFUSED, "rejected", id="refused"),
        pytest.param(f"Error: {REFUSED}", "rejected", id="refused, as an error"),
        pytest.param(REFUSED_BELOW, "rejected", id="refused in a sub-agent"),
        pytest.param(INTERRUPTED, "rejected", id="interrupted"),
        pytest.param([{"type": "text", "text": REFUSED}], "rejected", id="in a list"),
        pytest.param(QUOTED + REFUSED, "failed", id="refusal in the text"),
        pytest.param("Sibling tool call errored", "failed", id="sibling"),
        pytest.param("PreToolUse:Edit hook error", "failed", id="hook"),
        pytest.param({"odd": 1}, "failed", id="no text"),
    ],
)
def test_outcomes(said: Any, outcome: str) -> None:
    """A person refuses, everything else fails; neither writes a line."""
    found = session(
        asks("Edit", **edit()), answers("Error", content=said, is_error=True)
    )
    assert edits(found) == [("/home/dev/w/a.py", outcome, 0, 0)]
    assert found.edits[0].added == found.edits[0].removed == b""


@pytest.mark.parametrize(
    ("path", "cwd", "place"),
    [
        ("src/a.py", "/home/dev/w", "/home/dev/w/src/a.py"),
        ("/w/odd\\name", "/home/dev/w", "/w/odd\\name"),
        ("~/a.py", "/home/dev/w", "~/a.py"),
        ("D:\\w\\src\\a.py", "D:\\w", "D:/w/src/a.py"),
        ("src\\a.py", "D:\\w", "D:/w/src/a.py"),
        ("\\\\wsl$\\u\\a.py", "C:\\w", "//wsl$/u/a.py"),
    ],
)
def test_places(path: str, cwd: str, place: str) -> None:
    """A file is named as seen from the session's directory, with slashes."""
    asked = {**asks("Write", file_path=path, content="x"), "cwd": cwd}
    told = {**answers(), "cwd": cwd}
    assert [each.path for each in session(asked, told).edits] == [place]


def test_calls_without_file_or_id() -> None:
    """A call that names no file, or has no id, changes nothing."""
    nameless = asks("Edit", call="", **edit())
    found, trail = read(asks("Edit", old_string="x"), nameless, answers(), answers())
    assert (found.edits, trail.pending) == ([], {})


def test_other_tools() -> None:
    """Reading, searching and the tools of others change no file."""
    found = session(
        asks("Read", file_path="/w/a"),
        answers({"type": "text", "file": {"content": '"Edit"'}}),
        asks("mcp__ide__edit", **edit()),
        answers(),
    )
    assert (found.edits, found.calls, found.marks) == ([], [], [])


def test_result_between_other_calls() -> None:
    """A result counts though its line tells of another call too."""
    normalized = [{"type": "tool_use", "name": "Read"}]
    found = session(
        asks("Edit", **edit()), {**answers(patched("+one more")), "more": normalized}
    )
    assert edits(found) == [("/home/dev/w/a.py", "accepted", 1, 0)]


def test_call_beside_one_that_failed() -> None:
    """An edit that was dropped because a call beside it failed was not refused."""
    said = "<tool_use_error>Sibling tool call errored</tool_use_error>"
    found = session(asks("Edit", **edit()), answers(is_error=True, content=said))
    assert edits(found) == [("/home/dev/w/a.py", "failed", 0, 0)]


# --- results that come first ---------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "edit_"),
    [
        pytest.param(answers(patched("+one", "-two")), ("accepted", 1, 1), id="done"),
        pytest.param(
            answers({"type": "create", "structuredPatch": []}),
            ("accepted", 1, 1),
            id="without patch",
        ),
        pytest.param(
            answers("Error", is_error=True, content=REFUSED),
            ("rejected", 0, 0),
            id="refused",
        ),
    ],
)
def test_result_before_its_call(result: Line, edit_: tuple[str, int, int]) -> None:
    """Some versions write the result of an edit before its call."""
    found, trail = read(result, line("system"), asks("Edit", **edit()))
    assert edits(found) == [("/home/dev/w/a.py", *edit_)]
    assert found.edits[0].at == 1795168860000
    assert trail.pending == trail.memory["early"] == {}


def test_results_whose_calls_never_come() -> None:
    """Of results without a call only the newest few are remembered."""
    _, trail = read(*(answers(patched("+x"), f"t{n}") for n in range(50)))
    assert [*trail.memory["early"]] == [f"t{n}" for n in range(42, 50)]


def test_calls_without_results() -> None:
    """Calls that never get a result are given up, the oldest first."""
    many = range(MOST_PENDING + 5)
    _, trail = read(*(asks("Read", f"t{n}", file_path="a.py") for n in many))
    assert [*trail.pending] == [f"t{n}" for n in many][5:]


def test_call_without_result() -> None:
    """A call that was cut off changed nothing that is known of."""
    found, trail = read(asks("Edit", **edit()))
    assert (found, [*trail.pending]) == (Work(), [CALL])


# --- sub-agents ----------------------------------------------------------------------


def test_progress_lines() -> None:
    """What a sub-agent does is told in its parent's file too, with its own instants."""
    (found,) = session(
        asks("Edit", sub="a1b2c3d", **edit()), answers(sub="a1b2c3d", clock="10:01")
    ).edits
    assert (found.subagent, found.at) == ("a1b2c3d", 1795168860000)


def test_copy_of_a_subagent_has_the_same_key() -> None:
    """A call is one in the sub-agent's own file and in its parent's."""
    copied = session(asks("Edit", sub="a1", **edit()), answers(sub="a1"))
    own = session(asks("Edit", **edit()), answers(patched("+x")))
    assert copied.edits[0].key == own.edits[0].key


# --- commands ------------------------------------------------------------------------


def ran(command: str, told: Any = None, tool: str = "Bash", **block: Any) -> Work:
    return session(asks(tool, command=command), answers(told, **block))


def printed(found: Work) -> list[tuple[tuple[str, str, str], ...]]:
    return [each.printed for each in found.calls]


GIT = "[fix/x d1e24ae7] Bump x\n 2 files changed"


def test_commit() -> None:
    """A commit call knows what git printed, and when it ran."""
    found = ran("git add -A && git commit -m 'Bump x'", {"stdout": GIT})
    (call,) = found.calls
    assert call.printed == (("fix/x", "d1e24ae7", "Bump x"),)
    assert (call.begun_at, call.at) == (1795168800000, 1795168860000)
    assert (call.verb, call.session_id, call.project, call.branch) == (
        "commit",
        "S1",
        "/home/dev/w",
        "main",
    )


@pytest.mark.parametrize("tool", ["Bash", "PowerShell"])
def test_shells(tool: str) -> None:
    """Both shells make commits."""
    command = "git commit -m @'\nBump x\n'@"
    assert printed(ran(command, {"stdout": GIT}, tool)) == [
        (("fix/x", "d1e24ae7", "Bump x"),)
    ]


@pytest.mark.parametrize(
    ("told", "block", "shown"),
    [
        pytest.param({"stdout": GIT}, {}, "d1e24ae7", id="stdout"),
        pytest.param({"stdout": "", "stderr": GIT}, {}, "d1e24ae7", id="stderr"),
        pytest.param(None, {"content": GIT}, "d1e24ae7", id="text"),
        pytest.param(
            None, {"content": [{"type": "text", "text": GIT}]}, "d1e24ae7", id="list"
        ),
        pytest.param(
            {"stdout": "", "gitOperation": {"commit": {"sha": "d1e24ae7"}}},
            {},
            "d1e24ae7",
            id="found by the agent",
        ),
        pytest.param(
            "Error",
            {"content": f"Exit code 1\n{GIT}", "is_error": True},
            "d1e24ae7",
            id="failed later",
        ),
    ],
)
def test_where_a_commit_is_printed(told: Any, block: Line, shown: str) -> None:
    """What git printed is found wherever a version keeps it."""
    found = ran("git commit -m x && make", told, **block)
    assert [[sha for _, sha, _ in each] for each in printed(found)] == [[shown]]


@pytest.mark.parametrize("sha", ["2", 5, None, "not a sha"])
def test_no_sha(sha: Any) -> None:
    """What the agent took for a SHA must be one."""
    told = {"stdout": "", "gitOperation": {"commit": {"sha": sha}}}
    assert printed(ran("git commit -qm x", told)) == [()]


def test_quiet_commit_that_is_shown() -> None:
    """A log behind a quiet commit shows which it was."""
    command = "git commit -qm 'Bump x' && git log --oneline -1"
    assert printed(ran(command, {"stdout": "d1e24ae Bump x\n"})) == [
        (("", "d1e24ae", "Bump x"),)
    ]


@pytest.mark.parametrize(
    ("told", "block"),
    [
        pytest.param(
            "Error", {"is_error": True, "content": "Exit code 1"}, id="failed"
        ),
        pytest.param({"stdout": "", "backgroundTaskId": "b1"}, {}, id="background"),
    ],
)
def test_no_commit(told: Any, block: Line) -> None:
    """A command that failed or is not done yet made no commit that is known."""
    assert ran("git commit -qm x", told, **block).calls == []


HEREDOC = f"cd src && cat > a.py <<'EOF'\nimport {CANARY}\nx = 12345\nEOF\npython a.py"


@pytest.mark.parametrize(
    ("block", "edit_"),
    [
        pytest.param({}, ("accepted", 2, 0), id="done"),
        pytest.param(
            {"is_error": True, "content": "Exit code 1\nNameError"},
            ("accepted", 2, 0),
            id="failed later",
        ),
        pytest.param(
            {"is_error": True, "content": REFUSED}, ("rejected", 0, 0), id="refused"
        ),
        pytest.param(
            {"is_error": True, "content": "Permission to use Bash has been denied."},
            ("failed", 0, 0),
            id="barred",
        ),
    ],
)
def test_heredoc(block: Line, edit_: tuple[str, int, int]) -> None:
    """A here-document is written even where a later command fails."""
    found = ran(HEREDOC, **block)
    assert edits(found) == [("/home/dev/w/src/a.py", *edit_)]
    assert found.edits[0].tool == "shell"


def test_heredocs_of_one_file() -> None:
    """What one command writes to a file, and appends, is one edit."""
    command = "cat > a <<'E'\none line\nE\ncat >> a <<'E'\ntwo lines\nE\n"
    (found,) = ran(command).edits
    assert found.added == fingerprints([b"one line", b"two lines"])


def test_expanded_heredoc() -> None:
    """Lines that the shell fills in are not known."""
    assert ran("cat > a <<E\nhello $USER\nE\n").edits == []


# --- pull requests -------------------------------------------------------------------


def marks(found: Work) -> list[tuple[str, str]]:
    return [(each.kind, each.detail) for each in found.marks]


def test_link() -> None:
    """A session's pull request is marked, without any call."""
    linked = {
        "type": "pr-link",
        "sessionId": "S1",
        "prNumber": 203,
        "prRepository": "o/r",
        "timestamp": at("10:00"),
    }
    assert marks(session(linked, {**linked, "timestamp": None})) == [("pr", "o/r#203")]


def test_created_request() -> None:
    """A command that creates a pull request marks its address, if it succeeded."""
    address = "https://github.com/o/r/pull/7"
    command = "gh pr create --fill"
    assert marks(ran(command, {"stdout": f"{address}\n"})) == [("pr", address)]
    assert marks(ran(command, is_error=True, content=address)) == []
    assert marks(ran("gh pr view", {"stdout": address})) == []


# --- lines that are not as they should be --------------------------------------------

WHOLE = [
    *edited("t1"),
    *committed("t2"),
    asks("Bash", "t3", "10:03", command=HEREDOC),
    answers({"stdout": ""}, "t3", "10:04"),
    answers(patched("+first"), "t4", "10:05"),
    asks("Edit", "t4", "10:05", **edit()),
    asks("Write", "t5", "10:06", "a1", file_path="/w/b", content="x = 1\n"),
    answers(None, "t5", "10:07", "a1"),
]


def test_half_a_character() -> None:
    """Half a surrogate pair, as a cut-off text has it, costs no edit."""
    asked = packed(asks("Edit", **edit(new="NEW"))).replace(b"NEW", rb"words \ud83d")
    told = packed(answers(patched("+NEW"))).replace(b"NEW", rb"words \ud83d")
    assert edits(session(asked, told)) == [("/home/dev/w/a.py", "accepted", 1, 0)]


def test_glued_lines() -> None:
    """Lines that were written without a newline between them are read apart."""
    assert session(b"".join(map(packed, edited("t")))) == session(*edited("t"))


def test_odd_blocks() -> None:
    """Blocks of no known shape are nothing."""
    for content in ("text", 5, None, [5], ["text"], [{"type": 5}], {"type": "x"}):
        odd = line("assistant", message={"content": content}, more='"tool_use" "Edit"')
        assert session(packed(odd).replace(rb"\"", b'"'), odd) == Work()


def test_deep_lines() -> None:
    """A line that is nested too deep is passed over."""
    deep = b'{"type":"assistant","tool_use":"Edit","x":' + b"[" * 100_000
    assert session(deep, b'"tool_use" "Edit" \\ud800' + deep) == Work()


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=60)), st.sampled_from([b'"tool_use" "Edit"', b""]))
def test_any_bytes(lines: list[bytes], prefix: bytes) -> None:
    """No bytes at all are an error."""
    session(*(prefix + each for each in lines))


@settings(max_examples=400)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(WHOLE) - 1),
            st.integers(0, 2000),
            st.integers(0, 40),
            st.sampled_from(
                [b"", b"null", b"[]", b"{}", b"1", b'"x"', b"\\ud83d", b"\xff", b"}"]
            ),
        ),
        max_size=4,
    )
)
def test_damaged_lines(damages: list[tuple[int, int, int, bytes]]) -> None:
    """Lines may be damaged anywhere; the others are read."""
    lines = [packed(each) for each in WHOLE]
    for number, start, length, instead in damages:
        damaged = lines[number]
        start %= len(damaged)
        lines[number] = damaged[:start] + instead + damaged[start + length :]
    assert len(session(*lines).edits) <= 4


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = ["input", "content", "is_error", "toolUseResult", "message", "data", "name"]


@settings(max_examples=300)
@given(
    st.integers(0, len(WHOLE) - 1),
    st.sampled_from([*FIELDS, "id", "tool_use_id", "timestamp", "cwd", "stdout"]),
    VALUES,
)
def test_odd_values(number: int, name: str, value: Any) -> None:
    """Any field may hold anything."""

    def odd(found: Any) -> Any:
        if isinstance(found, dict):
            return {k: value if k == name else odd(v) for k, v in found.items()}
        return [odd(each) for each in found] if isinstance(found, list) else found

    lines: list[Line | bytes] = list(WHOLE)
    lines[number] = json.dumps(odd(WHOLE[number])).encode()
    session(*lines)


# --- pieces --------------------------------------------------------------------------


@given(st.sets(st.integers(1, len(WHOLE) - 1)))
def test_pieces(cuts: set[int]) -> None:
    """Lines read in any pieces state the same, with the trail kept as JSON between."""
    whole, trail = read(*WHOLE)
    assert [each.tool for each in whole.edits] == ["Edit", "shell", "Edit", "Write"]
    total, known = Work(), WorkTrail(session_id="S1", first_at=1)
    stops = [0, *sorted(cuts), len(WHOLE)]
    for start, end in pairwise(stops):
        part = work([packed(each) for each in WHOLE[start:end]], known, "")
        total.edits += part.edits
        total.calls += part.calls
        total.tools += part.tools
        total.marks += part.marks
        known = WorkTrail(**json.loads(json.dumps(asdict(known))))
    assert total == whole
    assert known == WorkTrail(**json.loads(json.dumps(asdict(trail))))


def test_nothing_of_a_text_is_remembered() -> None:
    """While calls wait, no word of code or commands is kept."""
    _, trail = read(
        asks("Edit", "t1", **edit(CANARY, f"{CANARY} 2")),
        asks("Write", "t2", file_path="/w/b", content=CANARY),
        asks("Bash", "t3", command=HEREDOC),
        asks("Bash", "t4", command=f"git commit -m '{CANARY}'"),
        answers(patched(f"+{CANARY}"), "t5"),
        answers("Error", "t6", is_error=True, content=CANARY),
    )
    assert len(trail.pending) == 4
    assert CANARY not in json.dumps(asdict(trail))
