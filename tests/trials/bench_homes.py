"""Homes of agents in any size, for measuring: copies of real ones, or invented ones.

A copy has ids of its own and its times moved by one constant, so that nothing of it
collapses into another copy and all else is as it was written. Sources are only read.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

TREES = {"claude": ("projects",), "codex": ("sessions", "archived_sessions")}
"""Agent → the directories of its home that hold session files."""
HOMES = {"claude": ".claude", "codex": ".codex"}
"""Agent → its home below a person's."""
LONGEST_SPAN = timedelta(days=90)
"""All copies together lie within so many days, as far as one copy allows."""
LEAST_STEP = timedelta(minutes=7)
"""Between two copies: who tells requests apart by their time alone sees them all."""
_TIME = "%Y-%m-%dT%H:%M:%S"
_ALNUM = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_TOKEN = re.compile(
    rb"(?<![0-9a-f])([0-9a-f]{8})(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    rb"|((?:msg|req|resp|toolu|call)_)([0-9A-Za-z]{2})(?=[0-9A-Za-z]{10})"
    rb"|(20\d\d-\d\d-\d\dT\d\d[:-]\d\d[:-]\d\d)"
    rb'|("(?:resets|started|completed)_?[aA]t":\s?)(\d{10})(?!\d)'
)
"""Uuids, ids of messages, requests and calls, instants in words and in seconds."""
_STATED = re.compile(rb'"timestamp":\s?"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d)')
_DAY = re.compile(r"/(20\d\d)/(\d\d)/(\d\d)/(rollout-(20\d\d-\d\d-\d\d)T)")


@dataclass(frozen=True, slots=True)
class Source:
    """One session file that copies are made of."""

    agent: str
    path: str
    below: str
    """Its place below the agent's home."""


def sources(agent: str, homes: Sequence[Path]) -> list[Source]:
    """The session files of some homes of one agent, each place once."""
    found: dict[str, Source] = {}
    for home in homes:
        for tree in TREES[agent]:
            for path in sorted((home / tree).rglob("*.jsonl")):
                below = path.relative_to(home).as_posix()
                if path.is_file():
                    found.setdefault(below, Source(agent, os.fspath(path), below))
    return list(found.values())


def extent(files: Sequence[Source]) -> tuple[datetime, datetime]:
    """The first and the last instant that any line states."""
    first, last = b"9", b"0"
    for each in files:
        stated = _STATED.findall(Path(each.path).read_bytes())
        if stated:
            first, last = min(first, min(stated)), max(last, max(stated))
    return _instant(first), _instant(last)


def _instant(words: bytes) -> datetime:
    return datetime.strptime(words.decode(), _TIME).replace(tzinfo=UTC)


def rewriter(copy: int, shift: timedelta) -> Callable[[bytes], bytes]:
    """What makes bytes of a source those of a copy; copy 0 keeps its ids.

    No token changes its length, so every line keeps its size.
    """
    mask = copy * 0x9E3779B1 & 0xFFFFFFFF
    count = len(_ALNUM)
    # Real ids begin with 01, which the tag of no copy may be.
    tag = bytes((_ALNUM[(copy // count + 2) % count], _ALNUM[copy % count]))
    seconds = round(shift.total_seconds())
    moved: dict[bytes, bytes] = {}

    def time(words: bytes) -> bytes:
        if words not in moved:
            form = "%Y-%m-%dT%H-%M-%S" if words[13:14] == b"-" else _TIME
            try:
                at = datetime.strptime(words.decode(), form).replace(tzinfo=UTC)
                moved[words] = (at + shift).strftime(form).encode()
            except ValueError:
                moved[words] = words
        return moved[words]

    def token(match: re.Match[bytes]) -> bytes:
        if match[5]:
            return time(match[5])
        if match[6]:
            return match[6] + b"%010d" % (int(match[7]) + seconds)
        if not copy:
            return match[0]
        if match[1]:
            return b"%08x" % (int(match[1], 16) ^ mask) + match[2]
        return match[3] + tag

    return lambda data: _TOKEN.sub(token, data)


def place_of(source: Source, copy: int, rewrite: Callable[[bytes], bytes]) -> str:
    """Where the file of a copy belongs below the agent's home."""
    head, _, name = source.below.rpartition("/")
    if source.agent == "claude":
        tree, project, *deeper = head.split("/")
        head = "/".join((tree, f"{project}-c{copy}" if copy else project, *deeper))
    place = rewrite(f"{head}/{name}".encode()).decode()
    # Codex files a rollout under the day in its name.
    return _DAY.sub(lambda m: f"/{m[5].replace('-', '/')}/{m[4]}", place)


def scale(
    home: Path, homes: dict[str, Sequence[Path]], copies: int, end: datetime
) -> int:
    """Fill a person's home with copies of the agents' homes; how many bytes that is.

    The newest line of each agent is stated at ``end``.
    """
    made = []
    for agent, given in homes.items():
        files = sources(agent, given)
        if not files:
            continue
        first, last = extent(files)
        room = max(LEAST_STEP * copies, LONGEST_SPAN - (last - first))
        step = room / max(1, copies - 1)
        root = os.fspath(home / HOMES[agent])
        made += [
            (root, source, copy, end - last - step * copy)
            for copy in range(copies)
            for source in files
        ]
    with ProcessPoolExecutor() as pool:
        return sum(pool.map(_copy, made, chunksize=16))


def _copy(task: tuple[str, Source, int, timedelta]) -> int:
    root, source, copy, shift = task
    rewrite = rewriter(copy, timedelta(seconds=round(shift.total_seconds())))
    data = rewrite(Path(source.path).read_bytes())
    path = Path(root, place_of(source, copy, rewrite))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    stated = _STATED.findall(data)
    if stated:
        newest = _instant(max(stated)).timestamp()
        os.utime(path, (newest, newest))
    return len(data)


def bytes_below(home: Path) -> list[str]:
    """Every session file of a person's home."""
    return [
        os.fspath(path)
        for agent, trees in TREES.items()
        for tree in trees
        for path in sorted((home / HOMES[agent] / tree).rglob("*.jsonl"))
    ]


# --- invented ------------------------------------------------------------------------

_MODEL = "claude-opus-4-5-20251101"


def invent(home: Path, size: int, end: datetime, seed: int = 1) -> None:
    """A Claude Code home of about ``size`` bytes, whose last line is at ``end``.

    Sizes of lines are spread as in real sessions: a prompt and an answer of a
    kilobyte, a tool result of up to some ten.
    """
    chance = random.Random(seed)
    written = 0
    at = end
    while written < size:
        session = _uuid(chance)
        project = f"-work-project-{chance.randrange(12)}"
        path = home / "projects" / project / f"{session}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        started = at - timedelta(seconds=40 * 60)
        lines = b"".join(_session(chance, session, project, started, 60))
        path.write_bytes(lines)
        os.utime(path, (at.timestamp(), at.timestamp()))
        written += len(lines)
        at -= timedelta(minutes=chance.randrange(10, 90))


def _session(
    chance: random.Random, session: str, project: str, at: datetime, turns: int
) -> Iterator[bytes]:
    common = {"sessionId": session, "cwd": project.replace("-", "/"), "version": "2.0"}
    carried = 15_000
    for turn in range(turns):
        at += timedelta(seconds=20)
        said = {"role": "user", "content": _words(chance, 300 if turn % 9 else 12_000)}
        yield _line(common, "user", at, chance, said)
        at += timedelta(seconds=20)
        added = chance.randrange(200, 4000)
        usage = {
            "input_tokens": 8,
            "cache_creation_input_tokens": added,
            "cache_read_input_tokens": carried,
            "output_tokens": chance.randrange(50, 1500),
        }
        carried += added
        answer = {
            "id": f"msg_01{chance.getrandbits(88):022x}",
            "role": "assistant",
            "model": _MODEL,
            "content": [{"type": "text", "text": _words(chance, 700)}],
            "usage": usage,
        }
        yield _line(common, "assistant", at, chance, answer)


def _line(
    common: dict[str, str],
    kind: str,
    at: datetime,
    chance: random.Random,
    message: Mapping[str, object],
) -> bytes:
    line = {
        **common,
        "type": kind,
        "uuid": _uuid(chance),
        "timestamp": f"{at:{_TIME}}.000Z",
        "message": message,
    }
    if kind == "assistant":
        line["requestId"] = f"req_011C{chance.getrandbits(80):020x}"
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _uuid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    cuts = (0, 8, 12, 16, 20, 32)
    return "-".join(digits[a:b] for a, b in pairwise(cuts))


def _words(chance: random.Random, size: int) -> str:
    word = "the quick brown fox reads another file and edits the lines it found there "
    start = chance.randrange(len(word))
    return (word[start:] + word * (size // len(word) + 1))[:size]
