"""What both agents' lines tell of tool calls, and what the ledger keeps of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from homes import AGENT, S1, Line, codex, meta, packed, rollout, sidechain, text
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict
from works import CANARY, A, answers, asks, edit, family, gathered, patched, prompt

from burnmon.agents import claude_work, codex_work
from burnmon.agents.rollout import named_thread
from burnmon.usage.ledger import Ledger
from burnmon.work import ToolCall, WorkTrail

REFUSED = "The user doesn't want to proceed with this tool use."
SIBLING = "<tool_use_error>Sibling tool call errored</tool_use_error>"
TEN, ONE = 1795168800000, 60_000


def claude(*lines: Line) -> list[ToolCall]:
    """The calls that lines of Claude Code state."""
    trail = WorkTrail(session_id="S1", first_at=1)
    return claude_work.work([packed(each) for each in lines], trail, "").tools


def codex_calls(*lines: Line) -> list[ToolCall]:
    """The calls that lines of a Codex thread state."""
    trail = WorkTrail(session_id=named_thread(rollout(1)))
    begun = [meta(1, cwd="/w"), *lines]
    return codex_work.work([packed(each) for each in begun], trail, "").tools


def called(name: str, call_id: str = "c1", clock: str = "10:00", **given: Any) -> Line:
    """A call of a tool of Codex."""
    payload = {"type": "function_call", "name": name, "call_id": call_id}
    return codex("response_item", {**payload, "arguments": json.dumps(given)}, clock)


def came(said: str, call_id: str = "c1", clock: str = "10:01") -> Line:
    """What a call of Codex came to."""
    payload = {"type": "function_call_output", "call_id": call_id, "output": said}
    return codex("response_item", payload, clock)


# --- what a call is ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "given", "target"),
    [
        pytest.param(
            "Bash", {"command": "git commit -m x"}, "git commit", id="program"
        ),
        pytest.param("Read", {"file_path": "/w/src/a.py"}, "a.py", id="file"),
        pytest.param("Grep", {"pattern": "x", "path": "/w/src"}, "src", id="directory"),
        pytest.param("TodoWrite", {"todos": []}, "", id="none"),
        pytest.param("mcp__tracker__get", {"id": 7}, "", id="of a server"),
    ],
)
def test_any_tool(tool: str, given: Line, target: str) -> None:
    """Each call with a result is one, with its tool and the name of its target."""
    (found,) = claude(asks(tool, **given), answers())
    assert (found.tool, found.target, found.outcome) == (tool, target, "ok")
    assert (found.at, found.ended_at) == (TEN, TEN + ONE)
    assert (found.session_id, found.subagent) == ("S1", "")


def test_subagents_call() -> None:
    """A call that a parent's file copied is the sub-agent's."""
    (found,) = claude(asks("Read", sub="a1", file_path="/w/a"), answers(sub="a1"))
    assert (found.session_id, found.subagent) == ("S1", "a1")


def test_call_without_result() -> None:
    """A call that has no result so far is none."""
    assert claude(asks("Read", file_path="/w/a")) == []
    assert codex_calls(called("exec_command", cmd="ls")) == []


def test_result_before_its_call() -> None:
    """Some versions write results first; such a call ended when its result says."""
    (found,) = claude(answers(), asks("Read", file_path="/w/a"))
    assert (found.target, found.ended_at) == ("a", TEN + ONE)


def test_calls_of_one_answer() -> None:
    """Calls of one answer were decided on together, whatever ran in between."""
    first, second = asks("Read", "t1"), asks("Read", "t2", "10:02")
    second["message"]["id"] = first["message"]["id"]
    found = claude(first, answers(None, "t1"), second, answers(None, "t2", "10:03"))
    assert [each.at for each in found] == [TEN, TEN]


# --- the same again ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(
            {"command": "go test  ./...", "description": "Run tests"},
            {"description": "Run them again", "command": "go test ./..."},
            True,
            id="comment",
        ),
        pytest.param({"command": "go test a"}, {"command": "go test b"}, False, id="b"),
        pytest.param({"path": "a", "x": 1}, {"x": 1, "path": "a"}, True, id="order"),
        pytest.param(
            {"file_path": "a"}, {"file_path": "a", "offset": 9}, False, id="part"
        ),
    ],
)
def test_recognised(one: Line, other: Line, same: bool) -> None:
    """A call is the same again if all that it asks for is, its comment aside."""
    first, second = claude(
        asks("Bash", "t1", **one),
        answers(None, "t1"),
        asks("Bash", "t2", **other),
        answers(None, "t2"),
    )
    assert (first.what == second.what) is same
    assert first.key != second.key


def test_recognised_of_codex() -> None:
    """How long a command may take or print does not make it another one."""
    first, second, third = codex_calls(
        called("exec_command", "c1", cmd="go test", yield_time_ms=1000),
        came("Process exited with code 0\nOutput:\n", "c1"),
        called("exec_command", "c2", cmd="go test", yield_time_ms=9000),
        came("Process exited with code 0\nOutput:\n", "c2"),
        called("exec_command", "c3", cmd="go test", workdir="/elsewhere"),
        came("Process exited with code 0\nOutput:\n", "c3"),
    )
    assert first.what == second.what != third.what
    assert (first.tool, first.target) == ("exec_command", "go test")


# --- outcomes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        pytest.param("Exit code 1\nFAIL", "failed", id="exit code"),
        pytest.param("<tool_use_error>File does not exist.", "failed", id="tool"),
        pytest.param(REFUSED, "rejected", id="refused"),
        pytest.param("[Request interrupted by user]", "interrupted", id="interrupted"),
        pytest.param(SIBLING, "interrupted", id="sibling"),
    ],
)
def test_outcomes(said: str, outcome: str) -> None:
    """An error is a failure, unless the person or another call kept it from running."""
    (found,) = claude(asks("Bash", command="x"), answers(is_error=True, content=said))
    assert found.outcome == outcome


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        pytest.param("Process exited with code 0\nOutput:\n", "ok", id="done"),
        pytest.param("Process exited with code 2\nOutput:\n", "failed", id="exit code"),
        pytest.param(
            "Process running with session ID 7\nOutput:\n", "ok", id="runs on"
        ),
        pytest.param("exec_command failed: no such file", "failed", id="not begun"),
        pytest.param("exec command rejected by user", "rejected", id="refused"),
        pytest.param("aborted by user after 3.1s", "interrupted", id="interrupted"),
    ],
)
def test_outcomes_of_codex(said: str, outcome: str) -> None:
    """Codex tells by exit codes, or in words at the beginning."""
    (found,) = codex_calls(called("exec_command", cmd="make"), came(said))
    assert found.outcome == outcome


def test_command_that_goes_on() -> None:
    """Each question for a running command's output is a call; the command is one."""
    runs = "Process running with session ID 7\nOutput:\n"
    found = codex_calls(
        called("exec_command", "c1", cmd="git commit"),
        came(runs, "c1"),
        called("write_stdin", "c2", "10:02", session_id=7),
        came(runs, "c2", "10:03"),
        called("write_stdin", "c3", "10:04", session_id=7),
        came("Process exited with code 0\nOutput:\n", "c3", "10:05"),
    )
    names = [each.tool for each in found]
    assert names == ["exec_command", "write_stdin", "write_stdin"]
    assert found[1].what == found[2].what


# --- pieces --------------------------------------------------------------------------

MIXED = [
    asks("Read", "t1", file_path="/w/a"),
    answers(None, "t0"),
    asks("Bash", "t2", "10:02", command=f"echo {CANARY}"),
    answers(None, "t2", "10:03"),
    answers(None, "t1", "10:04", is_error=True, content=CANARY),
    asks("Grep", "t0", "10:05", pattern=CANARY),
    asks("Task", "t3", "10:06", prompt=CANARY),
    asks("Edit", "t4", "10:07", "a1", **edit(CANARY)),
    answers(patched(f"-{CANARY}"), "t4", "10:08", "a1"),
    answers(None, "t3", "10:09"),
]


@given(st.sets(st.integers(1, len(MIXED) - 1)))
def test_pieces(cuts: set[int]) -> None:
    """Calls are the same in whatever pieces lines are read; no text waits between."""
    trail, found = WorkTrail(session_id="S1", first_at=1), list[ToolCall]()
    for piece in pieces([packed(each) for each in MIXED], sorted(cuts)):
        found += claude_work.work(piece, trail, "").tools
        kept = json.dumps(asdict(trail))
        assert CANARY not in kept
        trail = WorkTrail(**json.loads(kept))
    assert found == claude(*MIXED)
    assert [each.tool for each in found] == ["Bash", "Read", "Grep", "Edit", "Task"]


def pieces(lines: list[bytes], cuts: Sequence[int]) -> list[list[bytes]]:
    return [
        lines[start:end]
        for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True)
    ]


# --- the ledger ----------------------------------------------------------------------


def test_ledger_gives_them_back(tmp_path: Path) -> None:
    """What was read is what is asked for later."""
    lines = [asks("Bash", command="make"), answers(is_error=True, content=REFUSED)]
    with Ledger(None) as ledger:
        gathered(ledger, tmp_path, {A: text(prompt("09:00"), *lines)})
        (found,) = ledger.work.tools()
    (expected,) = claude(*lines)
    assert found == expected._replace(session_id="A")


def test_spans_and_sessions(tmp_path: Path) -> None:
    """Calls are asked for by when they were made and by session, oldest first."""
    eleven, noon = (datetime(2026, 11, 20, n, tzinfo=UTC) for n in (11, 12))
    with Ledger(None) as ledger:
        work = gathered(ledger, tmp_path, family()).work
        assert [each.session_id for each in work.tools(eleven)] == ["B", "C"]
        assert [each.session_id for each in work.tools(eleven, noon)] == ["B"]
        assert len(work.tools(sessions=["A"])) == 2
        assert len(work.tools(sessions=["A", "C"])) == 3
        assert work.tools(sessions=[]) == work.tools(sessions=["Z"]) == []


def test_one_session_is_quick(tmp_path: Path) -> None:
    """The calls of a session are found by an index."""
    with Ledger(None) as ledger:
        question = "EXPLAIN QUERY PLAN SELECT * FROM tool_call WHERE session IN (5)"
        plan = ledger._db.execute(f"{question} AND at >= 0 AND at < 9").fetchall()
    assert "tool_call_session" in str(plan)


def test_call_in_a_subagents_file_and_its_parents(tmp_path: Path) -> None:
    """A call that two files have is one."""
    more = {"isSidechain": True, "agentId": "a1b2c3d"}
    own = [{**asks("Read", file_path="/w/a"), **more}, {**answers(), **more}]
    copied = asks("Read", sub="a1b2c3d", file_path="/w/a"), answers(sub="a1b2c3d")
    files = {
        S1: text(prompt("09:00"), *copied),
        AGENT: text(sidechain("m0"), *own),
    }
    with Ledger(None) as ledger:
        (found,) = gathered(ledger, tmp_path, files).work.tools()
    assert (found.session_id, found.subagent) == ("S1", "a1b2c3d")
