"""Asking Anthropic for limits: when, with what, and what it must never do."""

from __future__ import annotations

import json
import logging
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import homes
import pytest
from msgspec.structs import replace

from burnmon import config
from burnmon.cli import checkup, doctor
from burnmon.config import Settings
from burnmon.live import polling
from burnmon.live.asking import (
    EVERY,
    LONGEST,
    MOST,
    SPREAD,
    Answer,
    Asked,
    Credential,
    after,
    is_due,
    obstacle,
    retry_after,
)
from burnmon.live.engine import once
from burnmon.live.polling import Polling, accounts, answered
from burnmon.usage.schema import lock

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TOKEN = "sk-ant-oat01-SECRET"
REFRESH = "sk-ant-ort01-SECRET"
GOOD = Answer({"five_hour": None})
BAD = Answer(trouble="their server fails (500)")


# --- when ----------------------------------------------------------------------------


def test_first_question_is_due_at_once() -> None:
    """An account nobody asked about is asked about."""
    assert is_due(Asked(), NOW)


def test_answer_is_good_for_five_minutes() -> None:
    """After an answer it is five minutes and a bit of chance until the next."""
    asked = after(Asked(), GOOD, NOW, 0.5)
    assert asked == Asked(NOW, NOW + EVERY + SPREAD / 2, fetched_at=NOW)
    assert not is_due(asked, NOW + EVERY)
    assert is_due(asked, NOW + EVERY + SPREAD / 2)


def test_failures_make_it_wait_longer() -> None:
    """Each failure in a row doubles the wait, up to half an hour."""
    asked, waits = Asked(fetched_at=NOW), []
    for _ in range(40):
        asked = after(asked, BAD, NOW, 0.0)
        assert asked.next_at is not None
        waits.append((asked.next_at - NOW) / MINUTE)
    assert waits[:4] == [10, 20, 30, 30]
    assert set(waits[3:]) == {MOST / MINUTE}
    assert (asked.trouble, asked.fetched_at) == (BAD.trouble, NOW)
    assert after(asked, GOOD, NOW, 0.0).failures == 0


@pytest.mark.parametrize(
    ("stated", "minutes"),
    [(0, 10), (60, 10), (1600, 26 + 2 / 3), (7200, 120), (10**9, 24 * 60)],
)
def test_wish_of_the_server(stated: int, minutes: float) -> None:
    """The server may ask for more time, up to a day, and never for less."""
    asked = after(Asked(), replace(BAD, retry_after=timedelta(seconds=stated)), NOW, 0)
    assert asked.next_at is not None
    assert (asked.next_at - NOW) / MINUTE == pytest.approx(minutes)


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("99999999999999", 86400),
        ("Fri, 20 Nov 2026 10:02:00 GMT", 120),
        ("Fri, 20 Nov 2026 10:02:00 -0000", 120),
        ("Fri, 20 Nov 2026 09:00:00 GMT", 0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after(stated: str, seconds: int | None) -> None:
    """Seconds and dates are understood; a date that has passed is no wait."""
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert retry_after(stated, NOW) == expected


def test_clock_that_is_set_back() -> None:
    """A clock that was set back far asks once; one that is corrected does not."""
    asked = after(Asked(), GOOD, NOW, 0.0)
    assert is_due(asked, NOW - timedelta(hours=3))
    assert not is_due(asked, NOW - timedelta(seconds=20))


def test_time_that_cannot_be_true_is_not_waited_for() -> None:
    """A next time beyond all waits is a damaged one."""
    asked = Asked(NOW, NOW + timedelta(days=900))
    assert not is_due(asked, NOW + LONGEST)
    assert is_due(asked, NOW + LONGEST + SPREAD)


# --- with what -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"expires_at": None}, ""),
        ({"expires_at": NOW}, "token expired, start Claude Code"),
        ({"scopes": ("user:inference",)}, "the token lacks user:profile"),
        ({"scopes": ()}, "the token lacks user:profile"),
        ({"token": "a\r\nb: c"}, "the token is damaged"),
        ({"token": "ä"}, "the token is damaged"),
        ({"token": ""}, "the token is damaged"),
    ],
)
def test_obstacle(change: dict[str, Any], words: str) -> None:
    """A token that is over, of no use here or damaged is not sent."""
    usual = Credential(TOKEN, NOW + MINUTE, ("user:inference", "user:profile"))
    found = obstacle(replace(usual, **change), NOW)
    assert found.startswith(words)
    assert bool(found) is bool(words)


def test_token_is_in_no_representation() -> None:
    """A credential that is printed shows no token."""
    assert TOKEN not in repr(Credential(TOKEN, NOW, ()))


@dataclass
class Server:
    """A stub of Anthropic's, which answers what it is told to."""

    base: str
    status: int = 200
    body: bytes = field(default_factory=lambda: homes.packed(homes.answer()))
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    """Set when the first question arrives."""
    silent: threading.Event | None = None
    """Set: answers when this is set, which is at the end of the test."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of one's own on this machine; no proxy stands in between."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stub.asked.append((self.path, dict(self.headers)))
            stub.arrived.set()
            if stub.silent is not None:
                stub.silent.wait(30)
            self.send_response(stub.status)
            for name, value in stub.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(stub.body)))
            with suppress(ConnectionError):  # who asked may have gone
                self.end_headers()
                self.wfile.write(stub.body)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as listening:
        stub = Server(f"http://127.0.0.1:{listening.server_address[1]}")
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield stub
        if stub.silent is not None:
            stub.silent.set()
        listening.shutdown()
        thread.join()


def log_in(config_dir: Path, **changes: Any) -> Path:
    """What Claude Code keeps after a login."""
    config_dir.mkdir(parents=True, exist_ok=True)
    kept = {
        "accessToken": TOKEN,
        "refreshToken": REFRESH,
        "expiresAt": round((NOW + timedelta(hours=8)).timestamp() * 1000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
        **changes,
    }
    file = config_dir / ".credentials.json"
    file.write_text(json.dumps({"claudeAiOauth": kept, "mcpOAuth": {}}))
    return file


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a person who is logged in and wants Anthropic asked."""
    log_in(tmp_path / ".claude")
    environ = {
        "HOME": str(tmp_path),
        "TZ": "UTC",
        "BURNMON_DATA_DIR": f"{tmp_path}/d",
        "BURNMON_POLL_USAGE": "1",
    }
    return config.load({}, environ)


@pytest.fixture
def poll(settings: Settings, server: Server) -> Callable[..., Asked]:
    """One look of the thread at an instant; tells how it stands then."""
    polling = Polling(settings, lambda: NOW, server.base, lambda: 0.0)

    def step(now: datetime = NOW) -> Asked:
        polling.step(now)
        return next(accounts(settings, now)).asked

    return step


Poll = Callable[..., Asked]


def test_question(poll: Poll, server: Server) -> None:
    """A question carries the token and names Claude Code, and nothing of the person."""
    poll()
    ((path, headers),) = server.asked
    assert path == "/api/oauth/usage"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["anthropic-beta"] == "oauth-2025-04-20"
    assert headers["User-Agent"].startswith("claude-code/")
    assert headers["Accept"] == "application/json"
    usual = {"Host", "Accept-Encoding", "Connection"}
    assert headers.keys() - usual == {*polling.HEADERS, "Authorization"}


def test_answer_is_on_the_screen(
    poll: Poll, server: Server, settings: Settings
) -> None:
    """An answer becomes readings of the account, like those of every other source."""
    assert poll() == Asked(NOW, NOW + EVERY, fetched_at=NOW)
    snapshot = once(settings, NOW + MINUTE)
    assert {row.window.source for row in snapshot.limits} == {"usage endpoint"}
    assert {row.window.used for row in snapshot.limits} == {0.37, 0.64, 0.12}
    assert str(snapshot.credits[0].spent.normalize()) == "12.34"


def test_not_more_often_than_every_five_minutes(poll: Poll, server: Server) -> None:
    """Looking often asks seldom."""
    for seconds in range(0, 1200, 10):
        poll(NOW + timedelta(seconds=seconds))
    assert len(server.asked) == 4


def test_not_at_start_while_an_answer_is_fresh(
    poll: Poll, server: Server, settings: Settings
) -> None:
    """A burnmon that begins goes on from what the one before was answered."""
    poll()
    Polling(settings, lambda: NOW, server.base).step(NOW + 4 * MINUTE)
    assert len(server.asked) == 1


def test_each_directory_has_its_own_token(
    tmp_path: Path, server: Server, settings: Settings
) -> None:
    """Every Claude directory is asked about with its own token, as its own account."""
    log_in(tmp_path / "work", accessToken="other")
    root = config.Root("claude", "work", tmp_path / "work")
    both = replace(settings, roots=(*settings.roots, root))
    Polling(both, lambda: NOW, server.base).step(NOW)
    tokens = [headers["Authorization"] for _, headers in server.asked]
    assert tokens == [f"Bearer {TOKEN}", "Bearer other"]
    owners = {row.window.account for row in once(both, NOW).limits}
    assert owners == {"", "work"}


@pytest.mark.parametrize(
    ("status", "headers", "minutes", "words"),
    [
        (429, {"Retry-After": "0"}, 10, "asked too often (429)"),
        (429, {"Retry-After": "1600"}, 26 + 2 / 3, "asked too often (429)"),
        (429, {"Retry-After": "Fri, 20 Nov 2026 11:00:00 GMT"}, 60, "asked too often"),
        (401, {}, 10, "token refused (401), start Claude Code"),
        (403, {}, 10, "not allowed with this token (403)"),
        (404, {}, 10, "refused (404)"),
        (500, {}, 10, "their server fails (500)"),
        (503, {"Retry-After": "3600"}, 60, "their server fails (503)"),
    ],
    ids=lambda value: str(value),
)
def test_refusal(
    poll: Poll,
    server: Server,
    status: int,
    headers: dict[str, str],
    minutes: float,
    words: str,
) -> None:
    """A refusal is told in words of one's own and makes the next question wait."""
    server.status, server.headers, server.body = status, headers, TOKEN.encode()
    asked = poll()
    assert asked.trouble.startswith(words)
    assert asked.next_at is not None
    assert (asked.next_at - NOW) / MINUTE == pytest.approx(minutes)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000, b" " * (2 << 20)],
    ids=["empty", "html", "list", "null", "bytes", "deep", "long"],
)
def test_garbage(poll: Poll, server: Server, body: bytes) -> None:
    """An answer that is none is a failure, whatever its status says."""
    server.body = body
    assert poll().trouble == "the answer cannot be read"


def test_failure_keeps_the_last_answer(
    poll: Poll, server: Server, settings: Settings
) -> None:
    """What was answered stays on the screen while the server fails."""
    poll()
    server.status = 500
    asked = poll(NOW + 6 * MINUTE)
    assert (asked.fetched_at, asked.failures) == (NOW, 1)
    limits = once(settings, NOW + 7 * MINUTE).limits
    assert {row.window.used for row in limits} == {0.37, 0.64, 0.12}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(poll: Poll, server: Server, status: int) -> None:
    """The token goes to nobody that an answer names."""
    server.status = status
    server.headers = {"Location": f"{server.base}/elsewhere"}
    assert poll().trouble == f"redirected ({status}), which is not followed"
    assert [path for path, _ in server.asked] == ["/api/oauth/usage"]


def test_silence(server: Server) -> None:
    """A server that does not answer is waited for a while and no longer."""
    server.silent = threading.Event()
    assert polling.ask(server.base, TOKEN, NOW, 0.1).trouble == "no answer in time"


def test_nobody_listens() -> None:
    """A server that is not there is a failure, told by its kind."""
    found = polling.ask("http://127.0.0.1:1", TOKEN, NOW)
    assert found == Answer(trouble="cannot be asked (ConnectError)")


def test_killed_while_asking(server: Server, settings: Settings) -> None:
    """A question is written down before it is asked, so a kill does not repeat it."""
    seen: list[Asked] = []

    def look() -> float:
        seen.append(next(accounts(settings, NOW)).asked)
        return 0.0

    Polling(settings, lambda: NOW, server.base, look).step(NOW)
    assert [each.next_at for each in seen] == [NOW + 2 * EVERY]


# --- no question ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expiresAt": 1000}, "token expired, start Claude Code"),
        ({"scopes": ["user:inference"]}, "the token lacks user:profile"),
        ({"scopes": None}, "holds no token"),
        ({"accessToken": None}, "holds no token"),
        ({"accessToken": f"{TOKEN}\r\nX: y"}, "the token is damaged"),
    ],
    ids=["expired", "scope", "no scopes", "no token", "damaged"],
)
def test_no_question_without_a_good_token(
    poll: Poll,
    server: Server,
    settings: Settings,
    changes: dict[str, Any],
    words: str,
) -> None:
    """A token that cannot lead to an answer is not sent, and the screen says why."""
    log_in(settings.roots[0].path, **changes)
    homes.write(settings.roots[0].path, {homes.S1: homes.text(homes.assistant("m1"))})
    assert words in poll().trouble
    assert server.asked == []
    (missing,) = once(settings, NOW).missing
    assert words in missing.reason


def test_renewed_token_is_used(poll: Poll, server: Server, settings: Settings) -> None:
    """When Claude Code renewed its token, the next look asks."""
    log_in(settings.roots[0].path, expiresAt=1000)
    poll()
    log_in(settings.roots[0].path)
    assert poll(NOW + MINUTE).trouble == ""
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "contents",
    ["", "{", "[]", "null", '{"claudeAiOauth": 3}', '{"mcpOAuth": {}}', "\ud800"],
)
def test_credential_that_is_none(settings: Settings, contents: str) -> None:
    """A file without a token is said to be so, whatever is in it."""
    file = settings.roots[0].path / ".credentials.json"
    file.write_text(contents, errors="surrogatepass")
    (account,) = accounts(settings, NOW)
    assert account.obstacle == f"{file}: holds no token of a Claude account"


def test_nobody_is_logged_in(poll: Poll, server: Server, settings: Settings) -> None:
    """Without a credential nothing is asked and nothing is written."""
    (settings.roots[0].path / ".credentials.json").unlink()
    poll()
    assert server.asked == []
    assert not settings.answers_dir.exists()


# --- what stays secret, and what is written ------------------------------------------


def everything_below(directory: Path) -> str:
    """All that lies there, as one text."""
    files = (each for each in directory.rglob("*") if each.is_file())
    return "".join(each.read_bytes().decode("latin-1") for each in files)


def test_credential_is_only_read(
    poll: Poll,
    server: Server,
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The token is in no file, log or checkup, and its own file is left as it was."""
    caplog.set_level(logging.DEBUG)
    file = settings.roots[0].path / ".credentials.json"
    before = file.read_bytes(), file.stat().st_mtime_ns
    for step, status in enumerate((200, 401, 429, 500)):
        server.status, server.body = status, homes.packed(homes.answer())
        poll(NOW + step * timedelta(hours=1))
    once(settings, NOW)
    seen = checkup.look(settings, {"PATH": ""}, NOW)
    told = str(doctor.document(seen, tuple(doctor.findings(seen, NOW)))) + caplog.text
    assert "SECRET" not in everything_below(tmp_path / "d") + told
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert len(server.asked) == 4


def test_trouble_of_a_library_quotes_nothing() -> None:
    """A library that quotes the header it refuses is not quoted in turn."""
    found = polling.ask("http://127.0.0.1:1", f"{TOKEN}\r\nX: y", NOW)
    assert "SECRET" not in repr(found)
    assert found.trouble.startswith("cannot be asked (")


def test_answer_is_for_its_owner_alone(poll: Poll, settings: Settings) -> None:
    """What was answered can be read by the person only."""
    poll()
    (file,) = settings.answers_dir.glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.answers_dir.stat().st_mode) == 0o700


@pytest.mark.parametrize("contents", ["", "{", "[]", '{"askedAtMs": "x"}', "null"])
def test_damaged_answer_file(
    poll: Poll, server: Server, settings: Settings, contents: str
) -> None:
    """A file of answers that is damaged is written anew."""
    poll()
    (file,) = settings.answers_dir.glob("*.json")
    file.write_text(contents)
    assert poll(NOW + MINUTE).fetched_at == NOW + MINUTE


# --- the thread ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "flags", "on"),
    [
        ({}, {}, False),
        ({}, {"poll_usage": True}, True),
        ({"BURNMON_POLL_USAGE": "1"}, {}, True),
        ({"BURNMON_POLL_USAGE": "1", "BURNMON_OFFLINE": "1"}, {}, False),
        ({}, {"poll_usage": True, "offline": True}, False),
    ],
)
def test_asked_only_if_wanted(
    environ: dict[str, str], flags: dict[str, bool], on: bool, tmp_path: Path
) -> None:
    """Nothing is asked unless the person says so, and nothing offline."""
    settings = config.load(flags, {"HOME": str(tmp_path), **environ})
    assert settings.poll_usage is on


def test_thread_asks_and_ends(server: Server, settings: Settings) -> None:
    """The thread asks by itself, and who ends it does not wait for an answer."""
    server.silent = threading.Event()
    end = Polling(settings, lambda: NOW, server.base).start()
    assert server.arrived.wait(30)
    end()
    assert not next(accounts(settings, NOW)).asked.fetched_at
    assert stat.S_IMODE(settings.state_dir.stat().st_mode) == 0o700


def test_one_process_asks(server: Server, settings: Settings) -> None:
    """While another burnmon asks, this one does not."""
    held = lock(settings.answers_dir / "asking")
    assert held is not None
    seen = threading.Event()

    def clock() -> datetime:
        seen.set()
        return NOW

    end = Polling(settings, clock, server.base).start()
    assert not seen.wait(0.2)
    end()
    os.close(held)
    assert server.asked == []


# --- doctor --------------------------------------------------------------------------


def shown(settings: Settings, now: datetime) -> str:
    """What ``doctor`` prints."""
    seen = checkup.look(settings, {"PATH": ""}, now)
    found = tuple(doctor.findings(seen, now))
    return "\n".join(doctor.lines(seen, found, now, "UTC"))


def test_doctor_tells_how_it_stands(
    poll: Poll, server: Server, settings: Settings
) -> None:
    """``doctor`` says when it was asked and answered, when next, and why not."""
    poll()
    assert (
        "claude asking Anthropic: last asked 2 m ago, last answered 2 m ago,"
        " not again for 3 m"
    ) in shown(settings, NOW + 2 * MINUTE)
    server.status = 429
    poll(NOW + 6 * MINUTE)
    words = shown(settings, NOW + 7 * MINUTE)
    assert "limits are not asked for: asked too often (429)" in words
    off = replace(settings, poll_usage=False)
    assert "Anthropic is not asked for limits (poll_usage is off)" in shown(off, NOW)


def test_doctor_without_a_question(settings: Settings) -> None:
    """``doctor`` knows why nothing was asked, without asking."""
    log_in(settings.roots[0].path, expiresAt=1000)
    words = shown(settings, NOW)
    assert "never asked, never answered, token expired, start Claude Code" in words


def test_doctor_reads_no_token_unasked(settings: Settings) -> None:
    """Who does not want Anthropic asked has no credential read, not even to tell."""
    log_in(settings.roots[0].path, expiresAt=1000)
    off = replace(settings, poll_usage=False)
    assert {each.obstacle for each in accounts(off, NOW)} == {""}
    assert {each.obstacle for each in accounts(settings, NOW)} != {""}


@pytest.mark.parametrize(("status", "later"), [(429, "x"), (503, ""), (302, None)])
def test_wish_that_is_not_understood(status: int, later: str | None) -> None:
    """A wish that nobody understands is none."""
    assert answered(status, later, b"", NOW).retry_after is None
