"""Were the filters that the paper shows a fair sample? Where they lie among all filters of their layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from ...measure.intervals import Estimate, permutation_p
from .settings import Settings


class Fairness(NamedTuple):
    """Of one measure. shown, rest: its mean over the filters that are shown, and over the others. place: where those shown
    lie in their layers, a mean: 0 below all others, 1 above all; its interval is where as many filters of each layer, drawn
    at random, lie. p: how often these lie as far from 0.5. by_layer: layer -> the place of those of the layer."""

    shown: float
    rest: float
    place: Estimate
    p: float
    by_layer: dict[str, float]


def fairness(
    values: Mapping[str, np.ndarray], filters: Mapping[str, np.ndarray], settings: Settings, generator: np.random.Generator
) -> Fairness | None:
    """values: layer -> a measure of each filter, (n,). filters: layer -> their numbers, (n,). None where no layer has both
    filters that are shown and others. Layers count alike."""
    own, draws, by_layer = [], [], {}
    shown, rest = [], []
    for layer, numbers in values.items():
        chosen = np.isin(filters[layer], settings.shown_filters)
        if chosen.all() or not chosen.any():
            continue
        places = percentiles(numbers)
        by_layer[layer] = float(places[chosen].mean())
        shown.append(numbers[chosen].mean())
        rest.append(numbers[~chosen].mean())
        own.append(by_layer[layer])
        order = generator.random((settings.resamples, len(numbers))).argsort(axis=1)
        draws.append(places[order[:, : chosen.sum()]].mean(axis=1))
    if not own:
        return None
    place, drawn = float(np.mean(own)), np.mean(draws, axis=0)
    outside = (1 - settings.confidence) / 2
    low, high = np.quantile(drawn, [outside, 1 - outside])
    p = permutation_p(abs(place - 0.5) - 1e-9, np.abs(drawn - 0.5))  # less what sums in another order may differ by
    return Fairness(float(np.mean(shown)), float(np.mean(rest)), Estimate(place, float(low), float(high)), p, by_layer)


def percentiles(values: np.ndarray) -> np.ndarray:
    """The share of the values that are below each, equal ones counting half, itself too: (n,), with a mean of 0.5."""
    return (rankdata(values) - 0.5) / len(values)
