"""What the report has beside the claims' rows: of each filter, of each layer, and of the filters that the paper shows."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np

from ...measure.intervals import Bootstrap, Estimate
from ..layers import levels
from ..verdicts import RANDOM
from .cells import MEASURES, Atlas, Inversions
from .control import Control
from .sample import Fairness, fairness
from .settings import Settings
from .textures import Closeness, centred, closeness, distinct, nearest_other

EVERY, SHOWN = "all layers", "the paper's layers"
COMPARED = ("found", "others nearer", "distance to it", *MEASURES, "silent at the start")  # of the paper's filters
Close = Dict[str, Closeness]  # by layer
Columns = Dict[str, np.ndarray]  # of each filter of a layer: by name, (n,)


def by_filter(inversions: Inversions, close: Closeness | None) -> Columns:
    """What is known of each filter of a layer: its number, and means over images or their pairs. close: None where there
    is one image."""
    compared: Columns = {}
    if close:
        nearest, far = nearest_other(close)
        compared = {
            "found": close.found,
            "others nearer": close.nearer,
            "own distance": close.own,
            "nearest other": inversions.filters[nearest],
            "distance to it": far,
        }
    return {
        "filter": inversions.filters,
        **compared,
        **{measure: getattr(inversions, measure).mean(axis=1) for measure in MEASURES},
        "silent at the start": inversions.silent_at_start.mean(axis=1),
        "silent": inversions.silent.mean(axis=1),
        "stuck": inversions.stuck.mean(axis=1),
    }


def sample_facts(beside: Control) -> dict[str, Any]:
    """The sample's filters by layer, and what random weights lack and were computed in."""
    filters = {layer: one.filters for layer, one in beside.random.items()}
    return {"filters": filters, "failed": beside.failed, "precision": beside.precision}


def layer_facts(
    settings: Settings, atlas: Atlas, close: Close, sample: dict[str, Close], beside: Control | None, bootstrap: Bootstrap
) -> dict[str, dict[str, Any]]:
    """Layer by layer: means with their intervals, silent filters, distinct textures. sample, beside: of the controls."""
    found: dict[str, dict[str, Any]] = {}
    for layer, inversions in atlas.layers.items():
        one: dict[str, Any] = {"filters": len(inversions.filters)}
        if layer in close:
            groups = distinct(close[layer], settings, bootstrap)
            one["distinct"] = groups._replace(groups=[inversions.filters[group] for group in groups.groups])
            one["found, centred"] = found_centred(inversions, bootstrap)
            of_sample = {"trained": beside.trained, RANDOM: beside.random} if beside else {}
            one["found of the sample, centred"] = {
                name: found_centred(of_layers[layer], bootstrap) for name, of_layers in of_sample.items()
            }
        both = {"": inversions, **({f", {RANDOM}": beside.random[layer]} if beside else {})}
        for measure in MEASURES:
            for whose, values in both.items():
                one[measure + whose] = levels([values.means(measure)], bootstrap)[0]
        for fact in ("silent_at_start", "silent", "stuck"):
            said = getattr(inversions, fact)
            one[fact] = bootstrap.estimate(np.mean, said.mean(axis=1))
            one[f"{fact}, filters"] = inversions.filters[said.any(axis=1)]
        one["distinct of the sample"] = {
            name: distinct(of_layers[layer], settings, bootstrap).textures for name, of_layers in sample.items()
        }
        found[layer] = one
    return found


def found_centred(inversions: Inversions, bootstrap: Bootstrap) -> Estimate:
    """The share of filters that are found where what an image adds to every picture is taken off, see ``centred``."""
    lost = inversions.lost()
    return bootstrap.estimate(np.mean, closeness(centred(inversions.points(), lost), lost).found)


def fairness_facts(settings: Settings, columns: dict[str, Columns]) -> dict[str, dict[str, Fairness]]:
    """Where -> measure -> how the paper's filters lie, without those that nothing can be said of."""
    generator = settings.generator("draws")
    found: dict[str, dict[str, Fairness]] = {}
    for where, layers in ((SHOWN, settings.shown_layers), (EVERY, tuple(columns))):
        chosen = {layer: one for layer, one in columns.items() if layer in layers}
        for measure in COMPARED:
            values = {layer: one[measure] for layer, one in chosen.items() if measure in one}
            one = fairness(values, {layer: one["filter"] for layer, one in chosen.items()}, settings, generator)
            if one:
                found.setdefault(where, {})[measure] = one
    return found


def least(settings: Settings, columns: dict[str, Columns]) -> list[dict[str, Any]]:
    """The filters least like a texture of their own: those to whose inversions most other filters' are as near as their
    own; of equal ones first those whose own lie the farthest apart, for the nearest other's distance. None of one image."""
    keys = ("filter", "others nearer", "nearest other", "silent", "stuck")
    every = []
    for layer, one in columns.items():
        if "found" not in one:
            continue
        ratio = one["own distance"] / np.maximum(one["distance to it"], 1e-9)  # two filters may leave the same
        order = zip(-one["others nearer"], -ratio, *(one[key] for key in keys))
        every += [(nearer, closer, {"layer": layer, **dict(zip(keys, values))}) for nearer, closer, *values in order]
    return [one for *_, one in sorted(every, key=lambda one: one[:2])][: settings.least]
