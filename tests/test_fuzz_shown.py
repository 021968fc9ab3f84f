"""Nothing that others wrote steers the terminal, whichever command or pane shows it.

One home in which every text that can be chosen by somebody else is hostile: titles,
models, branches, directories, files, tools, commands, subjects, authors, limits.
"""

from __future__ import annotations

import csv
import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import homes
import inputs
import pytest
import repos
import sessions
from inputs import NAMEABLE
from msgspec.structs import replace

from burnmon import cli, frame
from burnmon.cli.export import cell
from burnmon.config import load
from burnmon.day import GROUPS, CommitRow, Rest
from burnmon.errors import UsageError
from burnmon.frame.day_view import DayScene, rows_of
from burnmon.frame.evidence import evidence
from burnmon.frame.explain import copied, explained
from burnmon.frame.segments import to_text
from burnmon.frame.session import session
from burnmon.frame.shipped import shipped
from burnmon.frame.view import BURN, EVENTS, LIMITS, SESSIONS, Scene, View, keys_of
from burnmon.frame.why_view import WhyScene
from burnmon.live import engine
from burnmon.live.explaining import Explaining
from burnmon.live.shipping import Shipping
from burnmon.usage import pricing

AT = repos.BEGIN
NOW = datetime.fromtimestamp(AT + 200, UTC)
HOSTILE = inputs.HOSTILE.replace("\ud800", "")
"""Half a character does not outlive the readers."""
BRANCH = "feat/\x9b31m\u202eevil\u200b\x85\u2028"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hostile home."""
    place = tmp_path_factory.mktemp("hostile")
    tree = place / f"repo{NAMEABLE}"
    repo = repos.Repo(tree)
    repo.write("a.py", repos.code(1, 2, 3)).commit("First", at=AT)
    repo.git("checkout", "-q", "-b", BRANCH)
    _claude(place, tree, repo)
    _codex(place, tree, repo)
    told = homes.cached(homes.answer(**{f"five_hour{HOSTILE}": homes.ANSWER_FIVE_HOUR}))
    (place / ".claude.json").write_text(json.dumps(told))
    config = place / ".config" / "burnmon" / "config.toml"
    config.parent.mkdir(parents=True)
    label = json.dumps(NAMEABLE.replace("\U000e0041", ""))
    config.write_text(
        f'[roots]\n{label} = {{agent = "claude", path = "{place}/other"}}\n'
        f"[budgets.projects]\n{label} = {{day = 1}}\n"
    )
    return place


def _claude(place: Path, tree: Path, repo: repos.Repo) -> None:
    work = sessions.Claude(place / ".claude", "S1", tree, branch=HOSTILE)
    work.named(f"title {HOSTILE}")
    file = tree / f"b{NAMEABLE}.py"
    work.write(file, repos.code(4, 5, 6, word="beta gamma"), AT + 100)
    work.commit(repo, f"subject {NAMEABLE} #12", AT + 110)
    work.write(tree / f"left{NAMEABLE}", repos.code(8, 9, word="over"), AT + 120)
    work.model = f"model{HOSTILE}"
    given = {"file_path": f"/w/{HOSTILE}"}
    for n in range(8):
        ended = ("x", AT + 140.5 + n)
        work._call(f"Edit{HOSTILE}", given, AT + 140 + n, ended, is_error=True)
    limit = homes.limit_record("You've hit your limit · resets 8pm (Europe/Warsaw)")
    stamped = {"sessionId": "S1", "timestamp": sessions.stamp(AT + 160)}
    linked = {"type": "pr-link", "prNumber": 7, "prRepository": HOSTILE}
    strange = homes.line(f"kind{HOSTILE}")
    work.lines += [{**each, **stamped} for each in (limit, linked, strange)]
    work.save()
    odd = sessions.Claude(place / ".claude", f"S{NAMEABLE[:40]}", place / "nowhere")
    odd.ask(AT + 150)


def _codex(place: Path, tree: Path, repo: repos.Repo) -> None:
    work = sessions.Codex(place / ".codex", 1, tree)
    work.branch = HOSTILE
    work.ask(AT + 90)
    work.lines[1]["payload"]["model"] = f"gpt{HOSTILE}"
    window = homes.window(50.0, 300, resets_at=AT + 9000)
    limits = homes.limits(window, limit_id=f"limit{HOSTILE}")
    events = (
        homes.event("token_count", info=None, **limits),
        homes.event("thread_name_updated", thread_name=f"name{HOSTILE}"),
    )
    stamp = sessions.stamp(AT + 95)
    work.lines += [{**each, "timestamp": stamp} for each in events]
    work.run(f"git status {HOSTILE}", HOSTILE, AT + 97)
    file = tree / f"c{NAMEABLE}.py"
    work.write(file, repos.code(10, 11, word="delta words"), AT + 170)
    author = ("Na\x1b[31mme\u202e", "ada@example.org")
    work.commit(repo, f"subject {NAMEABLE}", AT + 180, author=author)


@pytest.fixture(autouse=True)
def in_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TZ", "UTC")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    cli.run(words, os.environ, NOW)
    return "".join(capsys.readouterr())


COMMANDS = [
    *(
        f"report --by {kind}"
        for kind in "session model project branch agent issue day".split()
    ),
    *("review", "review --md", "commits", "why S1", "why", "limits", "status"),
    *("doctor", "backtest", "prices", "setup", "--once"),
    *("export --format csv", "export --format csv --what readings"),
    "status --format {line}{answer}{window}{verdict}",
]
TELL_NO_NAMES = ("report --by day", "status", "backtest", "prices", "setup", "doctor")


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
@pytest.mark.parametrize("command", COMMANDS)
def test_commands(
    command: str,
    size: tuple[int, int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every command says much, and nothing that a terminal acts upon."""
    monkeypatch.setenv("COLUMNS", str(size[0]))
    monkeypatch.setenv("LINES", str(size[1]))
    words = said(capsys, *command.split())
    assert "evil" in words or command in ("report --by agent", *TELL_NO_NAMES)
    inputs.safe(words, lines=2)


@pytest.mark.parametrize("command", ["commits", "review", "limits", "report", "export"])
def test_documents(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON holds what was written, and no terminal acts upon it either."""
    words = said(capsys, command, "--json")
    inputs.safe(words, lines=2)
    json.loads(words)


def test_branch_that_ends_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A branch may be named with what ends a line in Unicode; all else is read."""
    links = json.loads(said(capsys, "commits", "--json"))["links"]
    assert len({each["commit"] for each in links}) == 2


def test_argument_of_any_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="no session begins with"):
        said(capsys, "why", "no\udcff")


@pytest.mark.parametrize("size", [(20, 3), (60, 20), (80, 24), (300, 100)])
def test_frames(size: tuple[int, int]) -> None:
    """Every pane, every row explained and every text that can be copied."""
    snapshot = engine.once(load({}, os.environ), NOW)
    assert snapshot.sessions
    assert snapshot.limits
    for pane in (LIMITS, BURN, SESSIONS, EVENTS):
        for view in (View(pane=pane), View(pane=pane, enlarged=True)):
            for line in frame.lines(snapshot, *size, view):
                inputs.safe(to_text(line))
            for key in keys_of(snapshot, view):
                scene = Scene(snapshot, snapshot, _on(view, pane, key))
                for line in explained(scene, size[0]):
                    inputs.safe(to_text(line))
                inputs.safe(copied(scene), lines=2)


@pytest.mark.parametrize("size", [(20, 5), (80, 24), (300, 100)])
def test_screens(size: tuple[int, int]) -> None:
    """The day, the evidence behind each of its rows, and each session explained."""
    settings = load({}, os.environ)
    prices = pricing.load()
    with sessions.read(settings) as ledger:
        shipping = Shipping(settings, ledger, prices, frozenset())
        day = shipping.day(NOW.date(), None)
        explaining = Explaining(ledger, prices)
        whys = [explaining.session(each) for each in ledger.sessions_like("")]
        shipping.histories.close()
    rows = rows_of(day)
    assert {type(row) for row in rows} == {CommitRow, Rest}
    pages = [
        shipped(DayScene(day.day, day, group=each), size, low=False) for each in GROUPS
    ]
    pages += [evidence(day, row, size[0]) for row in rows]
    pages += [session(WhyScene(why), size, low=False) for why in whys if why]
    for page in pages:
        for line in page:
            inputs.safe(to_text(line))


def _on(view: View, pane: str, key: str) -> View:
    if pane == LIMITS:
        return replace(view, limit=key)
    if pane == SESSIONS:
        return replace(view, session=key)
    return replace(view, event=key) if pane == EVENTS else view


@pytest.mark.parametrize("made", [HOSTILE, "=1\x9b", "a\u202eb", "\u200b@x"])
def test_cells(made: str) -> None:
    """What a cell of a table holds is marked as text, and is one line."""
    written = cell(made)
    inputs.safe(written)
    assert written.startswith("'")
    assert next(csv.reader(io.StringIO(written))) == [written]
