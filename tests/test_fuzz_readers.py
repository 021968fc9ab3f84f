"""Whatever others wrote, readers count it or refuse it; ``trials/fuzz.py`` goes on.

``inputs`` says what must hold. Sizes are chosen so that what takes the square of them
would take minutes.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime
from pathlib import Path

import homes
import inputs
import pytest
from homes import Line
from hypothesis import given, settings
from hypothesis import strategies as st

from burnmon.agents import (
    AGENTS,
    claude_edits,
    patches,
    scripts,
    shell,
    shell_text,
)
from burnmon.agents.lines import LONGEST_DAMAGED, MOST_GLUED, program
from burnmon.cli import backtest, called, wiring
from burnmon.config import load
from burnmon.day import day_named
from burnmon.errors import BurnmonError, ConfigError, UsageError
from burnmon.live import alert_log, registry, sweep
from burnmon.records import Facts
from burnmon.shipped.commit_text import header
from burnmon.shipped.reflogs import entries
from burnmon.text import short_model
from burnmon.usage import pricing
from burnmon.usage.model_names import spellings
from burnmon.work import WorkTrail

MANY = 200_000
SHA = "a" * 40


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inputs")


READERS = (
    "claude codex recordings zstd shell script text object reflog patch config"
    " prices.toml prices.json published state told alerts answers backtest".split()
)


def test_every_reader_is_tried(place: Path) -> None:
    assert set(inputs.readers(place)) == set(READERS)


@pytest.mark.parametrize("name", READERS)
def test_changed_at_random(name: str, place: Path) -> None:
    """What is usual is read, and with some bytes changed nothing breaks."""
    reader = inputs.readers(place)[name]
    for sample in reader.samples:
        reader.feed(sample)

    @settings(max_examples=25)
    @given(
        sample=st.sampled_from(reader.samples),
        at=st.integers(0, 5000),
        drop=st.integers(0, 40),
        put=st.one_of(st.binary(max_size=20), st.sampled_from(inputs.HARSH[:30])),
    )
    def changed(sample: bytes, at: int, drop: int, put: bytes) -> None:
        at %= len(sample) + 1
        reader.feed(sample[:at] + put + sample[at + drop :])

    changed()


@settings(max_examples=60)
@given(raw=st.binary(max_size=200))
@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_arbitrary_lines(agent: str, raw: bytes) -> None:
    """Bytes of any kind are lines that are counted."""
    lines = raw.splitlines(keepends=True)
    facts = AGENTS[agent].read(lines, AGENTS[agent].trail(homes.S1), "home")
    inputs.check_facts(facts)
    assert facts.lines == len(lines)


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_harsh_values_in_every_field(agent: str, place: Path) -> None:
    """No field of any line breaks its reader by what it holds."""
    feed = inputs.readers(place)[agent].feed
    chance = random.Random(1)
    lines = inputs.claude_lines() if agent == "claude" else inputs.codex_lines()
    for line in lines:
        for where in inputs.fields(line):
            for value in chance.sample(inputs.HARSH, 3):
                feed(inputs.with_value(line, where, value))


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("recordings", inputs.RECORDING),
        ("prices.json", inputs.FETCHED),
        ("published", inputs.PUBLISHED),
        ("state", inputs.STATE),
        ("told", inputs.TOLD),
        ("alerts", inputs.ALERT),
        ("answers", inputs.ANSWER),
        ("backtest", inputs.READING),
    ],
)
def test_harsh_values_in_documents(name: str, document: Line, place: Path) -> None:
    """The same for the documents of others, and for those of burnmon itself."""
    feed = inputs.readers(place)[name].feed
    chance = random.Random(2)
    for where in inputs.fields(document):
        for value in chance.sample(inputs.HARSH, 2):
            feed(inputs.with_value(document, where, value))


# --- sizes ---------------------------------------------------------------------------

HEAVY = {
    "glued": b"{}" * MANY,
    "glued apart": b"1 " * MANY,
    "quotes": b'"' * MANY,
    "brackets": b"[" * MANY,
    "closed brackets": b"[" * MANY + b"]" * MANY,
    "braces": b'{"a":' * MANY,
    "calls": b'{"type":"tool_use"}' * (MANY // 10),
    "digits": b'{"type":"assistant","message":{"usage":' + b"9" * MANY,
    "nothing": b"\x00" * MANY,
    "no characters": b"\xff" * MANY,
    "half characters": b'"' + b"\\ud800" * MANY + b'"',
}


@pytest.mark.parametrize("agent", ["claude", "codex"])
@pytest.mark.parametrize("kind", HEAVY)
def test_heavy_line(agent: str, kind: str) -> None:
    """Time grows with the length of a damaged line, not with the square of it."""
    line = HEAVY[kind] + b"\n"
    facts = AGENTS[agent].read([line], AGENTS[agent].trail(homes.S1), "home")
    assert facts.skipped or facts.unknown
    work = AGENTS[agent].work
    assert work is not None
    work([line], WorkTrail(), "home")


def damaged(line: bytes) -> Facts:
    return AGENTS["claude"].read([line], AGENTS["claude"].trail(homes.S1), "home")


def test_many_glued_values() -> None:
    """What is glued is cut apart up to a number, and the rest is told."""
    one = homes.packed(homes.assistant("m1"))
    assert len(damaged(one + b" \x0b\xc2\xa0" + one).sightings) == 2
    assert "too many values" not in damaged(b"{}" * MOST_GLUED).skipped
    assert damaged(b"{}" * MOST_GLUED + b"{}").skipped["too many values"] == 1


def test_long_damage() -> None:
    """A line that is large and damaged is not mended but counted."""
    line = b'{"type":"assistant"' + b" " * LONGEST_DAMAGED
    assert damaged(line).skipped == {"damaged and longer than 8 MB": 1}


@pytest.mark.parametrize("before", ["a=1 ", "sudo "])
def test_many_words_before_a_program(before: str) -> None:
    assert program(before * 10_000 + "git commit") == "git commit"
    assert program(before * MANY + "git commit") != "git commit"


COMMANDS = {
    "variables": "git commit ${" * 20_000,
    "sums": "git commit $((" * 20_000,
    "scripts in scripts": "git commit;"
    + ("eval $(" * 11 + "git commit $(x) $(y)" + ")" * 11 + ";") * 50,
    "separators": "git commit" + "&" * MANY,
    "lines": "git commit\n" * 50_000,
    "files": "tee" + " a" * 50_000 + " <<E\n" + "some words\n" * 50_000 + "E\n",
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_heavy_command(kind: str) -> None:
    """A command is read up to a number of words, whatever it gives to whom."""
    command = COMMANDS[kind]
    shell.commits_made(command)
    shell.directory(command, "/w")
    shell.shows_its_commit(command)
    assert len(shell.heredoc_writes(command, "/w")) <= 16


def test_long_expansions() -> None:
    """Those that end are passed over whole, with what they hold."""
    assert shell.commits_made('echo "${a:-git commit}"; git am p') == "am"
    assert shell.commits_made("echo $((1 + (2))) && git revert x") == "revert"


@pytest.mark.parametrize("begun", ["write_stdin({", "/*", "'\\", '"\\', "`\\"])
def test_heavy_script(begun: str) -> None:
    assert scripts.read(begun * 20_000).commands == []


def test_literal_without_an_end() -> None:
    """It hides nothing of the lines behind it, and is nothing itself."""
    read = scripts.read("x = 'not closed\nexec_command({cmd: 'git am'})\ncmd: \"open")
    assert read.commands == [("git am", "")]


def test_many_steps_of_an_edit() -> None:
    """Steps beyond a measure are compared without their order."""
    old = "".join(f"word number {n}\n" for n in range(100))
    new = "".join(f"word number {n}\n" for n in range(99, -1, -1))
    some = {"old_string": old, "new_string": new}
    marks = claude_edits.asked("MultiEdit", {"edits": [some] * 5_000})
    assert 0 < marks[0] < 5_000 * 100


def test_text_beyond_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what a call writes or runs only so much is looked at."""
    for module in (claude_edits, patches, shell_text, scripts):
        monkeypatch.setattr(module, "LONGEST_TEXT", 40)
    many = "some words\n" * 100
    assert claude_edits.asked("Write", {"content": many})[1] == 4
    assert len(patches.all_lines(many)) == 4
    assert len(patches.of_diff("a", "@@\n" + "+words here\n" * 100).added) == 4
    patch = "*** Begin Patch\n*** Add File: a\n" + "+x\n" * 100
    ((_, added, _),) = patches.patched(patch)
    assert len(added) < 10
    assert shell.commits_made("echo " * 10 + "; git am") == ""
    assert scripts.read(" " * 50 + "cmd: 'git am'").commands == []


def test_long_titles() -> None:
    """Of a title so much is kept as anybody reads."""
    named = homes.event("thread_name_updated", thread_name="x" * MANY)
    for agent, line in (
        ("claude", homes.titled("x" * MANY)),
        ("claude", homes.titled("x" * MANY, custom=True)),
        ("codex", named),
    ):
        _, trail = homes.read(agent, homes.S1, line)
        assert trail.title == "x" * 1000


def test_model_of_brackets() -> None:
    assert short_model("claude-opus-4-5[1m]") == "opus-4.5"
    assert short_model("[]" * MANY + "x")
    assert len(list(spellings("[1m]" * MANY))) == 1


# --- git -----------------------------------------------------------------------------


def commit(message: str, author: str = "Ada <a@b> 1795000000 +0000") -> bytes:
    return f"author {author}\ncommitter {author}\n\n{message}".encode()


def test_blanks_behind_a_trailer() -> None:
    message = f"Add\n\nCo-authored-by: Claude{' ' * MANY}x  \n"
    (found,) = header(SHA, commit(message)).trailers
    assert found == ("Co-authored-by", f"Claude{' ' * MANY}x")


def test_endless_instants() -> None:
    """An instant of thousands of digits is none."""
    author = f"Ada <a@b> {'9' * 5000} +0000"
    assert header(SHA, commit("Add", author)).authored_at == 0
    good = f"{SHA} {SHA} {{}}\tcommit: x\n"
    raw = good.format(author) + good.format("Ada <a@b> 1795000000 +0000")
    assert [each.at for each in entries(raw.encode())] == [1795000000]


# --- files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("timezone = " + "[" * MANY, "nested too deeply"),
        ("timezone = " + "9" * MANY, "digits"),
        ("[alerts]\nrunaway = " + "9" * 400, "runaway takes a number"),
        ('data_dir = "a\\u0000b"', "data_dir holds a NUL"),
        ('[roots]\na = {agent = "claude", path = "\\u0000"}', "path holds a NUL"),
        ('[paths]\n"a" = "\\u0000"', "paths.a holds a NUL"),
    ],
    ids=range(6),
)
def test_config(tmp_path: Path, written: str, said: str) -> None:
    """A config file that cannot be is refused by its name, and never breaks a hook."""
    file = tmp_path / "config.toml"
    file.write_text(written)
    environ = {"HOME": str(tmp_path), "BURNMON_CONFIG": str(file)}
    with pytest.raises(ConfigError, match=said) as refused:
        load({}, environ)
    assert str(file) in str(refused.value)
    called.account_of("/w", called.config_of(environ, ""), environ)


ONE = '[models."a"]\noutput = 1\n'


@pytest.mark.parametrize(
    "written",
    [
        "models = " + "[" * MANY,
        f"{ONE}input = {'9' * 5000}",
        f"{ONE}input = 1e999999",
        f"{ONE}input = 1e-999999",
        f"{ONE}input = 1e99999999999999999999",
        f"{ONE}input = 1\nvalid_from = 0001-01-01T00:00:00+14:00",
        f'{ONE}input = 1\nabove."1٣" = {{input = 2}}',
        f"{ONE}input = 1\nabove.{'9' * 5000} = {{input = 2}}",
    ],
    ids=range(8),
)
def test_own_prices(tmp_path: Path, written: str) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(written)
    with pytest.raises(ConfigError, match=str(file)):
        pricing.load(file)


@pytest.mark.parametrize(
    "entries",
    [
        5,
        [],
        [{"input": "x", "output": 1}],
        [{"input": None, "output": 1}],
        [{"input": -1, "output": 1}],
        [{"input": float("nan"), "output": 1}],
        [{"input": 1, "output": 1, "above": {"x": {}}}],
        [{"input": 1, "output": 1, "above": {"٣": {"input": 1}}}],
        [{"input": 1, "output": 1, "above": [1]}],
        [{"input": 1, "output": 1, "valid_from": "x"}],
        [{"input": 1, "output": 1, "fast": "x"}],
        [{"input": 1, "output": 1e300}],
    ],
)
def test_fetched_prices(tmp_path: Path, entries: object) -> None:
    """A fetched table is believed only if every price in it is one."""
    file = tmp_path / "prices.json"
    file.write_bytes(homes.packed({**inputs.FETCHED, "models": {"a": entries}}))
    with pytest.raises(ConfigError, match="not a price table"):
        pricing.load(None, file)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ((0, "models", 0, "match"), b'{"regex":"("}'),
        ((0, "models", 0, "prices", "output_mtok"), b"1e9999991"),
        ((0, "models", 0, "prices", "input_mtok", "base"), b"1e-9999991"),
        ((0, "models", 0, "prices", "output_mtok"), b"Infinity"),
        ((0, "models", 0, "prices", "output_mtok"), b'"x"'),
        ((0, "models", 0, "match", "or", 0, "equals"), b'"\\ud800"'),
        ((), b"[" * MANY),
    ],
    ids=range(7),
)
def test_published_prices(
    tmp_path: Path, where: tuple[str | int, ...], value: bytes
) -> None:
    """What cannot be prices does not take the place of those that were fetched."""
    import httpx

    file = tmp_path / "fetched.json"
    file.write_bytes(homes.packed(inputs.FETCHED))
    before = file.read_bytes()
    published = inputs.with_value(inputs.PUBLISHED, where, value)
    answer = httpx.Response(200, content=published)
    with pytest.raises(BurnmonError, match="not a list of prices"):
        pricing.refresh(file, transport=httpx.MockTransport(lambda _: answer))
    assert file.read_bytes() == before


def test_date_that_is_none(tmp_path: Path) -> None:
    """A server's day that cannot be read is this machine's."""
    import httpx

    answer = httpx.Response(
        200, content=json.dumps(inputs.PUBLISHED), headers={"date": "soon"}
    )
    table = pricing.refresh(
        tmp_path / "f.json", transport=httpx.MockTransport(lambda _: answer)
    )
    assert table.canonical("claude-x") == "claude-x"


def test_own_log_of_alerts(tmp_path: Path) -> None:
    """Halves of characters and years beyond reckoning do not break the log."""
    file = tmp_path / "alerts.jsonl"
    odd = {"subject": b'"\\ud800"', "at": b'"0001-01-02T00:00:00Z"'}
    lines = [inputs.with_value(inputs.ALERT, (k,), v) for k, v in odd.items()]
    file.write_bytes(b"\n".join(lines))
    assert [each.subject for each in alert_log.read(file)] == ["\ud800"]
    alert_log._cut_back(file)
    assert len(alert_log.read(file)) == 1


def test_deep_documents(tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions" / "1.json").write_bytes(b"[" * MANY)
    assert list(registry.alive(tmp_path)) == []
    with pytest.raises(ConfigError):
        wiring.read_settings("[" * MANY, "settings.json")


@pytest.mark.parametrize("seconds", [10**18, -(10**18), 10**400])
def test_instants_of_readings(tmp_path: Path, seconds: int) -> None:
    file = tmp_path / "readings.jsonl"
    file.write_bytes(homes.packed({**inputs.READING, "observed_at": seconds}))
    with pytest.raises(UsageError, match=f"{file}:1"):
        list(backtest.read(file))


def test_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that unpacks without end is left aside, and told."""
    import zstandard

    monkeypatch.setattr(sweep, "LARGEST_UNPACKED", 1000)
    file = tmp_path / "rollout-x.jsonl.zst"
    for size in (1000, 1001):
        file.write_bytes(zstandard.ZstdCompressor().compress(b"\n" * size))
        if size == 1000:
            sweep.open_session(str(file)).__exit__()
            continue
        with pytest.raises(OSError, match="unpacks to more than"):
            sweep.open_session(str(file))


@pytest.mark.parametrize("words", ["0001-01-01", "9999-12-31", "99999w"])
def test_days_beyond_reckoning(words: str) -> None:
    assert day_named(words, date(2026, 11, 20)) is None


def test_clocks() -> None:
    """Lines of other centuries are read; those of no century are not."""
    stamps = ("1970-01-01", "2026-11-20", "2999-12-31", "0001-01-01", "9999-12-31")
    lines = [
        homes.packed(homes.assistant(f"m{n}", timestamp=f"{day}T12:00:00Z"))
        for n, day in enumerate(stamps)
    ]
    facts, _ = homes.read("claude", homes.S1, *lines)
    found = {
        datetime.fromtimestamp(each.at / 1000, UTC).year for each in facts.sightings
    }
    assert found == {1970, 2026, 2999}
    assert facts.skipped == {"no time": 2}
