"""Intervals by the bootstrap and the jackknife, p by permutation, trends over layers, and variance components."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import beta, rankdata, t


class Estimate(NamedTuple):
    """A number with its interval."""

    value: float
    low: float
    high: float


class Bootstrap:
    """Percentile intervals of statistics (Efron, 1979).

    resamples: how many. confidence: of the interval, below 1.
    """

    def __init__(self, resamples: int, confidence: float, generator: np.random.Generator) -> None:
        self._resamples, self._confidence, self._generator = resamples, confidence, generator

    def estimate(self, statistic: Callable[..., float], *groups: np.ndarray) -> Estimate:
        """statistic: of arrays, as many as groups, each (n, ...); the n units of each group are resampled by themselves."""
        return self._estimate(statistic, groups, self._drawn)

    def nested(self, statistic: Callable[..., float], units: np.ndarray) -> Estimate:
        """As ``estimate``, of one array (n, m, ...): first the n are resampled, then the m within each of them."""
        return self._estimate(statistic, (units,), lambda group: np.array([self._drawn(one) for one in self._drawn(group)]))

    def _estimate(
        self,
        statistic: Callable[..., float],
        groups: tuple[np.ndarray, ...],
        draw: Callable[[np.ndarray], np.ndarray],
    ) -> Estimate:
        values = np.sort([statistic(*map(draw, groups)) for _ in range(self._resamples)])
        outside = (1 - self._confidence) / 2 * (len(values) - 1)
        low, high = values[int(np.floor(outside))], values[int(np.ceil(len(values) - 1 - outside))]
        return Estimate(float(statistic(*groups)), float(low), float(high))

    def _drawn(self, group: np.ndarray) -> np.ndarray:
        return group[self._generator.integers(len(group), size=len(group))]


def jackknife(statistic: Callable[..., float], confidence: float, *groups: np.ndarray) -> Estimate:
    """The interval of a statistic whose units must not count twice, as those of variance components, or are few: the value,
    and Student's t times the standard error from leaving out one unit at a time (Tukey, 1958).

    statistic, groups: as of ``Bootstrap.estimate``; the units of each group are left out by themselves. confidence: below 1.
    """
    variance: float | np.floating = 0.0
    for place, group in enumerate(groups):
        without = [[*groups[:place], np.delete(group, unit, axis=0), *groups[place + 1 :]] for unit in range(len(group))]
        variance += (len(group) - 1) * np.var([statistic(*left) for left in without])
    value, least = statistic(*groups), min(map(len, groups))
    half = t.ppf((1 + confidence) / 2, least - 1) * np.sqrt(variance)
    return Estimate(float(value), float(value - half), float(value + half))


def clopper_pearson(share: float, trials: int, confidence: float) -> Estimate:
    """The exact interval of a share of trials (Clopper and Pearson, 1934), which has a width where all or none succeed.

    share: 0 to 1; of trials that are means themselves it need not be a whole number of them. confidence: below 1.
    """
    outside, count = (1 - confidence) / 2, share * trials
    low = beta.ppf(outside, count, trials - count + 1) if count > 0 else 0.0
    high = beta.ppf(1 - outside, count + 1, trials - count) if count < trials else 1.0
    return Estimate(float(share), float(low), float(high))


def difference(one: Estimate, other: Estimate) -> Estimate:
    """The interval of the difference of two shares from their own (Newcombe, 1998), which has a width where they have."""
    value = one.value - other.value
    below = np.hypot(one.value - one.low, other.high - other.value)
    above = np.hypot(one.high - one.value, other.value - other.low)
    return Estimate(value, float(value - below), float(value + above))


def permutation_p(measured: float, shuffled: Sequence[float] | np.ndarray) -> float:
    """How often shuffled labels do as well: (1 + those of shuffled that are at least measured) / (1 + all)."""
    return (1 + int(np.sum(np.asarray(shuffled) >= measured))) / (1 + len(shuffled))


def slope(places: Sequence[float] | np.ndarray, values: Sequence[float] | np.ndarray) -> float:
    """The least squares slope of values against their places, both (n,), at least two of them different."""
    centred = np.asarray(places, dtype=float) - np.mean(places)
    return float(centred @ np.asarray(values) / (centred @ centred))


def spearman(places: Sequence[float] | np.ndarray, values: Sequence[float] | np.ndarray) -> float:
    """The rank correlation of values with their places, both (n,); 0 where all values are equal."""
    numbers, ranks = rankdata(places), rankdata(values)
    spread = numbers.std() * ranks.std()
    return float(np.mean((numbers - numbers.mean()) * (ranks - ranks.mean())) / spread) if spread else 0.0


def variance_components(points: np.ndarray) -> dict[str, float]:
    """What filters, images, both together and seeds add to the variance, all at random and crossed: from the mean squares,
    summed over the F dimensions of a descriptor.

    points: float64 (filters, images, seeds, F), at least two of each of the first three. Returns ``filter``,
    ``image``, ``both`` (filter x image) and ``seed`` (the rest). They are unbiased, so a small one may come out below 0.
    """
    filters, images, seeds, _ = map(int, points.shape)
    cell = points.mean(axis=2, keepdims=True)
    row, column, mean = cell.mean(axis=1, keepdims=True), cell.mean(axis=0, keepdims=True), cell.mean(axis=(0, 1))
    of_filter = images * seeds * ((row - mean) ** 2).sum() / (filters - 1)
    of_image = filters * seeds * ((column - mean) ** 2).sum() / (images - 1)
    of_both = seeds * ((cell - row - column + mean) ** 2).sum() / ((filters - 1) * (images - 1))
    of_seed = ((points - cell) ** 2).sum() / (filters * images * (seeds - 1))
    return {
        "filter": float(of_filter - of_both) / (images * seeds),
        "image": float(of_image - of_both) / (filters * seeds),
        "both": float(of_both - of_seed) / seeds,
        "seed": float(of_seed),
    }
