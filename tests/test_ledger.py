"""The ledger: the same facts give the same rows, whatever happens on the way."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count as counting
from pathlib import Path
from typing import Any

import homes
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from burnmon.errors import LedgerError
from burnmon.live.sweep import Sweep
from burnmon.records import COUNTED, EXTRA, REPLAYED
from burnmon.usage.copies import Held, join
from burnmon.usage.ledger import Ledger
from burnmon.usage.schema import MIGRATIONS, connect, lock, transaction

FILES = homes.every_shape()
PATHS = sorted(FILES)


@pytest.fixture(scope="session")
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes empty homes, also where one test needs many."""
    place = tmp_path_factory.mktemp("homes")
    numbers = counting()

    @contextmanager
    def home() -> Iterator[Path]:
        root = place / str(next(numbers))
        root.mkdir()
        yield root
        shutil.rmtree(root)

    return home


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What the ledger holds after reading every file whole, once."""
    root = tmp_path_factory.mktemp("whole")
    with homes.absorbed(root, FILES) as ledger:
        return homes.rows(ledger, root)


# --- the same facts, the same rows ---------------------------------------------------


def test_sample_home_holds_what_it_should(tmp_path: Path) -> None:
    """The files of the properties below hold requests of every standing."""
    with homes.absorbed(tmp_path, FILES) as ledger:
        held = ledger._select("1", ())
        assert {each.standing for each in held} == {COUNTED, REPLAYED, EXTRA}
        assert ledger.dedup()["duplicates_dropped"] > 5
        assert ledger.dedup()["replays_set_aside"] == 2


def test_absorbing_twice(tmp_path: Path, whole: dict[str, list[Any]]) -> None:
    """Reading every file a second time from its start changes nothing."""
    with homes.absorbed(tmp_path, FILES) as ledger:
        again = Sweep(ledger, homes.roots(tmp_path))
        again.known = {}
        changes = [change for _, each in again.absorb(again.look()) for change in each]
        assert changes == []
        assert homes.rows(ledger, tmp_path) == whole


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(PATHS))
def test_order_of_files(
    order: list[str], fresh_home: Any, whole: dict[str, list[Any]]
) -> None:
    """Files that appear one after another, in any order, give the same ledger."""
    with fresh_home() as root, Ledger(None) as ledger:
        for path in order:
            homes.write(root, {path: FILES[path]})
            homes.sweep(ledger, root)
        assert homes.rows(ledger, root) == whole


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(PATHS))
def test_order_within_one_batch(
    order: list[str], fresh_home: Any, whole: dict[str, list[Any]]
) -> None:
    """Files absorbed together, in any order, give the same ledger."""
    with fresh_home() as root, Ledger(None) as ledger:
        sweep = Sweep(ledger, homes.roots(homes.write(root, FILES)))
        place = {str(root / path): number for number, path in enumerate(order)}
        found = sorted(sweep.look(), key=lambda each: place[each.path])
        for _ in sweep.absorb(found):
            pass
        assert homes.rows(ledger, root) == whole


STEPS = st.lists(
    st.tuples(st.sampled_from(PATHS), st.integers(0, 4000)), min_size=1, max_size=12
)
"""Files in the order in which they grow, each with a number that tells how far."""


def grown(steps: list[tuple[str, int]]) -> Iterator[tuple[str, bytes]]:
    """A file and its contents after each step, cut at any byte; whole at the end."""
    done = dict.fromkeys(PATHS, 0)
    for path, number in steps:
        stop = number % (len(FILES[path]) + 1)
        if stop > done[path]:
            done[path] = stop
            yield path, FILES[path][:stop]
    yield from FILES.items()


@settings(max_examples=80, deadline=None)
@given(steps=STEPS)
def test_pieces(
    steps: list[tuple[str, int]], fresh_home: Any, whole: dict[str, list[Any]]
) -> None:
    """Files read while they grow, cut at any byte, give the same ledger."""
    with fresh_home() as root, Ledger(None) as ledger:
        for path, contents in grown(steps):
            homes.write(root, {path: contents})
            homes.sweep(ledger, root)
        assert homes.rows(ledger, root) == whole


@settings(max_examples=15, deadline=None)
@given(steps=STEPS)
def test_pieces_with_restarts(
    steps: list[tuple[str, int]], fresh_home: Any, whole: dict[str, list[Any]]
) -> None:
    """A program that ends and starts again between any two pieces changes nothing."""
    with fresh_home() as root:
        for path, contents in grown(steps):
            homes.write(root, {path: contents})
            with Ledger(root / "ledger.db") as ledger:
                homes.sweep(ledger, root)
        with Ledger(root / "ledger.db") as ledger:
            assert homes.rows(ledger, root) == whole


@pytest.mark.parametrize("path", PATHS)
def test_every_byte(path: str, tmp_path: Path) -> None:
    """A file that grows by a few bytes at a time is read as if it came at once."""
    place = tmp_path / path
    contents = FILES[path]
    with Ledger(None) as ledger, Ledger(None) as once:
        for stop in [*range(1, len(contents), 61), len(contents)]:
            homes.write(tmp_path, {path: contents[:stop]})
            homes.sweep(ledger, tmp_path)
        assert place.read_bytes() == contents
        homes.sweep(once, tmp_path)
        assert homes.rows(ledger, tmp_path) == homes.rows(once, tmp_path)


def test_few_names_are_kept_at_hand(
    tmp_path: Path, whole: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many sessions there were; what was let go is asked for again."""
    monkeypatch.setattr("burnmon.usage.queries.MOST_NAMES", 2)
    monkeypatch.setattr("burnmon.usage.work_store.MOST_WORDS", 2)
    with homes.absorbed(tmp_path, FILES) as ledger:
        assert homes.rows(ledger, tmp_path) == whole
        told = ledger.requests()
        assert len(ledger._circumstances) > 2
        ledger.absorb([])
        assert not any((ledger._circumstances, ledger._texts, ledger._paths))
        assert ledger.requests() == told
        words = ledger._db.execute("SELECT id, text FROM word").fetchall()
        kept = ledger.work._words
        assert [kept[id_] for id_, _ in words] == [text for _, text in words]
        assert len(kept) <= 2 < len(words)


def test_many_are_written_together(
    tmp_path: Path, whole: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many requests one statement writes makes no difference."""
    monkeypatch.setattr("burnmon.usage.ledger.MANY", 4)
    monkeypatch.setattr("burnmon.usage.ledger.TOGETHER", 3)
    with homes.absorbed(tmp_path, FILES) as ledger:
        assert homes.rows(ledger, tmp_path) == whole


def test_one_statement_looks_up_any_number_of_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statements are kept once they are prepared: one for each number of keys would
    take megabytes in a process that lasts."""
    with homes.absorbed(tmp_path, FILES) as ledger:
        keys = [each.key for each in ledger.requests()]
        assert ledger._fetch(keys).keys() == set(keys)
        said = set()

        def rows(where: str, _: object) -> list[Any]:
            said.add(where)
            return []

        monkeypatch.setattr(ledger, "_rows", rows)
        for count in range(1, 40):
            ledger._fetch(range(count))
        assert len(said) == 1


def test_requests_come_one_by_one(tmp_path: Path) -> None:
    """Who adds up a long past holds none of it: the first is told before the last is
    looked at, and all are in order."""
    with homes.absorbed(tmp_path, FILES) as ledger:
        ats = [(each.at, each.key) for each in ledger.each_request()]
        assert len(ats) > 2
        assert ats == sorted(ats)
        ledger._circumstances.clear()
        next(ledger.each_request())
        assert len(ledger._circumstances) == 1


def test_changes_add_up(tmp_path: Path) -> None:
    """Old and new requests reported on the way lead from nothing to what is counted."""
    counted: dict[int, Any] = {}
    with Ledger(None) as ledger:
        sweep = Sweep(ledger, homes.roots(tmp_path))
        for path in reversed(PATHS):
            homes.write(tmp_path, {path: FILES[path]})
            for _, changes in sweep.absorb(sweep.look()):
                for old, new in changes:
                    if old is not None:
                        assert counted.pop(old.key) == old
                    if new is not None:
                        counted[new.key] = new
        assert counted == {each.key: each for each in ledger.requests()}


# --- replays whose original is missing -----------------------------------------------

GRANDPARENT, PARENT, CHILD = (homes.rollout(99), homes.rollout(6), homes.rollout(7))
ORIGINAL = homes.text(homes.meta(99), *homes.first_turn(turn_id="turn-x"))


def counted_tokens(root: Path, order: list[str]) -> int:
    contents = {**FILES, GRANDPARENT: ORIGINAL}
    with Ledger(None) as ledger:
        for path in order:
            homes.write(root, {path: contents[path]})
            homes.sweep(ledger, root)
        return homes.total(ledger).total


@pytest.mark.parametrize("order", [[PARENT, CHILD], [CHILD, PARENT]])
def test_missing_grandparent(order: list[str], tmp_path: Path) -> None:
    """History replayed twice is set aside while its origin is missing, in any order."""
    own = sum(homes.THIRD[::3])
    assert counted_tokens(tmp_path, order) == 2 * own


@pytest.mark.parametrize(
    "order",
    [
        [GRANDPARENT, PARENT, CHILD],
        [CHILD, PARENT, GRANDPARENT],
        [PARENT, GRANDPARENT, CHILD],
    ],
    ids=["oldest first", "youngest first", "mixed"],
)
def test_grandparent_appears(order: list[str], tmp_path: Path) -> None:
    """A replay is joined with its original, whenever that file appears."""
    own = sum(homes.THIRD[::3])
    assert counted_tokens(tmp_path, order) == 2 * own + sum(homes.SUM2[::3])


# --- kills ---------------------------------------------------------------------------


class Dying(Ledger):
    """Counts the steps of its database, and ends at one of them."""

    def __init__(
        self, path: Path | None, last: int = 0, end: Callable[[], int] = lambda: 1
    ) -> None:
        """``end`` is called at the last step; 1 cuts the running statement off."""
        super().__init__(path)
        self.steps = 0
        self._last = last
        self._end = end
        self._db.set_progress_handler(self._step, 1)

    def _step(self) -> int:
        self.steps += 1
        return self._end() if self.steps == self._last else 0


def one_by_one(ledger: Ledger, root: Path) -> None:
    """Absorb each file in a transaction of its own."""
    sweep = Sweep(ledger, homes.roots(root))
    for found in sweep.look():
        for _ in sweep.absorb([found]):
            pass


ABSORB: dict[str, Callable[[Ledger, Path], object]] = {
    "one batch": homes.sweep,
    "many": one_by_one,
}


@pytest.fixture(scope="session", params=sorted(ABSORB))
def absorbing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Callable[[Ledger, Path], object], int]:
    """A way to read all files, and how many steps of the database it takes."""
    absorb = ABSORB[request.param]
    root = homes.write(tmp_path_factory.mktemp("steps"), FILES)
    ledger = Dying(None)
    absorb(ledger, root)
    ledger.close()
    return absorb, ledger.steps


@pytest.mark.parametrize("share", range(1, 20))
def test_cut_off(
    share: int, absorbing: Any, tmp_path: Path, whole: dict[str, list[Any]]
) -> None:
    """A transaction that is cut off anywhere leaves nothing behind and nothing out."""
    absorb, steps = absorbing
    homes.write(tmp_path, FILES)
    last = 1 + steps * share // 20
    with Dying(tmp_path / "ledger.db", last) as dying, pytest.raises(LedgerError):
        absorb(dying, tmp_path)
    with Ledger(tmp_path / "ledger.db") as ledger:
        homes.sweep(ledger, tmp_path)
        assert homes.rows(ledger, tmp_path) == whole


@pytest.mark.parametrize("share", range(1, 20))
def test_same_ledger_goes_on(
    share: int, absorbing: Any, tmp_path: Path, whole: dict[str, list[Any]]
) -> None:
    """What a ledger remembers of a cut-off transaction does not outlive it."""
    absorb, steps = absorbing
    homes.write(tmp_path, FILES)
    with Dying(None, 1 + steps * share // 20) as dying:
        with pytest.raises(LedgerError):
            absorb(dying, tmp_path)
        homes.sweep(dying, tmp_path)
        assert homes.rows(dying, tmp_path) == whole


class Interrupted(Ledger):
    """Is interrupted from the keyboard, once, in the middle of a transaction."""

    happened = False

    def _put_marks(self, marks: Any) -> None:
        if not self.happened:
            self.happened = True
            raise KeyboardInterrupt
        super()._put_marks(marks)


def test_interruption(tmp_path: Path, whole: dict[str, list[Any]]) -> None:
    """An interruption that is no error of the database is undone as completely."""
    homes.write(tmp_path, FILES)
    with Interrupted(None) as ledger:
        with pytest.raises(KeyboardInterrupt):
            homes.sweep(ledger, tmp_path)
        homes.sweep(ledger, tmp_path)
        assert homes.rows(ledger, tmp_path) == whole


SUICIDE = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_ledger

def end():
    os.kill(os.getpid(), signal.SIGKILL)
    return 1

root = Path(sys.argv[2])
ledger = test_ledger.Dying(root / "ledger.db", int(sys.argv[3]), end)
test_ledger.ABSORB[sys.argv[4]](ledger, root)
"""


@pytest.mark.parametrize("third", range(3))
def test_killed_process(
    third: int, absorbing: Any, tmp_path: Path, whole: dict[str, list[Any]]
) -> None:
    """A process that is killed while it writes leaves a ledger that goes on."""
    absorb, steps = absorbing
    homes.write(tmp_path, FILES)
    (name,) = (name for name, each in ABSORB.items() if each is absorb)
    here = Path(__file__).parent
    given = [str(here), str(tmp_path), str(9 + steps * third // 3), name]
    ended = subprocess.run(
        [sys.executable, "-c", SUICIDE, *given], cwd=here.parent, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.writable
        homes.sweep(ledger, tmp_path)
        assert homes.rows(ledger, tmp_path) == whole


# --- joining copies ------------------------------------------------------------------

SMALL = st.integers(0, 2)
WORD = st.sampled_from(["", "a", "b"])
COPIES = st.builds(
    Held,
    key=st.just(1),
    at=SMALL,
    counted=st.just(0),
    standing=SMALL,
    origin=WORD,
    agent=st.just("claude"),
    model=WORD,
    input=SMALL,
    output=SMALL,
    cache_read=SMALL,
    cache_write_5m=SMALL,
    cache_write_1h=SMALL,
    web_searches=SMALL,
    final=st.integers(0, 1),
    speed=WORD,
    region=WORD,
    session=WORD,
    subagent=WORD,
    project=WORD,
    branch=WORD,
    version=WORD,
    file_first=SMALL,
    file=WORD,
)


@given(COPIES, COPIES)
def test_join_is_commutative(a: Held, b: Held) -> None:
    """It does not matter which of two copies was read first."""
    assert join(a, b) == join(b, a)


@given(COPIES, COPIES, COPIES)
def test_join_is_associative(a: Held, b: Held, c: Held) -> None:
    """It does not matter which of three copies were read together."""
    assert join(join(a, b), c) == join(a, join(b, c))


@given(COPIES)
def test_join_is_idempotent(a: Held) -> None:
    """A copy read again changes nothing."""
    assert join(a, a) == a


# --- the file ------------------------------------------------------------------------


def test_empty_file_becomes_a_ledger(tmp_path: Path) -> None:
    """An empty file is brought to the newest schema."""
    path = tmp_path / "ledger.db"
    path.touch()
    Ledger(path).close()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    db.close()


def test_newer_schema_is_refused(tmp_path: Path) -> None:
    """A ledger of a newer version is left alone, and the reason is told."""
    path = tmp_path / "ledger.db"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 999")
    db.close()
    with pytest.raises(LedgerError, match=r"ledger\.db.*newer burnmon.*update"):
        Ledger(path)


def test_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    """A ledger of the first version keeps its facts, and learns from now on."""
    path = tmp_path / "ledger.db"
    with homes.absorbed(tmp_path / "home", FILES) as full:
        before = full.requests()
        full._db.execute("VACUUM INTO ?", (str(path),))
    first_version(path)
    assert any(each.thinking for each in before)
    with Ledger(path) as ledger:
        assert ledger.requests() == [replace(each, thinking=None) for each in before]
        assert ledger.experiences() == {}
        ledger.put_experience(("codex", "", "codex", 300), "{}")
        assert len(ledger.experiences()) == 1


def test_older_schema_that_is_kept_by_another(tmp_path: Path) -> None:
    """While an older burnmon keeps its ledger a newer one says whom to end."""
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    first_version(path)
    held = lock(path)
    assert held is not None
    with pytest.raises(LedgerError, match=r"ledger\.db.*older form.*end that one"):
        Ledger(path)
    os.close(held)


def first_version(path: Path) -> None:
    """Make a ledger one that a burnmon of the first schema wrote."""
    db = sqlite3.connect(path)
    work = ("work_file", "edit", "commit_call", "tool_call")
    sums = ("part", "part_tier", "part_marked")
    for table in ("experience", *work, *sums):
        db.execute(f"DROP TABLE {table}")
    db.execute("ALTER TABLE request DROP COLUMN thinking")
    db.execute("PRAGMA user_version = 1")
    db.close()


def test_foreign_file_is_refused(tmp_path: Path) -> None:
    """A file that is no database is refused with its path and what to do."""
    path = tmp_path / "ledger.db"
    path.write_bytes(b"no database, but long enough to be read as one\n" * 40)
    with pytest.raises(LedgerError, match=r"ledger\.db.*not a database.*move"):
        Ledger(path)


def test_damaged_ledger_is_refused(tmp_path: Path) -> None:
    """A ledger whose pages were overwritten is refused or fails with its path."""
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 8000)
    with pytest.raises(LedgerError, match=r"ledger\.db"), Ledger(path) as ledger:
        homes.sweep(ledger, homes.write(tmp_path, FILES))


def hurt(path: Path, *statements: str) -> None:
    """Change a ledger in a way that burnmon never would."""
    db = sqlite3.connect(path)
    for each in statements:
        db.execute(each)
    db.commit()
    db.close()


def filled(tmp_path: Path) -> Path:
    """The path of a ledger that read every file."""
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        homes.sweep(ledger, homes.write(tmp_path / "home", FILES))
    return path


def read_all(path: Path) -> None:
    """Ask a ledger for its files and requests."""
    with Ledger(path) as ledger:
        list(ledger.files())
        ledger.requests()


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("DELETE FROM word", id="words gone"),
        pytest.param("UPDATE file SET trail = '{'", id="no JSON"),
        pytest.param("UPDATE file SET trail = '{\"x\": 1}'", id="other JSON"),
        pytest.param("UPDATE file SET trail = CAST(x'22ff' AS TEXT)", id="no text"),
        pytest.param("DELETE FROM circumstance", id="circumstances gone"),
        pytest.param("DROP TABLE file", id="a table gone"),
    ],
)
def test_damage_that_is_met_in_use(tmp_path: Path, statement: str) -> None:
    """What cannot be read any more is told with the file and what to do."""
    path = filled(tmp_path)
    hurt(path, statement)
    with pytest.raises(LedgerError, match=r"ledger\.db: it is damaged .*move it away"):
        read_all(path)


_CUT_OFF = """
import os, sys
from pathlib import Path
from burnmon.usage.ledger import Ledger
path = Path(sys.argv[1])
with Ledger(path).lasts() as ledger:
    ledger.prove()
    os.truncate(path, 4096)
    ledger.damage()
"""


def test_ledger_that_is_cut_off_in_use(tmp_path: Path) -> None:
    """A file that somebody cuts off is an error for who lasts, and not its end."""
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    words = [sys.executable, "-c", _CUT_OFF, str(path)]
    assert subprocess.run(words, check=False).returncode == 0


def test_who_lasts_keeps_few_pages(tmp_path: Path) -> None:
    """A live view keeps no megabytes of a ledger's pages, whatever it has read."""
    with Ledger(tmp_path / "ledger.db").lasts() as ledger:
        size = ledger._db.execute("PRAGMA cache_size").fetchone()[0]
        assert -4096 <= size < 0


def test_mistake_is_no_damage(tmp_path: Path) -> None:
    """An error beside a sound ledger stays the error it is."""
    with pytest.raises(TypeError, match="a bug"), Ledger(filled(tmp_path)):
        raise TypeError("a bug")


def test_proof(tmp_path: Path) -> None:
    """A ledger that can be read and written proves it; a damaged one does not."""
    path = filled(tmp_path)
    with Ledger(path) as ledger:
        ledger.prove()
    hurt(path, "UPDATE file SET trail = '{'")
    with Ledger(path) as ledger, pytest.raises(LedgerError, match="is damaged"):
        ledger.prove()


def test_database_of_another_program(tmp_path: Path) -> None:
    """Nothing is put into what another program keeps under the ledger's name."""
    path = tmp_path / "ledger.db"
    hurt(path, "CREATE TABLE recipe (name)")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"another program.*move it away"):
        Ledger(path)
    with closing(sqlite3.connect(path)) as db:
        names = db.execute("SELECT name FROM sqlite_master").fetchall()
    assert names == [("recipe",)]
    assert path.stat().st_size == len(before)


def test_damage_at_the_start_gives_the_lock_back(tmp_path: Path) -> None:
    """A ledger that fails while it is opened keeps nobody from a new one."""
    path = filled(tmp_path)
    hurt(path, "DROP TABLE request")
    with pytest.raises(LedgerError, match="is damaged"):
        Ledger(path)
    path.unlink()
    with Ledger(path) as ledger:
        assert ledger.writable


def test_what_cannot_be_committed_is_given_back() -> None:
    """A transaction whose end fails leaves none behind that bars the next."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("CREATE TABLE a (id PRIMARY KEY)")
    deferred = "DEFERRABLE INITIALLY DEFERRED"
    db.execute(f"CREATE TABLE b (a REFERENCES a(id) {deferred})")
    with pytest.raises(sqlite3.IntegrityError), transaction(db):
        db.execute("INSERT INTO b VALUES (1)")
    assert not db.in_transaction
    db.close()


def test_reading_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A ledger at rest is read without a file beside it."""
    path = filled(tmp_path)
    beside = {each.name for each in tmp_path.iterdir()}
    with closing(connect(path, at_rest=True)) as db:
        assert db.execute("SELECT count(*) FROM request").fetchone() > (0,)
        assert {each.name for each in tmp_path.iterdir()} == beside


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is barred to root")
def test_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """Where not even a lock can be made the ledger is still read."""
    kept = tmp_path / "kept"
    path = kept / "ledger.db"
    with Ledger(path) as ledger:
        homes.sweep(ledger, homes.write(tmp_path / "home", FILES))
        requests = ledger.requests()
    path.with_name("ledger.db.lock").unlink()
    kept.chmod(0o500)
    try:
        with Ledger(path) as ledger:
            assert (ledger.writable, ledger.requests()) == (False, requests)
    finally:
        kept.chmod(0o700)


def test_refusal_gives_the_lock_back(tmp_path: Path) -> None:
    """Once the refused file is moved away a new ledger can be begun at once."""
    path = tmp_path / "ledger.db"
    path.write_bytes(b"no database" * 400)
    with pytest.raises(LedgerError):
        Ledger(path)
    path.rename(tmp_path / "old.db")
    with Ledger(path) as ledger:
        assert ledger.writable


def test_directory_in_place_of_the_ledger(tmp_path: Path) -> None:
    """A directory of the ledger's name is refused with its path."""
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(LedgerError, match=r"ledger\.db: it is a directory; move"):
        Ledger(tmp_path / "ledger.db")


def test_file_in_place_of_the_directory(tmp_path: Path) -> None:
    """A file where the ledger's directory should be is refused with its path."""
    (tmp_path / "data").touch()
    with pytest.raises(LedgerError, match=r"data/ledger.db: a file is where.*move"):
        Ledger(tmp_path / "data" / "ledger.db")


def test_second_opener_reads(tmp_path: Path) -> None:
    """While one burnmon writes, another reads what was committed, and cannot write."""
    homes.write(tmp_path, FILES)
    path = tmp_path / "ledger.db"
    with Ledger(path) as first, Ledger(path) as second:
        assert (first.writable, second.writable) == (True, False)
        before = second.version()
        homes.sweep(first, tmp_path)
        assert second.version() != before
        assert second.requests() == first.requests() != []


def test_lock_passes_on(tmp_path: Path) -> None:
    """When the writer ends, the next opener writes."""
    path = tmp_path / "ledger.db"
    first = Ledger(path)
    first.close()
    with Ledger(path) as second:
        assert second.writable


def test_modes(tmp_path: Path) -> None:
    """The ledger's directory and files are the person's own."""
    path = tmp_path / "data" / "ledger.db"
    with Ledger(path) as ledger:
        homes.sweep(ledger, homes.write(tmp_path / "home", FILES))
        made = {each.name: each for each in path.parent.iterdir()}
        modes = {name: stat.S_IMODE(each.stat().st_mode) for name, each in made.items()}
    assert set(modes.values()) == {0o600}
    assert {"ledger.db", "ledger.db.lock", "ledger.db-wal"} <= set(modes)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# --- what is never kept --------------------------------------------------------------

SECRETS = (
    "hunter2 prompt answer thought argument assignment output old new contents patch"
    " queued summary last compactsummary turnerror failure goal"
).split()


def planted(word: str) -> str:
    return f"zq{word}zq"


def secret_claude() -> bytes:
    edit = {"oldString": planted("old"), "newString": planted("new")}
    shell = homes.calls("Bash", command=f"echo {planted('argument')}")
    token = homes.calls("Bash", command=f"T='a {planted('assignment')} b' curl x")
    inside = {"content": [homes.said(planted("answer")), shell]}
    thought = {"content": [{"type": "thinking", "thinking": planted("thought")}, token]}
    written = homes.calls("Write", file_path="/w/a.py", content=planted("contents"))
    summary = {"type": "summary", "summary": planted("summary"), "leafUuid": "x"}
    queued = {"type": "queue-operation", "content": planted("queued")}
    return homes.text(
        homes.assistant("m1", inside=inside),
        homes.result(planted("output")),
        homes.assistant("m2", inside={"content": [written]}),
        homes.result(edit),
        homes.assistant("m3", inside=thought),
        summary,
        {"type": "last-prompt", "lastPrompt": planted("last")},
        queued,
        homes.user(planted("compactsummary"), isCompactSummary=True),
        homes.synthetic(planted("failure"), isApiErrorMessage=True, error="unknown"),
        # The end of a file, where the offset is, holds the words themselves.
        homes.prompt(planted("prompt")),
    )


def secret_codex() -> bytes:
    given = homes.packed({"cmd": f"bash {planted('argument')} {planted('hunter2')}"})
    call = {"type": "function_call", "name": "shell", "arguments": given.decode()}
    patch = f"*** Update File: a.py\n+{planted('patch')}"
    patched = {"type": "custom_tool_call", "name": "apply_patch", "input": patch}
    return homes.text(
        homes.meta(8),
        *homes.first_turn(),
        homes.codex("response_item", call),
        homes.codex("response_item", patched),
        homes.event("error", message=planted("turnerror")),
        homes.event("thread_goal_updated", goal=planted("goal")),
        homes.event("user_message", message=planted("prompt")),
    )


@pytest.mark.parametrize("stop", [None, 1, 2, 3, 5])
def test_nothing_said_is_kept(stop: int | None, tmp_path: Path) -> None:
    """No word of a prompt, answer, command, result or file is in the ledger's files."""
    files = {homes.S1: secret_claude(), homes.rollout(8): secret_codex()}
    cut = {
        path: b"".join(text.splitlines(keepends=True)[:stop])
        for path, text in files.items()
    }
    path = tmp_path / "data" / "ledger.db"
    with Ledger(path) as ledger:
        homes.sweep(ledger, homes.write(tmp_path / "home", cut))
        kept = b"".join(each.read_bytes() for each in path.parent.iterdir())
        assert ledger.requests() or stop is not None
    assert [word for word in SECRETS if planted(word).encode() in kept] == []


def test_index_that_a_kill_left_out_is_made_good(
    tmp_path: Path, whole: dict[str, list[Any]]
) -> None:
    """A first fill that was killed before its keys were indexed doubles nothing."""
    home, path = tmp_path / "home", tmp_path / "ledger.sqlite3"
    homes.write(home, FILES)
    with Ledger(path) as ledger:
        homes.sweep(ledger, home)
    with sqlite3.connect(path) as killed:
        killed.execute("DROP INDEX request_key")
    killed.close()
    with Ledger(path) as ledger:
        again = Sweep(ledger, homes.roots(home))
        again.known = {}
        for _ in again.absorb(again.look()):
            pass
        assert homes.rows(ledger, home) == whole
        indexes = ledger._db.execute("SELECT name FROM sqlite_master").fetchall()
        assert ("request_key",) in indexes


def test_accounts(tmp_path: Path) -> None:
    """Each session with a line in the span belongs to the account of its files."""
    with homes.absorbed(tmp_path, homes.claude_files()) as ledger:
        early = datetime(2000, 1, 1, tzinfo=UTC)
        assert set(ledger.accounts(early).values()) == {"home"}
        made = {each.session_id for each in ledger.requests()}
        assert made <= set(ledger.accounts(early))
        assert ledger.accounts(datetime(2100, 1, 1, tzinfo=UTC)) == {}
