"""The command line: words to arguments, exit codes, help, and what is loaded."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import burnmon
from burnmon import cli, config
from burnmon.cli import output, parser, prices, when
from burnmon.cli.commands import COMMANDS, SHARED
from burnmon.errors import BurnmonError, UsageError
from burnmon.usage import pricing

NOW = datetime(2026, 11, 17, 13, 32, tzinfo=UTC)
BERLIN = "Europe/Berlin"
REPOSITORY = Path(burnmon.__file__).parent.parent
NAMED = [name for name in COMMANDS if name]


def parse(words: str, **environ: str) -> Namespace:
    """The arguments of a command line."""
    return parser.parse(words.split(), environ)


def run(home: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in an empty home."""
    return subprocess.run(
        [sys.executable, "-m", "burnmon", *words],
        env=surroundings(home, **environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def surroundings(home: Path, **environ: str) -> dict[str, str]:
    """An environment in which nothing of the person's own is found."""
    return {"HOME": str(home), "PYTHONPATH": str(REPOSITORY), "TZ": "UTC", **environ}


def day(text: str) -> datetime:
    """An instant written as in a log."""
    return datetime.fromisoformat(text)


# Words for a stretch of time


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2026-11-16", "2026-11-15T23:00Z"),
        ("20261116", "2026-11-15T23:00Z"),
        ("today", "2026-11-16T23:00Z"),
        ("Yesterday", "2026-11-15T23:00Z"),
        ("2h", "2026-11-17T11:32Z"),
        ("7d", "2026-11-10T13:32Z"),
        ("2w", "2026-11-03T13:32Z"),
    ],
)
def test_since(since: str, expected: str) -> None:
    """A day starts at local midnight, an age counts back from now."""
    assert when.between(since, None, NOW, BERLIN) == (day(expected), None)


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2026-11-16", "2026-11-16T23:00Z"),
        ("yesterday", "2026-11-16T23:00Z"),
        ("2h", "2026-11-17T11:32Z"),
    ],
)
def test_until_includes_its_day(until: str, expected: str) -> None:
    """The day that --until names counts as a whole."""
    assert when.between(None, until, NOW, BERLIN) == (None, day(expected))


@pytest.mark.parametrize(
    ("date", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-17", 24)]
)
def test_day_is_as_long_as_it_is(date: str, hours: int) -> None:
    """A day on which the clocks change has 23 or 25 hours."""
    first, last = when.between(date, date, NOW, BERLIN)
    assert first is not None
    assert last is not None
    assert last - first == timedelta(hours=hours)


@pytest.mark.parametrize(
    "text", ["2026-13-01", "tomorrow", "2x", "-2h", " ", "2026-1-1", "9999-12-31"]
)
def test_other_words_for_time_are_refused(text: str) -> None:
    """What is no date and no age is refused with the forms that are known."""
    with pytest.raises(UsageError, match=r"--until takes YYYY-MM-DD.*2h"):
        when.between(None, text, NOW, BERLIN)


def test_reversed_stretch_is_refused() -> None:
    """An end before its beginning is refused."""
    with pytest.raises(UsageError, match="--until yesterday lies before"):
        when.between("today", "yesterday", NOW, BERLIN)


@given(st.text(max_size=12))
def test_any_word_for_time_is_understood_or_refused(text: str) -> None:
    """No text makes anything but an instant or a refusal."""
    try:
        first, _ = when.between(text, None, NOW, BERLIN)
    except UsageError:
        return
    assert first is None or first.tzinfo is UTC


# Words of a command line


@pytest.mark.parametrize(
    "words",
    [
        "report --by model -j --since 7d -z UTC",
        "-j --since 7d report --by model -z UTC",
        "-j --since=7d -zUTC report --by=model",
        "--by model report -j -s7d --timezone UTC",
    ],
)
def test_flags_stand_before_or_after_the_command(words: str) -> None:
    """Where a flag stands makes no difference."""
    args = parse(words)
    found = (args.command, args.by, args.json, args.since, args.timezone)
    assert found == ("report", "model", True, "7d", "UTC")


def test_repeatable_flags_add_up() -> None:
    """A repeatable flag counts before and after the command."""
    args = parse("--author a@x.org report --author b@x.org --path-map /a=/b")
    assert args.author == ["a@x.org", "b@x.org"]
    assert args.path_map == ["/a=/b"]


def test_without_a_command_the_view_is_meant() -> None:
    """No command is the live view, with its own flags."""
    assert parse("").command == ""
    assert parse("-1 --demo").once
    assert parse("--once -j").json


def test_defaults() -> None:
    """Flags that are not given have their defaults."""
    assert parse("report").by == "day"
    assert parse("export").format == "json"
    assert parse("status").format is None
    assert parse("limits").check is False


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("repot", "unknown command 'repot'; known: .*; did you mean 'report'"),
        ("report --by dy", "unknown value 'dy'; known: day, .*; did you mean 'day'"),
        ("export --format xml", "unknown value 'xml'; known: json, csv"),
        ("limits --agent clade", "unknown value 'clade'; .* mean 'claude'"),
        ("report --bi day", "does not take '--bi'; .*; did you mean '--by'"),
        ("limits --by day", "burnmon limits does not take '--by'"),
        ("report extra", "does not take 'extra'"),
        ("report --demo", "does not take '--demo'"),
        ("--jsn", "burnmon does not take '--jsn'; .*; did you mean '--json'"),
        ("report --by", "expected one argument"),
        ("status --width wide", "invalid int value: 'wide'"),
        ("setup emacs", "unknown value 'emacs'; known: claude, tmux"),
    ],
)
def test_unknown_words_are_refused(words: str, message: str) -> None:
    """What is not known is refused with what is, and the nearest match."""
    with pytest.raises(UsageError, match=message):
        parse(words)


def test_setup_takes_targets() -> None:
    """``setup`` may be limited to what is named."""
    assert parse("setup claude --apply").targets == ["claude"]
    assert parse("setup --undo").targets == []


def test_variables_stand_for_flags() -> None:
    """A variable speaks for a flag that was not given."""
    args = parse("report", BURNMON_BY="model", BURNMON_SINCE="7d", BURNMON_JSON="1")
    assert (args.by, args.since, args.json) == ("model", "7d", True)
    assert parse("report --by day", BURNMON_BY="model").by == "day"
    assert parse("report", BURNMON_JSON="0").json is False
    assert parse("report", BURNMON_AUTHOR="a,b").author == ["a", "b"]


def test_wrong_variable_is_named() -> None:
    """A variable that holds no possible value is refused by its name."""
    with pytest.raises(UsageError, match=r"BURNMON_BY: .*unknown value 'dy'"):
        parse("report", BURNMON_BY="dy")
    with pytest.raises(UsageError, match="BURNMON_JSON: takes 1 or 0"):
        parse("report", BURNMON_JSON="maybe")


def test_variables_never_ask_for_a_change() -> None:
    """Changes and downloads are asked for on the command line alone."""
    assert parse("setup", BURNMON_APPLY="1").apply is False
    assert parse("prices", BURNMON_REFRESH="1").refresh is False


# The table of commands


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_that_parse(command: str) -> None:
    """Every command's help shows examples, and its own flags know every example."""
    text = parser.help_text(command)
    examples = text.partition("examples:\n")[2].splitlines()
    assert len(examples) >= 1
    for line in examples:
        words = shlex.split(re.split(r" (?:[|>&<]|&&) ", line)[0])
        assert words[0] == "burnmon"
        parser.parse(words[1:], {})


def test_help_lists_every_command_and_flag() -> None:
    """The help of burnmon names all commands, that of a command all its flags."""
    assert all(f"\n  {name} " in parser.help_text("") for name in NAMED)
    for name, command in COMMANDS.items():
        for flag in (*SHARED, *command.flags):
            assert flag.names[-1] in parser.help_text(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_loaded(name: str) -> None:
    """The table names modules that exist."""
    module = COMMANDS[name].target.partition(":")[0]
    assert find_spec(module) is not None


def test_shared_flags_and_own_flags_differ() -> None:
    """No command gives a shared flag a second meaning."""
    shared = {name for flag in SHARED for name in flag.names}
    for command in COMMANDS.values():
        assert not shared & {name for flag in command.flags for name in flag.names}


# The process


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_the_process(tmp_path: Path, command: str) -> None:
    """--help answers for every command, and loads neither screen nor network."""
    answer = run(tmp_path, *command.split(), "--help")
    assert answer.returncode == cli.OK
    assert answer.stdout.startswith("usage: burnmon")


def test_version(tmp_path: Path) -> None:
    """--version names the program and its version."""
    answer = run(tmp_path, "-v")
    assert answer.stdout == f"burnmon {burnmon.__version__}\n"


def test_usage_error_ends_with_two(tmp_path: Path) -> None:
    """A wrong command line is one message on standard error and exit code 2."""
    answer = run(tmp_path, "repot")
    assert (answer.returncode, answer.stdout) == (cli.USAGE, "")
    assert answer.stderr.startswith("burnmon: unknown command 'repot'")
    assert "Traceback" not in answer.stderr


def test_wrong_config_ends_with_one(tmp_path: Path) -> None:
    """A wrong config file is a message and exit code 1."""
    file = tmp_path / "config.toml"
    file.write_text("tiemzone = 1")
    answer = run(tmp_path, "prices", "--config", str(file))
    assert answer.returncode == cli.FAILED
    assert f"{file}: unknown key 'tiemzone'" in answer.stderr


def test_message_is_safe_to_print(tmp_path: Path) -> None:
    """What a message quotes cannot speak to the terminal."""
    answer = run(tmp_path, "\x1b[2Jreport")
    assert answer.returncode == cli.USAGE
    assert "\x1b" not in answer.stderr


_MAIN = """
import sys
from burnmon import __main__, cli
def fail(argv, environ, now):
    {body}
cli.run = fail
sys.exit(__main__.main())
"""


def fail(
    home: Path, body: str, words: Sequence[str] = (), **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a program whose command does as ``body`` says."""
    return subprocess.run(
        [sys.executable, "-c", _MAIN.format(body=body), *words],
        env=surroundings(home, **environ),
        capture_output=True,
        text=True,
        check=False,
        # A shell that runs tests behind itself would have children ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def test_unexpected_error_is_a_message(tmp_path: Path) -> None:
    """A fault of burnmon itself is one line, unless its place is asked for."""
    answer = fail(tmp_path, "raise ValueError('odd')")
    assert answer.returncode == cli.FAILED
    assert answer.stderr.startswith("burnmon: unexpected ValueError: odd")
    assert "Traceback" not in answer.stderr
    shown = fail(tmp_path, "raise ValueError('odd')", BURNMON_DEBUG="1")
    assert "Traceback" in shown.stderr


def test_full_disk_is_a_message(tmp_path: Path) -> None:
    """Where what is printed finds no room, that is said in plain words."""
    full = "import errno; raise OSError(errno.ENOSPC, 'No space left on device'{})"
    answer = fail(tmp_path, full.format(""))
    assert answer.stderr == "burnmon: the output: No space left on device\n"
    answer = fail(tmp_path, full.format(", '/mnt/x'"))
    assert answer.stderr == "burnmon: /mnt/x: No space left on device\n"
    assert answer.returncode == cli.FAILED


@pytest.mark.parametrize("year", [1, 9999])
@pytest.mark.parametrize("command", ["report", "--once", "review", "limits"])
def test_clock_that_cannot_be_right(tmp_path: Path, command: str, year: int) -> None:
    """A clock at either end of the calendar is told, not reckoned with."""
    environ = {"HOME": str(tmp_path), "TZ": "Asia/Tokyo"}
    with pytest.raises(BurnmonError, match=f"clock of this machine says .* {year}"):
        cli.run([command], environ, datetime(year, 12, 31, 23, tzinfo=UTC))


def test_interrupt_ends_with_130(tmp_path: Path) -> None:
    """Ctrl-C ends in silence with 130."""
    body = f"import os; os.kill(os.getpid(), {int(signal.SIGINT)}); sys.stdin.read()"
    answer = fail(tmp_path, body)
    assert (answer.returncode, answer.stderr) == (cli.INTERRUPTED, "")
    # As it may come while the screen is loaded, in the making of one of its classes.
    body = (
        "import signal; pressed = lambda *_: signal.raise_signal(signal.SIGINT); "
        "type('A', (), {'b': type('B', (), {'__set_name__': pressed})()})"
    )
    answer = fail(tmp_path, body)
    assert (answer.returncode, answer.stderr) == (cli.INTERRUPTED, "")


def test_closed_pipe_is_quiet(tmp_path: Path) -> None:
    """A reader that leaves early ends the program in silence with 0."""
    script = '"$0" -m burnmon prices --json; echo $? >&2'
    answer = subprocess.run(
        ["sh", "-c", f"{{ {script}; }} | true", sys.executable],
        env=surroundings(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stderr == "0\n"


def test_narrow_encoding_is_no_error(tmp_path: Path) -> None:
    """A terminal without the characters gets others in their place."""
    answer = run(tmp_path, "prices", PYTHONIOENCODING="ascii")
    assert answer.returncode == cli.OK
    assert "prices of" in answer.stdout


_LOADED = """
import os, sys
from datetime import UTC, datetime
from burnmon import __main__, cli
now = datetime(2026, 11, 17, 13, 32, tzinfo=UTC)
try:
    cli.run(sys.argv[1:], os.environ, now)
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("command", [*NAMED, "--once"])
def test_no_command_loads_screen_or_network(tmp_path: Path, command: str) -> None:
    """Only the live view loads the screen, and only the network loads httpx."""
    answer = subprocess.run(
        [sys.executable, "-c", _LOADED, command],
        env=surroundings(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not {"textual", "rich", "httpx"} & set(answer.stderr.split())
    assert answer.returncode == cli.OK


# Documents and prices


def test_document_starts_with_version_and_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every document says its schema and when it was true, then its fields."""
    fields = {"at": NOW, "cost_usd": Decimal("1.5"), "unpriced": None}
    output.print_document(NOW, fields)
    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1,
        "generated_at": "2026-11-17T13:32:00Z",
        "at": "2026-11-17T13:32:00Z",
        "cost_usd": 1.5,
        "unpriced": None,
    }


def test_prices_are_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """``prices`` lists the table with date and source; --json holds every row."""
    settings = config.load({}, {"HOME": str(tmp_path), "TZ": "UTC"})
    assert prices.run(Namespace(refresh=False, json=False), settings, NOW) == cli.OK
    table = pricing.load()
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"prices of {table.dated} · {table.source}"
    assert len(shown) == 4 + len(table.rows())
    prices.run(Namespace(refresh=False, json=True), settings, NOW)
    document = json.loads(capsys.readouterr().out)
    assert len(document["prices"]) == len(table.rows())
    assert document["prices"][0]["input_usd"] == float(table.rows()[0].input)


def test_offline_forbids_the_refresh(tmp_path: Path) -> None:
    """--offline keeps ``prices --refresh`` from the network."""
    environ = {"HOME": str(tmp_path), "TZ": "UTC"}
    settings = config.load({"offline": True}, environ)
    with pytest.raises(BurnmonError, match="--offline"):
        prices.run(Namespace(refresh=True, json=False), settings, NOW)


def test_status_without_figures(tmp_path: Path) -> None:
    """Without a running burnmon and without a ledger ``status`` says so and is fine."""
    answer = run(tmp_path, "status")
    assert (answer.returncode, answer.stdout) == (cli.OK, "no data yet\n")
    document = json.loads(run(tmp_path, "-j", "status").stdout)
    assert document["source"] is None


def test_status_answers_from_the_state_file(tmp_path: Path) -> None:
    """``status`` prints what the state file says, with a parser or without."""
    directory = tmp_path / "state"
    directory.mkdir()
    window: dict[str, object] = {
        "kind": "five_hour",
        "window_minutes": 300,
        "used_percent": 61,
    }
    window |= {"verdict": "safe"}
    state = {"generated_at": NOW.isoformat(), "windows": [window]}
    (directory / "state.json").write_text(json.dumps(state))
    for words in (["status"], ["--no-color", "status"], ["status", "--width=60"]):
        environ = surroundings(tmp_path, BURNMON_DATA_DIR=str(tmp_path))
        answer = subprocess.run(
            [sys.executable, "-c", _LOADED, *words],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout == "5h 61% safe\n"
