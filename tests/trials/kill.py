"""Kills burnmon at random points, and looks whether a fact was lost or doubled.

Each trial starts one piece of work in a process of its own: a first scan (alone, or
shared among processors), reading on, a ledger of each older schema brought up to date,
edits and commits read for a report, the live view's thread, a vacuum of the ledger,
``setup``, the files of the state. The process gets SIGKILL in one of four ways: at the
n-th step of the database, at the n-th line of the modules that write, at the n-th
system call that writes (where ``strace`` is installed), or after a while. Then

- SQLite finds nothing wrong with what lies there, and nothing else is needed,
- sums that are kept, and not marked to be made anew, are those of the requests,
- files of the state, of Claude Code and of tmux are whole: as before, or as after,
- one more run to the end leaves the very facts and figures of a fresh scan.

    python tests/trials/kill.py [--times 500] [--seed 1] [--only WORK] [--keep]

Prints a table of what was tried, how often, and what failed; exit code 1 on failure.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

import homes  # noqa: E402 - the tests' own builders
import works  # noqa: E402
from repos import BEGIN, Repo, code  # noqa: E402
from sessions import Claude, Codex  # noqa: E402

from burnmon import cli, config  # noqa: E402
from burnmon.usage import part_store  # noqa: E402
from burnmon.usage.adding import PART, parts  # noqa: E402
from burnmon.usage.ledger import Ledger  # noqa: E402
from burnmon.usage.schema import MIGRATIONS  # noqa: E402

NOW = datetime.fromtimestamp(BEGIN + 7200, UTC)
TRACED = (
    "usage/ledger.py usage/schema.py usage/part_store.py usage/work_store.py"
    " live/status.py"
    " live/alert_log.py live/polling.py live/sweep.py live/gathering.py"
    " live/workers.py cli/hook.py cli/recording.py cli/setup.py cli/export.py"
    " shipped/history_cache.py"
).split()
"""Modules that write, or decide what is written."""
CALLS = (
    "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,ftruncate,unlink,openat"
)
SQL_OPS = 25
"""Instructions of SQLite between two steps."""
UNDO = {
    6: ("DROP TABLE part", "DROP TABLE part_tier", "DROP TABLE part_marked"),
    5: (
        "DROP INDEX edit_session",
        "ALTER TABLE request DROP COLUMN thinking",
        # Their reader knew nothing of thinking, and had a version of its own.
        "UPDATE file SET reader = reader - 1",
    ),
    4: ("DROP TABLE tool_call", "UPDATE work_file SET reader = reader - 1"),
    3: ("DROP TABLE work_file", "DROP TABLE edit", "DROP TABLE commit_call"),
    2: ("DROP TABLE experience",),
}
"""What takes back each step of the schema, the newest first."""
OLDER = range(1, len(MIGRATIONS))
"""Every version that a ledger may be brought up to date from."""


class World:
    """One person's machine below a directory: agents' homes, a repository, our own."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.home = top / "home"
        self.data = top / "data"
        self.templates = top / "templates"
        self.mark = top / "killed"

    @property
    def environ(self) -> dict[str, str]:
        """What a process of this person sees; nothing of the real one."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(TESTS.parent),
            "HOME": str(self.home),
            "TZ": "UTC",
            "BURNMON_DATA_DIR": str(self.data),
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    @property
    def settings(self) -> config.Settings:
        return config.load({}, self.environ)

    @property
    def ledger(self) -> Path:
        return self.settings.ledger_file

    # --- the agents' files ------------------------------------------------------------

    def build(self) -> None:
        """Write all sessions, and note each file's length at half."""
        claude, codex = self.home / ".claude", self.home / ".codex"
        homes.write(claude, homes.claude_files())
        homes.write(claude, works.family())
        homes.write(codex, homes.codex_files())
        homes.write(codex, {homes.rollout(77): homes.text(*weeks())})
        repo = Repo(self.home / "src" / "api")
        begin = BEGIN + 60
        for number in range(12):
            at = begin + number * 300
            one = Claude(claude, f"session-{number}", repo.path)
            one.write(
                repo.path / f"a{number}.py", code(*range(9), word=f"w{number}"), at
            )
            for extra in range(8):
                one.ask(at + 2 + extra)
            one.commit(repo, f"Add a{number}", at + 20)
        other = Codex(codex, 50, repo.path)
        other.write(repo.path / "c.py", code(*range(5), word="second"), begin + 5000)
        other.commit(repo, "Add c", begin + 5010)
        self.files = sorted([*claude.rglob("*.jsonl"), *codex.rglob("*.jsonl")])
        self.whole = {each: each.read_bytes() for each in self.files}
        config_file = self.home / ".config" / "burnmon" / "config.toml"
        config_file.parent.mkdir(parents=True)
        config_file.write_text("[budgets]\nday = 0.01\nweek = 0.02\n")

    def show(self, share: float) -> None:
        """The agents' files as they were when so much of each was written."""
        for path, whole in self.whole.items():
            wanted = whole[: int(len(whole) * share)]
            with path.open("r+b") as file:
                size = os.fstat(file.fileno()).st_size
                if size > len(wanted):
                    file.truncate(len(wanted))
                file.seek(min(size, len(wanted)))
                file.write(wanted[min(size, len(wanted)) :])

    # --- our own files ----------------------------------------------------------------

    def keep(self, name: str) -> None:
        """Remember our own directory under a name."""
        shutil.copytree(self.data, self.templates / name)

    def restore(self, name: str) -> None:
        """Our own directory as it was; empty for a name that nothing was kept under."""
        shutil.rmtree(self.data, ignore_errors=True)
        if (self.templates / name).exists():
            shutil.copytree(self.templates / name, self.data)
        self.mark.unlink(missing_ok=True)

    def burnmon(self, *words: str) -> str:
        """What a command prints, run to its end as a person would."""
        ended = subprocess.run(
            [sys.executable, "-m", "burnmon", *words],
            cwd=TESTS.parent,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode or ended.stderr.strip():
            raise Broken(f"burnmon {' '.join(words)}: {ended.stderr.strip()}")
        return ended.stdout


class Broken(Exception):
    """What was found wrong after a kill."""


def weeks() -> Iterator[homes.Line]:
    """A Codex thread over a week of five-hour windows, which teach forecasts."""
    yield homes.meta(77)
    sums, each = [0, 0, 0, 0], (1200, 900, 0, 90)
    begin = datetime(2026, 11, 10, tzinfo=UTC)
    for number in range(20):
        opens = begin + timedelta(hours=6 * number)
        resets_at = int((opens + timedelta(hours=5)).timestamp())
        for step in range(10):
            at = opens + timedelta(minutes=25 * step)
            sums = [a + b for a, b in zip(sums, each, strict=True)]
            used = homes.window(2 + step * (4 + number % 3), 300, resets_at=resets_at)
            line = homes.count(tuple(sums), each, **homes.limits(used))  # type: ignore[arg-type]
            yield {**line, "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.000Z"}


def older(ledger: Path, version: int) -> None:
    """Make a ledger one that a burnmon of an older schema wrote."""
    db = sqlite3.connect(ledger)
    for step, statements in UNDO.items():
        for statement in statements if step > version else ():
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()


# --- the work that is killed ---------------------------------------------------------


def first(world: World) -> None:
    """A first scan."""
    command(world, "report", "--json")


def shared(world: World) -> None:
    """A first scan by several processes, whose keys are indexed in the end."""
    from burnmon.live import sweep, workers

    sweep.WORTH_WORKERS, sweep.SHARED_BATCH, workers.SHARE = 0, 40 << 10, 8 << 10
    os.sched_getaffinity = lambda _: {0, 1, 2}
    command(world, "report", "--json")


def append(world: World) -> None:
    """Lines that were added since."""
    command(world, "report", "--json")


def migrate(world: World) -> None:
    """A ledger of an older schema, and lines that were added since."""
    command(world, "report", "--json")


def work(world: World) -> None:
    """Edits, commit calls and the cache of what git was asked."""
    command(world, "commits", "--json", "--since", "2026-11-01")


def work_shared(world: World) -> None:
    """Edits and commit calls read by several processes."""
    from burnmon.live import gathering

    gathering.WORTH_WORKERS, gathering.SHARED_BATCH, gathering.SHARE = 0, 40960, 8192
    os.sched_getaffinity = lambda _: {0, 1, 2}
    work(world)


def live(world: World) -> None:
    """The live view's thread, with files that grow, alerts and lessons."""
    from burnmon.live.feeder import Feeder

    began = time.monotonic()

    def clock() -> datetime:
        return NOW + (time.monotonic() - began) * timedelta(seconds=8)

    fed = Feeder(world.settings, lambda _: None, clock)
    stop = fed.start()
    for share in (0.6, 0.7, 0.8, 0.9, 1.0):
        time.sleep(0.25)
        world.show(share)
    time.sleep(0.4)
    stop()


def vacuum(world: World) -> None:
    """Somebody makes the ledger smaller, which rewrites all of it."""
    with contextlib.closing(sqlite3.connect(world.ledger)) as db:
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def setup(world: World) -> None:
    """Claude Code and tmux are connected and disconnected again."""
    command(world, "setup", "claude", "hook", "tmux", "--apply")
    command(world, "setup", "claude", "hook", "tmux", "--undo")


def state(world: World) -> None:
    """Every other file that burnmon writes: alerts, hook, recordings, an answer."""
    from burnmon.cli import hook, recording
    from burnmon.live import alert_log, polling
    from burnmon.live.asking import Asked
    from burnmon.live.snapshot import Alert

    alert_log.LARGEST = 2000
    settings = world.settings
    log = alert_log.AlertLog(settings.alerts_file)
    account = polling.Account(
        "", world.home, settings.answers_dir / "1.json", Asked(), ""
    )
    settings.answers_dir.mkdir(parents=True, exist_ok=True)
    for number in range(12):
        at = NOW + timedelta(minutes=number)
        told = [
            Alert(at, "threshold", f"s{number}-{each}", at, each, "warning", "x" * 40)
            for each in range(3)
        ]
        log.decide(lambda _, told=told: tuple(told))  # type: ignore[misc]
        with hook._remembered(str(settings.state_dir / hook.MEMORY), at) as kept:
            # It grows and shrinks, as sessions come and go.
            kept["looked"] = {f"s{n}": at.timestamp() for n in range(number * 7 % 12)}
        line = {"at": at.timestamp(), "session_id": f"S{number}", "account": ""}
        recording.append(str(settings.data_dir / "recordings"), "2026-11", line)
        polling._keep(account, Asked(at, at), {"n": number})


def command(world: World, *words: str) -> None:
    """One command line in this process; what it prints goes nowhere."""
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        cli.run(words, world.environ, datetime.now(UTC))


WORK: dict[str, tuple[Callable[[World], None], tuple[str, ...], float, int]] = {
    # what is done, what it begins with, how much of the files is there, its weight
    "first scan": (first, ("",), 1.0, 3),
    "first scan, shared": (shared, ("",), 1.0, 3),
    "appended lines": (append, ("half", "half without work"), 1.0, 3),
    "migration": (migrate, tuple(f"schema {n}" for n in OLDER), 1.0, 4),
    "work, shared": (work_shared, ("half without work", ""), 1.0, 3),
    "work and history": (work, ("half", "half without work", "whole"), 1.0, 3),
    "live view": (live, ("half", ""), 0.5, 4),
    "vacuum": (vacuum, ("whole", "half"), 1.0, 1),
    "setup": (setup, ("half",), 0.5, 1),
    "state files": (state, ("half",), 0.5, 2),
}


# --- the ways to be killed -----------------------------------------------------------


class Death:
    """Counts points, and ends the process at one of them. Only in a child."""

    def __init__(self, mark: Path, last: int) -> None:
        self.points = 0
        self._mark = mark
        self._last = last
        self._here = str(TESTS.parent / "burnmon") + "/"

    def point(self, *_: object) -> int:
        self.points += 1
        if self.points == self._last:
            os.close(os.open(self._mark, os.O_CREAT | os.O_WRONLY))
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def at_lines(self) -> None:
        """Each line that one of the writing modules runs is a point."""

        def line(frame: Any, event: str, _: object) -> Any:
            if event == "line":
                self.point()
            return line

        def call(frame: Any, event: str, _: object) -> Any:
            path = frame.f_code.co_filename
            below = path.removeprefix(self._here)
            return line if below != path and below in TRACED else None

        threading.settrace(call)
        sys.settrace(call)

    def at_steps(self) -> None:
        """Each statement, and each few instructions of it, is a point."""

        connect = sqlite3.connect

        def watched(*given: Any, **more: Any) -> sqlite3.Connection:
            made: sqlite3.Connection = connect(*given, **more)
            made.set_progress_handler(self.point, SQL_OPS)
            made.set_trace_callback(self.point)
            return made

        sqlite3.connect = watched  # type: ignore[assignment]


def child(name: str, way: str, last: int, top: Path) -> int:
    """Do the work, and be killed on the way; without a point to die at, count them."""
    os.environ.update(World(top).environ)
    world = World(top)
    world.files = sorted([*world.home.rglob("*.jsonl")])
    world.whole = {
        p: (world.top / "contents" / p.name).read_bytes() for p in world.files
    }
    part_store.ENOUGH = 1  # whoever may makes sums anew
    death = Death(world.mark, last)
    {"line": death.at_lines, "step": death.at_steps}.get(way, lambda: None)()
    WORK[name][0](world)
    print(death.points)
    return 0


def started(world: World, name: str, way: str, last: int) -> subprocess.Popen[str]:
    given = ["--child", name, way, str(last), str(world.top)]
    words = [sys.executable, __file__, *given]
    if way == "call":
        # The calls of starting Python come before; ``last`` counts from the first.
        inject = (
            f"inject={CALLS}:signal=SIGKILL:when={last}" if last else f"trace={CALLS}"
        )
        listing = world.top / "calls"
        words = ["strace", "-f", "-qq", "-o", str(listing), "-e", f"trace={CALLS}"]
        words += ["-e", inject, sys.executable, __file__, *given]
    return subprocess.Popen(
        words,
        cwd=TESTS.parent,
        env=world.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def measured(world: World, name: str, way: str, begin: str) -> tuple[int, int]:
    """The points of some work: from which one on it is burnmon's own, and how many."""
    prepare(world, name, begin)
    began = time.monotonic()
    process = started(world, name, way, 0)
    said, wrong = process.communicate()
    if process.returncode:
        raise SystemExit(f"{name} does not run: {wrong}")
    if way == "wait":
        return 60, int((time.monotonic() - began) * 1000)
    if way == "call":
        lines = (world.top / "calls").read_text(errors="replace").splitlines()
        main = lines[0].split()[0]
        own = [each for each in lines if each.split()[0] == main]
        near = [n for n, each in enumerate(own) if str(world.data) in each]
        return max(1, min(near, default=0)), len(own)
    return 1, max(1, int(said.split()[-1]))


def killed(world: World, name: str, way: str, last: int) -> bool:
    """Do the work and kill it; whether it did not come to its end before."""
    process = started(world, name, way, last)
    try:
        if way == "wait":
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=last / 1000)
                return False
            os.killpg(process.pid, signal.SIGKILL)
        _, wrong = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    dead = process.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    if not dead and process.returncode:
        raise Broken(f"ended with {process.returncode}: {wrong.strip()[-400:]}")
    return dead or world.mark.exists()


def prepare(world: World, name: str, begin: str) -> None:
    world.show(WORK[name][2])
    world.restore(begin)
    if name == "setup":
        claude, tmux = (
            world.home / ".claude" / "settings.json",
            world.home / ".tmux.conf",
        )
        for each in (
            *claude.parent.glob("*settings.json*"),
            *world.home.glob(".*tmux*"),
        ):
            each.unlink()
        claude.write_text('{\n  "model": "opus"\n}\n')
        tmux.write_text("set -g mouse on\n")


# --- what must be found --------------------------------------------------------------


def facts(world: World, ledger: Ledger) -> dict[str, Any]:
    """Everything the ledger holds, in words."""
    told: dict[str, Any] = {**homes.rows(ledger, world.home), **works.rows(ledger)}
    # Our own recordings and answers are read like any file, and are those of a trial.
    told["file"] = [each for each in told["file"] if each[1] in ("claude", "codex")]
    told["work_file"] = ledger._db.execute(
        "SELECT path, work_file.reader, work_file.offset, work_file.tail,"
        " work_file.trail FROM work_file JOIN file USING (id)"
        " WHERE agent IN ('claude', 'codex') ORDER BY path"
    ).fetchall()
    return told


def figures(world: World) -> list[dict[str, Any]]:
    """What two commands say, without when they said it."""
    told = [
        json.loads(world.burnmon("commits", "--json", "--since", "2026-11-01")),
        json.loads(world.burnmon("report", "--json")),
    ]
    for each in told:
        each.pop("generated_at")
    return told


def check_left(world: World, name: str) -> None:
    """What lies there right after the kill."""
    for path in world.data.rglob("*.sqlite3"):
        # On a copy: looking would already mend it.
        aside = world.top / "aside"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        for each in path.parent.glob(f"{path.name}*"):
            shutil.copy2(each, aside / each.name)
        db = sqlite3.connect(aside / path.name)
        said = db.execute("PRAGMA integrity_check").fetchall()
        if said != [("ok",)]:
            raise Broken(f"{path.name}: {said}")
        if path == world.ledger and "part" in {row[0] for row in db.execute(_NAMES)}:
            check_sums(db)
        db.close()
    for path in (*world.data.rglob("*.json"), *world.data.rglob("*.jsonl")):
        if path.name.startswith("."):
            continue  # never came to its place
        whole = path.read_bytes()
        parts = whole.splitlines() if path.suffix == ".jsonl" else [whole]
        for number, part in enumerate(parts, 1):
            try:
                json.loads(part)
            except ValueError:
                raise Broken(
                    f"{path.name}:{number}: not whole: {part[:60]!r}"
                ) from None
    if name == "setup":
        check_wiring(world)
    # Invented ones, and the commands below read them like any file.
    shutil.rmtree(world.data / "recordings", ignore_errors=True)
    shutil.rmtree(world.data / "state" / "answers", ignore_errors=True)


def check_sums(db: sqlite3.Connection) -> None:
    """Sums that somebody would look at come to what the requests come to."""
    tiers = [row[0] for row in db.execute("SELECT above FROM part_tier ORDER BY above")]
    sound = "quarter NOT IN (SELECT quarter FROM part_marked)"
    kept = db.execute(f"SELECT {', '.join(PART)} FROM part WHERE {sound}").fetchall()
    made = db.execute(parts(sound, tiers, "")).fetchall()
    if sorted(kept) != sorted(made):
        raise Broken(f"{len(set(kept) ^ set(made))} sums are not those of the requests")


def check_wiring(world: World) -> None:
    """Settings of other programs are those before or those after, and never lost."""
    claude, tmux = world.home / ".claude" / "settings.json", world.home / ".tmux.conf"
    held = json.loads(claude.read_text())
    if held.get("model") != "opus" or "set -g mouse on" not in tmux.read_text():
        raise Broken("a setting of the person is gone")
    if tmux.read_text().count("status-right") not in (0, 1, 2):
        raise Broken("tmux.conf holds a part twice")
    world.burnmon("setup", "claude", "hook", "tmux", "--undo")
    if json.loads(claude.read_text()) != {"model": "opus"}:
        raise Broken(f"undo leaves {claude.read_text()}")
    if tmux.read_text().strip() != "set -g mouse on":
        raise Broken(f"undo leaves {tmux.read_text()}")


def check_end(
    world: World, expected: dict[str, Any], said: list[dict[str, Any]]
) -> None:
    """Facts and figures after one more run to the end."""
    world.show(1.0)
    wait_for_lock(world)
    now_said = figures(world)
    with Ledger(world.ledger, writes=False) as ledger:
        held = facts(world, ledger)
        found = ledger._db.execute("PRAGMA integrity_check").fetchall()
        if found != [("ok",)]:
            raise Broken(f"in the end: {found}")
        check_sums(ledger._db)
        if MIGRATED - {row[0] for row in ledger._db.execute(_NAMES)}:
            raise Broken("a table or an index is missing")
    for name, rows in expected.items():
        if held[name] != rows:
            lost = [each for each in rows if each not in held[name]]
            more = [each for each in held[name] if each not in rows]
            raise Broken(f"{name}: lost {lost[:2]}, more {more[:2]}")
    if now_said != said:
        raise Broken("facts are the same, figures are not")


_NAMES = "SELECT name FROM sqlite_master"
MIGRATED = {"request_key", "tool_call", "experience", "edit", "part"}


def wait_for_lock(world: World) -> None:
    """A worker of a killed process may hold the lock until it has read its part."""
    for _ in range(100):
        with Ledger(world.ledger) as ledger:
            if ledger.writable:
                return
        time.sleep(0.05)
    raise Broken("the lock is never given back")


# --- trials --------------------------------------------------------------------------


def make_templates(world: World) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Kept ledgers to begin with, and what a fresh scan holds and says."""
    world.build()
    (world.top / "contents").mkdir(parents=True)
    for path, whole in world.whole.items():
        (world.top / "contents" / path.name).write_bytes(whole)
    world.show(0.5)
    world.burnmon("report", "--json")
    world.keep("half without work")
    world.burnmon("commits", "--json", "--since", "2026-11-01")
    world.keep("half")
    for version in OLDER:
        world.restore("half")
        older(world.ledger, version)
        world.keep(f"schema {version}")
    world.restore("")
    world.show(1.0)
    said = figures(world)
    world.keep("whole")
    with Ledger(world.ledger, writes=False) as ledger:
        return facts(world, ledger), said


def trial(world: World, chance: random.Random, points: Points) -> tuple[str, str, int]:
    """Choose, kill; what was chosen."""
    names = [name for name, each in WORK.items() for _ in range(each[3])]
    while True:
        name = chance.choice([each for each in names if points.only in each])
        way = chance.choice(points.ways(name))
        begin = chance.choice(WORK[name][1])
        first_point, last_point = points.of(name, way, begin)
        # An average one; points at the end are met where a run has fewer of them.
        last = chance.randint(first_point, max(first_point, last_point))
        prepare(world, name, begin)
        if killed(world, name, way, last):
            return name, way, last


class Points:
    """How many points each work has, found out by doing it once."""

    def __init__(self, world: World, only: str) -> None:
        self.only = only
        self._world = world
        self._known: dict[tuple[str, str, str], tuple[int, int]] = {}

    def ways(self, name: str) -> list[str]:
        usual = ["line", "step", "wait", *(["call"] if shutil.which("strace") else [])]
        return [each for each in usual if name not in _WITHOUT.get(each, ())]

    def of(self, name: str, way: str, begin: str) -> tuple[int, int]:
        key = (name, way, begin)
        if key not in self._known:
            self._known[key] = measured(self._world, *key)
        return self._known[key]


_WITHOUT = {"step": ("setup", "state files"), "line": ("vacuum",)}
"""Work that a way does not lead into: it asks no database, or is no code of ours."""


def main() -> int:
    """Run the trials and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="work whose name contains this")
    parser.add_argument("--keep", action="store_true", help="stop at a failure")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        name, way, last, top = args.child
        return child(name, way, int(last), Path(top))
    top = Path(tempfile.mkdtemp(prefix="burnmon-kill-"))
    world = World(top)
    expected, said = make_templates(world)
    points, chance = Points(world, args.only), random.Random(args.seed)
    done: Counter[tuple[str, str]] = Counter()
    failures: list[str] = []
    for number in range(1, args.times + 1):
        name, way, last = "", "", 0
        try:
            name, way, last = trial(world, chance, points)
            check_left(world, name)
            check_end(world, expected, said)
        except Broken as error:
            failures.append(f"{number}: {name}, {way} {last}: {error}")
            print("FAILED", failures[-1], flush=True)
            if args.keep:
                print(f"left in {top}")
                return 1
        done[name, way] += 1
        if number % 50 == 0:
            print(f"{number} kills, {len(failures)} failures", flush=True)
    shutil.rmtree(top)
    ways = ("line", "step", "call", "wait")
    print(f"\n{'killed in':<22}" + "".join(f"{each:>7}" for each in ways) + "    all")
    for name in WORK:
        row = [done[name, way] for way in ways]
        print(f"{name:<22}" + "".join(f"{n:>7}" for n in row) + f"{sum(row):>7}")
    print(f"\n{sum(done.values())} kills, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
