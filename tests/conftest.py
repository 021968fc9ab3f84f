"""No test sees the machine it runs on: not its settings, home, zone or colours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Every run tries the same examples, however slow the machine is.
settings.register_profile(
    "still",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("still")

SCRUBBED = (
    "NO_COLOR",
    "FORCE_COLOR",
    "TZ",
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
    "TEXTUAL_DRIVER",
    "TEXTUAL_THEME",
    "TMUX",
)
SCRUBBED_FAMILIES = ("XDG_", "BURNMON_")


@pytest.fixture(autouse=True)
def scrubbed_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home, and an environment in which nothing steers the program."""
    for name in list(os.environ):
        if name in SCRUBBED or name.startswith(SCRUBBED_FAMILIES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
