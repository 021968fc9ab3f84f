"""What notices commits and makes days beside the feeder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from queue import Queue

import pytest
from example import commit, spent
from repos import ADA, BEGIN, Repo, code
from sessions import EACH, Claude, absorb, settings_in

from burnmon.config import Settings
from burnmon.day import Day, DayAnswer, Question, Reading, Refused
from burnmon.live.making import Making, commit_events
from burnmon.live.shipper import Shipper
from burnmon.shipped import git
from burnmon.usage.ledger import Ledger

T = BEGIN + 3600
NOW = datetime.fromtimestamp(T + 300, UTC)
TODAY = NOW.date()
PATIENCE = 30
"""Seconds after which a thread that says nothing is taken for dead."""


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "src" / "api")
    made.write("old.py", code(1, 2, 3, word="old")).commit("Begin")
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, tmp_path / "home")


@pytest.fixture
def session(tmp_path: Path, repo: Repo) -> Claude:
    """A session that wrote a file and committed nothing."""
    made = Claude(tmp_path / "home", "S1", repo.path)
    made.write(repo.path / "new.py", code(*range(5), word="telling"), T)
    return made


@pytest.fixture
def making(settings: Settings, session: Claude) -> Iterator[Making]:
    """Days from what the session wrote so far."""
    absorb(settings)
    with Ledger(settings.ledger_file, writes=False) as ledger:
        yield Making(settings, ledger)


def subjects(day: Day) -> dict[str, str | None]:
    return {row.subject: row.grade for row in day.commits}


def asked(making: Making, wish: date | str, now: datetime = NOW) -> list[DayAnswer]:
    """All answers to a question."""
    answers: list[DayAnswer] = []
    making.answer(Question(wish, answers.append), now)
    return answers


# --- step by step --------------------------------------------------------------------


def test_commit_moves_a_repository(making: Making, repo: Repo) -> None:
    """A repository that sessions worked in has moved once it has another commit."""
    assert making.moved(NOW)
    making.today(NOW)
    assert not making.moved(NOW)
    repo.commit("Add it", at=T + 120)
    assert making.moved(NOW)
    assert subjects(making.today(NOW))["Add it"] == "likely"
    assert not making.moved(NOW)


def test_proof_that_comes_later(
    making: Making, repo: Repo, session: Claude, settings: Settings
) -> None:
    """What an agent writes after its commit is taken into account within seconds."""
    session.commit(repo, "Add it", T + 120)
    assert making.moved(NOW)
    assert subjects(making.today(NOW))["Add it"] == "likely"
    absorb(settings)
    assert not making.moved(NOW)
    later = NOW + timedelta(seconds=4)
    assert making.moved(later)
    assert subjects(making.today(later))["Add it"] == "exact"


def test_quiet_repository_costs_nothing(
    making: Making, session: Claude, settings: Settings
) -> None:
    """Long after a commit new requests alone make no day anew."""
    making.moved(NOW)
    making.today(NOW)
    session.ask(T + 200)
    absorb(settings)
    assert not making.moved(NOW + timedelta(minutes=11))


def test_repository_that_begins_later(
    making: Making, tmp_path: Path, settings: Settings
) -> None:
    """A directory that becomes a repository while a session works in it is watched
    from then on."""
    making.moved(NOW)
    place = tmp_path / "src" / "site"
    place.mkdir()
    session = Claude(tmp_path / "home", "S2", place)
    session.write(place / "new.py", code(*range(5), word="site"), T + 10)
    absorb(settings)
    later = NOW + timedelta(seconds=4)
    making.moved(later)
    begun = Repo(place, create=False)
    begun.git("init", "--quiet", "--initial-branch=main")
    begun.git("config", "user.email", ADA[1])
    begun.commit("Begin a site", at=T + 120)
    assert making.moved(later)
    assert subjects(making.today(later))["Begin a site"] == "likely"


def test_session_in_another_repository(
    making: Making, tmp_path: Path, settings: Settings
) -> None:
    """A repository is watched within seconds of the first request made in it."""
    making.moved(NOW)
    other = Repo(tmp_path / "src" / "web")
    Claude(tmp_path / "home", "S2", other.path).ask(T + 10)
    absorb(settings)
    later = NOW + timedelta(seconds=4)
    assert making.moved(later)
    other.write("a.py", code(1)).commit("By hand", at=T + 120)
    assert making.moved(later)
    assert subjects(making.today(later))["By hand"] is None


def test_address_that_is_set_later(
    making: Making, repo: Repo, settings: Settings
) -> None:
    """Whose commits are one's own is asked anew, and said where git does not know."""
    repo.git("config", "--unset", "user.email")
    making.moved(NOW)
    repo.commit("Add it", at=T + 120)
    day = making.today(NOW)
    assert "Add it" not in {row.subject for row in day.commits if not row.author}
    assert any("user.email" in note for note in day.notes)
    repo.git("config", "user.email", ADA[1])
    later = NOW + timedelta(minutes=1)
    assert making.moved(later)
    day = making.today(later)
    assert subjects(day)["Add it"] == "likely"
    assert day.notes == ()


@pytest.mark.parametrize("late", [False, True], ids=["when found", "when read"])
def test_repository_that_holds_git_up(
    making: Making, repo: Repo, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository for which git never answers costs its patience once, and is left
    out with a word from then on; all else of the day is there."""
    monkeypatch.setattr(git, "PATIENCE", 0.2)
    pipe = repo.path / ".git" / "refs" / "heads" / "pipe"
    if late:
        monkeypatch.setattr(git, "PATIENCE", 20)
        assert making.moved(NOW)
        monkeypatch.setattr(git, "PATIENCE", 0.2)
    os.mkfifo(pipe)
    assert making.today(NOW).spent.cost == EACH
    pipe.unlink()
    making.moved(NOW + timedelta(minutes=5))  # it would be asked anew
    day = making.today(NOW + timedelta(minutes=5))
    assert day.spent.cost == EACH
    (note,) = day.notes
    assert str(repo.path) in note
    assert "left out until the next start" in note


def test_day_that_is_shown_grows(
    making: Making, session: Claude, settings: Settings
) -> None:
    """A day that somebody looks at is made anew when the ledger has learned more."""
    assert making.today(NOW).spent.cost == EACH
    assert not making.aged(NOW + timedelta(minutes=1))
    session.ask(T + 200)
    absorb(settings)
    later = NOW + timedelta(minutes=1)
    assert making.aged(later)
    assert making.today(later).spent.cost == 2 * EACH


@pytest.mark.parametrize("wish", ["today", TODAY, TODAY.isoformat(), "0d"])
def test_day_by_any_name(making: Making, wish: date | str) -> None:
    """A day is asked for by date or in words; its reading is told on the way."""
    *readings, day = asked(making, wish)
    assert isinstance(day, Day)
    assert (day.day, day.spent.cost) == (TODAY, EACH)
    assert readings
    assert all(isinstance(each, Reading) for each in readings)


def test_day_that_is_none(making: Making) -> None:
    """Words that name no day are answered with what would."""
    (refused,) = asked(making, "someday")
    assert isinstance(refused, Refused)
    assert "yesterday" in refused.words
    assert "'someday'" in refused.words


# --- events --------------------------------------------------------------------------


def test_events_are_newest_first() -> None:
    """Commits of the day become events; those of other days do not."""
    rows = [
        commit(60, "old", spent("1")),
        commit(5, "new", spent("2")),
        commit(3000, "of another day", spent("3"), of_day=False),
    ]
    assert [each.subject for each in commit_events(rows)] == ["new", "old"]


@pytest.mark.parametrize(
    ("paid", "cost"),
    [
        (spent("2.5"), Decimal("2.5")),
        (spent("2.5", 3, 1), Decimal("2.5")),
        (spent("0", 3, 3), None),
        (spent("0", 0), Decimal(0)),
    ],
    ids=["priced", "partly", "without a price", "nothing asked"],
)
def test_event_cost(paid: object, cost: Decimal | None) -> None:
    """A cost is unknown only where nothing of it has a price."""
    row = commit(5, "it", paid)  # type: ignore[arg-type]  # a Spent
    assert commit_events([row])[0].cost == cost


# --- the thread ----------------------------------------------------------------------


@pytest.fixture
def running(
    settings: Settings, session: Claude
) -> Iterator[tuple[Shipper, Queue[int]]]:
    """A shipper that runs, and what it wakes."""
    absorb(settings)
    woken: Queue[int] = Queue()
    shipper = Shipper(settings, lambda: NOW, lambda: woken.put(1))
    shipper.start()
    yield shipper, woken
    shipper.stop()


def test_thread_tells_of_a_commit(
    running: tuple[Shipper, Queue[int]], repo: Repo
) -> None:
    """A commit becomes an event, and whoever shows it is woken."""
    shipper, woken = running
    repo.commit("Add it", at=T + 120)
    for _ in range(10):
        woken.get(timeout=PATIENCE)
        if any(each.subject == "Add it" for each in shipper.commits):
            break
    event = next(each for each in shipper.commits if each.subject == "Add it")
    assert (event.cost, event.grade, event.repo) == (EACH, "likely", "api")


def test_thread_answers(running: tuple[Shipper, Queue[int]]) -> None:
    """A day comes by the way that was given with the question."""
    shipper, _ = running
    answers: Queue[DayAnswer] = Queue()
    shipper.ask("today", answers.put)
    while not isinstance(day := answers.get(timeout=PATIENCE), Day):
        assert isinstance(day, Reading)
    assert day.spent.cost == EACH


def test_ledger_that_is_not_there(settings: Settings) -> None:
    """Where the ledger cannot be read the screen is told why."""
    settings.ledger_file.write_bytes(b"no database, but long enough to be one\n" * 40)
    shipper = Shipper(settings, lambda: NOW, lambda: None)
    answers: Queue[DayAnswer] = Queue()
    shipper.ask("today", answers.put)
    shipper.start()
    refused = answers.get(timeout=PATIENCE)
    shipper.stop()
    assert isinstance(refused, Refused)
    assert "ledger" in refused.words
