"""The paper's four claims, tested: computes what they need, measures it, and judges."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..files import whole
from ..files.images import postprocess
from ..machine.aliases import AnyPath
from ..measure.descriptors import describe
from ..measure.energy_vectors import energy_vectors, gram_matrices
from ..measure.intervals import Bootstrap, variance_components
from . import figure, runs
from . import report as reporting
from .layers import layer_rows
from .settings import Settings
from .style import crops_row, distances, frobenius
from .textureless import points_of_textures
from .textures import dependence_rows, missed, nearest, points_of, retrieval_row
from .transfers import transfer_rows
from .verdicts import RANDOM, Row


def assess(
    settings: Settings,
    out: AnyPath,
    weights: AnyPath,
    images: AnyPath,
    device: str,
    jobs: str,
    stream: TextIO,
    scheduler: str | None = None,
) -> tuple[dict[str, Any], list[Path]]:
    """Tests the claims, and writes claims.md, claims.json and claims.png into a folder.

    out: the folder; the runs go into out/claims, and resume. weights: file. images: folder. device: see ``choose_device``.
    jobs, scheduler: see ``compute_all``. stream: where progress goes. Returns the report, as claims.json holds it, and
    the files. Raises InputError before anything is computed for whatever is wrong with the input.
    """
    paths = [Path(out) / f"claims.{suffix}" for suffix in ("md", "json", "png")]
    whole.check_places(*paths)
    pictures = runs.compute(settings, out, weights, images, device, jobs, stream, scheduler)
    print("measuring the pictures", file=stream, flush=True)
    bootstrap = Bootstrap(settings.resamples, settings.confidence, settings.generator("bootstrap"))
    shuffles = settings.generator("shuffles")
    textures, components, unfound = _textures(settings, pictures, bootstrap, shuffles)
    trends, found = layer_rows(settings, pictures, bootstrap)
    style = _crops(settings, pictures, bootstrap, shuffles)
    transferred, ways = transfer_rows(settings, pictures, shuffles)
    rows = sorted([*textures, *trends, style, *transferred], key=lambda row: row.claim)
    report = {
        "settings": reporting.plain(settings),
        "width": pictures.network.width,
        "rows": [reporting.plain(row) for row in rows],
        "levels": reporting.plain(found),
        "missed": unfound,
        "components": components,
        "descents": pictures.descents,
        "pmci": ways,
    }
    contents = reporting.markdown(report).encode(), whole.as_json(report), figure.draw(report)
    whole.write_all(dict(zip(paths, contents)))
    return report, paths


def _textures(
    settings: Settings, pictures: runs.Pictures, bootstrap: Bootstrap, generator: np.random.Generator
) -> tuple[list[Row], dict[str, dict[str, dict[str, float]]], dict[str, list[int]]]:
    """Claims 1 and 4: their rows; the variance components, weights -> layer -> component; and the filters that claim 1 does
    not find, by layer."""
    rows: list[Row] = []
    components: dict[str, dict[str, dict[str, float]]] = {"trained": {}, RANDOM: {}}
    unfound: dict[str, list[int]] = {}
    noise = settings.generator("white noise")
    finish = partial(postprocess, denoise=pictures.transfer.denoise)
    white = points_of(runs.white_noise(noise, pictures.inversions.trained, finish))
    of_noise = nearest(white, np.zeros(white.shape[:3], bool))
    for layer in settings.layers:
        without = [one[layer] for one in pictures.textureless]
        points = [points_of(one[layer], lost) for one, lost in zip(pictures.inversions, without)]
        found, of_random = map(nearest, points, without)
        rows.append(retrieval_row(layer, found, of_random, of_noise, settings, bootstrap, generator))
        kept = list(map(points_of_textures, points, without))
        rows += dependence_rows(layer, kept, without, settings)
        components["trained"][layer], components[RANDOM][layer] = map(variance_components, kept)
        unfound[layer] = [settings.filters[place] for place in missed(found)]
    return rows, components, unfound


def _crops(settings: Settings, pictures: runs.Pictures, bootstrap: Bootstrap, generator: np.random.Generator) -> Row:
    """Claim 3: the row of the crops."""
    pool, layers, crops = pictures.transfer.pool, settings.style_layers, pictures.crops
    weights = pictures.network.weights
    apart = {
        "energies": distances(energy_vectors(crops, weights, layers, pool)),
        RANDOM: distances(energy_vectors(crops, pictures.random_weights, layers, pool)),
        "Gram matrices": frobenius(gram_matrices(crops, weights, layers, pool)),
        "colour": distances([{"colour": describe(postprocess(crop, denoise=0))["colour"]} for crop in crops]),
    }
    images = len(settings.images) + len(settings.styles)
    return crops_row(apart, images, settings, bootstrap, generator)
