"""Asks Anthropic for the limits of each Claude account, if the person wants that.

A thread of its own, which nobody waits for. The credential is Claude Code's: it is read
for each question and never renewed, written or shown; no word of a failure comes from
an exception's text, because that may quote a header. What is answered goes into a file
that is read like any agent's, so that screen, ledger and commands learn of it one way.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from burnmon import private
from burnmon.config import Settings
from burnmon.errors import LedgerError
from burnmon.files import content
from burnmon.live.asking import (
    Answer,
    Asked,
    Credential,
    after,
    is_due,
    obstacle,
    retry_after,
)
from burnmon.records import hashed
from burnmon.usage.schema import lock

BASE = "https://api.anthropic.com"
PATH = "/api/oauth/usage"
HEADERS = {
    "Accept": "application/json",
    "anthropic-beta": "oauth-2025-04-20",
    # Others are refused almost at once.
    "User-Agent": "claude-code/2.1.330",
}
SECONDS = 15.0
"""How long a question may take in all."""
LARGEST = 1 << 20
"""Bytes of an answer; a larger one is none."""
LOOK_SECONDS = 10.0
"""How often is looked whether it is time, and whether the token was renewed."""
CREDENTIALS = ".credentials.json"


class Account(Struct, frozen=True):
    """One Claude account and how asking about it stands."""

    label: str
    config_dir: Path
    file: Path
    """Where its answers are kept."""
    asked: Asked
    obstacle: str
    """Why it cannot be asked about now; empty if it can."""


def accounts(settings: Settings, now: datetime) -> Iterator[Account]:
    """The accounts whose Claude directories are there.

    No credential is read, and none is an obstacle, unless the person wants to poll.
    """
    for root in settings.roots:
        if root.agent == "claude" and root.path.is_dir():
            name = f"{hashed(os.fspath(root.path)) % 2**64:016x}.json"
            file = settings.answers_dir / name
            found = usable(root.path, now) if settings.poll_usage else ""
            why = found if isinstance(found, str) else ""
            yield Account(root.label, root.path, file, _asked(_kept(file)), why)


def usable(config_dir: Path, now: datetime) -> Credential | str:
    """The credential that may be sent now, or why there is none."""
    found = _credential(config_dir)
    return found if isinstance(found, str) else obstacle(found, now) or found


def _credential(config_dir: Path) -> Credential | str:
    """What Claude Code keeps in its directory, or why that is no credential."""
    file = config_dir / CREDENTIALS
    try:
        kept = json.loads(content(file))["claudeAiOauth"]
        token, scopes = kept["accessToken"], kept["scopes"]
        if isinstance(token, str) and isinstance(scopes, list):
            expires_at = _instant(kept.get("expiresAt"))
            return Credential(token, expires_at, tuple(map(str, scopes)))
    except FileNotFoundError:
        if sys.platform == "darwin":
            return "the token is in the keychain, which burnmon does not read"
        return f"no {file}; log in to Claude Code"
    except OSError as error:
        return f"{file}: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # said below, because the error may quote what it failed on
    return f"{file}: holds no token of a Claude account"


class Polling:
    """The thread that asks; of all burnmons of a person one at a time."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime],
        base: str = BASE,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.base = base
        self.chance = chance
        self._stop = threading.Event()

    def start(self) -> Callable[[], None]:
        """Begin; returns what ends it, which does not wait for an answer."""
        threading.Thread(target=self._run, name="polling", daemon=True).start()
        return self._stop.set

    def _run(self) -> None:
        held = None
        while not self._stop.is_set():
            # A disk that is full or not there may be had again.
            with suppress(OSError, LedgerError):
                private.make_directory(self.settings.state_dir)
                if held is None:
                    held = lock(self.settings.answers_dir / "asking")
                if held is not None:
                    self.step(self.clock())
            self._stop.wait(LOOK_SECONDS)
        if held is not None:
            os.close(held)

    def step(self, now: datetime) -> None:
        """Ask about each account that it is time for."""
        for account in accounts(self.settings, now):
            found = usable(account.config_dir, now)
            if self._stop.is_set():
                return
            if isinstance(found, str):
                _note(account, found)
            elif is_due(account.asked, now):
                self._ask(account, found, now)

    def _ask(self, account: Account, found: Credential, now: datetime) -> None:
        # Noted as failed first: a kill in between must not lead to asking again.
        unknown = after(account.asked, Answer(trouble="no answer yet"), now, 0.0)
        _keep(account, unknown)
        answer = ask(self.base, found.token, now)
        asked = after(account.asked, answer, now, self.chance())
        _keep(account, asked, answer.utilization)


def _note(account: Account, trouble: str) -> None:
    """Tell why nothing is asked, where somebody ever logged in."""
    logged_in = (account.config_dir / CREDENTIALS).exists() or account.file.exists()
    if logged_in and account.asked.trouble != trouble:
        _keep(account, replace(account.asked, trouble=trouble))


# --- one question --------------------------------------------------------------------


def ask(base: str, token: str, now: datetime, seconds: float = SECONDS) -> Answer:
    """Ask once. What goes wrong is told by its kind: its words may quote the token."""
    import httpx  # a third of a second to import, and only this function needs it

    headers = {**HEADERS, "Authorization": f"Bearer {token}"}
    try:
        # A redirect is not followed: it would take the token to somebody else.
        with (
            httpx.Client(timeout=seconds / 3, follow_redirects=False) as client,
            client.stream("GET", base + PATH, headers=headers) as response,
        ):
            body = _body(response.iter_bytes(), seconds)
            return answered(
                response.status_code, response.headers.get("retry-after"), body, now
            )
    except httpx.TimeoutException:
        return Answer(trouble="no answer in time")
    except Exception as error:  # whatever it is, its text must not be seen
        return Answer(trouble=f"cannot be asked ({type(error).__name__})")


def _body(pieces: Iterable[bytes], seconds: float) -> bytes:
    """The pieces joined; cut where they are too many or take too long."""
    until, body = time.monotonic() + seconds, b""
    for piece in pieces:
        body += piece
        if len(body) > LARGEST or time.monotonic() > until:
            return b""
    return body


_TROUBLES = {
    401: "token refused (401), start Claude Code",
    403: "not allowed with this token (403)",
    429: "asked too often (429)",
}


def answered(status: int, later: str | None, body: bytes, now: datetime) -> Answer:
    """What a response says; ``later`` is its ``Retry-After``."""
    trouble = _TROUBLES.get(status, f"refused ({status})")
    if 300 <= status < 400:
        trouble = f"redirected ({status}), which is not followed"
    elif status >= 500:
        trouble = f"their server fails ({status})"
    elif status == 200:
        with suppress(ValueError, RecursionError):
            utilization = json.loads(body)
            if isinstance(utilization, dict):
                return Answer(utilization)
        trouble = "the answer cannot be read"
    wait = retry_after(later, now) if later else None
    return Answer(trouble=trouble, retry_after=wait)


# --- what is kept --------------------------------------------------------------------


def _kept(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(content(file))
    except (OSError, ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _asked(kept: Mapping[str, Any]) -> Asked:
    newest = kept.get("cachedUsageUtilization")
    failures, trouble = kept.get("failures"), kept.get("trouble")
    return Asked(
        _instant(kept.get("askedAtMs")),
        _instant(kept.get("nextAtMs")),
        failures if type(failures) is int and failures > 0 else 0,
        trouble if isinstance(trouble, str) else "",
        _instant(newest.get("fetchedAtMs")) if isinstance(newest, dict) else None,
    )


def _keep(
    account: Account, asked: Asked, utilization: dict[str, Any] | None = None
) -> None:
    """Write how it stands, and the newest answer in the shape of Claude Code's own."""
    newest = _kept(account.file).get("cachedUsageUtilization")
    if utilization is not None:
        newest = {"fetchedAtMs": _ms(asked.fetched_at), "utilization": utilization}
    kept = {
        "account": account.label,
        "config_dir": os.fspath(account.config_dir),
        "askedAtMs": _ms(asked.asked_at),
        "nextAtMs": _ms(asked.next_at),
        "failures": asked.failures,
        "trouble": asked.trouble,
        "cachedUsageUtilization": newest,
    }
    private.replace_file(account.file, f"{json.dumps(kept)}\n".encode())


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def _instant(ms: object) -> datetime | None:
    if isinstance(ms, bool) or not isinstance(ms, int | float) or not 0 < ms < 1e14:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC)
