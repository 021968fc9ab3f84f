"""What one's own past forecasts teach: whom to believe, and how wide a band must be.

Each window that closed is judged once, by the forecasts that were made in it. The two
opinions of a forecast are believed by how small their errors were, and the quantiles
that are told as p10 and p90 move until as many outcomes lie outside as should.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from burnmon.records import Forecast
from burnmon.usage.forecast import UNJUDGED, Outlook, Standing

VERSION = 1
"""Of the method that is judged; grows when its forecasts change."""
LEVELS = (0.1, 0.5, 0.9)
"""The quantiles a band is told at."""
LEAST = 0.03
"""Windows that end below this share teach nothing."""
FADING = 0.5 ** (1 / 25)
"""What an error counts one window later: half after twenty-five."""
FIRST_ERRORS, FIRST_WINDOWS = 0.08, 2.0
"""Either opinion begins as if it had erred so, in usual windows, in so many windows."""
SHARPNESS = 8
"""Power by which a smaller error earns more of the say."""
STEP = 0.03
"""How far a window in which all outcomes missed moves a quantile."""
ABOVE, BELOW = 0.135, 0.1
"""Outcomes that should lie above p90 and below p10, of all. Above a little more than
one in ten, since windows that add nothing more never lie below."""
LOW, HIGH = (0.03, 0.1), (0.8, 0.97)
"""How far the quantiles may move."""
LAST = 100
"""Forecasts whose outcomes are remembered one by one."""


class Experience(Struct, frozen=True):
    """What the forecasts of one series of windows have taught so far."""

    judged_to: datetime | None = None
    """Reset of the last window that was judged."""
    own: float = 0.0
    """Faded sum of the errors of moments like this one, in usual windows."""
    common: float = 0.0
    """The same of what is common."""
    windows: float = 0.0
    """Faded number of windows behind both."""
    low: float = UNJUDGED.low
    high: float = UNJUDGED.high
    inside: tuple[bool, ...] = ()
    """Whether each of the last forecasts held, the newest last."""

    @property
    def standing(self) -> Standing:
        """What a forecast made now should be made by."""
        weights = []
        for errors in (self.own, self.common):
            mean = (errors + FIRST_ERRORS * FIRST_WINDOWS) / (
                self.windows + FIRST_WINDOWS
            )
            weights.append(mean**-SHARPNESS)
        return Standing(weights[0] / sum(weights), self.low, self.high)

    def judged(
        self,
        told: Sequence[tuple[Outlook, Forecast]],
        final: float,
        resets_at: datetime,
    ) -> Experience:
        """With the forecasts of one more window that closed at a share.

        What was told of a full window needed no forecast and teaches nothing.
        """
        after = replace(self, judged_to=resets_at)
        told = [each for each in told if each[0].used < 1]
        if not told or final < LEAST:
            return after
        own = [
            _error(seen.band(seen.own or seen.common), final, seen) for seen, _ in told
        ]
        common = [_error(seen.band(seen.common), final, seen) for seen, _ in told]
        below = [final < forecast.p10 - 1e-9 for _, forecast in told]
        above = [final > forecast.p90 + 1e-9 for _, forecast in told]
        held = [not (low or high) for low, high in zip(below, above, strict=True)]
        return replace(
            after,
            own=self.own * FADING + _mean(own),
            common=self.common * FADING + _mean(common),
            windows=self.windows * FADING + 1,
            low=_within(LOW, self.low + STEP * (BELOW - _mean(below))),
            high=_within(HIGH, self.high + STEP * (_mean(above) - ABOVE)),
            inside=(*self.inside, *held)[-LAST:],
        )


def to_text(experience: Experience) -> str:
    """An experience as one line of JSON."""
    judged_to = experience.judged_to
    fields = {name: getattr(experience, name) for name in _NUMBERS}
    fields["judged_to"] = judged_to and judged_to.timestamp()
    fields["inside"] = "".join(str(int(each)) for each in experience.inside)
    return json.dumps({"version": VERSION, **fields})


def from_text(told: str) -> Experience:
    """The experience in a line; a new one if another method had it, or if it is broken.

    What an older method learned is of no use to a newer one, and is soon learned anew.
    """
    try:
        fields = json.loads(told)
        if fields["version"] != VERSION:
            return Experience()
        judged_to = fields["judged_to"]
        own, common, windows, low, high = (float(fields[name]) for name in _NUMBERS)
        return Experience(
            None if judged_to is None else datetime.fromtimestamp(judged_to, UTC),
            own,
            common,
            windows,
            low,
            high,
            tuple(each == "1" for each in fields["inside"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        return Experience()


_NUMBERS = ("own", "common", "windows", "low", "high")


def pinball(band: Sequence[float], final: float) -> float:
    """Mean quantile loss of p10, p50 and p90 against what came of it, all as shares.

    Use cannot pass the limit, so neither does a band that is judged.
    """
    losses = []
    for level, told in zip(LEVELS, band, strict=True):
        miss = final - min(1.0, max(0.0, told))
        losses.append(level * miss if miss >= 0 else (level - 1) * miss)
    return _mean(losses)


def _error(band: Sequence[float], final: float, seen: Outlook) -> float:
    return pinball(band, final) / seen.scale


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _within(bounds: tuple[float, float], value: float) -> float:
    return min(bounds[1], max(bounds[0], value))
