"""What a line of a Codex rollout tells of files that were changed and commits made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from homes import Line, codex, event, meta, packed, rollout, subagent_meta, thread
from hypothesis import given
from hypothesis import strategies as st

from burnmon.agents import codex_work
from burnmon.agents.rollout import named_thread
from burnmon.work import MOST_PENDING, Work, WorkTrail, fingerprints

CORPUS = Path(__file__).parents[1].parent / "shared" / "corpus" / "codex"

PATCH = """*** Begin Patch
*** Update File: src/app.py
@@ def main():
-    return first
+    return second

*** Add File: /elsewhere/new.py
+import this
+x = 1
*** End Patch
"""


def read(*lines: Line | bytes, number: int = 1) -> tuple[Work, WorkTrail]:
    """What a file's lines state, and the trail they lead to."""
    trail = WorkTrail(session_id=named_thread(rollout(number)))
    raw = [line if isinstance(line, bytes) else packed(line) for line in lines]
    return codex_work.work(raw, trail, "home"), trail


def session(*lines: Line | bytes) -> Work:
    """What lines of a session in ``/w`` on ``main`` state."""
    start = meta(1, cwd="/w", git={"branch": "main"})
    return read(start, codex("turn_context", {"cwd": "/w"}), *lines)[0]


def call(name: str, given: Any, call_id: str = "c1", clock: str = "10:01") -> Line:
    """A call of a tool; text is free-form input, anything else JSON arguments."""
    kind = "custom_tool_call" if isinstance(given, str) else "function_call"
    key = "input" if isinstance(given, str) else "arguments"
    value = given if isinstance(given, str) else json.dumps(given)
    payload = {"type": kind, "name": name, "call_id": call_id, key: value}
    return codex("response_item", payload, clock)


def output(said: Any, call_id: str = "c1", clock: str = "10:02") -> Line:
    """The result of a call."""
    payload = {"type": "function_call_output", "call_id": call_id, "output": said}
    return codex("response_item", payload, clock)


def shell(command: str, **more: Any) -> Line:
    return call("exec_command", {"cmd": command, **more})


def exited(code: int, printed: str) -> str:
    return f"Chunk ID: 1\nProcess exited with code {code}\nOutput:\n{printed}"


def ended(changes: Line, clock: str = "10:01:30", **more: Any) -> Line:
    """The event that tells what a patch did."""
    given = {"call_id": "c1", "success": True, "changes": changes, **more}
    return event("patch_apply_end", clock, **given)


UPDATED = {
    "type": "update",
    "unified_diff": "@@ -1,2 +1,2 @@\n f():\n-    return first\n+    return third\n",
    "move_path": None,
}
SUCCESS = "Success. Updated the following files:\nM src/app.py\n"


def edits(work: Work) -> list[tuple[str, str, int, int]]:
    """Path, outcome and numbers of lines of each edit."""
    return [(e.path, e.outcome, e.lines_added, e.lines_removed) for e in work.edits]


# --- patches -------------------------------------------------------------------------


def test_patch_is_an_edit_of_each_file() -> None:
    """A patch that was applied edits its files, with fingerprints of their lines."""
    work = session(
        call("apply_patch", PATCH), output(f"Exit code: 0\nOutput:\n{SUCCESS}")
    )
    assert edits(work) == [
        ("/w/src/app.py", "accepted", 1, 1),
        ("/elsewhere/new.py", "accepted", 2, 0),
    ]
    first = work.edits[0]
    assert first.added == fingerprints([b"return second"])
    assert first.removed == fingerprints([b"return first"])
    assert (first.tool, first.project, first.branch) == ("apply_patch", "/w", "main")
    assert (first.session_id, first.subagent) == (thread(1), "")


def test_patch_is_counted_once() -> None:
    """What an event tells of a patch stands in place of what its call asked for."""
    work = session(
        call("apply_patch", PATCH), ended({"/w/src/app.py": UPDATED}), output(SUCCESS)
    )
    assert edits(work) == [("/w/src/app.py", "accepted", 1, 1)]
    assert work.edits[0].added == fingerprints([b"return third"])


def test_event_and_call_name_the_same_edit() -> None:
    """An edit has one identity, whichever of its lines a version wrote."""
    told = session(ended({"/w/src/app.py": UPDATED}))
    asked = session(call("apply_patch", PATCH), output(SUCCESS))
    assert told.edits[0].key == asked.edits[0].key


@pytest.mark.parametrize(
    ("change", "edit"),
    [
        pytest.param(
            {"type": "add", "content": "a\n\nb\n"}, ("/w/a", "accepted", 3, 0), id="add"
        ),
        pytest.param(
            {"type": "delete", "content": "a\nb"},
            ("/w/a", "accepted", 0, 2),
            id="delete",
        ),
        pytest.param(
            {**UPDATED, "move_path": "/w/b"}, ("/w/b", "accepted", 1, 1), id="move"
        ),
        pytest.param(
            {"type": "update", "unified_diff": "@@ -1 +0,0 @@\n--- a rule\n"},
            ("/w/a", "accepted", 0, 1),
            id="line that looks like a header",
        ),
    ],
)
def test_changes(change: Line, edit: tuple[str, str, int, int]) -> None:
    """An event tells of files that were added, deleted, moved and changed."""
    assert edits(session(ended({"/w/a": change}))) == [edit]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        pytest.param("apply_patch verification failed: x", "failed", id="no match"),
        pytest.param("patch rejected by user", "rejected", id="refused"),
        pytest.param("aborted by user after 3.1s", "rejected", id="interrupted"),
        pytest.param(
            "patch rejected: outside of /w; rejected by user approval settings",
            "failed",
            id="not allowed",
        ),
        pytest.param("Exit code: 1\nOutput:\nno such file", "failed", id="exit code"),
        pytest.param(
            json.dumps({"output": SUCCESS, "metadata": {"exit_code": 0}}),
            "accepted",
            id="old result",
        ),
    ],
)
def test_outcomes(said: str, outcome: str) -> None:
    """What was not carried out is failed, or rejected where the person said no."""
    work = session(call("apply_patch", PATCH), output(said))
    assert {each.outcome for each in work.edits} == {outcome}
    assert all(bool(each.added) == (outcome == "accepted") for each in work.edits)


def test_patch_by_a_shell() -> None:
    """A patch that is given to a shell command is read from there."""
    command = f"cd sub && apply_patch <<'EOF'\n{PATCH}EOF"
    work = session(
        call("shell", {"command": ["bash", "-lc", command]}), output(SUCCESS)
    )
    assert edits(work)[0] == ("/w/src/app.py", "accepted", 1, 1)


def test_file_change_item() -> None:
    """Newer versions tell of a patch as a completed item."""
    item = {
        "type": "FileChange",
        "id": "c1",
        "status": "declined",
        "changes": {"/w/a": UPDATED},
    }
    work = session(call("apply_patch", PATCH), event("item_completed", item=item))
    assert edits(work) == [("/w/a", "rejected", 1, 1)]


def test_heredoc_is_an_edit() -> None:
    """A file that a shell writes is edited, even where a later command fails."""
    work = session(
        shell("cat > a.py <<EOF\nfirst line\nsecond $x\nEOF\nmake", workdir="/w/sub"),
        output(exited(2, "")),
    )
    assert edits(work) == [("/w/sub/a.py", "accepted", 2, 0)]
    assert work.edits[0].added == fingerprints([b"first line"])
    assert work.edits[0].tool == "shell"


def test_patch_of_a_patch() -> None:
    """A patch that writes of patches is still one patch."""
    inner = "*** Begin Patch\n*** Add File: b\n+what is added\n*** End Patch\n"
    added = "".join(f"+{line}\n" for line in inner.splitlines())
    patch = f"*** Begin Patch\n*** Add File: a\n{added}*** End Patch\n"
    work = session(call("apply_patch", patch), output(SUCCESS))
    assert edits(work) == [("/w/a", "accepted", 4, 0)]


def test_one_edit_for_each_file() -> None:
    """A call that writes a file twice edits it once, with the lines of both."""
    once = "cat >> a <<'E'\nsome line\nE\n"
    work = session(shell(once + once), output(exited(0, "")))
    assert edits(work) == [("/w/a", "accepted", 2, 0)]


def test_failed_event_without_files() -> None:
    """A patch whose event names no file is told by its call and result."""
    work = session(
        call("apply_patch", PATCH),
        ended({}, success=False),
        output("apply_patch verification failed"),
    )
    assert [each.outcome for each in work.edits] == ["failed", "failed"]


# --- commits -------------------------------------------------------------------------

LINE = "[main 1a2b3c4] Add it\n 1 file changed\n"
EXECUTED = {
    "type": "CommandExecution",
    "id": "c1",
    "exit_code": 0,
    "aggregated_output": LINE,
}
PRINTED = (("main", "1a2b3c4", "Add it"),)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([output(exited(0, LINE))], id="words"),
        pytest.param(
            [output(json.dumps({"output": LINE, "metadata": {"exit_code": 0}}))],
            id="object",
        ),
        pytest.param([output([{"type": "input_text", "text": LINE}])], id="list"),
        pytest.param([output(exited(1, LINE + "push failed"))], id="later failure"),
        pytest.param(
            [
                event(
                    "exec_command_end", "10:02", call_id="c1", exit_code=0, stdout=LINE
                )
            ],
            id="event",
        ),
        pytest.param(
            [event("item_completed", "10:02", item=EXECUTED)],
            id="item",
        ),
        pytest.param(
            [
                output("Process running with session ID 7\nOutput:\n"),
                call("write_stdin", {"session_id": 7, "chars": ""}, "c2"),
                output(exited(0, LINE), "c2"),
            ],
            id="later output",
        ),
    ],
)
def test_commit_call(lines: list[Line]) -> None:
    """A commit is known from the result, in every shape a version wrote it."""
    work = session(shell("cd sub && git commit -m 'Add it'"), *lines)
    assert [(c.verb, c.printed, c.project) for c in work.calls] == [
        ("commit", PRINTED, "/w/sub")
    ]
    assert work.calls[0].begun_at <= work.calls[0].at


@pytest.mark.parametrize(
    ("command", "said", "printed"),
    [
        pytest.param("git commit -qm x", exited(0, ""), [()], id="quiet"),
        pytest.param(
            "git commit -qm x; git log --oneline -1",
            exited(0, "1a2b3c4 x"),
            [(("", "1a2b3c4", "x"),)],
            id="shown afterwards",
        ),
        pytest.param("git commit -m x", exited(1, "nothing to commit"), [], id="none"),
        pytest.param("git commit -m x", "aborted by user after 2s", [], id="refused"),
        pytest.param("git log --grep commit", exited(0, LINE), [], id="no commit"),
    ],
)
def test_quiet_commits(command: str, said: str, printed: list[Any]) -> None:
    """A commit that git does not print counts only where the command succeeded."""
    work = session(shell(command), output(said))
    assert [each.printed for each in work.calls] == printed


def test_pull_request() -> None:
    """A pull request that a command created belongs to the session."""
    url = "https://github.com/o/r/pull/12"
    work = session(shell("gh pr create --fill"), output(exited(0, url)))
    assert [(m.kind, m.detail, m.session_id) for m in work.marks] == [
        ("pr", url, thread(1))
    ]


# --- scripts -------------------------------------------------------------------------

SCRIPT = """// git commit
const r = await tools.exec_command({"cmd":"git commit -m \\"it's\\"", workdir: '/x'});
text(JSON.stringify(r));"""


def parts(*texts: str) -> Line:
    head = "Script completed\nWall time 1.0 seconds\nOutput:\n"
    return output([{"type": "input_text", "text": each} for each in (head, *texts)])


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(LINE, id="text"),
        pytest.param(json.dumps({"exit_code": 0, "output": LINE}), id="object"),
        pytest.param(
            json.dumps({"exit_code": 0, "output": LINE}).replace("}", "…"), id="cut off"
        ),
    ],
)
def test_commit_by_a_script(said: str) -> None:
    """A script's literals tell what it runs, and where."""
    work = session(call("exec", SCRIPT), parts(said))
    assert [(each.printed, each.project) for each in work.calls] == [(PRINTED, "/x")]


@pytest.mark.parametrize(
    ("script", "where"),
    [
        pytest.param(
            "exec_command({workdir: '/x', cmd: 'git commit'})", "/x", id="before"
        ),
        pytest.param(
            "const workdir='sub', cmd='git commit'; f({cmd})", "/w/sub", id="const"
        ),
        pytest.param("exec_command({cmd: `git commit`})", "/w", id="none"),
        pytest.param(
            "exec_command({cmd: 'ls', workdir: '/y'});"
            " exec_command({'workdir': '/x', \"cmd\": 'git commit'})",
            "/x",
            id="second",
        ),
    ],
)
def test_directory_of_a_script(script: str, where: str) -> None:
    """A command of a script runs where its call or the script's constant says."""
    work = session(call("exec", script), parts(LINE))
    assert [each.project for each in work.calls] == [where]


def test_script_that_computes_its_patch() -> None:
    """A patch that is put together by a script is known from its event alone."""
    script = "apply_patch(`*** Begin Patch\n*** Add File: ${name}\n+x\n*** End Patch`)"
    assert session(call("exec", script), parts("{}")).edits == []


def test_script_that_goes_on() -> None:
    """What a script waits for is heard when it is told."""
    work = session(
        call("exec", SCRIPT),
        output("Script running with cell ID 3\nOutput:\n"),
        call("wait", {"cell_id": "3"}, "c2"),
        codex(
            "response_item",
            {
                "type": "function_call_output",
                "call_id": "c2",
                "output": [
                    {"type": "input_text", "text": "Script completed\nOutput:\n"},
                    {"type": "input_text", "text": LINE},
                ],
            },
        ),
    )
    assert [each.printed for each in work.calls] == [PRINTED]


def test_command_that_outlives_its_script() -> None:
    """A later script that asks for a command's output brings its commit."""
    later = "text((await tools.write_stdin({session_id: 97, chars: ''})).output)"
    work = session(
        call("exec", SCRIPT),
        parts('{"session_id":97,"output":""}'),
        call("exec", later, "c2"),
        output([{"text": "Script completed\nOutput:\n"}, {"text": LINE}], "c2"),
    )
    assert [each.printed for each in work.calls] == [PRINTED]


def test_calls_without_results() -> None:
    """Calls that never get a result are given up, the oldest first, and so is what
    still runs of theirs; the newest are waited for."""
    goes_on = output("Process running with session ID 7\nOutput:\n", "first")
    made = {"cmd": "git commit -m x"}
    names = [f"lost-{number}" for number in range(MOST_PENDING + 50)]
    first, *lost = (call("exec_command", made, each) for each in ("first", *names))
    work, trail = read(first, goes_on, *lost)
    assert len(trail.pending) == MOST_PENDING
    assert trail.memory["running"] == {}
    work, trail = read(*lost, output(exited(0, LINE), names[-1]))
    assert [each.printed for each in work.calls] == [PRINTED]


SCRIPTED_PATCH = (
    f"const patch = {json.dumps(PATCH)};\ntext(await tools.apply_patch(patch));"
)


def test_patch_by_a_script() -> None:
    """A patch in a script is told by an event with another id, or by the result."""
    told = session(
        call("exec", SCRIPTED_PATCH),
        ended({"/w/src/app.py": UPDATED}, call_id="exec-1"),
        parts("{}"),
    )
    assert edits(told) == [
        ("/w/src/app.py", "accepted", 1, 1),
        ("/elsewhere/new.py", "accepted", 2, 0),
    ]
    failed = "Script failed\nOutput:\napply_patch verification failed"
    untold = session(call("exec", SCRIPTED_PATCH), output(failed))
    assert {each.outcome for each in untold.edits} == {"failed"}


# --- whose work it is ----------------------------------------------------------------

WORK = [
    call("apply_patch", PATCH, clock="10:30"),
    ended({"/w/src/app.py": UPDATED}, clock="10:30"),
    output(SUCCESS, clock="10:30"),
    call("exec_command", {"cmd": "git commit -m x"}, "c2", clock="10:30"),
    output(exited(0, LINE), "c2", clock="10:30"),
]


def test_replay_is_not_work_of_the_fork() -> None:
    """What a fork replays of its parent is not done again."""
    work, _ = read(meta(2, "10:30"), meta(1, "10:30"), *WORK, number=2)
    assert work == Work()


def test_result_of_a_replayed_call() -> None:
    """A call that was replayed is never the fork's, even if its result follows."""
    work, _ = read(
        meta(2, "10:30"),
        meta(1, "10:30"),
        WORK[0],
        ended({"/w/src/app.py": UPDATED}, clock="10:40"),
        output(SUCCESS, clock="10:40"),
        number=2,
    )
    assert work == Work()


def test_fork_works_after_the_replay() -> None:
    """A fork's own work begins with the first line that does not follow at once."""
    own = call("apply_patch", PATCH, "c9", "10:31"), output(SUCCESS, "c9", "10:32")
    work, _ = read(meta(2, "10:30"), meta(1, "10:30"), *WORK, *own, number=2)
    assert len(work.edits) == 2
    assert {each.session_id for each in work.edits} == {thread(2)}


def test_replay_ends_where_the_time_is_written_last() -> None:
    """The pause after a replay is seen there too."""
    wide = {"input": PATCH, "note": "x" * 300}
    own = call("apply_patch", wide, "c9", "10:31"), output(SUCCESS, "c9", "10:32")
    for each in own:
        each["timestamp"] = each.pop("timestamp")
    work, _ = read(meta(2, "10:30"), meta(1, "10:30"), *WORK, *own, number=2)
    assert len(work.edits) == 2


def test_copied_items_of_a_subagent() -> None:
    """Lines before the ordinal at which a sub-agent's history begins are copies."""
    start = subagent_meta(2, 1)
    start["payload"]["subagent_history_start_ordinal"] = 8
    numbered = [{**each, "ordinal": 3 + n} for n, each in enumerate(WORK)]
    work, _ = read(start, *numbered, number=2)
    assert work == Work()


def test_subagent_works_for_its_session() -> None:
    """A sub-agent's edits belong to the session that began it."""
    work, _ = read(subagent_meta(2, 1), *WORK, number=2)
    assert {(each.session_id, each.subagent) for each in work.edits} == {
        (thread(1), thread(2))
    }


# --- damage and pieces ---------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"timestamp":"x","type":"event_msg","payl', id="cut off"),
        pytest.param(b'{"type":"session_meta","payload":[]}', id="shape"),
        pytest.param(b"\xff\x00apply_patch", id="bytes"),
        pytest.param(packed(call("exec_command", ["git commit"])), id="arguments"),
        pytest.param(packed(output(5)), id="number"),
        pytest.param(packed(ended({"/w/a": 5})), id="change"),
    ],
)
def test_damaged_lines(line: bytes) -> None:
    """A damaged line tells of nothing and does no harm to the others."""
    work = session(call("apply_patch", PATCH), line, output(SUCCESS))
    assert len(work.edits) <= 2
    after = session(line, call("apply_patch", PATCH, "c5"), output(SUCCESS, "c5"))
    assert len(after.edits) == 2


def test_glued_lines() -> None:
    """Two lines without a newline between them are both read."""
    glued = packed(call("apply_patch", PATCH)) + packed(output(SUCCESS))
    assert len(session(glued).edits) == 2


EVERYTHING = [
    packed(each)
    for each in (
        meta(2, "10:30"),
        meta(1, "10:30"),
        *WORK,
        call("apply_patch", PATCH, "d1", "10:31"),
        ended({"/w/src/app.py": UPDATED}, "10:31", call_id="d1"),
        output(SUCCESS, "d1", "10:31"),
        call("exec", SCRIPT + SCRIPTED_PATCH, "d2", "10:32"),
        output("Script running with cell ID 3\nOutput:\n", "d2", "10:32"),
        ended({"/w/src/app.py": UPDATED}, "10:32", call_id="exec-1"),
        call("wait", {"cell_id": "3"}, "d3", "10:33"),
        output(
            [{"text": "Script completed\nOutput:\n"}, {"text": LINE}], "d3", "10:33"
        ),
        call("exec_command", {"cmd": "git commit -m x; gh pr create"}, "d4", "10:34"),
        output(f"Process running with session ID 7\nOutput:\n{LINE}", "d4", "10:34"),
        call("write_stdin", {"session_id": 7}, "d5", "10:35"),
        output(exited(0, "https://github.com/o/r/pull/1"), "d5", "10:35"),
    )
]


def in_pieces(lines: list[bytes], cuts: list[int]) -> tuple[Work, WorkTrail]:
    """What lines state that are read in pieces, by readers who only keep JSON."""
    work, trail = Work(), WorkTrail(session_id=named_thread(rollout(2)))
    for start, stop in zip([0, *cuts], [*cuts, len(lines)], strict=True):
        part = codex_work.work(lines[start:stop], trail, "home")
        work.edits += part.edits
        work.calls += part.calls
        work.tools += part.tools
        work.marks += part.marks
        trail.pending = json.loads(json.dumps(trail.pending))
        trail.memory = json.loads(json.dumps(trail.memory))
    return work, trail


def test_everything_is_there() -> None:
    """The lines that are cut below state edits, commits and a pull request."""
    work, trail = in_pieces(EVERYTHING, [])
    assert (len(work.edits), len(work.calls), len(work.marks)) == (3, 2, 1)
    assert len(work.tools) == 5
    assert trail.pending == {}


@given(st.lists(st.integers(0, len(EVERYTHING)), max_size=8).map(sorted))
def test_pieces(cuts: list[int]) -> None:
    """Lines state the same in whatever pieces they are read."""
    assert in_pieces(EVERYTHING, cuts) == in_pieces(EVERYTHING, [])


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recorded sessions are not there")
@pytest.mark.parametrize("step", [1, 7])
def test_recorded_sessions_in_pieces(step: int) -> None:
    """Recorded sessions state the same in whatever pieces they are read."""
    for path in sorted(CORPUS.rglob("rollout-*.jsonl"))[::9]:
        lines = path.read_bytes().splitlines(keepends=True)
        cuts = list(range(step, len(lines), step))
        assert in_pieces(lines, cuts) == in_pieces(lines, [])
