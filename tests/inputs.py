"""All that burnmon reads of what others wrote, and what must hold whatever they wrote.

A reader takes any bytes: it raises only when burnmon did something that it must never
do. The quick tests try each a little, ``trials/fuzz.py`` for as long as one likes.
"""

from __future__ import annotations

import copy
import json
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import homes
import httpx
import works
from homes import Line

from burnmon import config, text
from burnmon.agents import AGENTS, claude_edits, scripts, shell
from burnmon.agents.lines import MAX_TOKENS, program
from burnmon.cli import backtest, called, check, hook, prices, statusline
from burnmon.cli import status as status_command
from burnmon.errors import BurnmonError
from burnmon.live import alert_log, asking, polling, registry, status
from burnmon.live.sweep import open_session
from burnmon.records import Facts, Trail, Usage
from burnmon.shipped import commit_text, patches, reflogs
from burnmon.usage import pricing
from burnmon.usage.backtest import replay
from burnmon.usage.ledger import FileState, Ledger
from burnmon.usage.stretches import stretches
from burnmon.usage.work_store import WorkFile
from burnmon.work import Work, WorkTrail

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
HOSTILE = (
    "\x1b]0;owned\x07\x1b[31m\x9b31m\x90q\x9c\x85\u2028\u202eevil\u202c\u2066x\u2069"
    "\u200b\u200d\ufeff\xad\U000e0041\r\n\t\x00\x08\ud800Z"
)
"""Text that would steer a terminal, turn its lines round or break them."""
NAMEABLE = HOSTILE.replace("\x00", "").replace("\ud800", "").replace("/", "")
"""As much of it as a file's name or an argument may hold."""

HARSH: tuple[bytes, ...] = (
    *(
        b"null true false 0 -1 -0.0 1.5 1e400 1e308 -1e308 NaN Infinity -Infinity"
        b" 9223372036854775807 9223372036854775808 -9223372036854775809"
        b" 18446744073709551616 32503680000 253402300800 -62135596800"
    ).split(),
    b"1" + b"0" * 400,
    b"1" + b"0" * 5000,
    b'""',
    b'"12"',
    b'"-1"',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\x80\xff"',
    b'"\\u0000"',
    b'"\\u001b]0;x\\u0007\\u202e\\u200b\\n"',
    b'"\x1b[31m\xc2\x9b31m"',
    b'"0001-01-01T00:00:00Z"',
    b'"9999-12-31T23:59:59.999999-23:59"',
    b'"1969-12-31T00:00:00Z"',
    b'"2026-02-30T00:00:00Z"',
    b"[]",
    b"{}",
    b"[null]",
    b"[[]]",
    b"[{}]",
    b'{"a":1}',
    b"[1,2]",
    b"[" * 3000 + b"]" * 3000,
    b'"' + b"a" * 70_000 + b'"',
)
"""Values that a field of JSON never has."""

_MARK = "\ue123"


class Escape(AssertionError):
    """Text reached a terminal that must not."""


class Reader(NamedTuple):
    """Something that reads what others wrote."""

    feed: Callable[[bytes], None]
    samples: tuple[bytes, ...]
    """What it is usually given."""


# --- what is tried -------------------------------------------------------------------


def fields(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all values in a document, itself included."""
    yield place
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    for name, part in parts:
        yield from fields(part, (*place, name))


def with_value(document: Any, place: tuple[Any, ...], value: bytes) -> bytes:
    """A document as the agents write it, with some bytes in the place of a value."""
    if not place:
        return value
    changed = copy.deepcopy(document)
    inner = changed
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = _MARK
    packed = json.dumps(changed, ensure_ascii=False, separators=(",", ":")).encode()
    return packed.replace(f'"{_MARK}"'.encode(), value)


def variants(document: Any, harsh: Iterable[bytes] = HARSH) -> Iterator[bytes]:
    """A document with each harsh value in each of its places."""
    harsh = tuple(harsh)
    for place in fields(document):
        for value in harsh:
            yield with_value(document, place, value)


def unseen(words: str) -> set[str]:
    """Characters that must not reach a terminal; a newline ends a line."""
    bad = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    return {
        each for each in words if each != "\n" and unicodedata.category(each) in bad
    }


def safe(words: str, lines: int = 1) -> None:
    """Raise Escape for text that a terminal would act upon."""
    if found := unseen(words):
        raise Escape(f"{sorted(map(ascii, found))} in {words[:200]!a}")
    if lines == 1 and "\n" in words:
        raise Escape(f"a line breaks in {words[:200]!a}")


# --- session files -------------------------------------------------------------------


def claude_lines() -> list[Line]:
    """A line of every kind that Claude Code writes."""
    answer = homes.assistant(
        "m1", inside={"content": [homes.calls("Bash", command="x")]}
    )
    edit = works.asks("MultiEdit", edits=[works.edit()], file_path="a.py")
    document = "tee b <<'E'\ntext of it\nE\ngit commit -m 'x' && gh pr create"
    return [
        answer,
        homes.fallback("m2"),
        homes.agent_progress("m3"),
        homes.limit_record("You've hit your limit · resets 8pm (Europe/Warsaw)"),
        homes.limit_record("x", quotaLimits={"status": "rejected", "resetsAt": 1.8e9}),
        homes.compacted(),
        homes.system("api_error", error={"status": 529}),
        homes.cost_state(0.5),
        homes.titled("Talk", custom=True),
        homes.prompt("Go on"),
        edit,
        works.answers(works.patched("-one line", "+another line")),
        *works.committed("t2"),
        works.asks("Bash", "t3", command=document),
        works.answers({"stdout": "[main d1e24ae] Add", "stderr": ""}, "t3"),
        {"type": "pr-link", "sessionId": "S1", "prNumber": 7, "timestamp": homes.TEN},
    ]


def codex_lines() -> list[Line]:
    """A line of every kind that Codex writes."""
    item = {"type": "FileChange", "id": "c1", "status": "completed"}
    changes = {"a.py": {"type": "add", "content": "one line\ntwo lines\n"}}
    script = 'const r = await tools.exec_command({cmd: "git commit", workdir: "/w"});'
    limits = homes.limits(homes.window(40, 300), homes.window(26), limit_id="codex")

    def response(**payload: Any) -> Line:
        return homes.codex("response_item", payload)

    return [
        homes.meta(1),
        homes.subagent_meta(4, 1),
        homes.turn("t"),
        homes.count(homes.FIRST, homes.FIRST, **limits),
        homes.record("t", "r", homes.FIRST, homes.FIRST),
        homes.event("task_started", turn_id="t"),
        homes.event("error", codex_error_info="usage_limit_exceeded", message="x"),
        homes.event("thread_name_updated", thread_name="Talk"),
        homes.event("thread_settings_applied", thread_settings={"service_tier": "x"}),
        homes.event("item_completed", item={**item, "changes": changes}),
        homes.event("patch_apply_end", call_id="c1", success=True, changes=changes),
        homes.event("exec_command_end", call_id="c2", exit_code=0, stdout="x"),
        response(
            type="function_call", name="shell", call_id="c2", arguments='{"cmd":"x"}'
        ),
        response(type="custom_tool_call", name="exec", call_id="c3", input=script),
        response(
            type="custom_tool_call",
            name="apply_patch",
            call_id="c4",
            input="*** Begin Patch\n*** Add File: b.py\n+one line\n*** End Patch\n",
        ),
        response(
            type="function_call_output", call_id="c2", output="Exit code: 0\nOutput:\nx"
        ),
        homes.codex("compacted", {"message": "short"}),
    ]


class _Sessions:
    """Reads lines of one agent as the ledger does, and absorbs what they state."""

    def __init__(self, agent: str, path: str, first: Iterable[Line]) -> None:
        self.agent, self.path = AGENTS[agent], path
        self.first = [homes.packed(each) + b"\n" for each in first]
        self.ledger, self.fed = Ledger(None), 0

    def __call__(self, given: bytes) -> None:
        self.fed += 1
        if not self.fed % 5000:  # it is not to grow for ever
            self.ledger.close()
            self.ledger = Ledger(None)
        lines = [*self.first, *given.splitlines(keepends=True)]
        trail = self.agent.trail(self.path)
        facts = self.agent.read(lines, trail, "home")
        check_facts(facts)
        state = FileState(self.agent.name, "home", f"/r/{self.path}", 1, trail=trail)
        self.ledger.absorb([(state, facts)])
        kept = self.ledger.file(state.path)
        assert kept is not None
        if self.agent.worker:
            self._work(lines, trail)
        trails = self.ledger.trails(NOW - timedelta(days=9999))
        for _, _, each in trails:
            safe(text.plain(each.title + each.doing + each.branch))
            safe(text.fit(text.short_model(each.model), 30))

    def _work(self, lines: list[bytes], trail: Trail) -> None:
        known = WorkTrail(session_id=trail.session_id)
        work: Work = self.agent.work(lines, known, "home")
        file = WorkFile(1, self.agent.name, "home", "/r", trail, 1, trail=known)
        self.ledger.absorb_work([(file, work)])
        for edit in work.edits:
            assert edit.lines_added >= 0
            assert len(edit.added) % 8 == len(edit.removed) % 8 == 0


def check_facts(facts: Facts) -> None:
    """No count, share or instant that cannot be true leaves a reader."""
    for each in facts.sightings:
        assert 0 <= min(each[3:9]) <= max(each[3:9]) <= MAX_TOKENS, each
        assert 0 <= each.at < 32503680000000, each
    for reading in facts.readings:
        assert 0 <= reading.used <= 1, reading
        assert reading.window_minutes > 0, reading


def _packed(place: Path) -> Callable[[bytes], None]:
    file = place / "rollout-x.jsonl.zst"

    def feed(given: bytes) -> None:
        file.write_bytes(given)
        with suppress(OSError), open_session(str(file)) as stream:
            for _ in stream.lines(0):
                pass
            stream.digest(10)

    return feed


def _compressed() -> bytes:
    import zstandard

    return zstandard.ZstdCompressor().compress(homes.text(*codex_lines()))


# --- texts ---------------------------------------------------------------------------


def _command(given: bytes) -> None:
    words = given.decode("utf-8", "replace")
    safe(text.plain(program(words)))
    for verb in shell.commits_made(f"git commit; {words}").split():
        assert verb.isascii()
    shell.directory(words, "/w")
    shell.shows_its_commit(f"git commit; {words}")
    shell.creates_request(f"gh pr create; {words}")
    shell.heredoc_writes(words, "/w")
    shell.printed_commits(words)
    shell.newest_shown(words)
    shell.requests_named(words)


def _script(given: bytes) -> None:
    words = given.decode("utf-8", "replace")
    for command, directory in scripts.read(words).commands:
        (command + directory).encode()
    halves = words.partition("|")
    step = {"old_string": halves[0], "new_string": halves[2]}
    claude_edits.asked("MultiEdit", {"edits": [step, step]})


def _shown(given: bytes) -> None:
    try:
        words = given.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        words = given.decode("utf-8", "replace")
    for made in (
        text.plain(words),
        text.fit(text.plain(words), 20),
        text.short_model(words),
        text.window_label("claude", words, 300),
        text.whole(text.plain(words), 30),
    ):
        safe(made)
    assert text.cells(text.pad(text.plain(words), 20)) == 20


# --- git -----------------------------------------------------------------------------

_SHA = "a" * 40
_OBJECT = (
    f"tree {_SHA}\nparent {'b' * 40}\nauthor Ada <ada@example.org> 1795000000 +0000\n"
    "committer Ada <ada@example.org> 1795000000 +0000\nencoding latin-1\n\n"
    f"Add a line, see #12 and KEY-3\n\nThis reverts commit {'c' * 40}.\n\n"
    "Co-authored-by: Claude <x@y>\nhttps://example.org/o/r/pull/3\n"
).encode()
_REFLOG = "".join(
    f"{old * 40} {new * 40} Ada <a@b> 1795000000 +0000\t{words}\n"
    for old, new, words in (
        ("a", "b", "commit (amend): x"),
        ("b", "c", "rebase (start): checkout main"),
        ("c", "d", "rebase (pick): Add"),
        ("d", "e", "rebase (finish): returning"),
    )
).encode()


def _object(given: bytes) -> None:
    found = commit_text.header(_SHA, given)
    assert 0 <= found.authored_at < 253402300800
    safe(text.plain(found.subject))
    commit_text.target(given)
    known = {each: found._replace(sha=each) for each in ("b" * 40, "c" * 40)}
    reflogs.rewritten([reflogs.entries(_REFLOG)], known)


def _reflog(given: bytes) -> None:
    logs = [reflogs.entries(given)]
    header = commit_text.header(_SHA, _OBJECT)
    known = {sha: header._replace(sha=sha) for sha in reflogs.named(logs)}
    reflogs.rewritten(logs, known)


def _patch(given: bytes) -> None:
    """Lines of a file, with a name, as git prints any."""
    name, *lines = given.split(b"\n")
    quoted = "".join(
        chr(n) if 32 <= n < 127 and n not in b'"\\' else f"\\{n:03o}" for n in name
    )
    listed = f':100644 100644 {"1" * 40} {"2" * 40} M\t"{quoted}"\n'
    head = [f"{_SHA}\n", listed, "\n", "diff --git a/x b/x\n"]
    head.append(f"@@ -0,0 +1,{len(lines)} @@\n")
    told = [*(each.encode() for each in head), *(b"+" + each + b"\n" for each in lines)]
    (found,) = patches.patches(iter([*told, b"end\n"]))
    (file,) = found.files
    assert os.fsencode(file.path) == name
    assert file.lines_added == len(lines)


# --- files of a person and of burnmon ------------------------------------------------

CONFIG = b"""timezone = "Europe/Berlin"
data_dir = "~/burn"
theme = "nord"
mouse = false
offline = true
[roots]
laptop = { agent = "claude", path = "~/mnt/.claude" }
[budgets]
day = 35
[budgets.projects.api]
week = 10.5
[paths]
"/workspace" = "~/src/api"
[alerts]
channels = ["screen", "osc9"]
thresholds = [50, 95]
quiet = "22:00-07:00"
runaway = 2.5
"""
PRICES = b"""[models."my-model"]
input = 2.0
output = 8.0
cache_read = 0.2
valid_from = 2026-10-07
above.200000 = { input = 4.0, output = 12.0 }
[models."nickname"]
alias_of = "claude-opus-5-5"
"""
FETCHED: Line = {
    "source": "genai-prices of 2030-01-01",
    "dated": "2030-01-01",
    "measured": "2026-01-01",
    "models": {
        "a": [
            {"input": 1, "output": 2.5, "valid_from": "2026-01-01", "fast": 2},
            {"input": 1, "output": 2, "above": {"200000": {"input": 3}}},
        ],
        "b": "a",
    },
}
PUBLISHED: list[Line] = [
    {
        "id": "anthropic",
        "models": [
            {
                "id": "claude-x",
                "match": {"or": [{"equals": "claude-x"}, {"starts_with": "claude-x-"}]},
                "prices": {
                    "input_mtok": {"base": 1, "tiers": [{"start": 200000, "price": 2}]},
                    "output_mtok": 2,
                },
            }
        ],
    }
]
STATE: Line = {
    "schema_version": 1,
    "generated_at": "2026-11-20T09:59:58Z",
    "pid": 1,
    "answer": "fine",
    "answer_level": "calm",
    "windows": [
        {
            "label": "Claude 5h",
            "agent": "claude",
            "account": "",
            "kind": "five_hour",
            "window_minutes": 300,
            "used_percent": 50.0,
            "used_percent_live": 51.0,
            "resets_at": "2026-11-20T12:00:00Z",
            "verdict": "runs_out",
            "binding": True,
            "exhausted_at": {
                "p10": "2026-11-20T11:00:00Z",
                "p90": "2026-11-20T11:30:00Z",
            },
            "exhaustion_probability": 0.5,
        }
    ],
    "missing": [{"agent": "codex", "reason": "none", "remedy": "work"}],
    "cost_per_minute_usd": 0.1,
    "cost_today_usd": 2.0,
    "sessions_burning": 1,
    "sessions_waiting": 0,
}
TOLD: Line = {
    "session_id": "S1",
    "transcript_path": "/h/.claude/projects/w/S1.jsonl",
    "model": {"id": "claude-opus-4-5", "display_name": "Opus"},
    "context_window": {"used_percentage": 5, "context_window_size": 200000},
    "cost": {"total_cost_usd": 1.25},
    "rate_limits": {"five_hour": {"used_percentage": 5, "resets_at": SECONDS + 7200}},
    "prompt_cache": {"expires_at": SECONDS + 200, "ttl": "5m"},
    "hook_event_name": "UserPromptSubmit",
}
RECORDING: Line = {
    "at": SECONDS,
    "session_id": "S1",
    "account": "a",
    "limits": [
        {
            "kind": "five_hour",
            "minutes": 300,
            "used_percent": 5,
            "resets_at": SECONDS + 500,
        }
    ],
    "context_window_size": 200000,
    "cost_usd": 1.5,
}
ALERT: Line = {
    "at": "2026-11-20T09:59:58Z",
    "key": "limit s 2026-11-20T09:59:58Z 1",
    "kind": "limit",
    "level": "alarm",
    "text": "out soon",
    "project": "p",
    "subject": "s",
    "occasion_at": "2026-11-20T09:59:58Z",
    "step": 1,
    "why": {"used": 1},
    "channels": ["screen"],
    "held": False,
}
CREDENTIAL: Line = {
    "claudeAiOauth": {
        "accessToken": "t",
        "expiresAt": homes.FETCHED_MS + 1,
        "scopes": ["user:profile"],
    }
}
ANSWER: Line = {
    **homes.cached(homes.answer()),
    "account": "a",
    "askedAtMs": homes.FETCHED_MS,
    "nextAtMs": homes.FETCHED_MS + 1,
    "failures": 2,
    "trouble": "no answer in time",
}
ENTRY: Line = {
    "pid": 1,
    "sessionId": "S1",
    "statusUpdatedAt": homes.FETCHED_MS,
    "status": "busy",
}
READING: Line = {
    "account": "a",
    "window": "five_hour",
    "window_minutes": 300,
    "observed_at": SECONDS,
    "used_percent": 5,
    "resets_at": SECONDS + 500,
}


def _config(place: Path) -> Callable[[bytes], None]:
    environ = {"HOME": str(place), "BURNMON_CONFIG": str(place / "config.toml")}

    def feed(given: bytes) -> None:
        (place / "config.toml").write_bytes(given)
        with suppress(BurnmonError):
            config.load({}, environ).read_roots()
        called.account_of("/w", called.config_of(environ, ""), environ)

    return feed


def _prices(place: Path, name: str) -> Callable[[bytes], None]:
    file = place / name

    def feed(given: bytes) -> None:
        file.write_bytes(given)
        own = name.endswith(".toml")
        with suppress(BurnmonError):
            table = pricing.load(file) if own else pricing.load(None, file)
            for line in prices.lines(table):
                safe(line)
            table.cuts(("a", "my-model"))
            for model in ("a", "my-model", "nickname"):
                rate = table.rate(model, NOW, 10)
                if rate is not None:
                    text.money(rate.cost(Usage(MAX_TOKENS, 1, 1, 1, 1)))

    return feed


def _published(place: Path) -> Callable[[bytes], None]:
    def feed(given: bytes) -> None:
        answer = httpx.Response(200, content=given, headers={"date": "x"})
        with suppress(BurnmonError):
            pricing.refresh(
                place / "fetched.json",
                transport=httpx.MockTransport(lambda _: answer),
            )

    return feed


def _state(place: Path) -> Callable[[bytes], None]:
    file = place / "state.json"

    def feed(given: bytes) -> None:
        file.write_bytes(given)
        state = status.read_state(file)
        if state is None:
            return
        status.is_current(state, NOW)
        for width in (0, 10, 80):
            safe(status.status_line(state, width, NOW, "UTC"))
        for words in status_command.fields(state, 80, NOW, "Europe/Berlin").values():
            safe(words)
        for agent in ("", "claude"):
            check.judge(state, agent, check.nearness(), NOW)
            check.judge(state, agent, check.nearness(50, 80), NOW)
        for window in check.counted(state, "claude"):
            safe(hook.sentence(window, NOW, "UTC"))
        safe(statusline.line(TOLD, state, 80, NOW, "UTC"))

    return feed


def _told(place: Path) -> Callable[[bytes], None]:
    data = place / "data"
    (data / "state").mkdir(parents=True, exist_ok=True)
    (data / "state" / "state.json").write_bytes(homes.packed(STATE))
    environ = {"HOME": str(place), "BURNMON_DATA_DIR": str(data)}
    read = AGENTS["recordings"].read

    def feed(given: bytes) -> None:
        safe(statusline._answer(given, [], environ, NOW, quiet=False))
        for file in (data / "recordings").glob("*.jsonl"):
            lines = file.read_bytes().splitlines()
            check_facts(read(lines, Trail(), ""))
            if len(lines) > 100:
                file.unlink()
        memory = data / "state" / hook.MEMORY
        for received, kept in ((given, b""), (homes.packed(TOLD), given)):
            memory.write_bytes(kept)
            flags = ["--data-dir", str(data), "--chance", "10"]
            message = called.message_of(received)
            json.dumps(hook._answer(message, flags, environ, NOW))

    return feed


def _alerts(place: Path) -> Callable[[bytes], None]:
    file = place / "alerts.jsonl"

    def feed(given: bytes) -> None:
        file.write_bytes(homes.packed(ALERT) + b"\n" + given)
        for alert in alert_log.read(file):
            safe(alert.text + alert.project)
        alert_log._cut_back(file)

    return feed


def _polled(place: Path) -> Callable[[bytes], None]:
    (place / "sessions").mkdir(exist_ok=True)

    def feed(given: bytes) -> None:
        polling.answered(200, None, given, NOW)
        asking.retry_after(given[:200].decode("latin-1"), NOW)
        (place / polling.CREDENTIALS).write_bytes(given)
        found = polling.usable(place, NOW)
        assert "accessToken" not in str(found)
        asked = polling._asked(polling._kept(place / polling.CREDENTIALS))
        asking.is_due(asked, NOW)
        for agent in ("claude.json", "answers"):
            trail = AGENTS[agent].trail("x")
            check_facts(AGENTS[agent].read([given], trail, "home"))
            json.dumps(trail.memory)
        (place / "sessions" / "1.json").write_bytes(given)
        list(registry.alive(place))

    return feed


def _backtest(place: Path) -> Callable[[bytes], None]:
    file = place / "readings.jsonl"

    def feed(given: bytes) -> None:
        file.write_bytes(homes.packed(READING) + b"\n" + given)
        with suppress(BurnmonError):
            found = [
                each
                for each in backtest.read(file)
                if each.observed_at <= each.resets_at
            ]
            for series, windows in stretches(found).items():
                list(replay(windows, timedelta(minutes=series[3])))

    return feed


# --- all of them ---------------------------------------------------------------------


def readers(place: Path) -> Mapping[str, Reader]:
    """Every reader by its name; they write into a directory of their own."""
    place.mkdir(parents=True, exist_ok=True)
    after = [homes.meta(1), homes.turn("t")]

    def documents(*some: Any) -> tuple[bytes, ...]:
        return tuple(json.dumps(each, separators=(",", ":")).encode() for each in some)

    commands = tuple(
        each.encode()
        for each in (
            "cd /w && A=1 git -C x commit -m \"$(cat <<'E'\nwords\nE\n)\" | tee log",
            "bash -lc 'git commit -q; git log -1' && gh pr create > $(date) 2>&1",
            "cat > a.py <<EOF\nline $x ${y} $((1+2)) `z`\nEOF\n(cd b; git am < p)",
            "[main (root-commit) d1e24ae] Add\nhttps://github.com/o/r/pull/7\n",
        )
    )
    code = (
        b"// x\nawait exec_command({cmd: 'git \\x20 commit', workdir: `/w`}); /* y */"
    )
    return {
        "claude": Reader(_Sessions("claude", homes.S1, ()), documents(*claude_lines())),
        "codex": Reader(
            _Sessions("codex", homes.rollout(1), after), documents(*codex_lines())
        ),
        "recordings": Reader(
            _Sessions("recordings", "recordings/claude-2026-11.jsonl", ()),
            documents(RECORDING),
        ),
        "zstd": Reader(_packed(place), (_compressed(),)),
        "shell": Reader(_command, commands),
        "script": Reader(_script, (code,)),
        "text": Reader(_shown, (HOSTILE.encode("utf-8", "surrogatepass"), b"opus[1m]")),
        "object": Reader(_object, (_OBJECT,)),
        "reflog": Reader(_reflog, (_REFLOG,)),
        "patch": Reader(_patch, (b"a.py\none line\ntwo lines\n\\ No newline",)),
        "config": Reader(_config(place), (CONFIG,)),
        "prices.toml": Reader(_prices(place, "prices.toml"), (PRICES,)),
        "prices.json": Reader(_prices(place, "prices.json"), documents(FETCHED)),
        "published": Reader(_published(place), documents(PUBLISHED)),
        "state": Reader(_state(place), documents(STATE)),
        "told": Reader(_told(place), documents(TOLD, {"looked": {}, "told": {}})),
        "alerts": Reader(_alerts(place), documents(ALERT)),
        "answers": Reader(_polled(place), documents(CREDENTIAL, ANSWER, ENTRY)),
        "backtest": Reader(_backtest(place), documents(READING)),
    }
