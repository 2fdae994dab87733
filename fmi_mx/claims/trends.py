"""Claim 2: the trend of a measure over the layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..measure.intervals import Bootstrap, Estimate, slope, spearman
from .verdicts import RANDOM, Row, judged, uncontrolled


def trend_row(
    where: str,
    measure: str,
    places: Sequence[float] | np.ndarray,
    values: Sequence[np.ndarray],
    random: Sequence[np.ndarray],
    confidence: float,
    bootstrap: Bootstrap,
) -> Row:
    """The slope of the layers' means, each counting alike, against the layers' places; beside it their rank correlation and
    how many of the steps rise.

    where, measure: as the row names them. places: of the layers, rising. values: of each layer, float64 (filters,). random:
    the same through random weights, or empty where they were not computed. confidence: of the verdict. Filters are resampled
    within each layer.
    """
    count = len(values)

    def apart(*both: np.ndarray) -> float:
        return slope(places, means(both[:count])) - slope(places, means(both[count:]))

    measured = bootstrap.estimate(lambda *layers: slope(places, means(layers)), *values)
    controls, margins = {"no trend": 0.0}, {"no trend": measured}
    if random:
        controls[RANDOM] = slope(places, means(random))
        margins[RANDOM] = bootstrap.estimate(apart, *values, *random)
    beside: dict[str, float | Estimate] = {
        "Spearman's correlation": bootstrap.estimate(lambda *layers: spearman(places, means(layers)), *values),
        f"steps of {count - 1} that rise": int((np.diff(means(values)) > 0).sum()),
    }
    row = judged(2, where, measure, measured, controls, margins, confidence, beside)
    return row if random else uncontrolled(row, RANDOM)


def means(layers: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of each layer: (layers,)."""
    return np.array([layer.mean() for layer in layers])
