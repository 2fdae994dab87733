"""What the atlas says of the paper's claims: reads a run, computes the controls, measures, judges and writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ...files import whole
from ...machine.aliases import AnyPath
from ...measure.intervals import Bootstrap
from ...network.vgg19 import LAYERS, is_relu
from ..report import plain
from ..trends import trend_row
from ..verdicts import RANDOM, Row
from . import facts, figure, report
from .cells import MEASURES, Atlas, Inversions, read_atlas
from .control import Control, control
from .facts import Close
from .rows import NOISE, found_row
from .settings import Settings
from .textures import closeness

RELUS = list(filter(is_relu, LAYERS))
FILES = "atlas_claims.json", "atlas_claims.md", "atlas_claims.png", "atlas_least.png"  # the last of two images only


def assess(
    settings: Settings,
    folder: AnyPath,
    out: AnyPath,
    images: AnyPath,
    device: str,
    jobs: str,
    stream: TextIO,
    scheduler: str | None = None,
) -> tuple[dict[str, Any], list[Path]]:
    """Writes atlas_claims.md, .json and .png and, of two images, atlas_least.png into a folder.

    folder: of the atlas's run. out: where to write; the random weights' runs go into out/atlas_random, and resume. Others:
    see ``control``. Returns the report, as the .json holds it, and the files. Raises InputError before anything is written
    for whatever is wrong with the input.
    """
    print("reading the atlas", file=stream, flush=True)
    atlas = read_atlas(folder)
    paths = [Path(out) / name for name in FILES]
    whole.check_places(*paths)
    beside = control(settings, atlas, out, images, device, jobs, stream, scheduler) if settings.random_filters else None
    print("measuring the inversions", file=stream, flush=True)
    found = measured(settings, atlas, beside)
    contents = [whole.as_json(found), report.markdown(found).encode(), figure.draw(found)]
    if found["least"]:
        contents.append(figure.least(atlas, found["least"]))
    Path(out).mkdir(parents=True, exist_ok=True)
    written = dict(zip(paths, contents))
    whole.write_all(written)
    return found, list(written)


def measured(settings: Settings, atlas: Atlas, beside: Control | None) -> dict[str, Any]:
    """The report. beside: None where no controls were computed. Of one image it has nothing that compares two."""
    bootstrap = Bootstrap(settings.resamples, settings.confidence, settings.generator("bootstrap"))
    two = len(atlas.images) > 1
    close = _closeness(atlas.layers) if two else {}
    sample: dict[str, Close] = {}
    if beside and two:
        sample = {
            "trained": _closeness(beside.trained),
            RANDOM: _closeness(beside.random),
            NOISE: {layer: closeness(points, np.zeros(points.shape[:2], bool)) for layer, points in beside.noise.items()},
        }
    by_filter = {layer: facts.by_filter(inversions, close.get(layer)) for layer, inversions in atlas.layers.items()}
    experiment = atlas.run.experiment
    found: dict[str, Any] = {
        "settings": settings,
        "folder": str(atlas.folder),
        "width": atlas.run.width,
        "images": atlas.images,
        "long_edge": experiment["long_edge"],
        "feature_map": experiment["feature_map"],
        "precision": atlas.precision(),
        "cells": len(atlas.run.cells),
        "lacking": {layer: lacking for layer, lacking in atlas.lacking.items() if any(lacking.values())},
        "sample": facts.sample_facts(beside) if beside else None,
        "rows": [*_found(settings, close, sample, bootstrap), *_trends(settings, atlas, beside, bootstrap)],
        "layers": facts.layer_facts(settings, atlas, close, sample, beside, bootstrap),
        "fairness": facts.fairness_facts(settings, by_filter),
        "least": facts.least(settings, by_filter),
        "by_filter": by_filter,
    }
    data: dict[str, Any] = plain(found)
    return data


def _closeness(layers: Mapping[str, Inversions]) -> Close:
    return {layer: closeness(one.points(), one.lost()) for layer, one in layers.items()}


def _found(settings: Settings, close: Close, sample: dict[str, Close], bootstrap: Bootstrap) -> list[Row]:
    """Claim 1: all layers together, where there are several, and each; nothing of one image."""
    generator = settings.generator("shuffles")
    places = {facts.EVERY: list(close)} if len(close) > 1 else {}
    places.update({layer: [layer] for layer in close})
    rows = []
    for where, layers in places.items():
        of_sample = {name: [one[layer] for layer in layers] for name, one in sample.items()}
        rows.append(found_row(where, [close[layer] for layer in layers], of_sample, settings, bootstrap, generator))
    return rows


def _trends(settings: Settings, atlas: Atlas, beside: Control | None, bootstrap: Bootstrap) -> list[Row]:
    """Claim 2: over all layers that the atlas has, and over those of them that the paper shows."""
    shown = [layer for layer in atlas.layers if layer in settings.shown_layers]
    places = {f"the paper's {len(shown)} layers": shown}
    if shown != list(atlas.layers):
        places = {f"all {len(atlas.layers)} layers": list(atlas.layers), **places}
    rows = []
    for measure in MEASURES:
        for where, layers in places.items():
            if len(layers) > 1:
                values = [atlas.layers[layer].means(measure) for layer in layers]
                random = [beside.random[layer].means(measure) for layer in layers] if beside else []
                numbers = [RELUS.index(layer) for layer in layers]
                name = f"{measure}, slope a layer of sixteen"
                rows.append(trend_row(where, name, numbers, values, random, settings.confidence, bootstrap))
    return rows
