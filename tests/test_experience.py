"""What past forecasts teach: whom to believe, and how wide a band must be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon.records import Forecast
from burnmon.usage.experience import (
    FADING,
    HIGH,
    LAST,
    LEAST,
    LOW,
    VERSION,
    Experience,
    from_text,
    pinball,
    to_text,
)
from burnmon.usage.forecast import UNJUDGED, Outlook, Possibility

RESET = datetime(2026, 11, 20, 15, tzinfo=UTC)
NOW = RESET - timedelta(hours=2)


def told(
    own: float, common: float, band: tuple[float, float] = (0.2, 0.6), used: float = 0.1
) -> tuple[Outlook, Forecast]:
    """A forecast of two opinions, each certain of what use will come to."""
    opinions = [(Possibility(end - used, 1.0),) for end in (own, common)]
    seen = Outlook(used, 0.5, NOW, opinions[0], opinions[1], 5)
    low, high = band
    return seen, Forecast(low, (low + high) / 2, high, 0.0, None, "", made_at=NOW)


def after(*each: tuple[Outlook, Forecast], final: float = 0.4) -> Experience:
    """What one window teaches."""
    return Experience().judged(each, final, RESET)


# --- the loss ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("band", "final", "loss"),
    [
        pytest.param((0.4, 0.4, 0.4), 0.4, 0.0, id="right"),
        pytest.param((0.1, 0.5, 0.9), 0.5, 0.08 / 3, id="in the middle"),
        pytest.param((0.2, 0.4, 0.6), 0.5, 0.09 / 3, id="in the band"),
        pytest.param((0.2, 0.3, 0.4), 0.5, 0.22 / 3, id="above it"),
        pytest.param((0.5, 0.6, 0.7), 0.3, 0.37 / 3, id="below it"),
        pytest.param((1.2, 1.5, 3.0), 1.0, 0.0, id="no use passes the limit"),
    ],
)
def test_pinball(band: tuple[float, ...], final: float, loss: float) -> None:
    """The loss is the mean of three quantiles' losses, as reckoned by hand."""
    assert pinball(band, final) == pytest.approx(loss)


# --- whom to believe -----------------------------------------------------------------


def test_nothing_judged_is_no_preference() -> None:
    """Before any window was judged a forecast is made without experience."""
    assert Experience().standing == UNJUDGED


@pytest.mark.parametrize(
    ("own", "common", "more"), [(0.4, 0.7, True), (0.7, 0.4, False)]
)
def test_smaller_errors_earn_the_say(own: float, common: float, more: bool) -> None:
    """The opinion that erred less has more of the say from then on."""
    assert (after(told(own, common)).standing.own > 0.5) is more


def test_equal_errors_leave_the_say_as_it_is() -> None:
    """Opinions that err alike are believed alike."""
    assert after(told(0.5, 0.3)).standing.own == pytest.approx(0.5)
    assert after(told(0.7, 0.7)).standing.own == pytest.approx(0.5)


def test_silent_opinion_errs_like_the_other() -> None:
    """Where one's own past said nothing, its standing does not change."""
    seen, forecast = told(0.4, 0.7)
    mute = Outlook(seen.used, seen.scale, NOW, (), seen.common, 0)
    assert after((mute, forecast)).standing.own == pytest.approx(0.5)


def test_old_errors_fade() -> None:
    """An error counts less with each window, and windows never add up without end."""
    experience = after(told(0.4, 0.9))
    shares = [experience.standing.own]
    for _ in range(60):
        experience = experience.judged([told(0.9, 0.4)], 0.4, RESET)
        shares.append(experience.standing.own)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.05
    assert experience.windows < 1 / (1 - FADING)


# --- how wide a band must be ---------------------------------------------------------


def test_outcomes_outside_move_the_quantiles() -> None:
    """A band that was too low is told higher, one that was too high lower."""
    above = after(told(0.4, 0.4, (0.1, 0.2)))
    assert above.high > UNJUDGED.high
    assert above.low >= UNJUDGED.low
    below = after(told(0.4, 0.4, (0.6, 0.7)))
    assert below.low < UNJUDGED.low
    assert below.high < UNJUDGED.high


def test_outcomes_inside_narrow_the_band() -> None:
    """A band that always holds is wider than it must be."""
    held = after(told(0.4, 0.4, (0.3, 0.5)))
    assert held.high < UNJUDGED.high
    assert held.low <= LOW[1]


def test_edges_of_the_band_lie_inside() -> None:
    """An outcome on the edge of the band, but for rounding, lies in it."""
    low, high = told(0.4, 0.4, (0.1 + 0.2, 0.5)), told(0.4, 0.4, (0.1, 0.3))
    assert after(low, high, final=0.3).inside == (True, True)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=60))
def test_quantiles_keep_their_bounds(outcomes: list[tuple[float, float]]) -> None:
    """Whatever came of forecasts, the quantiles stay in order and within bounds."""
    experience = Experience()
    for final, high in outcomes:
        experience = experience.judged([told(0.5, 0.5, (0.0, high))], final, RESET)
    assert LOW[0] <= experience.low <= LOW[1] < HIGH[0] <= experience.high <= HIGH[1]
    assert 0 < experience.standing.own < 1


# --- what teaches --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("each", "final"),
    [
        pytest.param([], 0.5, id="nothing told"),
        pytest.param([told(0.4, 0.9)], LEAST / 2, id="hardly used"),
        pytest.param([told(1.0, 1.0, (1, 1), used=1.0)], 1.0, id="full already"),
    ],
)
def test_what_teaches_nothing_is_judged_once(
    each: list[tuple[Outlook, Forecast]], final: float
) -> None:
    """A window that needed no forecast teaches nothing but that it was judged."""
    assert after(*each, final=final) == Experience(judged_to=RESET)


def test_last_outcomes_are_remembered_in_order() -> None:
    """Of the last hundred forecasts it is known which held, the newest last."""
    held, missed = told(0.4, 0.4, (0.3, 0.5)), told(0.4, 0.4, (0.1, 0.2))
    assert after(held, missed, missed).inside == (True, False, False)
    many = after(*[missed] * LAST).judged([held, held], 0.4, RESET)
    assert many.inside == (False,) * (LAST - 2) + (True, True)


# --- as text -------------------------------------------------------------------------

experiences = st.builds(
    Experience,
    st.none() | st.integers(0, 2**31).map(lambda at: datetime.fromtimestamp(at, UTC)),
    st.floats(0, 9),
    st.floats(0, 9),
    st.floats(0, 50),
    st.floats(*LOW),
    st.floats(*HIGH),
    st.lists(st.booleans(), max_size=LAST).map(tuple),
)


@given(experiences)
def test_text_holds_an_experience(experience: Experience) -> None:
    """What is written as text is read as what it was."""
    assert from_text(to_text(experience)) == experience


@pytest.mark.parametrize(
    "words",
    [
        "",
        "[]",
        "null",
        "{}",
        to_text(after(told(0.4, 0.7)))[:-9],
        to_text(after(told(0.4, 0.7))).replace('"windows": 1', '"windows": "x"'),
        to_text(after(told(0.4, 0.7))).replace(f'n": {VERSION}', f'n": {VERSION + 1}'),
        to_text(after(told(0.4, 0.7))).replace('"inside": "', '"inside": null, "x": "'),
    ],
)
def test_what_cannot_be_read_is_no_experience(words: str) -> None:
    """A broken text, or one of another method, is as good as none."""
    assert from_text(words) == Experience()
