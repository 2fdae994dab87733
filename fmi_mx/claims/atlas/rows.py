"""The rows of claims 1 and 2 that the atlas has, each a number with its interval, its controls and its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Callable, List

import numpy as np

from ...measure.intervals import Bootstrap, Estimate, permutation_p, spearman
from ...network.vgg19 import LAYERS
from ..verdicts import HOLDS, OPEN, RANDOM, Row, judged
from .settings import Settings
from .textures import Closeness

NOISE = "white noise"
RELUS = [layer for layer, (kind, _, _) in LAYERS.items() if kind == "relu"]
FOUND = "share of filters whose inversions are each other's nearest"
Levels = List[np.ndarray]  # a measure's values by layer, each (filters,)


def found_row(
    where: str,
    layers: Sequence[Closeness],
    sample: Mapping[str, Sequence[Closeness]],
    settings: Settings,
    bootstrap: Bootstrap,
    generator: np.random.Generator,
) -> Row:
    """Claim 1 of a layer or of several together: the share of filters that are found, see ``Closeness``.

    sample: of the filters of the sample, ``trained``, ``RANDOM`` and ``NOISE``; empty where none was computed. Among fewer
    filters a filter is found more easily, so both controls are set against the sample's own share. Filters are resampled.
    """
    found = np.concatenate([one.found for one in layers])
    chance = sum(one.chance() * len(one.own) for one in layers) / len(found)
    controls, margins = {"chance": chance}, {"chance": bootstrap.estimate(lambda ours: ours.mean() - chance, found)}
    beside: dict[str, float | Estimate] = {}
    of_sample = {name: np.concatenate([one.found for one in close]) for name, close in sample.items()}
    for name in (NOISE, RANDOM) if sample else ():
        controls[name] = float(of_sample[name].mean())
        margins[name] = bootstrap.estimate(
            lambda ours, other: ours.mean() - other.mean(), of_sample["trained"], of_sample[name]
        )
    if sample:
        beside[f"the sample's {len(of_sample['trained'])} filters"] = bootstrap.estimate(np.mean, of_sample["trained"])
    shuffled = np.sum([one.shuffled(settings.resamples, generator) for one in layers], axis=0) / len(found)
    p = permutation_p(found.mean(), shuffled)
    measured = bootstrap.estimate(np.mean, found)
    row = judged(1, where, FOUND, measured, controls, margins, settings.confidence, beside, p)
    return row if sample else _uncontrolled(row, NOISE, RANDOM)


def trend_row(
    where: str,
    measure: str,
    layers: Sequence[str],
    values: Levels,
    random: Levels,
    settings: Settings,
    bootstrap: Bootstrap,
) -> Row:
    """Claim 2 of a measure: the slope of the layers' means, each counting alike, against the layers' places among the
    network's sixteen; beside it their rank correlation and how many steps rise.

    values: of every filter. random: of the sample's through random weights, or empty. Filters are resampled within layers.
    """
    slope, count = _slope(layers), len(layers)
    measured = bootstrap.estimate(slope, *values)
    controls, margins = {"no trend": 0.0}, {"no trend": measured}
    if random:
        controls[RANDOM] = slope(*random)
        margins[RANDOM] = bootstrap.estimate(lambda *both: slope(*both[:count]) - slope(*both[count:]), *values, *random)
    beside: dict[str, float | Estimate] = {
        "Spearman's correlation": bootstrap.estimate(lambda *groups: spearman(*means(groups)[:, None]), *values),
        f"steps of {count - 1} that rise": int((np.diff(means(values)) > 0).sum()),
    }
    row = judged(2, where, f"{measure}, slope a layer of sixteen", measured, controls, margins, settings.confidence, beside)
    return row if random else _uncontrolled(row, RANDOM)


def means(groups: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of each layer."""
    return np.array([group.mean() for group in groups])


def _slope(layers: Sequence[str]) -> Callable[..., float]:
    """The least squares slope of groups' means, a group a layer."""
    places: np.ndarray = np.array([RELUS.index(layer) for layer in layers], dtype=float)
    centred = places - places.mean()
    return lambda *groups: float(centred @ means(groups) / (centred @ centred))


def _uncontrolled(row: Row, *controls: str) -> Row:
    """A row whose controls were not computed: it cannot hold."""
    if row.verdict == HOLDS:
        return row._replace(verdict=OPEN, because=tuple(f"{name} not computed" for name in controls))
    return row
