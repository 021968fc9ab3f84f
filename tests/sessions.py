"""Sessions of both agents that work on real repositories, and what they come to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from difflib import ndiff
from pathlib import Path
from typing import Any

import homes
from days import spent
from homes import Line
from repos import Repo

from burnmon.config import Root, Settings
from burnmon.day import CommitRow, Rest, Spent, total
from burnmon.live.gathering import behind, gather
from burnmon.live.shipping import Shipping
from burnmon.live.sweep import Sweep
from burnmon.shipped.commits import Repository
from burnmon.shipped.reckoning import Reckoning
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(3000, 1, 1, tzinfo=UTC)
EACH = Decimal("0.0028")
"""Dollars of one request of a Claude session."""


def stamp(at: float) -> str:
    """Epoch seconds as the agents write them."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


class _Session:
    """A session that changes files and runs git; each step is one request."""

    def __init__(self, home: Path, name: str, cwd: Path, branch: str = "main") -> None:
        self.name, self.cwd, self.branch = name, cwd, branch
        self.lines: list[Line] = []
        self._home = home
        self._steps = 0

    @property
    def file(self) -> str:
        raise NotImplementedError

    def ask(self, at: float) -> None:
        """One request that does nothing."""
        raise NotImplementedError

    def _patch(
        self, path: str, gone: list[str], come: list[str], at: float, outcome: str
    ) -> None:
        raise NotImplementedError

    def run(
        self, command: str, printed: str, at: float, begun_at: float | None = None
    ) -> None:
        """A request that runs a command, whose result comes at ``at``."""
        raise NotImplementedError

    def write(
        self,
        path: Path,
        text: str,
        at: float,
        *,
        outcome: str = "accepted",
        encoding: str = "utf-8",
        ends: str = "\n",
    ) -> None:
        """A request that makes a file what ``text`` says, on disk and in the record."""
        before = path.read_bytes().decode(encoding) if path.exists() else ""
        told = list(ndiff(before.splitlines(), text.splitlines()))
        gone = [each[2:] for each in told if each.startswith("- ")]
        come = [each[2:] for each in told if each.startswith("+ ")]
        if outcome == "accepted":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.replace("\n", ends).encode(encoding))
        self._patch(str(path), gone, come, at, outcome)
        self.save()

    def commit(
        self,
        repo: Repo,
        subject: str,
        at: int,
        *words: str,
        quiet: bool = False,
        author: tuple[str, str] | None = None,
    ) -> str:
        """A request that commits everything at ``at``; the SHA."""
        repo.git("add", "--all")
        hush = ("--quiet",) if quiet else ()
        options = ("commit", *hush, *words, "-m", subject)
        printed = repo.git(*options, at=at, author=author)
        flags = " ".join((*hush, *words))
        self.run(f'git commit {flags} -m "{subject}"', printed, at + 0.5, at - 0.5)
        return repo.head()

    def save(self) -> None:
        """Put the file into the home; every step but ``ask`` does."""
        homes.write(self._home, {self.file: homes.text(*self.lines)})

    def _next(self) -> str:
        self._steps += 1
        return f"{self.name}-{self._steps}"


class Claude(_Session):
    """A Claude Code session, or a sub-agent of one."""

    def __init__(
        self,
        home: Path,
        name: str,
        cwd: Path,
        branch: str = "main",
        subagent: str = "",
        tokens: tuple[int, int, int, int, int] = homes.TOKENS,
    ) -> None:
        super().__init__(home, name, cwd, branch)
        self.subagent = subagent
        self.model = homes.OPUS
        self.tokens = tokens

    @property
    def file(self) -> str:
        if self.subagent:
            return f"projects/w/{self.name}/subagents/agent-{self.subagent}.jsonl"
        return f"projects/w/{self.name}.jsonl"

    def _envelope(self, at: float) -> Line:
        side = {"isSidechain": True, "agentId": self.subagent} if self.subagent else {}
        return {
            "sessionId": self.name,
            "cwd": str(self.cwd),
            "gitBranch": self.branch,
            "timestamp": stamp(at),
            **side,
        }

    def ask(self, at: float, *content: Line) -> None:
        step = self._next() + self.subagent
        inside: Line = {"content": list(content) or [homes.said("Hm.")]}
        inside["model"] = self.model
        self.lines.append(
            homes.assistant(step, self.tokens, inside, **self._envelope(at))
        )
        self.save()

    def _call(
        self, name: str, given: Line, at: float, ended: tuple[Any, float], **more: Any
    ) -> None:
        result, ended_at = ended
        call = f"toolu-{self.name}-{self.subagent}-{self._steps}"
        self.ask(at, {"type": "tool_use", "id": call, "name": name, "input": given})
        block = {"type": "tool_result", "tool_use_id": call, "content": "ok", **more}
        told = homes.user([block], toolUseResult=result)
        self.lines.append({**told, **self._envelope(ended_at)})
        self.save()

    def _patch(
        self, path: str, gone: list[str], come: list[str], at: float, outcome: str
    ) -> None:
        marked = [*(f"-{each}" for each in gone), *(f"+{each}" for each in come)]
        given = {"file_path": path, "old_string": "\n".join(gone)}
        given["new_string"] = "\n".join(come)
        if outcome == "accepted":
            result = {"filePath": path, "structuredPatch": [{"lines": marked}]}
            self._call("Edit", given, at - 1, (result, at))
        else:
            words = "The user doesn't want to proceed with this tool use."
            said = words if outcome == "rejected" else "String to replace not found"
            self._call("Edit", given, at - 1, (said, at), is_error=True, content=said)

    def run(
        self, command: str, printed: str, at: float, begun_at: float | None = None
    ) -> None:
        begun = at - 1 if begun_at is None else begun_at
        result = {"stdout": printed, "stderr": "", "interrupted": False}
        self._call("Bash", {"command": command}, begun, (result, at), content=printed)

    def named(self, words: str) -> None:
        """Give the session a title."""
        self.lines.append({**homes.titled(words), "sessionId": self.name})
        self.save()

    def linked_with(self, number: int, at: float) -> None:
        """Link the session with a pull request."""
        told = {"type": "pr-link", "prNumber": number, "prRepository": "o/r"}
        self.lines.append({**told, "sessionId": self.name, "timestamp": stamp(at)})
        self.save()


class Codex(_Session):
    """A Codex thread; its name is a number."""

    def __init__(self, home: Path, number: int, cwd: Path) -> None:
        super().__init__(home, homes.thread(number), cwd)
        self._number = number
        self._sum = (0, 0, 0, 0)

    @property
    def file(self) -> str:
        return homes.rollout(self._number)

    def _told(self, line: Line, at: float) -> None:
        self.lines.append({**line, "timestamp": stamp(at)})

    def ask(self, at: float) -> None:
        if not self.lines:
            git = {"branch": self.branch}
            self._told(homes.meta(self._number, cwd=str(self.cwd), git=git), at)
            context = {"turn_id": "t1", "cwd": str(self.cwd), "model": "gpt-5.5"}
            self._told(homes.codex("turn_context", context), at)
        self._next()
        a, b, c, d = self._sum
        last = (1000 + self._steps, 900, 0, 100)
        self._sum = (a + last[0], b + last[1], c + last[2], d + last[3])
        self._told(homes.count(self._sum, last), at)
        self.save()

    def _call(self, name: str, given: Any, at: float, ended: tuple[str, float]) -> None:
        said, ended_at = ended
        call = f"call-{self._number}-{self._steps}"
        kind = "custom_tool_call" if isinstance(given, str) else "function_call"
        key = "input" if isinstance(given, str) else "arguments"
        value = given if isinstance(given, str) else json.dumps(given)
        asked = {"type": kind, "name": name, "call_id": call, key: value}
        self._told(homes.codex("response_item", asked), at)
        told = {"type": f"{kind}_output", "call_id": call, "output": said}
        self._told(homes.codex("response_item", told), ended_at)
        self.ask(at)

    def _patch(
        self, path: str, gone: list[str], come: list[str], at: float, outcome: str
    ) -> None:
        if not self.lines:
            self.ask(at - 2)
        marked = [*(f"-{each}" for each in gone), *(f"+{each}" for each in come)]
        head = f"*** Update File: {path}\n@@"
        patch = "\n".join(("*** Begin Patch", head, *marked, "*** End Patch", ""))
        said = "Success. Updated the following files:\nM it\n"
        if outcome != "accepted":
            said = "apply_patch verification failed"
        self._call("apply_patch", patch, at - 1, (said, at))

    def run(
        self, command: str, printed: str, at: float, begun_at: float | None = None
    ) -> None:
        if not self.lines:
            self.ask(at - 2)
        begun = at - 1 if begun_at is None else begun_at
        said = f"Chunk ID: 1\nProcess exited with code 0\nOutput:\n{printed}"
        self._call("exec_command", {"cmd": command}, begun, (said, at))


# --- what they come to ---------------------------------------------------------------


def settings_in(place: Path, home: Path, **more: Any) -> Settings:
    """Settings that know one home and no other place of the machine."""
    fields: dict[str, Any] = {
        "roots": (Root("claude", "home", home), Root("codex", "home", home)),
        "zone": "UTC",
        "data_dir": place / "data",
        "state_dir": place / "state",
        "config_file": place / "config.toml",
        "prices_file": place / "prices.json",
        "fetched_prices_file": place / "fetched.json",
        **more,
    }
    (place / "data").mkdir(parents=True, exist_ok=True)
    return Settings(**fields)


def read(settings: Settings) -> Ledger:
    """A ledger in memory that has read the homes, for requests and for work."""
    ledger = Ledger(None)
    sweep = Sweep(ledger, settings.roots)
    for _ in sweep.absorb(sweep.look()):
        pass
    for _ in gather(ledger, behind(ledger)):
        pass
    return ledger


def absorb(settings: Settings) -> None:
    """Bring the ledger of some settings up to date, as the feeder does."""
    with Ledger(settings.ledger_file) as ledger:
        sweep = Sweep(ledger, settings.roots)
        for _ in sweep.absorb(sweep.look()):
            pass
        for _ in gather(ledger, behind(ledger)):
            pass


def reckon(
    home: Path,
    only: Repository | None = None,
    emails: frozenset[str] = frozenset(),
    paths: tuple[tuple[str, str], ...] = (),
) -> Reckoning:
    """Everything in a home, linked and split: as ``commits`` does it."""
    settings = settings_in(home.parent, home, paths=paths)
    with read(settings) as ledger:
        shipping = Shipping(settings, ledger, pricing.load(), emails)
        reckoning = Reckoning(shipping.known(None, None, only))
        if only is None:
            check(reckoning, ledger)
        shipping.histories.close()
        return reckoning


def check(reckoning: Reckoning, ledger: Ledger) -> None:
    """What is in commits and what is in none is what was asked; each session's too."""
    rows, rests = every_row(reckoning), every_rest(reckoning)
    price = reckoning.known.price
    asked = ledger.requests()
    parts = total([*(each.spent for each in rows), *(each.spent for each in rests)])
    assert parts == spent(asked, price)
    for session_id, charges in reckoning.charges.items():
        own = [each for each in asked if each.session_id == session_id]
        assert total(each.spent for each in charges) == spent(own, price)


def every_row(reckoning: Reckoning) -> list[CommitRow]:
    """Commits of all time that have evidence or cost something."""
    rows = reckoning.rows(FIRST, LAST)
    return [each for each in rows if each.evidence or each.spent != Spent()]


def every_rest(reckoning: Reckoning) -> list[Rest]:
    return reckoning.rests(FIRST, LAST)


def tiers(reckoning: Reckoning) -> dict[str, dict[str, str]]:
    """By subject of a commit: by session the tier of its link."""
    return {
        row.subject: {each.session_id: each.tier for each in row.evidence}
        for row in every_row(reckoning)
    }


def costs(reckoning: Reckoning) -> dict[str, Decimal]:
    """By subject of a commit: how many requests its dollars are."""
    return {row.subject: row.spent.cost / EACH for row in every_row(reckoning)}


def reasons(reckoning: Reckoning) -> Mapping[str, tuple[str, ...]]:
    """By reason why money is in no commit: its files."""
    return {each.reason: each.files for each in every_rest(reckoning)}
