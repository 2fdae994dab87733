"""Claim 2: what colours and structures the textures of each layer have."""

import numpy as np

from .statistics import slope, spearman
from .verdicts import RANDOM, judged


def trend_row(measure, values, random, settings, bootstrap):
    """Claim 2 of a measure, colourfulness or intricacy: its slope from layer to layer; beside it the rank correlation with
    the layer, and how many of the steps rise.

    values, random: float64 (layers, filters), of the inversions and of those through random weights. Filters are resampled
    within each layer.
    """
    measured = bootstrap.estimate(slope, *values)
    layers = len(values)
    apart = bootstrap.estimate(lambda *both: slope(*both[:layers]) - slope(*both[layers:]), *values, *random)
    controls = {"no trend": 0.0, RANDOM: slope(*random)}
    beside = {
        "Spearman's correlation": bootstrap.estimate(spearman, *values),
        f"steps of {layers - 1} that rise": int((np.diff(np.mean(values, axis=1)) > 0).sum()),
    }
    margins = {"no trend": measured, RANDOM: apart}
    return judged(2, "all layers", f"{measure}, slope a layer", measured, controls, margins, settings.confidence, beside)


def levels(values, bootstrap):
    """The mean of each layer with its interval. values: float64 (layers, filters). Returns a list of ``Estimate``."""
    return [bootstrap.estimate(np.mean, of_layer) for of_layer in values]
