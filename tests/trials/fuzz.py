"""Feeds every reader of burnmon with what nobody should ever write, and counts.

What is tried: the samples of ``inputs.readers``, and with ``--corpus DIR`` the session
lines found below a directory, each changed at random: a field replaced by a value of
another type or size, bytes flipped, dropped, doubled, cut and spliced, text that would
steer a terminal put in; hypothesis chooses as many. With atheris, if it is installed,
inputs are also led by what code they reach. A reader must end within some seconds and
raise nothing; what it makes for a terminal must be safe.

    python tests/trials/fuzz.py [--seconds N] [--only NAME] [--corpus DIR] [--seed N]

prints a line for each reader, then what failed, and ends with 1 if anything did.
``--seconds`` is for each reader. Inputs that failed are kept in ``--keep DIR``.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
ATHERIS = importlib.util.find_spec("atheris") is not None
PATIENCE = 10
"""Seconds after which a reader is taken for hung."""
LONGEST = 1 << 16
"""Bytes of an input; sizes beyond have trials of their own."""
MOST_LINES = 2_000
"""Lines of different shapes that are taken from a corpus for each agent."""


class Hung(BaseException):
    """A reader takes too long; no handler for errors may catch it."""


@dataclass
class Count:
    """What came of one reader's inputs."""

    inputs: int = 0
    crashes: int = 0
    hangs: int = 0
    escapes: int = 0
    longest: float = 0.0
    """Seconds of the slowest input."""
    failures: dict[str, bytes] = field(default_factory=dict)
    """The first input of each failure, by where and what it was."""

    def failed(self) -> int:
        return self.crashes + self.hangs + self.escapes


def hang(number: int, frame: FrameType | None) -> None:
    raise Hung


def fed(feed: Callable[[bytes], None], given: bytes, count: Count) -> None:
    """Give one input to a reader and note what came of it."""
    began = time.monotonic()
    signal.alarm(PATIENCE)
    try:
        feed(given)
    except Hung:
        count.hangs += 1
        count.failures.setdefault("hang", given)
    except Exception as error:
        if type(error).__name__ == "Escape":
            count.escapes += 1
        else:
            count.crashes += 1
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        count.failures.setdefault(f"{where} {type(error).__name__}", given)
    finally:
        signal.alarm(0)
    count.inputs += 1
    count.longest = max(count.longest, time.monotonic() - began)


# --- what is fed ---------------------------------------------------------------------


def mutated(chance: random.Random, samples: list[bytes], words: list[bytes]) -> bytes:
    """A sample, changed a few times."""
    given = chance.choice(samples)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        given = chance.choice(_CHANGES)(chance, given, samples, words)
    return given[:LONGEST]


Change = Callable[[random.Random, bytes, list[bytes], list[bytes]], bytes]


def _span(chance: random.Random, given: bytes) -> tuple[int, int]:
    start = chance.randint(0, len(given))
    return start, min(len(given), start + chance.choice((0, 1, 2, 8, 64, 1024)))


def _flip(c: random.Random, given: bytes, _: list[bytes], __: list[bytes]) -> bytes:
    changed = bytearray(given)
    for _place in range(c.randint(1, 4) if given else 0):
        changed[c.randrange(len(changed))] = c.randrange(256)
    return bytes(changed)


def _put(c: random.Random, given: bytes, _: list[bytes], words: list[bytes]) -> bytes:
    start, end = _span(c, given)
    return given[:start] + c.choice(words) + given[end:]


def _drop(c: random.Random, given: bytes, _: list[bytes], __: list[bytes]) -> bytes:
    start, end = _span(c, given)
    return given[:start] + given[end:]


def _double(c: random.Random, given: bytes, _: list[bytes], __: list[bytes]) -> bytes:
    start, end = _span(c, given)
    return given[:end] + given[start:end] * c.choice((1, 2, 50)) + given[end:]


def _cut(c: random.Random, given: bytes, _: list[bytes], __: list[bytes]) -> bytes:
    return given[: c.randint(0, len(given))]


def _splice(
    c: random.Random, given: bytes, samples: list[bytes], _: list[bytes]
) -> bytes:
    other = c.choice(samples)
    between = c.choice((b"", b"\n", b"\x00", b" "))
    return given[: _span(c, given)[1]] + between + other[_span(c, other)[0] :]


def _field(c: random.Random, given: bytes, _: list[bytes], words: list[bytes]) -> bytes:
    """Another value in some place of a JSON document, or two values exchanged."""
    import inputs

    try:
        document = json.loads(given)
        places = list(inputs.fields(document))
        return inputs.with_value(document, c.choice(places), c.choice(inputs.HARSH))
    except (ValueError, RecursionError):
        return _value(c, given, _, words)


_VALUE = re.compile(rb"(?<=[:=,\[])\s*(?:\"[^\"]*\"|[\w.+-]+)")


def _value(c: random.Random, given: bytes, _: list[bytes], __: list[bytes]) -> bytes:
    """The same where it is no JSON: something behind a sign of assignment."""
    import inputs

    found = list(_VALUE.finditer(given[:LONGEST]))
    if not found:
        return _flip(c, given, _, __)
    start, end = c.choice(found).span()
    return given[:start] + c.choice(inputs.HARSH) + given[end:]


_CHANGES: tuple[Change, ...] = (
    *(_field, _field, _field, _value),
    *(_flip, _put, _put, _drop, _double, _cut, _splice),
)


def steering() -> list[bytes]:
    """Words that steer terminals, shells and readers."""
    import inputs

    hostile = inputs.HOSTILE.encode("utf-8", "surrogatepass")
    words = (
        b"\x1b[ \x1b]0; \x1bP \x9b \x90 \x00 \r \\ \" ' ` $( ${ $(( )) }} [[ <<E >"
        b" \\ud800 \\u001b \\u0000 {{ # #{ %s \xff \xe2\x80\xae \xe2\x80\xa8 \xc2\x85"
        b' {"type":" "usage":{ }{" "tool_use" "tool_use_id" "timestamp":" *** git'
        b" commit eval bash -c 1e999999 -1 99999999999999999999 null NaN true"
    ).split(b" ")
    return [*words, hostile, b"\n", b"\t", b"9" * 5000, b"[" * 5000, b"{" * 5000]


def corpus_lines(place: Path) -> dict[str, list[bytes]]:
    """Session lines below a directory, one of each shape, by agent."""
    import inputs

    from burnmon.agents import AGENTS

    shapes: dict[str, dict[Any, bytes]] = {"claude": {}, "codex": {}}
    for file in sorted(place.rglob("*.jsonl")):
        trees = {tree: name for name in shapes for tree in AGENTS[name].trees}
        agent = next((trees[each] for each in file.parts if each in trees), None)
        for line in file.open("rb") if agent else ():
            if len(line) < LONGEST // 4 and len(shapes[agent or ""]) < MOST_LINES:
                try:
                    places = inputs.fields(json.loads(line))
                    shape = tuple({tuple(map(str, each)) for each in places})
                except (ValueError, RecursionError):
                    continue
                shapes[agent or ""].setdefault(frozenset(shape), line.rstrip(b"\n"))
    return {agent: list(lines.values()) for agent, lines in shapes.items()}


# --- running -------------------------------------------------------------------------


def by_chance(
    name: str, reader: Any, args: argparse.Namespace, seconds: float
) -> Count:
    """Change samples at random for some seconds."""
    samples = list(reader.samples)
    if args.corpus:
        samples += corpus_lines(args.corpus).get(name, [])
    chance, words, count = random.Random(args.seed), steering(), Count()
    for sample in samples:
        fed(reader.feed, sample, count)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        fed(reader.feed, mutated(chance, samples, words), count)
    return count


def by_hypothesis(
    name: str, reader: Any, args: argparse.Namespace, seconds: float
) -> Count:
    """Let hypothesis choose what is put where, for some seconds."""
    import inputs
    from hypothesis import HealthCheck, given, settings
    from hypothesis import seed as seeded
    from hypothesis import strategies as st

    words = st.text(max_size=40).map(lambda each: each.encode("utf-8", "surrogatepass"))
    known = st.sampled_from([*inputs.HARSH, *steering()])
    steps = st.lists(
        st.tuples(
            st.integers(0, 1 << 12),
            st.integers(0, 60),
            st.one_of(st.binary(max_size=60), words, known),
        ),
        min_size=1,
        max_size=4,
    )
    count, until, turn = Count(), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        turn += 1

        @seeded(1000 * args.seed + turn)
        @settings(
            max_examples=200,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(sample=st.sampled_from(reader.samples), steps=steps)
        def changed(sample: bytes, steps: list[tuple[int, int, bytes]]) -> None:
            for at, drop, put in steps:
                at %= len(sample) + 1
                sample = sample[:at] + put + sample[at + drop :]
            fed(reader.feed, sample, count)

        changed()
    return count


def led_by_code(name: str, seconds: int, seed: int) -> Count:
    """Let atheris look for inputs that reach other code, in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        told = Path(place, "told")
        words = [sys.executable, __file__, "--led", name, "--seed", str(seed)]
        words += ["--seconds", str(seconds), "--keep", str(told)]
        try:
            ended = subprocess.run(
                words, capture_output=True, check=False, timeout=2 * seconds + 60
            )
        except subprocess.TimeoutExpired:
            # No alarm reaches a computation within the interpreter.
            return Count(hangs=1, failures={"does not end": b""})
        if not told.exists():
            last = ended.stderr.decode("utf-8", "replace").strip()[-300:]
            return Count(crashes=1, failures={f"atheris: {last}": b""})
        kept = json.loads(told.read_text())
    kept["failures"] = {k: bytes.fromhex(v) for k, v in kept["failures"].items()}
    return Count(**kept)


def lead(name: str, args: argparse.Namespace) -> None:
    """The process that atheris leads; what came of it is told in a file."""
    atheris = importlib.import_module("atheris")

    with atheris.instrument_imports(include=["burnmon"]):
        import inputs
    count, place = Count(), Path(tempfile.mkdtemp())
    reader = inputs.readers(place / "work")[name]
    samples = place / "samples"
    samples.mkdir()
    for n, sample in enumerate(reader.samples):
        (samples / str(n)).write_bytes(sample)
    dictionary = place / "words"
    lines = ("".join(f"\\x{n:02x}" for n in each[:40]) for each in steering() if each)
    dictionary.write_text("".join(f'"{each}"\n' for each in lines))
    until = time.monotonic() + args.seconds

    def feed(given: bytes) -> None:
        fed(reader.feed, given, count)
        if time.monotonic() > until or not count.inputs % 2000:
            kept = {k: v.hex() for k, v in count.failures.items()}
            args.keep.write_text(json.dumps({**vars(count), "failures": kept}))

    limits = [f"-max_total_time={args.seconds + 2}", f"-max_len={LONGEST}"]
    limits += ["-timeout=60", "-rss_limit_mb=4096", f"-seed={args.seed or 1}"]
    atheris.Setup([sys.argv[0], *limits, f"-dict={dictionary}", str(samples)], feed)
    signal.signal(signal.SIGALRM, hang)
    atheris.Fuzz()


def trials(args: argparse.Namespace) -> Iterator[tuple[str, str, Count]]:
    import inputs

    with tempfile.TemporaryDirectory() as place:
        for name, reader in inputs.readers(Path(place)).items():
            if args.only and name not in args.only:
                continue
            share = args.seconds / (3 if ATHERIS else 2)
            yield name, "chance", by_chance(name, reader, args, share)
            yield name, "hypothesis", by_hypothesis(name, reader, args, share)
            if ATHERIS:
                yield name, "atheris", led_by_code(name, int(share), args.seed)


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each reader")
    parser.add_argument("--only", action="append", help="this reader; repeatable")
    parser.add_argument("--corpus", type=Path, help="directory of session files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="where to put inputs that failed")
    parser.add_argument("--led", help=argparse.SUPPRESS)
    args = parser.parse_args()
    signal.signal(signal.SIGALRM, hang)
    if args.led:
        lead(args.led, args)
        return 0
    head = ("reader", "by", "inputs", "crashes", "hangs", "escapes", "slowest", "peak")
    print("{:12} {:10} {:>10} {:>8} {:>6} {:>8} {:>9} {:>8}".format(*head), flush=True)
    total = Count()
    with nullcontext():
        for name, how, count in trials(args):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
            print(
                f"{name:12} {how:10} {count.inputs:10,} {count.crashes:8,}"
                f" {count.hangs:6,} {count.escapes:8,} {count.longest:7.2f} s"
                f" {peak:5} MB",
                flush=True,
            )
            for n, (words, given) in enumerate(count.failures.items()):
                print(f"    {words}\n      {given[:120]!r}", flush=True)
                if args.keep:
                    args.keep.mkdir(parents=True, exist_ok=True)
                    (args.keep / f"{name}-{how}-{n}").write_bytes(given)
            total.inputs += count.inputs
            total.crashes += count.crashes
            total.hangs += count.hangs
            total.escapes += count.escapes
    print(
        f"{total.inputs:,} inputs: {total.crashes} crashes, {total.hangs} hangs,"
        f" {total.escapes} escapes"
    )
    return 1 if total.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
