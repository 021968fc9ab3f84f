"""Watches the system calls of every command and of the live view, git's included.

In a home full of secrets, with sessions of both agents in a repository, each command
and the live view run under ``strace``. What is tried:

- that no process opens a socket of any kind but the local ones that wake a thread;
- that no process but burnmon and git is begun;
- that burnmon and git write nowhere but in burnmon's own places and the temporary one;
- that nobody reads Claude Code's credentials;
- that no file of burnmon's holds a secret, and no mode lets others in.

    python tests/trials/trust.py [--times N]

It needs ``strace``. Prints a line for each thing tried and what failed; ends with 1 if
anything did.
"""

from __future__ import annotations

import argparse
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import trusting

CALLS = "socket,connect,bind,sendto,sendmsg,execve,openat,open,creat,rename,unlink"
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
_CHANGES = ("creat", "rename", "unlink")
_STARTED = ("python", "git", "burnmon")
_SILENT = ("/dev/", "/proc/")
UNCACHED = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Python itself writes nothing."""
KEYS = (
    ("╰", "d"),
    ("Shipped", "d"),
    ("yesterday", trusting.DAY + "\r"),
    ("Add it", "m"),
    ("burnmon-2026", "\x1b"),
    ("Sessions", "q"),
)
"""What is waited for on the screen, and pressed: a day, written down as Markdown."""


def traced(home: Path, words: Sequence[str]) -> Sequence[str]:
    """A command line under strace."""
    log = str(home / "tmp" / "strace")
    strace = ("strace", "-f", "-qq", "-o", log, "-s", "300", "-e", f"trace={CALLS}")
    return (*strace, sys.executable, "-P", "-m", "burnmon", *words)


def run(home: Path, words: Sequence[str]) -> tuple[int, str]:
    """One command: its code, and what is wrong with what it printed."""
    environ = trusting.surroundings(home, **UNCACHED)
    message = (home / "message.json").read_bytes()
    ended = subprocess.run(
        traced(home, words),
        env=environ,
        cwd=home,
        input=message,
        capture_output=True,
        check=False,
        timeout=300,
        umask=0,
    )
    printed = (ended.stdout + ended.stderr).replace(message, b"")
    told = trusting.SECRET.encode() in printed
    return ended.returncode, "printed a secret" if told else ""


def live(home: Path) -> tuple[int, str]:
    """The live view, with the day opened and written down."""
    ran = trusting.on_terminal(home, (), KEYS, traced(home, ()), **UNCACHED)
    told = trusting.SECRET in ran.output
    return ran.code, "showed a secret" if told else ""


def faults(home: Path) -> Iterator[str]:
    """What the calls of one run tell that must not be."""
    log = home / "tmp" / "strace"
    for line in log.read_text("utf-8", "replace").splitlines():
        matched = _CALL.match(line)
        if matched is None:
            continue
        call, rest = matched.groups()
        failed = " = -1 " in rest
        path = next(iter(_PATH.findall(rest)), "")
        if call in ("socket", "connect", "bind", "sendto", "sendmsg"):
            if "AF_UNIX" not in rest and call in ("socket", "connect", "bind"):
                yield f"spoke: {line[:150]}"
        elif call == "execve":
            name = Path(path).name
            if not failed and not name.startswith(_STARTED):
                yield f"started {path}"
        elif ".credentials.json" in path and not failed:
            yield f"opened the credentials: {line[:150]}"
        elif (_WRITES.search(rest) or call in _CHANGES) and not (
            failed or _own(path, home)
        ):
            yield f"wrote {path}"
    log.unlink()


def _own(path: str, home: Path) -> bool:
    if path.startswith(_SILENT) or not path.startswith("/"):
        return True  # what is relative is in a git directory of our own, or the cwd
    places = (".local/share/burnmon", ".local/state/burnmon", "tmp")
    named = ("requests.csv", "readings.json", ".requests", ".readings", "burnmon-")
    changed = (
        ".tmux.conf",
        "..tmux.conf",
        ".claude/settings.json",
        ".claude/.settings.json",
    )
    return path.startswith(
        tuple(str(home / each) for each in (*places, *named, *changed))
    )


def left_behind(home: Path) -> Iterator[str]:
    """What is wrong with the files that were made."""
    for name, path in trusting.own_files(home).items():
        if name.startswith("tmp/"):
            yield f"left {name} behind"
        if stat.S_IMODE(path.lstat().st_mode) & 0o077:
            yield f"{name} is open to others"
        if path.is_file() and trusting.SECRET.encode() in path.read_bytes():
            yield f"{name} holds a secret"


def main() -> int:
    """Try it all, as often as is asked for."""
    reader = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    reader.add_argument("--times", type=int, default=1)
    times = reader.parse_args().times
    if shutil.which("strace") is None:
        print("strace is not installed")
        return 1
    tried: Counter[str] = Counter()
    failed = 0
    for _ in range(times):
        with tempfile.TemporaryDirectory() as place:
            home = Path(place)
            trusting.furnish(home)
            for words in (*trusting.COMMANDS, ()):
                name = " ".join(words) or "the live view"
                code, wrong = run(home, words) if words else live(home)
                found = [*faults(home), *filter(None, [wrong])]
                if code not in (0, 10, 11, 20, 30):
                    found.append(f"ended with {code}")
                tried[name] += 1
                failed += len(found)
                for each in dict.fromkeys(found):
                    print(f"{name}: {each}", flush=True)
            for each in left_behind(home):
                failed += 1
                print(each)
    for name, count in tried.items():
        print(f"{count:4} × {name}")
    print(f"{sum(tried.values())} runs, {failed} faults")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
