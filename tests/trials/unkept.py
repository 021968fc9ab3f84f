"""Does the live view show what is written, whatever its own files come to?

Each case takes something away from burnmon: room on the disk, the right to write, the
ledger, its lock, the cache of what git was asked, descriptors. The live view runs in a
pseudo-terminal, in a home in which an agent works. A session that is begun afterwards
must be on the screen within seconds, as must the words for what is wrong; nothing may
be a traceback, nothing may take the processor, and ``q`` must leave a tidy terminal.
Where the hindrance ends, the ledger must hold everything in the end. Every command must
end in the same place with one of its codes, and with words.

    python tests/trials/unkept.py [--times N] [--only WORDS]

It runs in some ten minutes and exits with 1 if anything failed. Cases that need a mount
of one's own are told as not tried where none may be made.
"""

from __future__ import annotations

import os
import re
import resource
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

import cases  # noqa: E402
import homes  # noqa: E402 — the builders lie one directory up
from cases import Cases, NotTried  # noqa: E402
from ptys import Terminal  # noqa: E402
from repos import Repo, code  # noqa: E402
from sessions import Claude  # noqa: E402

SECONDS = 3.0
"""Within which a line that was written is on the screen of a busy machine."""
RETURN = 75.0
"""Within which a ledger that can be used again is used again."""
BUSY = 0.25
"""The share of a core from which a screen is busy."""
CODES = (0, 1, 10, 11, 20, 30)
BAD = (b"Traceback", b"unexpected", b"Exception", b"Error:")
COMMANDS = [
    each.split()
    for each in (
        "report,status,limits,--once,doctor,check,review,commits,why,export,"
        "statusline,collect,check --hook,backtest,prices"
    ).split(",")
]
KEPT = "history is not kept"
_WORDLESS = ("doctor", "check")
"""They tell what is wrong on standard output, or by their code alone."""
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[PX^_\]].*?(?:\x07|\x1b\\)|.)")


class Faults(cases.Faults):
    """What was wrong in one run of a case."""


@dataclass
class World:
    """A home in which an agent works, and burnmon in it."""

    faults: Faults
    home: Path
    prefix: Sequence[str] = ()
    """What stands before burnmon's command line."""
    prepare: Callable[[], object] | None = None
    count: int = 0
    written: set[str] = field(default_factory=set)
    terminal: Terminal = field(init=False)

    @property
    def data(self) -> Path:
        return self.home / ".local" / "share" / "burnmon"

    @property
    def state(self) -> Path:
        return self.home / ".local" / "state" / "burnmon"

    @property
    def ledger(self) -> Path:
        return self.data / "ledger.sqlite3"

    @property
    def environ(self) -> dict[str, str]:
        """What every process sees; of the real person's nothing."""
        return {
            "HOME": str(self.home),
            "TZ": "UTC",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(HERE.parents[2]),
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def work(self) -> str:
        """A session that is new, in a directory of its own; that one's name."""
        self.count += 1
        name = f"seen{self.count:03}"
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        line = homes.assistant(
            f"m-{name}", sessionId=name, timestamp=stamp, cwd=f"/w/{name}"
        )
        path = f"projects/-w-{name}/{name}.jsonl"
        homes.write(self.home / ".claude", {path: homes.text(line)})
        self.written.add(name)
        return name

    def command(self, words: Sequence[str]) -> list[str]:
        """The command line of a burnmon."""
        return [*self.prefix, sys.executable, "-m", "burnmon", *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """A command, run to its end."""
        given = b'{"session_id": "seen001", "hook_event_name": "UserPromptSubmit"}'
        return subprocess.run(
            self.command(words),
            env=self.environ,
            cwd=self.home,
            input=given,
            capture_output=True,
            check=False,
            timeout=120,
            preexec_fn=self.prepare,
        )

    def commands(self) -> None:
        """Check that every command ends with one of its codes, and with words."""
        for words in COMMANDS:
            name = " ".join(words)
            ended = self.run(*words)
            never = words[0] in ("statusline", "collect") or "--hook" in words
            codes = (0,) if never else CODES
            code, said = ended.returncode, ended.stdout + ended.stderr
            self.faults.check(
                code in codes, f"{name}: ends with {code}: {said[-200:]!r}"
            )
            wrong = [each for each in BAD if each in said]
            self.faults.check(not wrong, f"{name}: says {said[-300:]!r}")
            if code == 1 and words[0] not in _WORDLESS:
                told = ended.stderr.startswith(b"burnmon: ")
                self.faults.check(told, f"{name}: fails without a word")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The live view, until it is left."""
        with Terminal(
            command=self.command(["-O"]),
            environ=self.environ,
            size=(220, 50),
            prepare=self.prepare,
        ) as self.terminal:
            if not self.terminal.drawn():
                raise AssertionError(f"no frame: {self.terminal.written[-600:]!r}")
            yield
            self._leave()

    def _leave(self) -> None:
        share = self.terminal.cpu(2.0)
        self.faults.check(share < BUSY, f"takes {share:.0%} of a core")
        self.terminal.press("q")
        code = self.terminal.wait()
        self.faults.check(code == 0, f"exit code {code}")
        self.faults.extend(f"left on: {each}" for each in self.terminal.left_on())
        wrong = [each for each in BAD if each in self.terminal.written]
        self.faults.check(not wrong, f"shows {wrong}")

    def seen(self, words: str, since: int = 0, within: float = SECONDS) -> bool:
        """Whether words come onto the screen in time."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            told = _ESCAPES.sub(b"", self.terminal.written[since:])
            if words.encode() in told:
                return True
            time.sleep(0.02)
        return False

    def live(self, times: int = 3) -> None:
        """Check that what is written now gets onto the screen."""
        for _ in range(times):
            since = len(self.terminal.written)
            name = self.work()
            self.faults.check(self.seen(name, since), f"{name} is not shown")
            time.sleep(0.3)

    def told(self, words: str, within: float = 15.0) -> None:
        """Check that the person is told why."""
        if not self.seen(words, within=within):
            told = _ESCAPES.sub(b"", self.terminal.written).decode("utf-8", "replace")
            found = re.search(r"history is not kept: .{0,150}", told)
            self.faults.append(f"not told: {words!r}, but {found and found[0]!r}")

    def kept(self) -> None:
        """Check that the ledger holds all of it before long."""
        lost = self.written
        until = time.monotonic() + RETURN
        while lost and time.monotonic() < until:
            time.sleep(1)
            try:
                with closing(
                    sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)
                ) as db:
                    known = "SELECT session FROM file WHERE session LIKE 'seen%'"
                    lost = self.written - {row[0] for row in db.execute(known)}
            except sqlite3.Error:
                continue
        self.faults.check(not lost, f"{len(lost)} of {len(self.written)} are not kept")


@contextmanager
def world(faults: Faults, warm: bool = True) -> Iterator[World]:
    """A home with a repository and a session; ``warm``: with a ledger that knows it."""
    top = Path(tempfile.mkdtemp(prefix="unkept-"))
    try:
        made = World(faults, top / "home")
        repo = Repo(made.home / "src" / "api")
        repo.write("a.py", "one line\n").commit("Begin")
        at = int(time.time()) - 3600
        session = Claude(made.home / ".claude", "S-api", repo.path)
        session.write(repo.path / "b.py", code(*range(5)), at)
        session.commit(repo, "Add b", at + 60)
        homes.write(made.home / ".claude", homes.claude_files())
        made.work()
        if warm:
            made.run("commits")
        yield made
    finally:
        shutil.rmtree(top, ignore_errors=True)


CASES: Cases[Faults] = Cases()

# --- the ledger itself ---------------------------------------------------------------


def _version(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")


def _middle(file: Path) -> None:
    """All but its head is noise."""
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(100)
        stream.write(os.urandom(size - 100))


def _foreign(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE other (x)")


def _directory(file: Path) -> None:
    file.unlink()
    (file / "x").mkdir(parents=True)


def _nowhere(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.parent / "gone" / "x")


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "of a newer version": (_version, "written by a newer burnmon"),
    "noise": (lambda file: file.write_bytes(os.urandom(50_000)), "not a database"),
    "noise behind its head": (_middle, "it is damaged"),
    "cut in half": (
        lambda file: os.truncate(file, file.stat().st_size // 8192 * 4096),
        "it is damaged",
    ),
    "another program's": (_foreign, "another program's database"),
    "a directory": (_directory, "it is a directory"),
    "a link to nowhere": (_nowhere, KEPT),
    "a pipe": (_pipe, KEPT),
}


def _spoilt(name: str) -> Callable[[Faults], None]:
    spoil, words = SPOILT[name]

    def case(faults: Faults) -> None:
        with world(faults) as made:
            for beside in made.data.glob("ledger.sqlite3-*"):
                beside.unlink()
            spoil(made.ledger)
            with made.shown():
                made.told(words)
                made.live()
            made.commands()

    return case


for _name in SPOILT:
    CASES[f"the ledger is {_name}"] = _spoilt(_name)


@CASES.named("the ledger is spoilt, or cut off, while it is used")
def spoilt_in_use(faults: Faults) -> None:
    for spoil in (
        lambda file: file.write_bytes(os.urandom(file.stat().st_size)),
        lambda file: _overwrite(file, os.urandom(file.stat().st_size)),
        lambda file: os.truncate(file, 4096),
        lambda file: os.truncate(file, 0),
        lambda file: os.truncate(f"{file}-wal", 0),
    ):
        with world(faults) as made, made.shown():
            made.live(1)
            spoil(made.ledger)
            # Nothing may be asked of what is damaged for a while.
            name = made.work()
            faults.check(made.seen(name, 0, 30), f"{name} is not shown")
            made.live()


def _overwrite(file: Path, contents: bytes) -> None:
    with file.open("r+b") as stream:
        stream.write(contents)


@CASES.named("the ledger is removed, and its directory, while it is used")
def removed(faults: Faults) -> None:
    with world(faults) as made, made.shown():
        made.live(1)
        made.ledger.unlink()
        made.live()
        shutil.rmtree(made.data)
        made.live()
        made.kept()


@contextmanager
def _locked(made: World) -> Iterator[None]:
    """Another program has the ledger to itself."""
    with closing(sqlite3.connect(made.ledger, isolation_level=None)) as db:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        db.execute("CREATE TABLE mine (x)")
        yield
        db.execute("ROLLBACK")


@CASES.named("the ledger is locked, and free again later")
def locked(faults: Faults) -> None:
    with world(faults) as made:
        with _locked(made):
            shown = made.shown()
            shown.__enter__()
            made.told("locked", 30)
            made.live()
            made.commands()
        made.kept()
        made.live(1)
        shown.__exit__(None, None, None)


@CASES.named("somebody writes to the ledger for 20 s while it is used")
def held_up(faults: Faults) -> None:
    with world(faults) as made, made.shown():
        made.live(1)
        with closing(sqlite3.connect(made.ledger, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            name = made.work()
            faults.check(made.seen(name, 0, 15), f"{name} is not shown")
            made.live()
            time.sleep(max(0.0, 20 - (time.monotonic() - began)))
            db.execute("ROLLBACK")
        made.live()
        made.kept()


# --- what lies around it -------------------------------------------------------------


@CASES.named("a file is where the directory of the ledger should be")
def no_directory(faults: Faults) -> None:
    with world(faults, warm=False) as made:
        homes.write(made.home, {".local/share/burnmon": b"x"})
        with made.shown():
            made.told("a file is where its directory should be")
            made.live()
        made.commands()


@CASES.named("a file is where the directory of the state should be")
def no_state(faults: Faults) -> None:
    with world(faults) as made:
        shutil.rmtree(made.state, ignore_errors=True)
        homes.write(made.home, {".local/state/burnmon": b"x"})
        with made.shown():
            made.live()
        made.commands()
        made.kept()


@CASES.named("a directory is where the figures and the alerts should be")
def state_is_taken(faults: Faults) -> None:
    with world(faults) as made:
        for name in ("state.json/x", "alerts.jsonl/x", "hook.json/x"):
            (made.state / name).mkdir(parents=True)
        with made.shown():
            made.live()
        made.commands()
        made.kept()


@CASES.named("the cache of git's history is of another kind, locked, spoilt")
def history(faults: Faults) -> None:
    def lock(file: Path) -> None:
        held = sqlite3.connect(file, isolation_level=None)
        held.execute("PRAGMA locking_mode = EXCLUSIVE")
        held.execute("BEGIN EXCLUSIVE")
        locks.append(held)

    locks: list[sqlite3.Connection] = []
    for spoil in (_version, _middle, _foreign, _directory, _nowhere, lock):
        with world(faults) as made:
            spoil(made.data / "history.sqlite3")
            with made.shown():
                made.live(2)
                made.terminal.press("d")
                faults.check(made.seen("Shipped"), f"no day: {spoil.__name__}")
                time.sleep(1)
                made.terminal.press("\x1b")
                time.sleep(0.3)
            made.commands()
        while locks:
            locks.pop().close()


# --- rights and room -----------------------------------------------------------------


@CASES.named("everything belongs to another user")
def others(faults: Faults) -> None:
    if os.geteuid() or shutil.which("setpriv") is None:
        raise NotTried("only root can give files away, and setpriv its power")
    for warm in (False, True):
        with world(faults, warm) as made:
            for each in (made.home, *made.home.rglob("*")):
                each.chmod(0o755 if each.is_dir() else 0o644)
                os.chown(each, 65_534, 65_534)
            powers = "-dac_override,-dac_read_search,-fowner,-chown,-setuid"
            made.prefix = ("setpriv", "--bounding-set", powers)
            with made.shown():
                made.told(KEPT)
                made.live()
            made.commands()


@CASES.named("files may be no larger than 64 kB (RLIMIT_FSIZE)")
def small_files(faults: Faults) -> None:
    with world(faults, warm=False) as made:
        for _ in range(100):
            made.work()
        most = 64 << 10
        made.prepare = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        with made.shown():
            made.told(KEPT)
            made.live()
        made.commands()


@CASES.named("no descriptor is left for a while")
def no_descriptors(faults: Faults) -> None:
    with world(faults) as made, made.shown():
        made.live(1)
        pid = made.terminal.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, before[1]))
        for _ in range(4):
            made.work()
            time.sleep(1)
        made.told("too many files are open")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        name = f"seen{made.count:03}"
        faults.check(made.seen(name, 0, 30), f"{name} is not shown afterwards")
        made.live()
        made.kept()


UNSHARED = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("-U", "-r")))
ENTER = ("--mount", *(() if os.geteuid() == 0 else ("-U", "--preserve-credentials")))


def _mounted(made: World, *commands: str) -> None:
    """Let burnmon see mounts of its own, made by some commands of a shell."""
    script = " && ".join([*commands, 'exec "$@"'])
    made.prefix = (*UNSHARED, "sh", "-c", script, "sh")
    tried = subprocess.run([*made.prefix, "true"], capture_output=True, check=False)
    if tried.returncode:
        raise NotTried("no mount may be made here")


def _inside(made: World, command: str) -> None:
    """Run a command where the live view sees it."""
    pid = str(made.terminal.process.pid)
    words = ["nsenter", "-t", pid, *ENTER, "sh", "-c", command]
    subprocess.run(words, capture_output=True, check=True)


def _small_disk(made: World, options: str) -> Path:
    """Everything of burnmon lies on a disk of its own, with what is there so far."""
    disk, aside = made.home / ".local", made.home.parent / "aside"
    disk.mkdir(exist_ok=True)
    shutil.copytree(disk, aside)
    quoted = shlex.quote(str(disk))
    _mounted(
        made,
        f"mount -t tmpfs -o {options} tmpfs {quoted}",
        f"(cp -a {shlex.quote(str(aside))}/. {quoted} || true)",
    )
    return disk


@CASES.named("the disk is full from the first (32 kB, and no file)")
def full(faults: Faults) -> None:
    for options in ("size=32k", "size=64k", "size=10m,nr_inodes=4"):
        with world(faults, warm=False) as made:
            _small_disk(made, options)
            with made.shown():
                made.told(KEPT)
                made.live()
            made.commands()


@CASES.named("the disk gets full, and has room again later")
def fills(faults: Faults) -> None:
    with world(faults) as made:
        disk = _small_disk(made, "size=16m")
        with made.shown():
            made.live(1)
            _inside(made, f"cat /dev/zero > {disk}/filler || true")
            for _ in range(8):
                made.live(1)
            made.told("the disk is full", 60)
            made.live()
            _inside(made, f"rm {disk}/filler")
            ledger = made.ledger
            root = Path(f"/proc/{made.terminal.process.pid}/root")
            until = time.monotonic() + RETURN
            while time.monotonic() < until and not _holds(root, ledger, made.written):
                time.sleep(1)
            faults.check(_holds(root, ledger, made.written), "not kept afterwards")
            made.live(1)


def _holds(root: Path, ledger: Path, written: set[str]) -> bool:
    """Whether a ledger in another's mount holds some sessions; it is not locked."""
    with tempfile.TemporaryDirectory() as place:
        for each in (root / ledger.relative_to("/")).parent.glob(f"{ledger.name}*"):
            shutil.copyfile(each, Path(place, each.name))
        try:
            with closing(sqlite3.connect(Path(place, ledger.name))) as db:
                found = db.execute("SELECT session FROM file").fetchall()
        except sqlite3.Error:
            return False
    return written <= {row[0] for row in found}


@CASES.named("home can only be read")
def read_only(faults: Faults) -> None:
    for warm in (False, True):
        with world(faults, warm) as made:
            home = shlex.quote(str(made.home))
            _mounted(
                made, f"mount --bind {home} {home}", f"mount -o remount,ro,bind {home}"
            )
            with made.shown():
                made.told(KEPT)
                made.live()
            made.commands()


@CASES.named("nothing at all can be written, /tmp neither")
def all_read_only(faults: Faults) -> None:
    with world(faults) as made:
        _mounted(made, "mount -o remount,ro,bind /")
        with made.shown():
            made.told(KEPT)
            made.live()
            made.terminal.press("d")
            faults.check(made.seen("Shipped"), "no day")
            time.sleep(1)
            made.terminal.press("\x1b")
            time.sleep(0.3)
        made.commands()


@CASES.named("the disk becomes one that can only be read, while it is used")
def turns_read_only(faults: Faults) -> None:
    with world(faults) as made:
        home = shlex.quote(str(made.home))
        _mounted(made, f"mount --bind {home} {home}")
        with made.shown():
            made.live(1)
            # Open files keep a mount from it; what is opened from now on is not.
            _inside(
                made,
                f"mount -o remount,ro,bind {home} || mount -r --bind {home} {home}",
            )
            made.live()


if __name__ == "__main__":
    sys.exit(
        cases.run(
            CASES,
            Faults,
            cases.asked(__doc__).parse_args(),
            "whatever happened, the screen went on",
        )
    )
