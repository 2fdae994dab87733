"""Claim 3 of PMCI's outputs: whether their energies go to their style's."""

from __future__ import annotations

from typing import Dict, List

import numpy as np
from numpy.typing import ArrayLike

from ..experiment.cell import Cell
from ..machine.aliases import Arrays
from ..measure.energy_vectors import energy_vectors, total_variation
from .runs import Pictures
from .settings import Settings
from .style import moved, moved_row, own_style_row
from .verdicts import RANDOM, Row

Vectors = Dict[Cell, List[Dict[str, np.ndarray]]]  # cell -> layer -> energy vectors, of its output, content and style


def transfer_rows(
    settings: Settings, pictures: Pictures, generator: np.random.Generator
) -> tuple[list[Row], dict[str, dict[str, dict[str, list[float]]]]]:
    """Claim 3: the rows of PMCI's outputs; and the share of the way that each has gone to its style and, a mean, to the
    others, weights -> layer -> cell -> the two.

    At the layers of its loss PMCI minimises the distance of energies itself, so that these, in one row, say no more than
    that the descent came down; others have a row each. Outputs through random weights are measured by their energies.
    """
    seen = settings.style_layers
    unseen = [one for one in settings.layers if one not in (*seen, pictures.transfer.content_layer)]
    weights = {"trained": pictures.network.weights, RANDOM: pictures.random_weights}
    vectors = {
        name: {cell: _vectors(pictures, cell, output, weights[name], [*seen, *unseen]) for cell, output in outputs.items()}
        for name, outputs in pictures.outputs.items()
    }
    ways = {name: {layer: _ways(layer, one) for layer in (*seen, *unseen)} for name, one in vectors.items()}
    places = {"layers of its loss": seen, **{f"{layer} (not in its loss)": [layer] for layer in unseen}}
    rows = []
    for where, layers in places.items():
        trained, random = (
            _by_style(np.mean([list(way[layer].values()) for layer in layers], axis=0), settings) for way in ways.values()
        )
        rows.append(moved_row(f"PMCI, {where}", trained, random, settings))
    if unseen:
        near, of_random = (
            _by_style([_nearest_style(cell, one, unseen, settings) for cell in one], settings) for one in vectors.values()
        )
        rows.append(own_style_row("PMCI, layers that are not in its loss", near, of_random, settings, generator))
    return rows, ways


def _by_style(values: ArrayLike, settings: Settings) -> np.ndarray:
    """Values of the cells, which come style by style, as (styles, images, ...)."""
    return np.reshape(values, (len(settings.styles), len(settings.images), *np.shape(values)[1:]))


def _vectors(
    pictures: Pictures, cell: Cell, output: np.ndarray, weights: Arrays, layers: list[str]
) -> list[dict[str, np.ndarray]]:
    """Energy vectors, layer -> (C,), of a PMCI cell's output, its content and its style."""
    shown = pictures.materials.shown[cell.image, cell.style]
    return energy_vectors([output, *shown], weights, layers, pictures.transfer.pool)


def _styles(cell: Cell, vectors: Vectors) -> dict[str | None, dict[str, np.ndarray]]:
    """Style -> its energy vectors, as it goes with a cell's content."""
    return {other.style: style for other, (_, _, style) in vectors.items() if other.image == cell.image}


def _ways(layer: str, vectors: Vectors) -> dict[str, list[float]]:
    """Name of a cell -> [the share of the way that it has gone to its own style, and to the others, a mean]."""
    found = {}
    for cell, (output, content, _) in vectors.items():
        styles = {style: one[layer] for style, one in _styles(cell, vectors).items()}
        gone = dict(zip(styles, moved(output[layer], content[layer], list(styles.values()))))
        found[cell.name] = [float(gone.pop(cell.style)), float(np.mean(list(gone.values())))]
    return found


def _nearest_style(cell: Cell, vectors: Vectors, layers: list[str], settings: Settings) -> int:
    """The number of the style that a cell's output is nearest to, by the mean total variation over layers."""
    output = vectors[cell][0]
    far = {
        style: np.mean([total_variation(output[layer], one[layer]) for layer in layers])
        for style, one in _styles(cell, vectors).items()
    }
    return settings.styles.index(min(far, key=far.__getitem__))
