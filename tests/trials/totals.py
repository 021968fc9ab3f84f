"""Holds the totals of homes against a plain reading and against ccusage, cell by cell.

A cell is an agent's tokens of one model on one day. burnmon must hold what
``tests/plain.py`` finds, to the token. Where ccusage (known to hold for 20.0.24) counts
otherwise, the rules in which it differs are put in force one after the other, and what
each of them accounts for is printed; then nothing may remain.

    python tests/trials/totals.py [--claude DIR …] [--codex DIR …] [--peers DIR]

Each ``DIR`` is the home of an agent, read by itself and never changed; without any,
this machine's own two are one. ``--peers`` is put before ``PATH`` to find ccusage;
without ccusage only the first half is tried. Dollars that differ are told, by model;
they are no failure, as each table has prices of its own. Ends with 1 if cells remain.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import plain
from test_totals import cells

from burnmon.config import Root
from burnmon.live.sweep import Sweep
from burnmon.usage.ledger import Ledger
from burnmon.usage.pricing import load

CLASSES = ("input", "output", "cache read", "cache write")
Four = tuple[int, int, int, int]
NOTHING: Four = (0, 0, 0, 0)
PAUSE = 1.0
"""Seconds that ccusage allows between two lines of a replay without its original."""

RULES = {
    "spaced": "lines with a space after a colon are passed over",
    "requests": "an answer is told by its request as well, or else by its session",
    "parents": "replays are what the parent states, else what follows in a second",
    "instants": "copies are what has the same instant, model and use",
    "totals": "usage records are passed over",
    "nameless": "a request of Codex without a model is of gpt-5",
}


class Peers(plain.Rules):
    """Those of ccusage that are in force, the program's for the rest."""

    def __init__(self, force: set[str]) -> None:
        self.force = force
        self.records = "totals" not in force

    def reads(self, agent: str, line: bytes) -> bool:
        """Its byte patterns know one way to write a line."""
        wanted = b'"usage":{' if agent == "claude" else b'"type":"'
        return "spaced" not in self.force or wanted in line

    def key(self, answer: plain.Answer) -> Hashable:
        """A request that has no id of its own is the session's, at its instant."""
        if "requests" not in self.force:
            return super().key(answer)
        if answer.request:
            return answer.message, answer.request
        at = 0.0 if answer.message.startswith("msg_") else answer.at
        return answer.message, answer.session, at

    def paid(self, rollouts: Sequence[plain.Rollout]) -> Iterator[plain.Count]:
        """What is left of each file, and of that what no other states."""
        if "parents" in self.force:
            found = iter([each for it in rollouts for each in self.left(it, rollouts)])
        else:
            found = super().paid(rollouts)
        seen = set()
        for each in found:
            told = (each.at, each.model, each.used, each.reasoning)
            if "instants" not in self.force or told not in seen:
                model = "gpt-5" if "nameless" in self.force else ""
                yield each._replace(model=each.model or model)
            seen.add(told)

    def left(
        self, rollout: plain.Rollout, rollouts: Sequence[plain.Rollout]
    ) -> Sequence[plain.Count]:
        """A file's requests without those that begin it as a replay."""
        counts = rollout.counts
        if not rollout.parent:
            return counts
        others = (each for each in rollouts if each is not rollout)
        parent = next((each for each in others if each.own == rollout.parent), None)
        before: list[plain.Count] = []
        for each in parent.counts if parent else ():
            if each.at > rollout.began:
                break
            before.append(each)
        same = 0
        for mine, theirs in zip(counts, before, strict=False):
            if (mine.used, mine.reasoning) != (theirs.used, theirs.reasoning):
                break
            same += 1
        if same or len(counts) < 2:
            return counts[same:]
        last = counts[0].at
        at = 0
        if 0 <= counts[1].at - last <= PAUSE:
            while at < len(counts) and 0 <= counts[at].at - last <= PAUSE:
                last, at = counts[at].at, at + 1
        return counts[at:]


def has_sessions(home: Path) -> bool:
    """Whether it is the home of an agent."""
    trees = ("projects", "sessions", "archived_sessions")
    return any((home / tree).is_dir() for tree in trees)


class Told(NamedTuple):
    """What somebody makes of a home."""

    cells: dict[plain.Cell, Four]
    dollars: dict[str, float]
    """By model."""


def four(found: Mapping[plain.Cell, plain.Sum]) -> dict[plain.Cell, Four]:
    """Cells in four classes, all cache writes as one; those with no tokens left out."""
    each = {cell: (a, b, c, d + e) for cell, (_, a, b, c, d, e) in found.items()}
    return {cell: sums for cell, sums in each.items() if any(sums)}


def burnmon(claude: Path | None, codex: Path | None) -> tuple[Told, bool]:
    """What burnmon holds after reading a home, and whether that is plainly so."""
    roots = [Root("claude", "", claude)] if claude else []
    roots += [Root("codex", "", codex)] if codex else []
    dollars: dict[str, float] = defaultdict(float)
    with Ledger(None) as ledger:
        sweep = Sweep(ledger, roots)
        for _ in sweep.absorb(sweep.look()):
            pass
        prices = load()
        for each in ledger.requests():
            dollars[each.model] += float(prices.cost(each) or 0)
        found = cells(ledger)
    return Told(four(found), dollars), found == plain.totals(claude, codex)


def ccusage(program: str, claude: Path | None, codex: Path | None) -> Told:
    """What ccusage reports of a home."""
    found: dict[plain.Cell, Four] = defaultdict(lambda: NOTHING)
    dollars: dict[str, float] = defaultdict(float)
    with tempfile.TemporaryDirectory(prefix="burnmon-totals-") as empty:
        nowhere = Path(empty)
        (nowhere / "projects").mkdir()
        places = {"CLAUDE_CONFIG_DIR": claude or nowhere, "CODEX_HOME": codex or empty}
        words = [program, "daily", "--offline", "--json", "--by-agent", "-z", "UTC"]
        made = subprocess.run(
            words,
            env={**os.environ, "HOME": empty, **{k: str(v) for k, v in places.items()}},
            capture_output=True,
            check=True,
        )
    for day in json.loads(made.stdout)["daily"]:
        for agent in day["agents"]:
            for each in agent["modelBreakdowns"]:
                name = each["modelName"].removesuffix("-fast")
                cell = (agent["agent"], day["period"], name)
                found[cell] = plus(found[cell], _stated(each))
                dollars[name] += each["cost"]
    return Told({k: v for k, v in found.items() if any(v)}, dollars)


def _stated(model: Mapping[str, Any]) -> Four:
    names = ("input", "output", "cacheRead", "cacheCreation")
    a, b, c, d = (int(model[f"{name}Tokens"]) for name in names)
    return a, b, c, d


def plus(a: Four, b: Four) -> Four:
    """Two sums added up."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3])


def total(found: Mapping[plain.Cell, Four], agent: str) -> Four:
    """An agent's cells added up."""
    sums = NOTHING
    for cell, each in found.items():
        sums = plus(sums, each) if cell[0] == agent else sums
    return sums


def explained(claude: Path | None, codex: Path | None, theirs: Told) -> bool:
    """Print what each rule of ccusage accounts for; whether they account for all."""
    force: set[str] = set()
    before = four(plain.totals(claude, codex))
    for rule, words in RULES.items():
        if before == theirs.cells:
            break
        force.add(rule)
        after = four(plain.totals(claude, codex, Peers(set(force))))
        for agent in ("claude", "codex"):
            old, new = total(before, agent), total(after, agent)
            moved = ", ".join(
                f"{b - a:+,} {name}"
                for name, a, b in zip(CLASSES, old, new, strict=True)
                if a != b
            )
            models = f" {agent} {moved or 'moves between models or days'}"
            if after != before and (moved or old != NOTHING):
                print(f"  ccusage: {words}:{models}")
        before = after
    rest = {
        cell: (before.get(cell, NOTHING), theirs.cells.get(cell, NOTHING))
        for cell in before.keys() | theirs.cells.keys()
        if before.get(cell) != theirs.cells.get(cell)
    }
    for cell, (ours, other) in sorted(rest.items()):
        print(f"  UNEXPLAINED {' '.join(cell)}: {ours} against {other}")
    return not rest


def compared(claude: Path | None, codex: Path | None, program: str | None) -> bool:
    """Print the tables of one home; whether nothing remains unexplained."""
    print("\n" + " ".join(str(each) for each in (claude, codex) if each))
    ours, plainly = burnmon(claude, codex)
    theirs = ccusage(program, claude, codex) if program else None
    for agent in sorted({cell[0] for cell in ours.cells}):
        print(f"  {agent:12} {'burnmon':>16} {'ccusage' if theirs else '':>16}")
        sums = total(theirs.cells, agent) if theirs else NOTHING
        held = zip(CLASSES, total(ours.cells, agent), sums, strict=True)
        for name, mine, other in held:
            print(f"  {name:12} {mine:16,} {f'{other:,}' if theirs else '':>16}")
    print(f"  {len(ours.cells)} cells, {'' if plainly else 'NOT '}plainly so")
    if theirs is None:
        return plainly
    for model in sorted(ours.dollars.keys() | theirs.dollars.keys()):
        here, there = ours.dollars.get(model, 0), theirs.dollars.get(model, 0)
        if abs(here - there) > 1e-6:
            print(
                f"  dollars of {model or 'no model'}: {here:.6f}, ccusage {there:.6f}"
            )
    return explained(claude, codex, theirs) and plainly


def main() -> int:
    """Compare every home that is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for agent in ("claude", "codex"):
        parser.add_argument(
            f"--{agent}", type=Path, nargs="+", default=[], metavar="DIR"
        )
    parser.add_argument("--peers", default="", metavar="DIR")
    args = parser.parse_args()
    pairs: list[tuple[Path | None, Path | None]] = []
    pairs += [(each.resolve(), None) for each in args.claude]
    pairs += [(None, each.resolve()) for each in args.codex]
    if not pairs:
        own = Path.home() / ".claude", Path.home() / ".codex"
        claude, codex = (each if has_sessions(each) else None for each in own)
        pairs = [(claude, codex)] if claude or codex else []
    if not pairs:
        parser.error("this machine has no sessions; name a home")
    for each in (home for pair in pairs for home in pair if home):
        if not has_sessions(each):
            parser.error(f"{each}: no directory of sessions in it")
    path = os.pathsep.join(filter(None, (args.peers, os.environ.get("PATH"))))
    program = shutil.which("ccusage", path=path)
    if program is None:
        print("ccusage is not there: burnmon is held against a plain reading alone")
    failed = 0
    for claude, codex in pairs:
        failed += not compared(claude, codex, program)
    print(f"\n{failed} homes with a remainder" if failed else "\nnothing remains")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
