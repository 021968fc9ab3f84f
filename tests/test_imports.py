"""Which module may know which: the contracts, and what a command really loads."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import burnmon

ROOT = Path(__file__).parents[1]
HEAVY = {"textual", "rich", "httpx", "watchdog", "zstandard", "subprocess", "asyncio"}
"""What only the live view, a refresh or a compressed rollout needs."""
LAZY = ("burnmon.__main__", "burnmon.tui", "burnmon.live.workers")
"""Modules that others load inside the function that needs them."""
MODULES = sorted(
    each.name
    for each in pkgutil.walk_packages(burnmon.__path__, "burnmon.")
    if not each.name.startswith(LAZY)
)


def loaded(code: str, home: Path, *words: str) -> set[str]:
    """Top-level modules a fresh interpreter holds after some code, at an empty home."""
    tell = "import sys; sys.stderr.write(' '.join(sys.modules))"
    environment = {
        "HOME": str(home),
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
    }
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tell}", *words],
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in ended.stderr.split()}


def test_contracts(capsys: pytest.CaptureFixture[str]) -> None:
    """Imports point the way that the project's contracts say."""
    broken = lint_imports(str(ROOT / "pyproject.toml"), no_cache=True)
    assert broken == 0, capsys.readouterr().out


def test_importing_loads_nothing_heavy(tmp_path: Path) -> None:
    """No module read at start loads the screen, the network or a file watcher."""
    code = "".join(f"import {name}\n" for name in MODULES)
    assert loaded(code, tmp_path) & HEAVY == set()


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["--help"],
        ["status"],
        ["check"],
        ["statusline"],
        ["limits", "--json"],
        ["report", "--json"],
        ["prices", "--json"],
        ["doctor"],
        ["--once"],
    ],
    ids=lambda words: " ".join(words).lstrip("-"),
)
def test_command_loads_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    """A command that draws no live view loads none of what that needs."""
    code = (
        "import sys\n"
        "from burnmon.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.stdout.flush(); sys.stderr.write('\\n')"
    )
    assert loaded(code, tmp_path, *words) & HEAVY == set()


@pytest.mark.parametrize("command", ["report", "limits"])
def test_figures_load_little(command: str, tmp_path: Path) -> None:
    """Commands that scripts ask for figures load nothing that is slow to load and only
    a table, a first scan or a live view needs."""
    code = "import sys\nfrom burnmon.__main__ import main\nmain()"
    slow = {"typing_extensions", "inspect", "pickle", "shutil", "statistics"}
    slow |= {"burnmon.agents.claude", "burnmon.agents.codex"}
    found = loaded(f"{code}\nsys.stderr.write('\\n')", tmp_path, command, "--json")
    assert found & (HEAVY | slow) == set()


def test_status_line_loads_no_ledger(tmp_path: Path) -> None:
    """The status line runs many times a minute: it decodes and stores nothing."""
    code = "import sys\nfrom burnmon.__main__ import main\nmain()"
    heavy = {"sqlite3", "msgspec"}
    assert loaded(code, tmp_path, "statusline") & (HEAVY | heavy) == set()
