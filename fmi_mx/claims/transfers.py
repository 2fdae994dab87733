"""Claim 3 of PMCI's outputs: whether their energies go to their style's."""

from __future__ import annotations

from typing import Dict, List

import numpy as np

from ..experiment.cell import Cell
from ..measure.energy_vectors import energy_vectors, total_variation
from ..measure.intervals import Bootstrap
from .runs import Pictures
from .settings import Settings
from .style import moved, moved_row, own_style_row
from .verdicts import Row

Vectors = Dict[Cell, List[Dict[str, np.ndarray]]]  # cell -> layer -> energy vectors, of its output, content and style


def transfer_rows(
    settings: Settings, pictures: Pictures, bootstrap: Bootstrap, generator: np.random.Generator
) -> tuple[list[Row], dict[str, dict[str, list[float]]]]:
    """Claim 3: the rows of PMCI's outputs; and the share of the way that each has gone to its style and, a mean, to the
    others, layer -> cell -> the two.

    At the layers of its loss PMCI minimises the distance of energies itself, so that these, in one row, say no more than
    that the descent came down; others have a row each.
    """
    seen = settings.style_layers
    unseen = [one for one in settings.layers if one not in (*seen, pictures.transfer.content_layer)]
    vectors = {cell: _vectors(pictures, cell, [*seen, *unseen]) for cell in pictures.outputs}
    ways = {layer: _ways(layer, vectors) for layer in (*seen, *unseen)}
    places = {"layers of its loss": seen, **{f"{layer} (not in its loss)": [layer] for layer in unseen}}
    rows = []
    for where, layers in places.items():
        way = np.mean([[ways[layer][cell] for cell in vectors] for layer in layers], axis=0)
        rows.append(moved_row(f"PMCI, {where}", _by_style(way, settings), settings, bootstrap))
    if unseen:
        nearest = np.array([_nearest_style(cell, vectors, unseen, settings) for cell in vectors])
        where = "PMCI, layers that are not in its loss"
        rows.append(own_style_row(where, _by_style(nearest, settings), settings, bootstrap, generator))
    return rows, {layer: {cell.name: gone for cell, gone in way.items()} for layer, way in ways.items()}


def _by_style(values: np.ndarray, settings: Settings) -> np.ndarray:
    """Values of the cells, which come style by style, as (styles, images, ...)."""
    return np.reshape(values, (len(settings.styles), len(settings.images), *np.shape(values)[1:]))


def _vectors(pictures: Pictures, cell: Cell, layers: list[str]) -> list[dict[str, np.ndarray]]:
    """Energy vectors, layer -> (C,), of a PMCI cell's output, its content and its style."""
    shown, weights = pictures.materials.shown[cell.image, cell.style], pictures.network.weights
    return energy_vectors([pictures.outputs[cell], *shown], weights, layers, pictures.transfer.pool)


def _styles(cell: Cell, vectors: Vectors) -> dict[str | None, dict[str, np.ndarray]]:
    """Style -> its energy vectors, as it goes with a cell's content."""
    return {other.style: style for other, (_, _, style) in vectors.items() if other.image == cell.image}


def _ways(layer: str, vectors: Vectors) -> dict[Cell, list[float]]:
    """Cell -> [the share of the way that it has gone to its own style, and to the others, a mean]."""
    found = {}
    for cell, (output, content, _) in vectors.items():
        styles = {style: one[layer] for style, one in _styles(cell, vectors).items()}
        gone = dict(zip(styles, moved(output[layer], content[layer], list(styles.values()))))
        found[cell] = [float(gone.pop(cell.style)), float(np.mean(list(gone.values())))]
    return found


def _nearest_style(cell: Cell, vectors: Vectors, layers: list[str], settings: Settings) -> int:
    """The number of the style that a cell's output is nearest to, by the mean total variation over layers."""
    output = vectors[cell][0]
    far = {
        style: np.mean([total_variation(output[layer], one[layer]) for layer in layers])
        for style, one in _styles(cell, vectors).items()
    }
    return settings.styles.index(min(far, key=far.__getitem__))
