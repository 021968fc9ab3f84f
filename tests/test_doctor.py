"""``doctor``: what is found, what is wrong, and what would mend it."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import homes
import pytest
from msgspec.structs import replace

from burnmon import cli, config
from burnmon.cli import checkup
from burnmon.cli import doctor as command
from burnmon.cli.checkup import Checkup
from burnmon.config import Settings
from burnmon.live.alert_log import AlertLog, note
from burnmon.live.snapshot import Alert
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
EVERYTHING_WELL = {"statusLine": {"type": "command", "command": "burnmon statusline"}}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of both agents, with Claude Code connected."""
    claude = homes.write(tmp_path / ".claude", homes.claude_files())
    (claude / "settings.json").write_text(json.dumps(EVERYTHING_WELL))
    homes.write(tmp_path / ".codex", homes.codex_files())
    return tmp_path


def settings_of(home: Path) -> Settings:
    """The settings of a person who lives there."""
    environ = {"HOME": str(home), "TZ": "UTC", "BURNMON_DATA_DIR": f"{home}/d"}
    return config.load({}, environ)


def seen(home: Path) -> Checkup:
    """What a checkup sees there, on a machine without watches and tmux."""
    return checkup.look(settings_of(home), {"PATH": ""}, NOW)


def found(seen: Checkup, level: str) -> list[str]:
    """The findings of a level."""
    return [each.words for each in command.findings(seen, NOW) if each.level == level]


def shown(seen: Checkup) -> str:
    """The checkup as text."""
    findings = tuple(command.findings(seen, NOW))
    return "\n".join(command.lines(seen, findings, NOW, "UTC"))


def test_places(home: Path) -> None:
    """Each root says what was looked for and what was found."""
    places = {place.path: place for place in seen(home).places}
    claude, codex = places[f"{home}/.claude"], places[f"{home}/.codex"]
    assert not places[f"{home}/.config/claude"].exists
    assert (claude.files, codex.files) == (4, 7)
    assert claude.bytes == sum(map(len, homes.claude_files().values()))
    assert claude.looked_for == ("projects",)
    assert claude.newest_line_at == datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
    assert claude.versions[-1] == "2.1.330"


def test_deleted_files_are_told(home: Path) -> None:
    """What the agent deleted is counted apart, for the ledger still has it."""
    seen(home)
    (home / ".claude" / homes.S2).unlink()
    place = seen(home).places[0]
    assert (place.files, place.gone) == (3, 1)


def test_lines(home: Path) -> None:
    """Skipped lines are told by reason and file, unknown types by agent."""
    lines = seen(home).lines
    assert lines.skipped == {"not json": 1}
    assert list(lines.worst) == [f"{home}/.claude/{homes.S1}"]
    assert "claude strange-new-kind" in lines.unknown


def test_counts(home: Path) -> None:
    """Duplicates, replays, lower bounds and unpriced models are told."""
    ledger = seen(home).ledger
    assert ledger.requests == ledger.dedup["requests_kept"]
    assert ledger.dedup["duplicates_dropped"] > 0
    assert ledger.oldest_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert ledger.schema >= 1
    assert ledger.bytes > 0


def test_connected_is_fine(home: Path) -> None:
    """A connected status line is no finding."""
    assert not any("status line" in words for words in found(seen(home), "warning"))


def test_unconnected_has_its_remedy(home: Path) -> None:
    """Without a status line of ours the limits stay unknown; setup mends it."""
    (home / ".claude/settings.json").write_text('{"cleanupPeriodDays": 7}')
    looked = seen(home)
    assert (looked.wiring[0].connected, looked.wiring[0].cleanup_days) == (False, 7)
    assert "→ burnmon setup claude --apply" in shown(looked)
    assert "deletes sessions after 7 days" in shown(looked)


def test_sources_of_limits(home: Path) -> None:
    """Each source of limits is told with its age."""
    sources = {(each.agent, each.source) for each in seen(home).sources}
    assert ("codex", "codex rollout") in sources
    assert "codex rollout: last stated 7 h 59 ago" in shown(seen(home))


def test_empty_home(tmp_path: Path) -> None:
    """Nothing found is a warning that names where was looked; nothing is broken."""
    looked = seen(tmp_path)
    assert found(looked, "broken") == []
    (words,) = found(looked, "warning")
    assert f"{tmp_path}/.claude" in words
    assert f"{tmp_path}/.codex" in words


def test_broken_settings_are_named(home: Path) -> None:
    """Settings that are no JSON are broken, with file and line."""
    (home / ".claude/settings.json").write_text("{\n  oops")
    assert any("settings.json:2" in words for words in found(seen(home), "broken"))


def test_directory_in_the_place_of_a_file(home: Path) -> None:
    """What cannot be read is broken and told with the system's reason."""
    (home / ".claude" / homes.PROJECT / "pipe.jsonl").symlink_to("/dev/null")
    assert any("not a regular file" in words for words in found(seen(home), "broken"))


def test_unusable_ledger(home: Path) -> None:
    """Without a ledger the rest is told all the same."""
    (home / "d").write_text("in the way")
    looked = seen(home)
    assert any(f"{home}/d" in words for words in found(looked, "broken"))
    assert looked.places[0].exists
    assert "ledger\n  none" in shown(looked)


def test_other_writer(home: Path) -> None:
    """Another burnmon that writes the ledger is told."""
    seen(home)
    with Ledger(settings_of(home).ledger_file):
        assert seen(home).ledger.followed
    assert not seen(home).ledger.followed


def test_broken_prices(home: Path) -> None:
    """A price file with a mistake is broken, and figures go on without it."""
    prices = settings_of(home).prices_file
    prices.parent.mkdir(parents=True)
    prices.write_text("nonsense = 1")
    assert any(str(prices) in words for words in found(seen(home), "broken"))


def test_old_prices(home: Path) -> None:
    """A price table of months ago may lack a model."""
    looked = seen(home)
    fresh = replace(looked.prices, dated=NOW.date() - timedelta(days=30))
    stale = replace(looked.prices, dated=date(2026, 1, 1))
    assert not [w for w in found(_with(looked, prices=fresh), "warning") if "old" in w]
    assert [
        w for w in found(_with(looked, prices=stale), "warning") if "323 d old" in w
    ]


def test_unpriced_model(home: Path) -> None:
    """A model without a price is named with its requests and a remedy."""
    looked = seen(home)
    ledger = replace(looked.ledger, unpriced_models={"nobody-1": 3})
    words = found(_with(looked, ledger=ledger), "warning")
    assert "nobody-1 has no price: 3 requests are in no dollars" in words


def test_too_few_watches(home: Path) -> None:
    """A system that allows too few watches is told with the setting."""
    looked = seen(home)
    machine = replace(looked.machine, watch_limit=3, directories=900)
    assert "fs.inotify.max_user_watches" in shown(_with(looked, machine=machine))


def test_tmux_and_terminal(home: Path) -> None:
    """The machine's terminal is told as the environment names it."""
    environ = {"PATH": "", "TMUX": "/tmp/x,1,0", "TERM": "xterm"}
    machine = checkup.look(settings_of(home), environ, NOW).machine
    assert (machine.tmux, machine.terminal) == ("inside", "xterm")


ALERT = Alert(
    datetime(2026, 11, 20, 17, tzinfo=UTC),
    "verdict",
    "Claude 5h",
    datetime(2026, 11, 20, 19, tzinfo=UTC),
    2,
    "alarm",
    "Claude 5h runs out",
    channels=("screen", "tmux", "command"),
)


def test_alerts(home: Path) -> None:
    """What was told lately is shown with what came of it; what failed is a finding."""
    log = settings_of(home).alerts_file
    held = replace(ALERT, step=1, held=True, channels=())
    AlertLog(log).decide(lambda told: () if told else (held, ALERT))
    note(log, ALERT, {"tmux": "told", "command": "ended with 3"}, NOW)
    checkup = seen(home)
    assert f"{log}: told through screen, bell, tmux" in shown(checkup)
    assert "17:00 alarm: Claude 5h runs out → held, quiet hours" in shown(checkup)
    ways = "screen, tmux (told), command (ended with 3)"
    assert f"17:00 alarm: Claude 5h runs out → {ways}" in shown(checkup)
    failed = "the last alert through command: ended with 3"
    assert failed in found(checkup, "warning")


def test_unwritable_log(home: Path) -> None:
    """A log that cannot be written is broken: every start would tell anew."""
    checkup = seen(home)
    failed = replace(checkup.alerts, failure="/d/state: no alert can be written")
    broken = _with(checkup, alerts=failed)
    assert found(broken, "broken") == ["/d/state: no alert can be written"]


def test_notifications_need_tmux_to_pass_them(home: Path) -> None:
    """Inside tmux a notification has a remedy of its own."""
    checkup = seen(home)
    loud = replace(checkup.alerts, channels=("screen", "osc9"))
    inside = _with(
        checkup, alerts=loud, machine=replace(checkup.machine, tmux="inside")
    )
    remedies = [each.remedy for each in command.findings(inside, NOW)]
    assert any("allow-passthrough" in each for each in remedies)
    outside = _with(checkup, alerts=loud)
    assert not any("tmux" in each for each in found(outside, "note"))


def _with(seen: Checkup, **changes: Any) -> Checkup:
    return replace(seen, **changes)


# The command


def test_document(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document has the findings and everything they rest on."""
    args = Namespace(json=True)
    assert command.run(args, settings_of(home), NOW) == cli.OK
    document = json.loads(capsys.readouterr().out)
    assert list(document) == [
        "schema_version",
        "generated_at",
        "findings",
        "places",
        "ledger",
        "lines",
        "sources",
        "polling",
        "wiring",
        "prices",
        "alerts",
        "machine",
    ]
    assert set(document["findings"][0]) == {"level", "words", "remedy"}
    assert document["prices"]["dated"] == str(pricing.load().dated)
    assert isinstance(document["ledger"]["unpriced_models"], dict)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_broken_ends_with_one(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    width: int,
) -> None:
    """What is broken comes first and makes the exit code 1."""
    monkeypatch.setenv("COLUMNS", str(width))
    (home / ".claude/settings.json").write_text("oops")
    assert command.run(Namespace(json=False), settings_of(home), NOW) == cli.FAILED
    assert capsys.readouterr().out.startswith("✗ ")
