"""What a dollar takes from a window, learned from readings and spend."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from burnmon.records import Exchange
from burnmon.usage.exchange import NEVER_REACHED, Part, Spending, learn, presumed

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
SINCE = NOW - timedelta(days=8)
FIVE = timedelta(hours=5)
RATE = 0.004
"""Share per dollar of the invented account."""

Step = tuple[datetime, float]


def after(minutes: float) -> datetime:
    """An instant so many minutes after the first known one."""
    return SINCE + timedelta(minutes=minutes)


def work(
    windows: int = 6,
    rate: float = RATE,
    noise: float = 0.2,
    elsewhere: float = 0.0,
) -> tuple[list[list[Step]], list[Part]]:
    """Windows whose use rises with the dollars spent, and with work ``elsewhere``.

    It is stated in whole percents, as vendors do.
    """
    chance, past, parts = Random(7), [], []
    for window in range(windows):
        used, steps = 0.0, [(after(window * 400), 0.0)]
        for minute in range(1, 200):
            at = after(window * 400 + minute)
            dollars = chance.uniform(0.1, 1.0)
            parts.append((at.timestamp(), dollars, 2, 0))
            used += dollars * rate * chance.uniform(1 - noise, 1 + noise) + elsewhere
            if (stated := int(used * 100) / 100) > steps[-1][1]:
                steps.append((at, stated))
        past.append(steps)
    return past, parts


def learned(past: Sequence[Sequence[Step]], parts: Sequence[Part]) -> Exchange:
    """The exchange at the end of it all."""
    found = learn(past, FIVE, Spending(SINCE, parts), NOW)
    assert found is not None
    return found


def test_rate_is_learned() -> None:
    """The middle of what a dollar took is near the rate, within its quartiles."""
    found = learned(*work())
    assert found.rate == pytest.approx(RATE, rel=0.1)
    assert found.low <= found.rate <= found.high
    assert (found.windows, found.doubt) == (6, "")


def test_order_of_spend_does_not_matter() -> None:
    """Spend is added up by its instants, whatever order it comes in."""
    past, parts = work()
    assert learned(past, parts[::-1]) == learned(past, parts)


def test_jump_without_local_spend_does_not_poison() -> None:
    """Other devices' work beside none of this one changes no rate."""
    past, parts = work()
    leap = [(after(2 * 400 + 210), 0.9), (after(2 * 400 + 220), 0.99)]
    past[2] += leap
    assert learned(past, parts).rate == learned(*work()).rate


def test_mostly_other_devices_is_no_rate() -> None:
    """Where local spend explains too little of the rises, no estimate rests on it."""
    past, parts = work()
    quiet = [
        [(after(w * 400 + 200 + m), m / 100) for m in range(0, 100, 3)]
        for w in range(6)
    ]
    assert learned([*past, *quiet], parts).doubt.startswith("spend seen here explains")


def test_few_comparisons_are_no_rate() -> None:
    """A first rise or two say nothing of the next."""
    past, parts = work()
    found = learned([past[0][:9]], parts)
    assert found.points < 4
    assert found.doubt.startswith(f"only {found.points} of 4")


def test_wide_spread_is_no_rate() -> None:
    """Rates that differ by more than four times between quartiles are not averaged."""
    slow, parts = work(rate=0.001)
    fast, more = work(rate=0.02)
    later = 8 * 400
    shifted = [
        [(at + timedelta(minutes=later), used) for at, used in steps] for steps in fast
    ]
    added = [(at + later * 60, *rest) for at, *rest in more]
    found = learned([*slow, *shifted], [*parts, *added])  # type: ignore[list-item]  # a part again
    assert found.doubt == "what a dollar took varies too much"


def test_newer_windows_count_more() -> None:
    """After a vendor changed its rate, the new one wins within days."""
    old, parts = work(rate=0.003)
    new, more = work(rate=0.006)
    later = 7 * 24 * 60
    shifted = [
        [(at + timedelta(minutes=later), used) for at, used in steps] for steps in new
    ]
    added = [(at + later * 60, *rest) for at, *rest in more]
    found = learned([*old, *shifted], [*parts, *added])  # type: ignore[list-item]  # a part again
    assert found.rate == pytest.approx(0.006, rel=0.15)


def test_nothing_to_compare() -> None:
    """Without readings or without spend there is no exchange."""
    past, parts = work()
    assert learn([], FIVE, Spending(SINCE, parts), NOW) is None
    assert learn(past, FIVE, Spending(SINCE, []), NOW) is None


def test_readings_before_known_spend_are_left_out() -> None:
    """A rise that began before spend is known is compared with nothing."""
    past, parts = work()
    late = Spending(after(399), [each for each in parts if each[0] > 0])
    found = learn(past, FIVE, late, NOW)
    assert found is not None
    assert found.windows == 5


def test_spend_between() -> None:
    """Spend counts after the first instant, up to and with the second."""
    at = [after(minute).timestamp() for minute in range(4)]
    spending = Spending(SINCE, [(each, 1.0, 1, 0) for each in at])
    assert spending.between(after(1), after(3)) == 2
    assert spending.between(after(3), after(9)) == 0
    assert spending.between(SINCE - FIVE, after(3)) is None
    assert spending.latest(2, after(9)) == (2, 2.0)
    assert spending.latest(99, after(1)) == (2, 2.0)
    assert (spending.next(after(2)), spending.next(after(3))) == (after(3), None)


def test_request_without_a_price_makes_spend_unknown() -> None:
    """What cannot be priced is unknown, not free."""
    spending = Spending(SINCE, [(after(5).timestamp(), 0.0, 0, 1)])
    assert spending.between(after(1), after(9)) is None
    assert spending.between(after(6), after(9)) == 0


@pytest.mark.parametrize(
    ("used", "dollars", "share"),
    [
        pytest.param(0.5, 5.0, 0.02, id="spent"),
        pytest.param(0.5, 0.0, 0.0, id="nothing spent"),
        pytest.param(0.5, None, None, id="not all is priced"),
        pytest.param(0.98, 50.0, NEVER_REACHED - 0.98, id="never up to the limit"),
        pytest.param(0.995, 50.0, 0.0, id="nor beyond what is stated"),
        pytest.param(1.0, 50.0, 0.0, id="reached already"),
    ],
)
def test_presumed(used: float, dollars: float | None, share: float | None) -> None:
    """Dollars since the reading are a share by the rate, and never claim the limit."""
    exchange = Exchange(RATE, RATE, RATE, 9, 3)
    found = presumed(exchange, used, dollars)
    assert found == (None if share is None else pytest.approx(share))


def test_doubt_makes_no_estimate() -> None:
    """Spend at a rate that is not trusted is no share; no spend adds none anyway."""
    doubted = Exchange(RATE, RATE, RATE, 2, 1, "only 2 of 4")
    for exchange in (doubted, None):
        assert presumed(exchange, 0.5, 5.0) is None
        assert presumed(exchange, 0.5, 0.0) == 0
