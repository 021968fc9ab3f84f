"""Settings: precedence, directories, zones and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from burnmon import config, places
from burnmon.alert_settings import Alerts
from burnmon.budget_settings import Budget
from burnmon.config import Settings
from burnmon.errors import ConfigError

REPOSITORY = Path(config.__file__).parent.parent


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory."""
    path = tmp_path / "home"
    path.mkdir()
    return path


def load(
    home: Path,
    toml: str = "",
    flags: Mapping[str, Any] | None = None,
    **environ: str,
) -> Settings:
    """Settings of a person whose config file holds ``toml``."""
    file = home / "config.toml"
    file.write_text(toml)
    given = {"HOME": str(home), "TZ": "UTC", "BURNMON_CONFIG": str(file), **environ}
    return config.load(flags or {}, given)


def roots(settings: Settings, agent: str) -> list[tuple[str, str]]:
    """Label and path of an agent's directories."""
    return [(r.label, str(r.path)) for r in settings.roots if r.agent == agent]


def test_usual_places(home: Path) -> None:
    """Without a word from anybody the agents' usual directories count."""
    settings = load(home)
    usual = [("", f"{home}/.claude"), ("", f"{home}/.config/claude")]
    assert roots(settings, "claude") == usual
    assert roots(settings, "codex") == [("", f"{home}/.codex")]


@pytest.mark.parametrize("separator", [",", os.pathsep])
def test_list_of_directories(home: Path, separator: str) -> None:
    """A list in CLAUDE_CONFIG_DIR names several, each with a label of its own."""
    listed = separator.join(
        ["~/.claude-work", f"{home}/.claude", "/mnt/laptop/.claude"]
    )
    settings = load(home, CLAUDE_CONFIG_DIR=listed)
    assert roots(settings, "claude") == [
        ("claude-work", f"{home}/.claude-work"),
        ("", f"{home}/.claude"),
        ("laptop", "/mnt/laptop/.claude"),
    ]


def test_existing_directory_with_a_comma_is_one(home: Path) -> None:
    """A value that exists as it stands is never split."""
    odd = home / "a,b"
    odd.mkdir()
    settings = load(home, CLAUDE_CONFIG_DIR=str(odd))
    assert roots(settings, "claude") == [("a,b", str(odd))]


def test_codex_home(home: Path) -> None:
    """CODEX_HOME replaces the usual directory of Codex."""
    assert roots(load(home, CODEX_HOME="~/cx"), "codex") == [("cx", f"{home}/cx")]


def test_named_roots_are_added(home: Path) -> None:
    """The config file adds directories under the names it gives them."""
    settings = load(home, '[roots]\nold = { agent = "claude", path = "~/old/.claude" }')
    assert ("old", f"{home}/old/.claude") in roots(settings, "claude")


def test_named_root_renames_a_usual_one(home: Path) -> None:
    """A name for a directory that counts anyway only names it."""
    settings = load(home, '[roots.mine]\nagent = "claude"\npath = "~/.claude"')
    assert roots(settings, "claude")[0] == ("mine", f"{home}/.claude")
    assert len(roots(settings, "claude")) == 2


def test_link_to_a_root_is_left_out(home: Path) -> None:
    """Two ways to one directory are one directory."""
    (home / ".claude").mkdir()
    (home / ".config").mkdir()
    (home / ".config" / "claude").symlink_to(home / ".claude")
    assert len(roots(load(home), "claude")) == 1


def test_flag_beats_environment_beats_file_beats_default(home: Path) -> None:
    """Each of the four is heard when the ones before it are silent."""
    toml = 'theme = "file"'
    flags = {"theme": "flag"}
    assert load(home, toml, flags, BURNMON_THEME="environment").theme == "flag"
    assert load(home, toml, BURNMON_THEME="environment").theme == "environment"
    assert load(home, toml).theme == "file"
    assert load(home).theme == ""


@pytest.mark.parametrize(
    ("toml", "environ", "expected"),
    [
        ("", {}, None),
        ("color = true", {}, True),
        ("color = true", {"NO_COLOR": "1"}, False),
        ("color = false", {"FORCE_COLOR": "1"}, True),
        ("", {"FORCE_COLOR": "0"}, None),
        ("", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ("", {"BURNMON_NO_COLOR": "0"}, True),
    ],
)
def test_color(
    home: Path, toml: str, environ: dict[str, str], expected: bool | None
) -> None:
    """Colour follows NO_COLOR, then FORCE_COLOR, then the file, then the terminal."""
    assert load(home, toml, None, **environ).color is expected


def test_switch_can_be_turned_off_by_environment(home: Path) -> None:
    """A variable says no to what the config file says yes to."""
    assert load(home, "offline = true").offline
    assert not load(home, "offline = true", BURNMON_OFFLINE="0").offline


def test_polling_is_off_unless_asked_for(home: Path) -> None:
    """Anthropic is asked only where the person says so, and never offline."""
    assert not load(home).poll_usage
    assert load(home, "poll_usage = true").poll_usage
    assert not load(home, "poll_usage = true", BURNMON_POLL_USAGE="0").poll_usage
    assert not load(home, "poll_usage = true\noffline = true").poll_usage


def test_data_directory(home: Path) -> None:
    """Ledger, recordings and state follow the data directory."""
    settings = load(home, 'data_dir = "~/burn"')
    assert settings.ledger_file == home / "burn" / "ledger.sqlite3"
    assert settings.recordings_dir == home / "burn" / "recordings"
    assert settings.state_file == home / "burn" / "state" / "state.json"
    assert load(home, 'data_dir = "~/b"', BURNMON_DATA_DIR="/d").data_dir == Path("/d")


def test_own_prices_lie_beside_the_config(home: Path) -> None:
    """The person's prices are looked for beside the config file."""
    assert load(home).prices_file == home / "prices.toml"


def test_path_map(home: Path) -> None:
    """Flags come before the config file, and ~ is the home directory."""
    toml = '[paths]\n"/workspace" = "~/src/api"'
    settings = load(home, toml, {"path_map": ["/w=/x=y"]})
    assert settings.paths == (("/w", "/x=y"), ("/workspace", f"{home}/src/api"))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TZ": "Europe/Berlin"}, "Europe/Berlin"),
        ({"TZ": ":Europe/Berlin"}, "Europe/Berlin"),
        ({"TZ": "/usr/share/zoneinfo/Asia/Tokyo"}, "Asia/Tokyo"),
        ({"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}, "America/Lima"),
        ({"TZ": "EST5EDT"}, "EST5EDT"),
        ({"TZ": "UTC", "BURNMON_TIMEZONE": "Asia/Tokyo"}, "Asia/Tokyo"),
        ({"TZ": ""}, "America/Lima"),
    ],
)
def test_zone(home: Path, environ: dict[str, str], expected: str) -> None:
    """The zone is the variable's, or the file's where the variable names none."""
    settings = load(home, 'timezone = "America/Lima"', None, **environ)
    assert settings.zone == expected


def test_flag_names_the_zone(home: Path) -> None:
    """The flag beats every variable."""
    flags = {"timezone": "Asia/Tokyo"}
    assert load(home, "", flags, BURNMON_TIMEZONE="UTC").zone == "Asia/Tokyo"


def test_system_zone(tmp_path: Path) -> None:
    """The system's zone is where its link points to; without one it is UTC."""
    link = tmp_path / "localtime"
    link.symlink_to(tmp_path / "zoneinfo" / "posix" / "Europe" / "Oslo")
    assert places.system_zone(str(link)) == "Europe/Oslo"
    assert places.system_zone(str(tmp_path / "none")) == "UTC"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("tiemzone = 'UTC'", "unknown key 'tiemzone'.*did you mean 'timezone'"),
        ("offline = 'yes'", "offline takes true or false, not 'yes'"),
        ("theme = 3", "theme takes a string, not 3"),
        ("roots = []", r"roots takes a table, not \[\]"),
        ("x = \ny = 1", "line 1"),
        ("[roots]\na = '/x'", "roots.a: takes"),
        ("[roots.a]\nagent = 'claude'", "roots.a: path is missing"),
        ("[roots.a]\nagnet = 'claude'", "roots.a: unknown key 'agnet'.*'agent'"),
        ("[roots.a]\nagent = 'claud'\npath = '/'", "unknown agent 'claud'.*'claude'"),
        ("[paths]\n'/a' = 1", "paths./a takes a string"),
        ("alerts = true", "alerts takes a table, not True"),
        ("[alerts]\nchanels = []", "alerts: unknown key 'chanels'.*'channels'"),
        ("[alerts]\nchannels = ['horn']", "alerts.channels: unknown 'horn'; known: s"),
        ("[alerts]\nkinds = [1]", "alerts.kinds: unknown 1; known: limit"),
        ("[alerts]\nchannels = 'bell'", "alerts: channels takes a list, not 'bell'"),
        ("[alerts]\nthresholds = [0]", "thresholds take percentages .* not 0"),
        ("[alerts]\nthresholds = [100]", "thresholds take percentages .* not 100"),
        ("[alerts]\nthresholds = [0.9]", "thresholds take percentages .* not 0.9"),
        ("[alerts]\nthresholds = [true]", "thresholds take percentages .* not True"),
        ("[alerts]\nquiet = '22-7'", "alerts.quiet takes \"22:00-07:00\", not '22-7'"),
        ("[alerts]\nquiet = '24:00-07:00'", "alerts.quiet takes"),
        ("[alerts]\nquiet = '07:00-07:00'", "alerts.quiet begins when it ends"),
        ("[alerts]\nrunaway = 0.5", "alerts.runaway takes a number from 1 on, not 0.5"),
        ("[alerts]\nrunaway = nan", "alerts.runaway takes a number from 1 on"),
        ("[alerts]\ncold = '1'", "alerts: cold takes a number, not '1'"),
        ("[alerts]\ncold = true", "alerts: cold takes a number, not True"),
        ("timezone = 'Europe/Berln'", "timezone: no time zone.*'Europe/Berlin'"),
        pytest.param("x = 1\na" + ".a" * 50_000 + " = 1", "line 2 .* dots", id="dots"),
    ],
)
def test_wrong_config_is_refused(home: Path, toml: str, message: str) -> None:
    """What is wrong in the config file is refused with file, key and nearest match."""
    with pytest.raises(ConfigError, match=f"config.toml.*{message}"):
        load(home, toml, TZ="")


def test_alerts(home: Path) -> None:
    """The table says what is told, when and how; what it leaves out is as usual."""
    assert load(home).alerts == Alerts()
    toml = """
    [alerts]
    channels = ["osc9", "screen", "osc9"]
    thresholds = [95, 80, 80]
    quiet = "22:30 - 07:00"
    command = " notify "
    runaway = 5
    cold = 0.5
    """
    assert load(home, toml).alerts == Alerts(
        channels=("screen", "osc9"),
        thresholds=(80, 95),
        quiet=(22 * 60 + 30, 7 * 60),
        command="notify",
        runaway=5.0,
        cold=0.5,
    )
    assert load(home, "[alerts]\nthresholds = []").alerts.thresholds == ()
    assert not load(home, "[alerts]\nchannels = []").alerts.ways


@pytest.mark.parametrize(
    ("flags", "environ", "message"),
    [
        ({"timezone": "Utopia"}, {}, "--timezone: no time zone 'Utopia'"),
        ({"timezone": "../../etc/passwd"}, {}, "--timezone: no time zone"),
        ({"timezone": "Europe"}, {}, "--timezone: no time zone"),
        ({}, {"BURNMON_OFFLINE": "maybe"}, "BURNMON_OFFLINE: takes 1 or 0"),
        ({}, {"TZ": "Europe/Berln"}, "TZ: .*did you mean 'Europe/Berlin'"),
        ({"path_map": ["nonsense"]}, {}, "--path-map: takes OLD=NEW"),
    ],
)
def test_wrong_word_is_refused(
    home: Path, flags: dict[str, Any], environ: dict[str, str], message: str
) -> None:
    """A wrong flag or variable is refused by its name."""
    with pytest.raises(ConfigError, match=message):
        load(home, "", flags, **environ)


def test_named_config_must_exist(home: Path) -> None:
    """A config file asked for by name must be there; the usual one need not."""
    with pytest.raises(ConfigError, match=r"nowhere.toml: there is no such"):
        config.load({"config": "~/nowhere.toml"}, {"HOME": str(home), "TZ": "UTC"})
    settings = config.load({}, {"HOME": str(home), "TZ": "UTC"})
    assert not settings.config_file.exists()


_COMPARE = """
import os, platformdirs
from burnmon import places
print(places.config_file(os.environ) == platformdirs.user_config_dir("burnmon")
      + "/config.toml")
print(places.data_dir(os.environ) == platformdirs.user_data_dir("burnmon"))
print(places.state_dir(os.environ) == platformdirs.user_state_dir("burnmon"))
"""


@pytest.mark.parametrize(
    "environ",
    [
        {"HOME": "/home/ada"},
        {"HOME": "/home/ada/"},
        {"HOME": "/"},
        {"HOME": "/home/ada", "XDG_DATA_HOME": "/data/", "XDG_STATE_HOME": "/s"},
        {"HOME": "/home/ada", "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "/c"},
        {"HOME": "/home/ada", "XDG_DATA_HOME": "relative"},
        {"XDG_DATA_HOME": "/d", "XDG_STATE_HOME": "/s", "XDG_CONFIG_HOME": "/c"},
    ],
    ids=["home", "slash", "root", "set", "empty", "relative", "homeless"],
)
def test_places_are_those_of_platformdirs(environ: dict[str, str]) -> None:
    """The short way to burnmon's directories leads where platformdirs leads."""
    answer = subprocess.run(
        [sys.executable, "-c", _COMPARE],
        env={**environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == ["True"] * 3


def test_budgets(home: Path) -> None:
    """Budgets are dollars per day, week or month, for all work and for projects."""
    toml = """
    [budgets]
    month = 500
    day = 35.5
    [budgets.projects.api]
    week = 10
    """
    assert load(home, toml).budgets == (
        Budget("day", 35.5),
        Budget("month", 500.0),
        Budget("week", 10.0, "api"),
    )
    assert load(home).budgets == ()


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        pytest.param("daily = 3", "budgets: unknown key 'daily'", id="unknown period"),
        pytest.param("dya = 3", "did you mean 'day'", id="misspelt"),
        pytest.param("day = 0", "budgets.day takes dollars above 0", id="nothing"),
        pytest.param("day = inf", "takes dollars above 0", id="everything"),
        pytest.param("day = true", "day takes a number, not True", id="a switch"),
        pytest.param('day = "9"', "day takes a number, not '9'", id="a string"),
        pytest.param("projects = 3", "projects takes a table", id="no projects"),
        pytest.param("projects.api = 3", "projects.api: takes", id="no periods"),
        pytest.param('projects."".day = 3', "projects takes parts of", id="no name"),
        pytest.param(
            "projects.api.year = 3", "projects.api: unknown key 'year'", id="a year"
        ),
    ],
)
def test_wrong_budgets_are_refused(home: Path, toml: str, words: str) -> None:
    """A budget that cannot be meant is refused with its file and key."""
    with pytest.raises(ConfigError) as refusal:
        load(home, f"[budgets]\n{toml}")
    assert words in str(refusal.value)
    assert str(home / "config.toml") in str(refusal.value)
