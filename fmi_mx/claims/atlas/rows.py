"""The rows of claim 1 that the atlas has: each a number with its interval, its controls and its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...measure.intervals import Bootstrap, Estimate, permutation_p
from ..verdicts import RANDOM, Row, judged, uncontrolled
from .settings import Settings
from .textures import Closeness

NOISE = "white noise"
FOUND = "share of filters whose inversions are each other's nearest"


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
    return row if sample else uncontrolled(row, NOISE, RANDOM)
