"""Does anything stay on the live screen that is not so any more?

A feeder is stepped by hand, with a clock and file events of the trial's own, while
files grow, are replaced or removed, agents register and leave, events come late or not
at all, and the clock is set. What it shows after each step is compared with a snapshot
that keeps nothing of before. What it showed is then put on a screen of any size while
keys are pressed, and every part and the footer are compared with what they are when
they are drawn from nothing.

    python tests/trials/stale.py [--times N] [--seed N]

One of the ``--times`` (30 by default) takes some seconds. Exit code 1 if anything was
out of date.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

import homes  # noqa: E402 — the builders lie one directory up
from cases import say  # noqa: E402

from burnmon import config  # noqa: E402
from burnmon.frame import draw, plan  # noqa: E402
from burnmon.frame.graph import in_one_colour  # noqa: E402
from burnmon.frame.plan import LOW  # noqa: E402
from burnmon.frame.sessions import _row_inside  # noqa: E402
from burnmon.live import feeder  # noqa: E402
from burnmon.live.engine import Engine  # noqa: E402
from burnmon.live.feeder import Feeder  # noqa: E402
from burnmon.live.kept import Kept  # noqa: E402
from burnmon.live.snapshot import Snapshot  # noqa: E402
from burnmon.tui.app import BurnApp  # noqa: E402
from burnmon.usage.ledger import Ledger  # noqa: E402

STEPS = 120
START = datetime(2026, 11, 20, 22, 40, 7, 300_000, tzinfo=UTC)
"""Not long before midnight."""
DEEDS = (
    *("append", "append", "unheard", "heard late", "replace", "remove"),
    *("register", "leave", "walk", "no events", "events again"),
    *("a while later", "set back", "nothing", "nothing", "nothing"),
)
KEYS = (
    "slash a w escape escape space e i enter s r plus 1 2 3 4 j k tab question_mark t"
    " down G"
).split()
SIZES = ((120, 40), (80, 24), (60, 20), (30, 9), (120, 7), (20, 3), (200, 60))


@dataclass
class Watched:
    """Stands for the watch of a feeder: it hears of what the trial says."""

    wake: threading.Event
    lost: bool = False
    shaken: bool = False
    hears: bool = True
    paths: set[str] = field(default_factory=set)

    def works(self) -> bool:
        return self.hears

    def moved(self) -> bool:
        return False

    def again(self, *_: object) -> None:
        """There is nothing to watch anew."""

    def note(self, path: str | None) -> None:
        """An event, which may be one that nobody hears."""
        if path is None:
            self.lost = True
        elif self.hears:
            self.paths.add(path)
        self.wake.set()

    def touched(self) -> set[str]:
        told, self.paths = self.paths, set()
        return told


class Life:
    """A home in which something happens, and a feeder that is stepped through it."""

    def __init__(self, home: Path, random: Random) -> None:
        self.random, self.home, self.now, self.lines = random, home, START, 0
        self.projects = home / ".claude/projects/p"
        self.registry = home / ".claude/sessions"
        for each in (self.projects, self.registry):
            each.mkdir(parents=True)
        self.settings = config.load({}, {"HOME": str(home), "TZ": "UTC"})
        self.shown: list[Snapshot] = []
        self.feeder = Feeder(self.settings, self.shown.append, lambda: self.now)
        self.watch = Watched(self.feeder._wake)
        self.feeder._watch = self.watch  # type: ignore[assignment]
        self.feeder._await = lambda engine: None  # type: ignore[method-assign]

    def line(self, session_id: str) -> bytes:
        """A prompt, a request, or one that corrects another."""
        self.lines += self.random.random() < 0.8
        at = self.now - timedelta(seconds=self.random.choice((0, 0, 0.3, 2, 400)))
        common: homes.Line = {
            "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "sessionId": session_id,
        }
        if self.random.random() < 0.2:
            return homes.text(homes.prompt("Go", **common))
        tokens = (10, self.random.randrange(5000), 1000, 0, 100)
        return homes.text(homes.assistant(f"m{self.lines}", tokens, **common))

    def do(self, deed: str) -> None:
        """Let something happen."""
        name = self.random.choice("ABCDE")
        path = self.projects / f"{name}.jsonl"
        if deed in ("append", "unheard", "heard late"):
            with path.open("ab") as stream:
                stream.write(self.line(name))
        elif deed == "replace":
            path.write_bytes(self.line(name))
        elif deed == "remove":
            path.unlink(missing_ok=True)
        elif deed == "register":
            since = int(self.now.timestamp() * 1000) - self.random.choice((0, 5000))
            status = self.random.choice(("busy", "idle", "waiting"))
            entry = {"pid": os.getpid(), "sessionId": name, "status": status}
            document = json.dumps({**entry, "statusUpdatedAt": since})
            (self.registry / f"{name}.json").write_text(document)
        elif deed == "leave":
            (self.registry / f"{name}.json").unlink(missing_ok=True)
        elif deed == "walk":
            self.watch.note(None)
        elif deed in ("no events", "events again"):
            self.watch.hears = deed == "events again"
            self.watch.note(None)
        elif deed == "a while later":
            self.now += timedelta(seconds=self.random.choice((7, 61, 400, 2000)))
        elif deed == "set back":
            self.now -= timedelta(seconds=self.random.choice((2, 4, 61, 300)))
        if deed in ("append", "replace"):
            self.watch.note(str(path))
        if deed == "heard late":
            self.hear_late(str(path))

    def hear_late(self, path: str) -> None:
        """Let an event come just after the feeder asked whether there was one."""
        wake = self.feeder._wake
        asked = wake.is_set

        def late() -> bool:
            wake.is_set = asked  # type: ignore[method-assign]
            found = asked()
            self.watch.note(path)
            return found

        wake.is_set = late  # type: ignore[method-assign]

    def follow(self, engine: Engine, deed: str) -> None:
        """As its thread would: a tick or an event, then whatever else is heard."""
        fed = self.feeder
        if deed != "heard late" and not fed._wake.is_set():
            self.now += timedelta(seconds=1)
            fed._look_beyond(engine, self.now)
        fed._step(engine)
        for _ in range(3):
            if fed._wake.is_set():
                self.now += timedelta(milliseconds=50)
                fed._step(engine)

    def out_of_date(self, engine: Engine) -> list[str]:
        """What is shown otherwise than it is."""
        kept, told = engine._kept, engine._told
        engine._kept = Kept()
        new, old = facts(engine.snapshot(self.now)), facts(self.shown[-1])
        engine._kept, engine._told = kept, told
        taken_at = self.feeder._taken_at
        assert taken_at is not None
        if timedelta() <= self.now - taken_at < feeder.AGEING:
            for each in (new, old):  # what time alone does may wait so long
                del each["states"], each["today"]
        return [name for name in new if new[name] != old[name]]


def facts(shown: Snapshot) -> dict[str, object]:
    """What a snapshot says, apart from ages and forecasts."""
    rows = shown.sessions
    return {
        "sums": sorted(
            (each.session_id, each.requests, str(each.cost)) for each in rows
        ),
        "words": sorted((each.session_id, each.doing, each.model) for each in rows),
        "states": [(each.session_id, each.state) for each in rows],
        "today": shown.burn.cost_today,
        "health": shown.health,
        "missing": [each.agent for each in shown.missing],
    }


async def drawn_wrong(shown: list[Snapshot], random: Random) -> list[str]:
    """What a screen shows otherwise than it would be drawn, while keys are pressed."""
    wrong, key = list[str](), ""
    app = BurnApp(lambda post: lambda: None, theme="burnmon")
    async with app.run_test(size=random.choice(SIZES)) as pilot:
        for snapshot in shown:
            app._post(snapshot)
            if random.random() < 0.6:
                await pilot.press(key := random.choice(KEYS))
            elif random.random() < 0.2:
                await pilot.resize_terminal(*random.choice(SIZES))
            if app.screen.is_modal and random.random() < 0.6:
                await pilot.press("escape")
            await pilot.pause()
            await pilot.pause()
            _row_inside.cache_clear()
            wrong += [f"{each} after {key}" for each in differs(app)]
    return wrong


def differs(app: BurnApp) -> list[str]:
    """Parts of the picture that are other than drawn from nothing."""
    picture, scene, found = app._picture, app.scene, []
    if scene is None or app.screen is not picture.screen:
        return []
    low = picture.size.height <= LOW
    for name, height in plan(scene, picture.size).items():
        part = picture._parts.get(name)
        if part is None or not height:
            continue
        lines = draw(name, scene, part.area, low=low)
        lines = [in_one_colour(each) for each in lines] if part._ansi else lines
        found += [name] * (part.area[1] != height or part.lines != lines)
    footer = picture._footer
    if footer.size.height and not app.view.typing:
        before = footer.lines
        footer.draw()
        found += ["footer"] * (footer.lines != before)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    feeder.PAINT = timedelta()
    tried, wrong = Counter[str](), Counter[str]()
    for seed in range(args.seed, args.seed + args.times):
        random = Random(seed)
        with tempfile.TemporaryDirectory() as home, Ledger(None) as ledger:
            life = Life(Path(home), random)
            engine = Engine(life.settings, ledger, START)
            engine.watching = True
            for _ in range(STEPS):
                deed = random.choice(DEEDS)
                life.do(deed)
                life.follow(engine, deed)
                tried[deed] += 1
                for each in life.out_of_date(engine):
                    wrong[f"{each} after {deed}"] += 1
        tried["snapshots drawn"] += len(life.shown)
        for each in asyncio.run(drawn_wrong(life.shown, random)):
            wrong[each] += 1
        say(f"seed {seed}: {sum(wrong.values())} out of date so far")
    for name, count in [*tried.most_common(), *wrong.most_common()]:
        say(f"{count:7,}  {'WRONG: ' * (name in wrong)}{name}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
