"""A person's home full of secrets, and burnmon run in it under a guard.

The guard ends the process at the first attempt to speak to anyone, and writes down
which programs were started. It stands in the process itself, so that threads and
forked workers are under it too; what ``git`` does is not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import homes
from ptys import Terminal
from repos import BEGIN, Repo, code
from sessions import Claude, Codex, stamp

import burnmon

SECRET = "xylophone"
"""Part of every secret in the home, and of nothing else."""
DAY = f"{datetime.fromtimestamp(BEGIN, UTC):%Y-%m-%d}"
"""The day on which the sessions worked."""
SOURCES = (".claude", ".codex", ".claude.json", "src", "message.json", "lines.json")
"""What in the home is not burnmon's."""
CAUGHT = 99
"""Exit code of a process that the guard ended."""

GUARD = r"""
import json, os, sys

HARMLESS = {"socket.__new__", "socket.gethostname"}
UNIX = 1

def told(*words):
    with open(os.environ["WITNESS"], "a") as file:
        file.write(" ".join(map(str, words)) + "\n")

def hear(event, args):
    if event == "open" and ".credentials" in str(args[0]):
        told("credentials", args[0])
    if event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
        told("program", os.path.basename(os.fsdecode(args[0])))
    elif event == "os.system":
        told("program", "sh")
    elif event.startswith("socket."):
        if event == "socket.__new__" and args[1] == UNIX:
            return  # how a thread wakes an event loop
        told("network", event, *args[1:] if event == "socket.__new__" else args)
        os._exit(99)

sys.addaudithook(hear)
os.umask(0)
from burnmon.__main__ import main

lines = sys.argv[1:]
if lines[:1] == ["--lines"]:
    with open(lines[1]) as file:
        lines = json.load(file)
    with open(lines.pop(0)) as message:
        for words in lines:
            os.lseek(message.fileno(), 0, os.SEEK_SET)
            os.dup2(message.fileno(), 0)
            sys.argv = ["burnmon", *words]
            code = main()
            told("ended", code, *words)
else:
    sys.exit(main())
"""

COMMANDS: tuple[Sequence[str], ...] = (
    ("--once",),
    ("--demo", "--once"),
    ("status",),
    ("status", "--json"),
    ("statusline",),
    ("collect",),
    ("check", "--json"),
    ("check", "--hook", "--chance", "50"),
    ("limits",),
    ("limits", "--json"),
    ("backtest", "--json"),
    ("report",),
    ("report", "--by", "branch", "--json"),
    ("review", DAY),
    ("review", DAY, "--md"),
    ("review", DAY, "--json"),
    ("commits",),
    ("commits", "--json"),
    ("why", "--day", DAY),
    ("why", "S1", "--json"),
    ("prices", "--json"),
    ("setup",),
    ("setup", "--apply"),
    ("setup", "hook", "--apply"),
    ("setup", "--undo"),
    ("doctor",),
    ("doctor", "--json"),
    ("export", "--output", "requests.csv", "--format", "csv"),
    ("export", "--what", "readings", "--output", "readings.json"),
)
"""Every command, in the forms that do different things."""


class Ran(NamedTuple):
    """What came of a guarded process."""

    code: int
    output: str
    """Both of its streams, or what its terminal was told."""
    told: list[str]
    """What the guard wrote down."""

    def told_of(self, kind: str) -> list[str]:
        """The guard's lines of one kind."""
        return [line for line in self.told if line.startswith(f"{kind} ")]


def furnish(home: Path) -> None:
    """Sessions of both agents in a repository, secrets wherever they may stand."""
    repo = Repo(home / "src" / "api")
    repo.git("config", "remote.origin.url", f"https://me:{SECRET}-url@localhost/x")
    repo.write("old.py", code(1, 2, 3, word="old")).commit("Begin")
    _claude(home, repo)
    _codex(home, repo)
    _beside(home)


def _claude(home: Path, repo: Repo) -> None:
    at = BEGIN + 3600
    session = Claude(home / ".claude", "S1", repo.path)
    session.named("A title")
    envelope = {"sessionId": "S1", "cwd": str(repo.path), "timestamp": stamp(at)}
    session.lines += [
        {"type": "summary", "summary": f"{SECRET}-summary", "leafUuid": "x"},
        {**homes.prompt(f"My password is {SECRET}-prompt"), **envelope},
        {"type": "queue-operation", "content": f"{SECRET}-queued", **envelope},
        {"type": "last-prompt", "lastPrompt": f"{SECRET}-last", **envelope},
    ]
    session.ask(at + 1, homes.said(f"{SECRET}-answer"))
    written = f'password = "{SECRET}-code"\n' + code(*range(5), word="telling")
    session.write(repo.path / "new.py", written, at + 10)
    kept = {"file_path": str(repo.path / "x.py"), "content": f"{SECRET}-kept\n"}
    session._call("Write", kept, at + 12, ({"type": "create", **kept}, at + 13))
    commands = (
        f"curl -H 'Authorization: Bearer {SECRET}-flag' https://a.b/{SECRET}-path",
        f"TOKEN={SECRET}-set PASS='a {SECRET}-quoted' npm {SECRET}",
        f"KEY=$HOME/{SECRET} deploy",
        f"{SECRET}=$HOME/{SECRET} deploy",
        f"PGPASSWORD=${{X:-y}}/{SECRET} psql",
        f"mysql -p{SECRET} <<'E'\n{SECRET}-fed\nE",
        f"cat > notes.txt <<'E'\n{SECRET}-here\nE",
        f"echo {SECRET}-echoed | sudo -S true",
        f"git commit -m 'One\n\n{SECRET}-asked'",
        f"git push https://me:{SECRET}@localhost/x",
        f"gh pr create --body {SECRET}-request",
    )
    for number, command in enumerate(commands):
        printed = f"TOKEN={SECRET}-printed\n"
        session.run(command, printed, at + 20 + 2 * number)
    asked: dict[str, homes.Line] = {
        "Grep": {"pattern": f"{SECRET}-pattern"},
        "WebFetch": {"url": f"https://a.b/?k={SECRET}", "prompt": f"{SECRET}-why"},
        "Task": {"description": f"{SECRET}-task", "prompt": f"{SECRET}-told"},
        "mcp__x__y": {"query": f"{SECRET}-query"},
        "TodoWrite": {"todos": [{"content": f"{SECRET}-todo"}]},
    }
    for number, (tool, given) in enumerate(asked.items()):
        result = (f"{SECRET}-result", at + 61 + 2 * number)
        session._call(tool, given, at + 60 + 2 * number, result)
    message = f"Add it\n\n{SECRET}-body\n\nPassword: {SECRET}-trailer"
    session.commit(repo, message, at + 120)


def _codex(home: Path, repo: Repo) -> None:
    at = BEGIN + 7200
    thread = Codex(home / ".codex", 1, repo.path)
    thread.ask(at)
    for kind, word in (("user_message", "typed"), ("agent_message", "spoken")):
        thread._told(homes.event(kind, message=f"{SECRET}-{word}"), at + 1)
    written = code(*range(6), word="thread") + f"# {SECRET}-patch\n"
    thread.write(repo.path / "other.py", written, at + 10)
    thread.run(f"KEY=$HOME/{SECRET} make", f"{SECRET}-printed", at + 20)
    thread._call(
        "shell", {"command": ["sh", "-c", f"echo {SECRET}"]}, at, (SECRET, at + 30)
    )
    thread._call("web", {"query": f"{SECRET}-web"}, at, (f"{SECRET}-found", at + 40))
    thread._told(homes.codex("compacted", {"message": f"{SECRET}-short"}), at + 50)
    full = homes.limits(homes.window(40, 300), homes.window(26))
    thread._told(homes.event("token_count", info=None, **full), at + 60)
    thread.save()


def _beside(home: Path) -> None:
    """What Claude Code keeps beside its sessions, and sends to what it runs."""
    login = {
        "accessToken": f"sk-ant-{SECRET}-access",
        "refreshToken": f"sk-ant-{SECRET}-refresh",
        "expiresAt": 4_000_000_000_000,
        "scopes": ["user:inference", "user:profile"],
    }
    claude = home / ".claude"
    (claude / ".credentials.json").write_text(json.dumps({"claudeAiOauth": login}))
    keys = {"env": {"ANTHROPIC_API_KEY": f"{SECRET}-key"}, "apiKeyHelper": SECRET}
    (claude / "settings.json").write_text(json.dumps(keys))
    state = {
        **homes.cached(homes.answer(), BEGIN * 1000),
        "oauthAccount": {"emailAddress": f"{SECRET}@example.org"},
        "projects": {"/w": {"history": [{"display": f"{SECRET}-history"}]}},
    }
    (home / ".claude.json").write_text(json.dumps(state))
    message = {
        "session_id": "S1",
        "transcript_path": str(claude / "projects" / "w" / "S1.jsonl"),
        "hook_event_name": "UserPromptSubmit",
        "prompt": f"{SECRET}-submitted",
        "model": {"id": homes.OPUS},
        "context_window": {"context_window_size": 200_000, "used_percentage": 8},
        "rate_limits": {
            "five_hour": {"used_percentage": 97, "resets_at": 4_000_000_000}
        },
        "secret": SECRET,
    }
    (home / "message.json").write_text(json.dumps(message))


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """An environment that holds a secret too, in which errors are shown in full."""
    (home / "tmp").mkdir(exist_ok=True)
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(burnmon.__file__).parents[1]),
        "PYTHONUTF8": "1",
        "TMPDIR": str(home / "tmp"),
        "TERM": "xterm-256color",
        "TZ": "UTC",
        "WITNESS": str(home / "tmp" / "witness"),
        "BURNMON_DEBUG": "1",
        "API_TOKEN": f"{SECRET}-environment",
        **more,
    }


def _told(home: Path) -> list[str]:
    witness = home / "tmp" / "witness"
    lines = witness.read_text().splitlines() if witness.exists() else []
    witness.unlink(missing_ok=True)
    return lines


def guarded(
    home: Path, lines: Iterable[Sequence[str]], guard: str = GUARD, **environ: str
) -> Ran:
    """Command lines, one after the other in one process."""
    place = home / "lines.json"
    place.write_text(json.dumps([str(home / "message.json"), *map(list, lines)]))
    ended = subprocess.run(
        [sys.executable, "-c", guard, "--lines", str(place)],
        env=surroundings(home, **environ),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=120,
    )
    output = ended.stdout.decode("utf-8", "replace")
    return Ran(ended.returncode, output, _told(home))


def on_terminal(
    home: Path,
    words: Sequence[str],
    keys: Iterable[tuple[str, str]],
    before: Sequence[str] = (sys.executable, "-c", GUARD),
    **environ: str,
) -> Ran:
    """The live view; of ``keys`` each pair is what to wait for and what to press."""
    terminal = Terminal(
        command=[*before, *words],
        environ=surroundings(home, **environ),
        directory=home,
        size=(120, 40),
    )
    with terminal:
        terminal.play(keys)
        code = terminal.wait()
    output = terminal.written.decode("utf-8", "replace")
    return Ran(-1 if code is None else code, output, _told(home))


def own_files(home: Path) -> Mapping[str, Path]:
    """Everything that burnmon made in the home, by its path there."""
    found = {}
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        if not name.startswith(SOURCES) and name != "tmp":
            found[name] = path
    return found
