"""What a line of a Claude Code transcript means."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import homes
import pytest
from homes import AGENT, PROJECT, S1, S2

from burnmon.agents import AGENTS, claude
from burnmon.agents.lines import instant, program
from burnmon.records import COUNTED, EXTRA, Facts, LimitReading, Request, Trail, Usage

ONE = Usage(10, 50, 1000, 0, 100)
"""Tokens of one request that the builders leave as it is."""


def read(*lines: Any, path: str = S1) -> tuple[Facts, Trail]:
    return homes.read("claude", path, *lines)


def counted(root: Path, **files: list[Any]) -> list[Request]:
    """Requests of sessions, by name, after reading their files together."""
    contents = {f"{PROJECT}/{name}.jsonl": homes.text(*files[name]) for name in files}
    return homes.absorbed(root, contents).requests()


def tokens(requests: list[Request]) -> Usage:
    return sum((each.usage for each in requests), Usage())


# --- one request, however often it is written ----------------------------------------


def test_several_lines_are_one_request(tmp_path: Path) -> None:
    """Lines of one message, one per content block, are one request."""
    lines = [homes.assistant("m1", uuid=each) for each in "abc"]
    assert tokens(counted(tmp_path, S1=lines)) == ONE


def test_placeholder_gives_way(tmp_path: Path) -> None:
    """The line with the largest output tells the usage, also where messages mix."""
    lines = [
        homes.placeholder("m1", 2),
        homes.placeholder("m2", 7),
        homes.assistant("m1"),
        homes.assistant("m2", (10, 90, 1000, 0, 100)),
    ]
    requests = counted(tmp_path, S1=lines)
    assert (len(requests), tokens(requests).output) == (2, 140)


@pytest.mark.parametrize(
    ("stated", "thinking"), [(20, 20), (0, 0), (None, None), (51, None), (-1, None)]
)
def test_thinking(tmp_path: Path, stated: int | None, thinking: int | None) -> None:
    """Thinking is known where a sensible count is stated, and never guessed."""
    told = {"output_tokens_details": {"thinking_tokens": stated}}
    line = homes.assistant("m1", homes.TOKENS, {"usage": told})
    (request,) = counted(tmp_path, S1=[line])
    assert (request.usage.output, request.thinking) == (50, thinking)


def test_usage_is_one_whole_line(tmp_path: Path) -> None:
    """Model and tokens come from one line, also where a fallback changed both."""
    first = homes.assistant("m1", (900, 1, 0, 0, 0), {"model": "claude-fable-5"})
    (request,) = counted(tmp_path, S1=[first, homes.assistant("m1")])
    assert (request.model, request.usage) == (homes.OPUS, ONE)


@pytest.mark.parametrize(
    ("stop", "incomplete"), [(None, True), ("end_turn", False), ("tool_use", False)]
)
def test_output_without_end_is_incomplete(
    stop: str | None, incomplete: bool, tmp_path: Path
) -> None:
    """Output is a lower bound where no line of the message tells why it stopped."""
    line = homes.assistant("m1", inside={"stop_reason": stop})
    (request,) = counted(tmp_path, S1=[line])
    assert request.incomplete == incomplete


def test_final_line_completes_an_equal_placeholder(tmp_path: Path) -> None:
    """Of two lines with the same output the one that saw the end counts."""
    lines = [homes.assistant("m1"), homes.placeholder("m1", 50)]
    (request,) = counted(tmp_path, S1=lines)
    assert not request.incomplete


def test_stop_reason_is_not_required(tmp_path: Path) -> None:
    """Messages that never state their end are requests nevertheless."""
    lines = [homes.placeholder(each, 50) for each in ("m1", "m2")]
    assert len(counted(tmp_path, S1=lines)) == 2


def test_zero_usage_of_a_model_is_a_request() -> None:
    """A real model's message counts even if it used nothing."""
    facts, _ = read(homes.assistant("m1", (0, 0, 0, 0, 0)))
    assert len(facts.sightings) == 1


def test_absent_and_null_counts_are_zero() -> None:
    """Counts that are null or missing are nothing."""
    usage = {"input_tokens": None, "cache_creation": None}
    (found,) = read(homes.assistant("m1", inside={"usage": usage}))[0].sightings
    assert (found.input, found.cache_write_5m, found.cache_write_1h) == (0, 100, 0)


# --- copies --------------------------------------------------------------------------


def test_copy_without_request_id(tmp_path: Path) -> None:
    """History copied without requestId, with new uuid, session and time, is known."""
    late: homes.Line = {"sessionId": "S2", "timestamp": homes.at("11:00")}
    copied = homes.assistant("m1", requestId=None, uuid="n1", **late)
    requests = counted(
        tmp_path, S1=[homes.assistant("m1")], S2=[copied, homes.assistant("m2", **late)]
    )
    assert [(each.session_id, each.usage) for each in requests] == [
        ("S1", ONE),
        ("S2", ONE),
    ]


def test_fork_with_new_uuids(tmp_path: Path) -> None:
    """A uuid names a line, not a request."""
    copied = homes.assistant("m1", sessionId="S2", uuid="u9")
    assert len(counted(tmp_path, S1=[homes.assistant("m1")], S2=[copied])) == 1


def test_earliest_copy_owns(tmp_path: Path) -> None:
    """A request belongs to the day and the session in which it was made first."""
    made = homes.assistant("m1", timestamp=homes.at("23:50"))
    copied = homes.assistant("m1", timestamp=homes.at("00:10", "2026-11-21"))
    (request,) = counted(tmp_path, A9=[made], A1=[copied])
    assert request.session_id == "A9"
    assert request.at == datetime(2026, 11, 20, 23, 50, tzinfo=UTC)


def test_equal_instants_belong_to_the_older_file(tmp_path: Path) -> None:
    """Of copies with one time, the file whose first line is earlier is the origin."""
    early = {"type": "queue-operation", "timestamp": homes.at("09:00")}
    late = {"type": "queue-operation", "timestamp": homes.at("11:43")}
    line = homes.assistant("m1")
    (request,) = counted(tmp_path, A1=[late, line], A9=[early, line])
    assert request.session_id == "A9"


def test_copy_keeps_the_fuller_usage(tmp_path: Path) -> None:
    """The owner of a request may hold its placeholder; a copy completes it."""
    (request,) = counted(
        tmp_path,
        S1=[homes.placeholder("m1", 2)],
        S2=[homes.assistant("m1", timestamp=homes.at("12:00"))],
    )
    assert (request.session_id, request.usage) == ("S1", ONE)


def test_session_is_the_file(tmp_path: Path) -> None:
    """A top-level file's name is the session, whatever id its lines hold."""
    lines = [homes.assistant("m1", sessionId="S1", version="2.1.42")]
    (request,) = counted(tmp_path, S2=lines)
    assert request.session_id == "S2"


# --- what is no request --------------------------------------------------------------


def test_synthetic_message_is_no_request() -> None:
    """What the program says itself is neither a request nor a model."""
    facts, trail = read(homes.synthetic("No response requested."))
    assert (facts.sightings, facts.skipped, trail.model) == ([], {}, "")


def test_task_totals_are_not_added(tmp_path: Path) -> None:
    """A task's result repeats its last request's totals; its own file has them all."""
    totals = {"totalTokens": 1160, "agentId": "a1b2c3d", "usage": homes.usage()}
    files = {
        S1: homes.text(homes.assistant("m1"), homes.result(totals)),
        AGENT: homes.text(homes.sidechain("m2"), homes.sidechain("m3")),
    }
    assert homes.total(homes.absorbed(tmp_path, files)) == ONE + ONE + ONE


@pytest.mark.parametrize(
    "line",
    [
        {"type": "api-request", "body": [homes.message("m1")]},
        {"type": "api-request-blob", "messages": [{"role": "assistant"}]},
        homes.result({"usage": homes.usage()}),
        homes.prompt('{"type":"assistant","message":{"usage":{"input_tokens":1}}}'),
        homes.line("attachment", attachment={"type": "date_change"}),
    ],
    ids=["request", "blob", "result", "prompt", "attachment"],
)
def test_usage_elsewhere_is_no_request(line: Any) -> None:
    """Only assistant and agent_progress lines state requests."""
    facts, _ = read(line)
    assert (facts.sightings, facts.skipped, facts.unknown) == ([], {}, {})


def test_unknown_type_is_counted() -> None:
    """A type that no rule knows is harmless, and counted as a sign of change."""
    facts, _ = read(homes.line("brand-new"), homes.line("brand-new"), {"no": "type"})
    assert facts.unknown == {"brand-new": 2, "no type": 1}


def test_cost_state_is_a_check_only() -> None:
    """The program's own total is remembered, the last one winning, and never added."""
    facts, trail = read(homes.cost_state(0.01), homes.cost_state(0.059))
    assert (facts.sightings, trail.stated_cost) == ([], 0.059)


# --- sub-agents ----------------------------------------------------------------------


def test_progress_repeats_the_agent_file(tmp_path: Path) -> None:
    """Messages in progress lines and in the agent's file are the same requests."""
    progress = [homes.agent_progress(each) for each in ("m2", "m3")]
    files = {
        S1: homes.text(homes.assistant("m1"), *progress),
        AGENT: homes.text(homes.sidechain("m2"), homes.sidechain("m4")),
    }
    ledger = homes.absorbed(tmp_path, files)
    agents = sorted(each.subagent for each in ledger.requests())
    assert agents == ["", "a1b2c3d", "a1b2c3d", "a1b2c3d"]


def test_progress_has_the_inner_time() -> None:
    """A repeated message was made when its own line says, not when it was repeated."""
    facts, _ = read(homes.agent_progress("m2", timestamp=homes.at("10:07")))
    assert facts.sightings[0].at == instant(homes.TEN)


@pytest.mark.parametrize("kind", ["bash_progress", "hook_progress", "mcp_progress"])
def test_other_progress_is_no_request(kind: str) -> None:
    """Progress of tools and hooks is no request."""
    data = {"type": kind, "message": {"message": homes.message("m1")}}
    assert read(homes.line("progress", data=data))[0].sightings == []


@pytest.mark.parametrize(
    ("path", "agent"),
    [
        (S1, ""),
        (f"{PROJECT}/agent-a65423b.jsonl", "a65423b"),
        (f"{PROJECT}/S1/subagents/agent-a457aa0.jsonl", "a457aa0"),
        (f"{PROJECT}/S1/subagents/workflows/w1/agent-a00e84d8e96fbc962.jsonl", "a00"),
    ],
    ids=["session", "beside", "subagents", "workflow"],
)
def test_layouts(path: str, agent: str) -> None:
    """Files of all layouts are read and belong to the session that began them."""
    assert AGENTS["claude"].owns(path)
    facts, _ = read(homes.result("Warmup"), homes.sidechain("m1"), path=path)
    assert facts.sightings[0].session_id == "S1"
    assert facts.sightings[0].subagent.startswith(agent)


@pytest.mark.parametrize(
    "path",
    ["S1/tool-results/a.jsonl", "S1/a.jsonl", "S1/subagents/agent-a.meta.json"],
)
def test_files_beside_sessions(path: str) -> None:
    """Tool results and descriptions are no transcripts."""
    assert not AGENTS["claude"].owns(f"{PROJECT}/{path}")


def test_subagent_leaves_the_sessions_model() -> None:
    """The model of a session is that of its own requests."""
    cheap = homes.agent_progress("m2")
    cheap["data"]["message"]["message"]["model"] = "claude-haiku-4-5"
    _, trail = read(homes.assistant("m1"), cheap)
    assert trail.model == homes.OPUS


# --- what decides the price ----------------------------------------------------------


@pytest.mark.parametrize(
    ("flat", "five", "hour", "expected"),
    [
        (100, 0, 100, (0, 100)),
        (100, 60, 40, (60, 40)),
        (0, 60, 40, (60, 40)),
        (100, 0, 40, (60, 40)),
        (100, None, None, (100, 0)),
    ],
    ids=["hour", "both", "flat is zero", "rest is five minutes", "no split"],
)
def test_cache_writes(
    flat: int, five: int | None, hour: int | None, expected: tuple[int, int]
) -> None:
    """Cache writes are split by lifetime; the larger statement wins."""
    split = {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour}
    usage = {"cache_creation_input_tokens": flat, "cache_creation": split}
    (found,) = read(homes.assistant("m1", inside={"usage": usage}))[0].sightings
    assert (found.cache_write_5m, found.cache_write_1h) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"speed": "standard", "inference_geo": "not_available"}, ("", "", 0)),
        ({"speed": None, "inference_geo": ""}, ("", "", 0)),
        ({"speed": "fast"}, ("fast", "", 0)),
        ({"inference_geo": "us"}, ("", "us", 0)),
        ({"server_tool_use": {"web_search_requests": 3}}, ("", "", 3)),
        ({"server_tool_use": None}, ("", "", 0)),
    ],
    ids=["standard", "null", "fast", "us", "searches", "no tools"],
)
def test_terms(usage: dict[str, Any], expected: tuple[str, str, int]) -> None:
    """Speed, region and searches of a request are those its usage states."""
    (found,) = read(homes.assistant("m1", inside={"usage": usage}))[0].sightings
    assert (found.speed, found.region, found.web_searches) == expected


def test_refused_iteration_is_an_extra() -> None:
    """What the refusing model used is stated beside the request, and not in it."""
    answered, refused = read(homes.fallback("m1"))[0].sightings
    assert (answered.standing, answered.input, answered.output) == (COUNTED, 2, 136)
    assert (refused.standing, refused.model) == (EXTRA, "claude-fable-5")
    assert (refused.input, refused.output, refused.cache_read) == (2, 2, 32238)
    assert refused.cache_write_1h == 21874


def test_single_iteration_is_the_message_itself() -> None:
    """One iteration of type message repeats the usage; it adds nothing."""
    inner = [homes.iteration("message", homes.OPUS, 10, 50, 1000, 100)]
    line = homes.assistant("m1", inside={"usage": {"iterations": inner}})
    assert len(read(line)[0].sightings) == 1


@pytest.mark.parametrize("kind", ["compaction", "advisor_message"])
def test_inner_calls_are_extras(kind: str) -> None:
    """Compactions and advisors inside a message are stated beside it."""
    inner = [
        homes.iteration(kind, "claude-haiku-4-5", 5, 6, 7, 0),
        homes.iteration("message", homes.OPUS, 10, 50, 1000, 100),
    ]
    line = homes.assistant("m1", inside={"usage": {"iterations": inner}})
    own, extra = read(line)[0].sightings
    assert (own.standing, own.input) == (COUNTED, 10)
    assert (extra.standing, extra.origin, extra.input) == (EXTRA, kind, 5)


def test_place_of_a_request() -> None:
    """Directory, branch and version are those of the request's own line."""
    lines = [
        homes.assistant("m1"),
        homes.assistant("m2", cwd="/home/dev/other", gitBranch="fix", version="9"),
    ]
    first, second = read(*lines)[0].sightings
    assert (first.project, first.branch, first.version) == (
        "/home/dev/w",
        "main",
        "2.1.330",
    )
    assert (second.project, second.branch, second.version) == (
        "/home/dev/other",
        "fix",
        "9",
    )


# --- limits --------------------------------------------------------------------------

RESET = 1795300000
RESET_AT = datetime.fromtimestamp(RESET, UTC)


def limited(words: str, **more: Any) -> LimitReading:
    """The reading of a refusal at 10:00 UTC on 20 November."""
    facts, _ = read(homes.limit_record(words, **more))
    assert [each.kind for each in facts.marks] == ["limit"]
    (reading,) = facts.readings
    assert (reading.used, reading.account) == (1.0, "home")
    return reading


def utc(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "kind", "resets_at"),
    [
        (
            "You've hit your session limit · resets 7:20pm (Europe/Brussels)",
            "five_hour",
            utc(20, 18, 20),
        ),
        (
            "You've hit your limit · resets 8pm (Europe/Warsaw)",
            "five_hour",
            utc(20, 19),
        ),
        (
            "You've hit your session limit · resets 12:21am (UTC)",
            "five_hour",
            utc(21, 0, 21),
        ),
        ("You've hit your 5-hour limit · resets 12pm (UTC)", "five_hour", utc(20, 12)),
        (
            "You've hit your weekly limit · resets Nov 26, 8am (Europe/Paris)",
            "seven_day",
            utc(26, 7),
        ),
        (
            "You've hit your Opus limit · resets Nov 22, 9am (UTC)",
            "seven_day_opus",
            utc(22, 9),
        ),
    ],
    ids=["session", "plain", "next day", "noon", "weekly", "model week"],
)
def test_limit_text(words: str, kind: str, resets_at: datetime) -> None:
    """A refusal's text names its window and the next such time after it was said."""
    reading = limited(words)
    assert (reading.kind, reading.resets_at) == (kind, resets_at)


def test_limit_text_crosses_a_year() -> None:
    """A date that has passed this year is next year's."""
    said = {"timestamp": homes.at("10:00", "2026-12-31")}
    reading = limited("You've hit your weekly limit · resets Jan 2, 8am (UTC)", **said)
    assert reading.resets_at == datetime(2027, 1, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "words", "resets_at"),
    [
        ("2026-12-31T23:30", "Jan 2, 8am (Europe/Paris)", "2027-01-02T07:00"),
        ("2026-12-31T23:30", "Jan 1, 8am (Europe/Paris)", "2027-01-01T07:00"),
        ("2027-01-01T03:00", "Dec 31, 11pm (America/Los_Angeles)", "2027-01-01T07:00"),
        ("2028-02-25T10:00", "Feb 29, 8am (UTC)", "2028-02-29T08:00"),
        ("2026-10-24T10:00", "Oct 25, 2:30am (Europe/Paris)", "2026-10-25T00:30"),
    ],
    ids=["other side", "same day", "year behind", "leap day", "clock change"],
)
def test_limit_text_with_a_date(said: str, words: str, resets_at: str) -> None:
    """A date is that of the zone, in the year in which it is the next."""
    found = claude.text_reset(f"resets {words}", datetime.fromisoformat(f"{said}Z"))
    assert found == datetime.fromisoformat(f"{resets_at}Z")


@pytest.mark.parametrize(
    ("said", "words", "resets_at"),
    [
        ("2026-10-25T00:10", "2:30am (Europe/Paris)", "2026-10-25T00:30"),
        ("2026-10-25T00:40", "2:30am (Europe/Paris)", "2026-10-25T01:30"),
        ("2026-10-25T01:40", "2:30am (Europe/Paris)", "2026-10-26T01:30"),
        ("2026-03-29T00:10", "2:30am (Europe/Paris)", "2026-03-30T00:30"),
        ("2026-03-29T00:10", "3am (Europe/Paris)", "2026-03-29T01:00"),
        ("2026-03-29T00:10", "5am (Europe/Paris)", "2026-03-29T03:00"),
        ("2026-10-25T00:10", "5am (Europe/Paris)", "2026-10-25T04:00"),
        ("2026-11-20T10:00", "3:45pm (Asia/Kathmandu)", "2026-11-21T10:00"),
        ("2026-11-20T10:00", "3:50pm (Asia/Kathmandu)", "2026-11-20T10:05"),
    ],
    ids=[
        "first of two",
        "second of two",
        "after both",
        "no such time",
        "clock goes forward",
        "after going forward",
        "after going back",
        "quarter zone next day",
        "quarter zone",
    ],
)
def test_limit_text_when_clocks_change(said: str, words: str, resets_at: str) -> None:
    """A clock time is the next instant at which a clock there shows it."""
    found = claude.text_reset(f"resets {words}", datetime.fromisoformat(f"{said}Z"))
    assert found == datetime.fromisoformat(f"{resets_at}Z")


def test_date_that_has_passed_is_no_reading() -> None:
    """A date that only comes round the next year resets no week."""
    said = {"timestamp": homes.at("08:00:02", "2026-10-12")}
    words = "You've hit your weekly limit · resets Oct 12, 8am (UTC)"
    facts, _ = read(homes.limit_record(words, **said))
    assert [each.kind for each in facts.marks] == ["limit"]
    assert facts.readings == []


@pytest.mark.parametrize("more", [{"isApiErrorMessage": True}, {}], ids=["error", ""])
def test_limit_of_2025(more: dict[str, Any]) -> None:
    """The oldest form states the reset as epoch seconds in its text."""
    words = f"Claude AI usage limit reached|{RESET}"
    facts, _ = read(homes.synthetic(words, **more))
    found = [(each.kind, each.resets_at) for each in facts.readings]
    assert found == [("five_hour", RESET_AT)]


@pytest.mark.parametrize(
    ("words", "more", "kind"),
    [
        ("You've hit your session limit", {}, "five_hour"),
        ("You've hit your limit", {"apiErrorStatus": 429}, "five_hour"),
        ("You've reached your weekly limit", {"apiErrorStatus": 429}, "seven_day"),
        ("You've hit your Sonnet limit", {"apiErrorStatus": 429}, "seven_day_sonnet"),
        ("You've hit your Opus weekly limit", {}, "seven_day_opus"),
        ("You've hit your Fable limit", {"apiErrorStatus": 429}, "seven_day_fable"),
    ],
)
def test_limit_of_each_version(words: str, more: dict[str, Any], kind: str) -> None:
    """Every window has its word, whatever else a version states beside the text."""
    reading = limited(f"{words} · resets 1pm (UTC)", **more)
    assert (reading.kind, reading.resets_at) == (kind, utc(20, 13))
    assert reading.window_minutes == (300 if kind == "five_hour" else 10080)


@pytest.mark.parametrize(
    ("kind", "minutes"),
    [
        ("five_hour", 300),
        ("seven_day", 10080),
        ("seven_day_opus", 10080),
        ("seven_day_overage_included", 10080),
    ],
)
def test_limit_with_credits_in_use(kind: str, minutes: int) -> None:
    """A window that is full is full, whether or not credits paid for more."""
    stated = {
        "status": "rejected",
        "resetsAt": RESET,
        "rateLimitType": kind,
        "unifiedRateLimitFallbackAvailable": False,
        "isUsingOverage": True,
        "overageStatus": "rejected",
        "overageDisabledReason": "out_of_credits",
    }
    reading = limited("You've hit your limit", quotaLimits=stated)
    assert (reading.kind, reading.window_minutes) == (kind, minutes)


@pytest.mark.parametrize(
    "stated",
    [
        {"status": "rejected", "resetsAt": RESET, "rateLimitType": "overage"},
        {"status": "allowed_warning", "resetsAt": RESET, "rateLimitType": "five_hour"},
        {"status": "rejected", "resetsAt": RESET, "rateLimitType": "lunar"},
        {"status": "rejected", "resetsAt": None, "rateLimitType": "five_hour"},
        {"status": "rejected", "resetsAt": 1795168799, "rateLimitType": "five_hour"},
    ],
    ids=["overage", "allowed", "unknown kind", "no reset", "passed"],
)
def test_quota_limits_that_fill_no_window(stated: dict[str, Any]) -> None:
    """A refusal that names no window that is full until later is a mark only."""
    facts, _ = read(homes.limit_record("Request refused", quotaLimits=stated))
    assert [each.kind for each in facts.marks] == ["limit"]
    assert facts.readings == []


def test_quota_limits_come_first() -> None:
    """The stated reset and type win over the text."""
    stated = {"resetsAt": RESET, "rateLimitType": "seven_day", "status": "rejected"}
    reading = limited("You've hit your limit · resets 8pm (UTC)", quotaLimits=stated)
    assert (reading.kind, reading.resets_at) == ("seven_day", RESET_AT)
    assert reading.window_minutes == 10080


def test_error_parameters_come_second() -> None:
    """The newest form states the reset in the error's parameters too."""
    stated = {"rate_limit_info": {"resetsAt": RESET, "rateLimitType": "five_hour"}}
    reading = limited("You've hit your 5-hour limit", apiErrorParams=stated)
    assert (reading.kind, reading.resets_at) == ("five_hour", RESET_AT)
    assert reading.window_minutes == 300


@pytest.mark.parametrize(
    "words",
    [
        "You've hit your monthly spend limit · raise it at claude.ai",
        "Your org is out of usage · resets 1pm (UTC)",
        "Your seat type doesn't include Claude Code",
        "Your usage allocation has been disabled by your admin",
        "Your group's usage limit is set to $0",
        "Fable 5 requires usage credits",
        "You're out of extra usage · resets 8pm (UTC)",
        "You're out of usage credits",
    ],
)
def test_spend_limits_are_no_window(words: str) -> None:
    """A limit of money is marked, but fills no window."""
    facts, _ = read(homes.limit_record(words))
    assert [each.detail for each in facts.marks] == ["overage"]
    assert facts.readings == []


@pytest.mark.parametrize(
    "words",
    [
        "You've hit your limit",
        "You've hit your limit · resets 8pm (Mars/Olympus)",
        "You've hit your limit · resets 8pm (../../etc/passwd)",
        "You've hit your limit · resets Feb 30, 8am (UTC)",
        "You've hit your limit · resets Foo 3, 8am (UTC)",
        "You've hit your limit · resets 13:99pm (UTC)",
        "API Error: Request rejected (429) · resets 1pm (UTC)",
    ],
    ids=[
        "no time",
        "no such zone",
        "no zone at all",
        "no such day",
        "no such month",
        "no such time",
        "no window named",
    ],
)
def test_limit_without_a_reset(words: str) -> None:
    """A refusal whose reset cannot be told is marked, and states no reading."""
    facts, _ = read(homes.limit_record(words))
    assert ([each.kind for each in facts.marks], facts.readings) == (["limit"], [])


@pytest.mark.parametrize("error", ["overloaded", "invalid_request", "unknown"])
def test_other_errors_are_no_limit(error: str) -> None:
    """An error that is no rate limit marks nothing."""
    line = homes.synthetic("API Error", isApiErrorMessage=True, error=error)
    facts, _ = read(line)
    assert (facts.marks, facts.readings, facts.sightings) == ([], [], [])


# --- marks ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kind", "detail"),
    [
        (homes.compacted(171656), "compacted", "171656"),
        (homes.system("compact_boundary"), "compacted", ""),
        (homes.system("api_error", error={"status": 529}), "retry", "529"),
        (homes.system("api_error", error={}), "retry", ""),
        (homes.system("model_refusal_fallback"), "refused", ""),
    ],
    ids=["compacted", "size unknown", "retry", "no status", "refused"],
)
def test_marks(line: Any, kind: str, detail: str) -> None:
    """Compactions, retries and refusals are noted at their instant."""
    (mark,) = read(line)[0].marks
    assert (mark.kind, mark.detail, mark.session_id) == (kind, detail, "S1")
    assert mark.at == utc(20, 10)


def text_block(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def prompts(*lines: Any, path: str = S1) -> list[tuple[str, datetime, str]]:
    """Session, instant and detail of each prompt that was noted."""
    marks = read(*lines, path=path)[0].marks
    return [(m.session_id, m.at, m.detail) for m in marks if m.kind == "prompt"]


PICTURE = {"type": "image", "source": {"data": "aaaa"}}


@pytest.mark.parametrize(
    "content",
    [
        "Make it so",
        'Paste: "tool_result" and <bash-input>',
        [text_block("Make it so")],
        [PICTURE, text_block("Like this")],
        [text_block("<ide_opened_file>a.py</ide_opened_file>"), text_block("Go")],
        "<command-message>review</command-message>\n<command-name>/review</command-name>",
    ],
    ids=["typed", "pasted", "block", "picture", "in an editor", "slash command"],
)
@pytest.mark.parametrize("spaced", [False, True])
def test_prompt_begins_a_turn(content: Any, spaced: bool) -> None:
    """What the person says is noted by session and instant, without its words."""
    line = homes.prompt(content)
    raw = json.dumps(line).encode() + b"\n" if spaced else line
    assert prompts(raw) == [("S1", utc(20, 10), "")]


@pytest.mark.parametrize(
    "line",
    [
        homes.result("done"),
        homes.user([{"type": "tool_result", "content": "done"}]),
        homes.user([text_block("no"), {"type": "tool_result", "content": "x"}]),
        homes.prompt("Base directory for this skill", isMeta=True),
        homes.prompt("This session is being continued", isCompactSummary=True),
        homes.prompt("Look around", isSidechain=True),
        homes.prompt("<command-name>/clear</command-name>"),
        homes.prompt("<local-command-stdout>Bye</local-command-stdout>"),
        homes.prompt("<bash-input>ls</bash-input>"),
        homes.prompt("<task-notification>done</task-notification>"),
        homes.user([text_block("[Request interrupted by user]")]),
        homes.line("queue-operation", operation="dequeue"),
        homes.prompt("When?", timestamp="soon"),
    ],
    ids=[
        "result",
        "result, type first",
        "result with a comment",
        "injected",
        "summary",
        "sub-agent's",
        "command without a model",
        "its output",
        "shell",
        "background task",
        "interrupted",
        "queued",
        "no time",
    ],
)
def test_no_turn(line: Any) -> None:
    """What agent and tools write as the user is no prompt."""
    assert prompts(line) == []


def test_prompts_of_subagents_are_no_turns() -> None:
    """A sub-agent is told what to do by its parent."""
    assert prompts(homes.prompt("Look around"), path=AGENT) == []


def test_copied_prompt_is_the_same_mark() -> None:
    """A fork copies session and time, so that a copied turn is the original."""
    copied = homes.prompt("Make it so", sessionId="S1")
    assert prompts(copied, path=S2) == prompts(copied)


# --- what a session is doing ---------------------------------------------------------


@pytest.mark.parametrize(
    ("titles", "expected"),
    [
        ([homes.titled("One"), homes.titled("Two")], "Two"),
        ([homes.titled("Mine", custom=True), homes.titled("Auto")], "Mine"),
        ([{"type": "summary", "summary": "Another talk", "leafUuid": "x"}], ""),
        ([{"type": "last-prompt", "lastPrompt": "Make it so"}], ""),
    ],
    ids=["last wins", "the person's wins", "summary", "prompt"],
)
def test_title(titles: list[Any], expected: str) -> None:
    """A session's title is the last given one, the person's first; never a prompt."""
    assert read(*titles)[1].title == expected


def working(name: str, **given: Any) -> Any:
    return homes.assistant("m1", inside={"content": [homes.calls(name, **given)]})


INTERRUPTED = "[Request interrupted by user for tool use]"


@pytest.mark.parametrize(
    ("lines", "turn", "doing"),
    [
        ([homes.prompt("Go")], "agent", ""),
        ([homes.assistant("m1")], "person", ""),
        ([working("Edit", file_path="/w/limits.py")], "agent", "Edit limits.py"),
        ([working("Edit", file_path="C:\\w\\a.py")], "agent", "Edit a.py"),
        (
            [working("Bash", command="cd x && git commit -m y")],
            "agent",
            "Bash git commit",
        ),
        ([working("Task", prompt="Do it")], "agent", "Task"),
        ([working("Read", path="a.py"), homes.result("text")], "agent", "Read a.py"),
        ([working("Read", path="a.py"), homes.assistant("m2")], "person", ""),
        (
            [working("Read", path="a.py"), homes.prompt(INTERRUPTED)],
            "person",
            "Read a.py",
        ),
        ([homes.user([homes.said(INTERRUPTED)])], "person", ""),
        ([homes.result(f"see {INTERRUPTED}")], "agent", ""),
        ([homes.prompt("Go"), homes.system("turn_duration")], "person", ""),
        ([homes.assistant("m1"), homes.user("x", isMeta=True)], "person", ""),
    ],
    ids=[
        "prompt",
        "answer",
        "file",
        "windows file",
        "command",
        "other tool",
        "result",
        "answer after a tool",
        "interrupted",
        "interrupted block",
        "result that speaks of it",
        "turn ended",
        "injected line",
    ],
)
def test_turn(lines: list[Any], turn: str, doing: str) -> None:
    """The newest lines tell whose move it is and what is being done."""
    _, trail = read(*lines)
    assert (trail.turn, trail.doing) == (turn, doing)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("git commit -m 'x'", "git commit"),
        ("/usr/bin/python3 secret.py", "python3"),
        ("echo hunter2", "echo"),
        ("git -C /secret commit", "git"),
        ("A=1 sudo npm test", "npm test"),
        ("TOKEN='a b' curl x", ""),
        ("TOKEN=$(cat x) curl", ""),
        ("cd /w && cargo build --release", "cargo build"),
        ("KEY=$HOME/hunter2 deploy", ""),
        ("$(evil)", ""),
        ("", ""),
    ],
)
def test_program(command: str, words: str) -> None:
    """A command is told by its program and a known sub-command, nothing else."""
    assert program(command) == words


# --- damage --------------------------------------------------------------------------


def test_glued_user_and_answer() -> None:
    """An answer glued to a line that states no usage is not lost."""
    glued = homes.packed(homes.prompt("Go")) + homes.packed(homes.assistant("m1"))
    facts, _ = read(glued)
    assert (len(facts.sightings), facts.lines, facts.skipped) == (1, 1, {})


def test_braces_in_a_prompt() -> None:
    """A prompt that ends like two glued objects is one line."""
    facts, _ = read(homes.prompt("}{"), homes.prompt('}{"a":1}'))
    assert (facts.lines, facts.skipped) == (2, {})


def test_spaced_json() -> None:
    """Lines that another program wrote again, with spaces, are read alike."""
    lines = [homes.prompt("Go"), homes.assistant("m1"), homes.result("ok")]
    spaced = [json.dumps(each).encode() for each in lines]
    assert read(*spaced) == read(*lines)


@pytest.mark.parametrize(
    ("stamp", "ms"),
    [
        ("2026-11-20T10:00:00.001Z", 1795168800001),
        ("2026-11-20T11:00:00+01:00", 1795168800000),
        ("2026-11-20T10:00:00", 1795168800000),
        ("1969-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59.9999Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_instant(stamp: str | None, ms: int | None) -> None:
    """An instant is epoch milliseconds, in UTC unless it says otherwise."""
    assert instant(stamp) == ms


def test_path_of_an_agent_file_names_its_session() -> None:
    """In the newer layouts the directory tells the session before any line does."""
    trail = claude.trail(AGENT)
    assert (trail.session_id, trail.subagent) == ("S1", "a1b2c3d")
    assert claude.trail(S2).session_id == "S2"


def test_reset_beyond_the_window_is_no_reading() -> None:
    """A clock time that only comes round the next day resets no five-hour window."""
    words = "You've hit your session limit · resets 8pm (UTC)"
    facts, _ = read(homes.limit_record(words, timestamp="2026-11-20T20:00:03.000Z"))
    assert [mark.kind for mark in facts.marks] == ["limit"]
    assert facts.readings == []
