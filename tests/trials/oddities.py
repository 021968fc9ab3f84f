"""Puts odd things in the places of files, and lines beyond all measure into sessions.

What is tried, each in a home of its own and each command in a process of its own:

- a pipe, a directory, a link to itself, an endless and an empty device, a socket, noise
  and nothing in every place that burnmon reads or writes;
- damaged and sound lines of some 100 MB and of just below the longest that is read;
- a session file that grows and shrinks while it is read again and again.

    python tests/trials/oddities.py [--quick] [--kind KIND] [--times N]

No command may take longer than its time, need more than its memory, tell of anything
unexpected or lose the lines around. Prints a line for each thing tried and what failed;
ends with 1 if anything did.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import homes
import works

MB = 1 << 20
SECONDS = 60
"""After which a command is taken for hung; git alone is given as much."""
MEMORY = 800 * MB
"""Bytes that a command may need for a line of 60 MB, of which it holds some copies."""
CODES = (0, 1, 2, 10, 11, 20, 30)

PLACES = {
    "session": ".claude/projects/-home-dev-w/S9.jsonl",
    "directory of sessions": ".claude/projects",
    "rollout": ".codex/sessions/2026/11/20/rollout-x.jsonl",
    "packed rollout": ".codex/sessions/2026/11/20/rollout-y.jsonl.zst",
    "running session": ".claude/sessions/1.json",
    "state of Claude Code": ".claude.json",
    "settings": ".claude/settings.json",
    "credentials": ".claude/.credentials.json",
    "tmux.conf": ".tmux.conf",
    "config": ".config/burnmon/config.toml",
    "prices": ".config/burnmon/prices.toml",
    "fetched prices": ".local/share/burnmon/prices.json",
    "ledger": ".local/share/burnmon/ledger.sqlite3",
    "lock": ".local/share/burnmon/ledger.sqlite3.lock",
    "history": ".local/share/burnmon/history.sqlite3",
    "recordings": ".local/share/burnmon/recordings",
    "recording": ".local/share/burnmon/recordings/claude-2026-11.jsonl",
    "data": ".local/share/burnmon",
    "figures": ".local/state/burnmon/state.json",
    "alerts": ".local/state/burnmon/alerts.jsonl",
    "memory of the hook": ".local/state/burnmon/hook.json",
    "answers": ".local/state/burnmon/answers/x.json",
    "state": ".local/state/burnmon",
}
COMMANDS = [
    each.split()
    for each in (
        "report,status,limits,--once,doctor,check,review,commits,why,export,"
        "statusline,collect,check --hook,setup,backtest,prices"
    ).split(",")
]
QUICK = [["report"], ["doctor"], ["statusline"], ["check", "--hook"], ["--once"]]


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        before = Path.cwd()
        os.chdir(place.parent)  # the path of a socket must be short
        try:
            bound.bind(place.name)
        finally:
            os.chdir(before)


KINDS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "directory": lambda place: (place / "x").mkdir(parents=True),
    "link to itself": lambda place: place.symlink_to(place),
    "endless": lambda place: place.symlink_to("/dev/zero"),
    "null": lambda place: place.symlink_to(os.devnull),
    "full": lambda place: place.symlink_to("/dev/full"),
    "socket": _socket,
    "noise": lambda place: place.write_bytes(random.Random(1).randbytes(5000)),
    "nothing": lambda place: place.touch(),
}


class Ran(NamedTuple):
    """What came of a command."""

    code: int | None
    """None where it had to be killed."""
    said: str
    seconds: float
    peak: int
    """Bytes."""

    @property
    def failure(self) -> str:
        if self.code is None:
            return "hangs"
        if "Traceback" in self.said or "unexpected" in self.said:
            return self.said.strip()[-200:]
        return "" if self.code in CODES else f"ends with {self.code}"


def ran(home: Path, *words: str) -> Ran:
    """Run one command in a home."""
    environ = {"HOME": str(home), "COLUMNS": "80", "LINES": "24", "TZ": "UTC"}
    for name in ("PATH", "PYTHONPATH"):
        environ |= {name: os.environ[name]} if name in os.environ else {}
    told = {
        "session_id": "S1",
        "transcript_path": "/h/.claude/projects/w/S1.jsonl",
        "hook_event_name": "UserPromptSubmit",
        "rate_limits": {
            "five_hour": {"used_percentage": 99, "resets_at": time.time() + 7200}
        },
    }
    began = time.monotonic()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out:
        given.write(json.dumps(told).encode())
        given.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-m", "burnmon", *words],
            env=environ,
            stdin=given,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        timer = threading.Timer(SECONDS, process.kill)
        timer.start()
        # What this process itself needs counts for its children: it must stay small.
        _, status, used = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said = out.read(4 * MB).decode("utf-8", "replace")
    code = process.returncode
    seconds = time.monotonic() - began
    return Ran(None if code < 0 else code, said, seconds, used.ru_maxrss << 10)


@contextmanager
def home(files: homes.Files) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="odd-"))
    for path, contents in files.items():
        agent = ".codex" if path.startswith(("sessions", "archived")) else ".claude"
        homes.write(place / agent, {path: contents})
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


# --- places --------------------------------------------------------------------------


def in_places(kinds: Iterable[str], commands: list[list[str]]) -> int:
    """Every kind in every place; how many commands failed."""
    failed = 0
    for kind in kinds:
        slowest, tried, wrong = 0.0, 0, []
        for name, path in PLACES.items():
            with home(homes.every_shape()) as place:
                there = place / path
                there.parent.mkdir(parents=True, exist_ok=True)
                if there.is_dir():
                    shutil.rmtree(there)
                KINDS[kind](there)
                for words in commands:
                    come = ran(place, *words)
                    tried, slowest = tried + 1, max(slowest, come.seconds)
                    never = words[0] in ("statusline", "collect") or "--hook" in words
                    failure = come.failure or ("fails" if never and come.code else "")
                    if failure:
                        wrong.append(
                            f"    {name}: burnmon {' '.join(words)}: {failure}"
                        )
        print(f"{kind:16} {tried:5} commands, {len(wrong)} wrong, {slowest:5.1f} s")
        print(*wrong, sep="\n", end="\n" if wrong else "", flush=True)
        failed += len(wrong)
    return failed


# --- sizes ---------------------------------------------------------------------------

_HOLE = "@hole@"


def _around(line: homes.Line) -> tuple[bytes, bytes]:
    before, _, behind = homes.packed(line).partition(_HOLE.encode())
    return before, behind


def lines() -> Iterator[tuple[str, str, tuple[bytes, bytes], bytes]]:
    """Name, agent, what is around, and what is repeated in between."""
    bare = (b"", b"")
    patch = {"type": "custom_tool_call", "name": "apply_patch", "call_id": "c"}
    patched = homes.codex("response_item", {**patch, "input": _HOLE})
    begun, behind = _around(patched)
    begin = b"*** Begin Patch\\n*** Add File: a\\n"
    said = {"content": [homes.said(_HOLE)]}
    yield "answer", "claude", _around(homes.assistant("big", inside=said)), b"xyz "
    yield (
        "characters",
        "claude",
        _around(homes.assistant("big", inside=said)),
        "😀".encode(),
    )
    yield "result", "claude", _around(homes.result(_HOLE)), b"xyz "
    written = works.asks("Write", file_path="/w/a", content=_HOLE)
    yield "written file", "claude", _around(written), b"ab\\n"
    yield "command", "claude", _around(works.asks("Bash", command=_HOLE)), b"git a ;"
    yield "patch", "codex", (begun + begin, behind), b"+ab\\n"
    yield "title", "claude", _around(homes.titled(_HOLE)), b"xyz "
    yield "brackets", "claude", bare, b"["
    yield "glued", "claude", bare, b"{}"
    yield "no text", "codex", bare, b"\xff\x00"
    yield "half characters", "claude", (b'{"type":"assistant","a":"', b'"}'), b"\\ud800"


def in_sizes() -> int:
    """Lines of several sizes; how many commands failed."""
    failed = 0
    for name, agent, (before, behind), piece in lines():
        for size in (30, 60, 100):
            first: list[homes.Line] = [homes.assistant("m1")]
            own, last = homes.S1, [homes.assistant("m2")]
            if agent == "codex":
                first = [homes.meta(1), homes.count(homes.FIRST, homes.FIRST)]
                last = [homes.turn("t"), homes.count(homes.SUM2, homes.SECOND)]
                own = homes.rollout(1)
            with home({own: homes.text(*first)}) as place:
                with (place / f".{agent}" / own).open("ab") as file:
                    file.write(before)
                    block = piece * (MB // len(piece))
                    for _ in range(size):
                        file.write(block)
                    file.write(behind + b"\n" + homes.text(*last))
                for words in (["report", "--json"], ["commits"], ["--once"]):
                    come = ran(place, *words)
                    failure = come.failure
                    if not failure and words[0] == "report":
                        kept = json.loads(come.said)["dedup"]["requests_kept"]
                        failure = "lines around are lost" if kept < 2 else ""
                    if not failure and come.peak > MEMORY:
                        failure = "needs too much"
                    print(
                        f"{name:16} {size:4} MB  {words[0]:8} {come.seconds:5.1f} s"
                        f" {come.peak // MB:5} MB  {failure}",
                        flush=True,
                    )
                    failed += bool(failure)
    return failed


# --- files that move -----------------------------------------------------------------


def moving(times: int) -> int:
    """A session file that grows, is cut and replaced while commands read it."""
    chance, failed = random.Random(1), 0
    whole = homes.claude_files()[homes.S1] * 50
    with home(homes.claude_files()) as place:
        file, over = place / ".claude" / homes.S1, threading.Event()

        def move() -> None:
            while not over.is_set():
                size = chance.randint(0, len(whole))
                with suppress(OSError):
                    if chance.random() < 0.3:
                        file.unlink(missing_ok=True)
                    if chance.random() < 0.5:
                        os.truncate(file, size // 2)
                    with file.open("ab" if chance.random() < 0.5 else "wb") as stream:
                        stream.write(whole[:size])

        mover = threading.Thread(target=move)
        mover.start()
        try:
            for _ in range(times):
                come = ran(place, *chance.choice(QUICK))
                if come.failure:
                    failed += 1
                    print(f"    {come.failure}", flush=True)
        finally:
            over.set()
            mover.join()
        file.write_bytes(whole)
        found = [ran(each, "report", "--json") for each in (place, _fresh(place))]
        kept, new = (json.loads(each.said)["dedup"]["requests_kept"] for each in found)
        failed += int(kept < new)
        print(
            f"a moving file    {times:5} commands, {failed} wrong, {kept} of {new} kept"
        )
    return failed


def _fresh(place: Path) -> Path:
    """The same home without what burnmon knows of it."""
    shutil.rmtree(place / ".local", ignore_errors=True)
    return place


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="some commands only")
    parser.add_argument("--kind", action="append", help="one kind; repeatable")
    parser.add_argument("--times", type=int, default=50, help="while a file moves")
    parser.add_argument("--no-sizes", action="store_true")
    args = parser.parse_args()
    failed: int = in_places(args.kind or KINDS, QUICK if args.quick else COMMANDS)
    failed += moving(args.times)
    if not args.no_sizes:
        failed += in_sizes()
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
