"""Claim 2: what colours and structures the textures of each layer have."""

import numpy as np

from .statistics import slope, spearman
from .verdicts import judged


def trend_rows(measure, values, random, settings, bootstrap):
    """Claim 2 of a measure, colourfulness or intricacy: its slope from layer to layer, and its rank correlation with them.

    values, random: float64 (layers, filters), of the inversions and of those through random weights. Filters are resampled
    within each layer.
    """
    found = []
    for name, trend in (("slope a layer", slope), ("Spearman's correlation with the layer", spearman)):
        margins = {
            "no trend": bootstrap.estimate(trend, *values),
            "random weights": bootstrap.estimate(
                lambda *both, trend=trend: trend(*both[: len(both) // 2]) - trend(*both[len(both) // 2 :]), *values, *random
            ),
        }
        controls = {"no trend": 0.0, "random weights": trend(*random)}
        measured = bootstrap.estimate(trend, *values)
        found.append(judged(2, "all layers", f"{measure}: {name}", measured, controls, margins, settings.confidence))
    return found


def levels(values, bootstrap):
    """The mean of each layer with its interval. values: float64 (layers, filters). Returns a list of ``Estimate``."""
    return [bootstrap.estimate(np.mean, of_layer) for of_layer in values]
