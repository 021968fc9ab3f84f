"""Runs all trials one after the other, or those that are named, as they stand alone.

    python tests/trials [NAME …]

It takes some hours. Exit code 1 if anything failed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRIALS = (
    *("trust", "terminal", "watching", "stale", "oddities", "unkept", "kill", "fuzz"),
    "soak",
)


def main(names: list[str]) -> int:
    """Run them all, whatever comes of each."""
    unknown = [each for each in names if each not in TRIALS]
    if unknown:
        print(f"no trial {unknown[0]!r}; there are {', '.join(TRIALS)}")
        return 2
    failed = []
    for name in names or TRIALS:
        print(f"\n== {name}", flush=True)
        ended = subprocess.run([sys.executable, HERE / f"{name}.py"], check=False)
        failed += [name] * bool(ended.returncode)
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nnothing failed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
