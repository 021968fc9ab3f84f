"""``doctor``: what was found, what was not, what is stale, what to do about it.

Judges a checkup. Ends with 1 only when something is broken that a person can mend;
what is merely absent or old is said and fine.
"""

from __future__ import annotations

import os
import shutil
from argparse import Namespace
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import asdict

from burnmon import cli, text
from burnmon.cli.checkup import Checkup, PlaceSeen, look
from burnmon.cli.output import print_document, wrapped
from burnmon.config import Settings
from burnmon.live.alert_log import TOLD

OLD_PRICES = timedelta(days=60)
"""Age from which a price table may miss a model or a new price."""
SILENT = timedelta(days=2)
"""A source of limits that said nothing for so long has stopped."""

_MARKS = {"broken": "✗", "warning": "!", "note": "·"}


class Finding(NamedTuple):
    """Something a person should know."""

    level: Literal["broken", "warning", "note"]
    words: str
    remedy: str = ""
    """What to do about it; empty if nothing has to be done."""


def run(args: Namespace, settings: Settings, now: datetime) -> int:
    """Print what was seen, what it means, and what to do."""
    seen = look(settings, os.environ, now)
    found = tuple(findings(seen, now))
    if args.json:
        print_document(now, document(seen, found))
    else:
        width = shutil.get_terminal_size().columns
        for words in lines(seen, found, now, settings.zone):
            for line in wrapped(words, width, "    "):
                print(line)
    broken = any(each.level == "broken" for each in found)
    return cli.FAILED if broken else cli.OK


# --- judging -------------------------------------------------------------------------


def findings(seen: Checkup, now: datetime) -> Iterator[Finding]:
    """What is wrong or worth knowing, what is broken first."""
    every = [*_of_files(seen), *_of_ledger(seen), *_of_limits(seen, now)]
    every += [*_of_prices(seen, now), *_of_alerts(seen), *_of_machine(seen)]
    order = list(_MARKS)
    yield from sorted(every, key=lambda each: order.index(each.level))


def _of_files(seen: Checkup) -> Iterator[Finding]:
    if not any(place.files for place in seen.places) and not seen.ledger.failure:
        looked = ", ".join(place.path for place in seen.places)
        yield Finding(
            "warning",
            f"no session of any agent was found; looked in {looked}",
            "CLAUDE_CONFIG_DIR, CODEX_HOME or [roots] in the config file name others",
        )
    for path, reason in seen.lines.unreadable.items():
        yield Finding("broken", f"{path}: {reason}", "make it readable for you")
    skipped = sum(seen.lines.skipped.values())
    if skipped:
        share = skipped / max(1, seen.ledger.dedup.get("lines_seen", 0))
        level: Literal["warning", "note"] = "warning" if share > 0.01 else "note"
        yield Finding(level, f"{skipped:,} lines could not be used; they are below")
    drift = sum(seen.lines.unknown.values())
    if drift:
        yield Finding(
            "note",
            f"{drift:,} lines are of types this burnmon does not know:"
            " a new version of an agent, perhaps",
            "a newer burnmon may know them",
        )


def _of_ledger(seen: Checkup) -> Iterator[Finding]:
    ledger = seen.ledger
    if ledger.failure:
        yield Finding("broken", ledger.failure, "--data-dir names another place")
    if ledger.incomplete:
        yield Finding(
            "note",
            f"the output of {ledger.incomplete:,} requests is a lower bound: the agent"
            " never wrote their final count",
        )
    for model, count in ledger.unpriced_models.items():
        yield Finding(
            "warning",
            f"{model or text.UNKNOWN} has no price: {count:,} requests are in no"
            " dollars",
            "burnmon prices --refresh, or name a price in prices.toml",
        )


def _of_limits(seen: Checkup, now: datetime) -> Iterator[Finding]:
    for wired in seen.wiring:
        if wired.failure:
            yield Finding("broken", wired.failure, "mend the file")
        elif not wired.connected:
            yield Finding(
                "warning",
                f"{wired.file}: the status line does not tell burnmon the limits",
                "burnmon setup claude --apply",
            )
        if wired.cleanup_days < 1:
            words = "Claude Code keeps no sessions (cleanupPeriodDays)"
            yield Finding("warning", f"{wired.file}: {words}", "raise it")
    for each in seen.polling.accounts if seen.polling.on else ():
        if each.trouble:
            words = f"{each.config_dir}: limits are not asked for: {each.trouble}"
            yield Finding("warning", words)
    for source in seen.sources:
        if now - source.observed_at > SILENT:
            yield Finding(
                "note",
                f"{source.agent} {source.source}: no limit stated for"
                f" {text.age(now - source.observed_at)}",
            )


def _of_prices(seen: Checkup, now: datetime) -> Iterator[Finding]:
    prices = seen.prices
    if prices.failure:
        yield Finding("broken", prices.failure, "mend or remove the file")
    elif prices.dated and now.date() - prices.dated > OLD_PRICES:
        old = text.age(now.date() - prices.dated)
        yield Finding(
            "warning", f"the price table is {old} old", "burnmon prices --refresh"
        )


def _of_alerts(seen: Checkup) -> Iterator[Finding]:
    alerts = seen.alerts
    if alerts.failure:
        yield Finding("broken", alerts.failure, "make it writable for you")
    answers = {
        channel: outcome
        for each in alerts.last
        for channel, outcome in each["outcome"].items()
    }
    for channel, outcome in answers.items():
        if outcome != TOLD:
            yield Finding("warning", f"the last alert through {channel}: {outcome}")
    if seen.machine.tmux == "inside" and any("osc" in each for each in alerts.channels):
        yield Finding(
            "note",
            "tmux passes notifications on only if it is told to: all, or before 3.4"
            " on, which is for the panes in sight",
            "set -g allow-passthrough all",
        )


def _of_machine(seen: Checkup) -> Iterator[Finding]:
    machine = seen.machine
    limit = machine.watch_limit
    if limit is not None and limit < machine.directories * 2:
        yield Finding(
            "warning",
            f"{machine.directories:,} directories to watch, and the system allows"
            f" {limit:,} watches in all; burnmon then looks every second instead",
            "raise fs.inotify.max_user_watches",
        )


# --- JSON ----------------------------------------------------------------------------


def document(seen: Checkup, found: tuple[Finding, ...]) -> dict[str, Any]:
    """Everything as JSON fields."""
    return {"findings": [each._asdict() for each in found], **_words(seen)}


def _words(value: Any) -> Any:
    """Values and days as JSON knows them; the rest, the document's writer knows."""
    if isinstance(value, Struct):
        return _words(asdict(value))
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return [_words(each) for each in value]
    if isinstance(value, dict):
        return {key: _words(each) for key, each in value.items()}
    return str(value) if type(value) is date else value


# --- text ----------------------------------------------------------------------------


def lines(
    seen: Checkup, found: tuple[Finding, ...], now: datetime, zone: str
) -> Iterator[str]:
    """The findings, then what they rest on."""
    for each in found:
        remedy = f" → {each.remedy}" if each.remedy else ""
        yield f"{_MARKS[each.level]} {text.plain(each.words + remedy)}"
    if not found:
        yield "all is well"
    for title, section in (
        ("files", _files(seen, now)),
        ("ledger", _ledger(seen, now, zone)),
        ("lines", _lines(seen)),
        ("limits", _limits(seen, now)),
        ("alerts", _alerts(seen, now, zone)),
        ("machine", _machine(seen)),
    ):
        yield ""
        yield title
        yield from (f"  {text.plain(words)}" for words in section)


def _files(seen: Checkup, now: datetime) -> Iterator[str]:
    for place in seen.places:
        yield f"{place.agent:<8}{_place(place, now)}"


def _place(place: PlaceSeen, now: datetime) -> str:
    name = f"{place.path} ({place.label})" if place.label else place.path
    if not place.exists:
        return f"{name}: not there"
    below = " and ".join(f"{tree}/" for tree in place.looked_for)
    if not place.files:
        gone = f"; {place.gone:,} read once are gone" if place.gone else ""
        return f"{name}: no session file below {below}{gone}"
    words = [f"{name}: {place.files:,} files, {_bytes(place.bytes)}"]
    if place.newest_line_at is not None:
        words.append(f"newest line {text.ago(place.newest_line_at, now)}")
    if place.versions:
        first, last = place.versions[0], place.versions[-1]
        words.append(f"versions {first} to {last}" if first != last else first)
    if place.gone:
        words.append(f"{place.gone:,} more were read and are gone since")
    return ", ".join(words)


def _ledger(seen: Checkup, now: datetime, zone: str) -> Iterator[str]:
    ledger = seen.ledger
    if ledger.failure:
        yield "none"
        return
    yield f"{ledger.path}: {_bytes(ledger.bytes)}, schema {ledger.schema}"
    oldest = ledger.oldest_at
    since = f", the oldest {text.local(oldest, zone):%Y-%m-%d}" if oldest else ""
    yield f"{ledger.requests:,} requests{since}; kept when agents delete their files"
    dedup = ledger.dedup
    yield (
        f"{dedup['duplicates_dropped']:,} duplicates dropped,"
        f" {dedup['replays_set_aside']:,} replays set aside,"
        f" {ledger.incomplete:,} outputs that are lower bounds"
    )
    yield "another burnmon writes it" if ledger.followed else "no other burnmon writes"
    prices = seen.prices
    if prices.dated is not None:
        old = text.age(now.date() - prices.dated)
        yield f"prices of {prices.dated} ({old} old), {prices.source}"


def _lines(seen: Checkup) -> Iterator[str]:
    looked = seen.lines
    yield f"{seen.ledger.dedup.get('lines_seen', 0):,} seen"
    for reason, count in looked.skipped.items():
        yield f"{count:,} skipped: {reason}"
    for path, count in looked.worst.items():
        yield f"{count:,} of them in {path}"
    for kind, count in looked.unknown.items():
        yield f"{count:,} of unknown type: {kind}"


def _limits(seen: Checkup, now: datetime) -> Iterator[str]:
    for source in seen.sources:
        account = f" ({source.account})" if source.account else ""
        stated = text.ago(source.observed_at, now)
        yield f"{source.agent}{account} {source.source}: last stated {stated}"
    if not seen.sources:
        yield "none was ever stated"
    yield from _polling(seen, now)
    for wired in seen.wiring:
        words = "connected" if wired.connected else "not connected"
        yield f"{wired.file}: status line {words}"
        yield (
            f"{wired.file}: Claude Code deletes sessions after {wired.cleanup_days}"
            " days; the ledger keeps what was read"
        )


def _polling(seen: Checkup, now: datetime) -> Iterator[str]:
    if not seen.polling.on:
        yield "Anthropic is not asked for limits (poll_usage is off)"
    for each in seen.polling.accounts:
        account = f" ({each.account})" if each.account else ""
        words = ["never asked", "never answered"]
        if each.asked_at is not None:
            words[0] = f"last asked {text.ago(each.asked_at, now)}"
        if each.answered_at is not None:
            words[1] = f"last answered {text.ago(each.answered_at, now)}"
        if each.next_at is not None and each.next_at > now:
            words.append(f"not again for {text.age(each.next_at - now)}")
        if each.trouble:
            words.append(each.trouble)
        yield f"claude{account} asking Anthropic: {', '.join(words)}"


def _alerts(seen: Checkup, now: datetime, zone: str) -> Iterator[str]:
    alerts = seen.alerts
    yield f"{alerts.file}: told through {', '.join(alerts.channels) or 'nothing'}"
    for each in alerts.last:
        when = text.clock(datetime.fromisoformat(each["at"]), zone, now)
        about = f"{each['project']}: " if each["project"] else ""
        ways = [
            f"{way} ({each['outcome'][way]})" if way in each["outcome"] else way
            for way in each["channels"]
        ]
        how = "held, quiet hours" if each["held"] else ", ".join(ways)
        yield f"{when} {each['level']}: {about}{each['text']} → {how}"


def _machine(seen: Checkup) -> Iterator[str]:
    machine = seen.machine
    if machine.watch_limit is not None:
        yield (
            f"{machine.directories:,} directories with sessions,"
            f" {machine.watch_limit:,} watches allowed"
        )
    yield f"tmux {machine.tmux}, terminal {machine.terminal or text.UNKNOWN}"
    yield "a live view is running" if machine.running_at else "no live view is running"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
