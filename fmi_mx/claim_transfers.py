"""Claim 3 of PMCI's outputs: whether their energies go to their style's."""

import numpy as np

from .claim_style import moved, moved_row, own_style_row
from .energy_vectors import energy_vectors, total_variation
from .images import MEAN
from .materials import network_images


def transfer_rows(settings, pictures, bootstrap, generator):
    """Claim 3: the rows of PMCI's outputs; and the share of the way that each has gone to its style and, a mean, to the
    others, layer -> cell -> the two."""
    seen = settings.style_layers
    unseen = [one for one in settings.layers if one not in (*seen, pictures.transfer.content_layer)]
    cells = list(pictures.outputs)
    vectors = [_vectors(pictures, cell, [*seen, *unseen]) for cell in cells]
    contents = {cell.image: content for cell, (_, content, _) in zip(cells, vectors)}
    rows, ways = [], {}
    for layer in (*seen, *unseen):
        way = []
        for cell, (output, _, _) in zip(cells, vectors):
            styles = {other.style: one[2][layer] for other, one in zip(cells, vectors) if other.image == cell.image}
            gone = dict(zip(styles, moved(output[layer], contents[cell.image][layer], list(styles.values()))))
            way.append([gone.pop(cell.style), np.mean(list(gone.values()))])
        rows.append(moved_row(layer, layer in seen, np.array(way), settings, bootstrap))
        ways[layer] = {cell.name: [float(one) for one in gone] for cell, gone in zip(cells, way)}
    return [
        *rows,
        own_style_row(_nearest_styles(settings, cells, vectors), len(settings.styles), settings, bootstrap, generator),
    ], ways


def _vectors(pictures, cell, layers):
    """Energy vectors, layer -> (C,), of a PMCI cell's output, its content and its style."""
    output = (pictures.outputs[cell] - MEAN).transpose(2, 0, 1)[None]
    shown = network_images(pictures.transfer, cell, pictures.materials.sources)
    return energy_vectors([output, *shown], pictures.materials.weights, layers, pictures.transfer.pool)


def _nearest_styles(settings, cells, vectors):
    """Which style each output is nearest to, by the mean total variation over the style layers: int (images, styles)."""
    found = np.zeros((len(settings.images), len(settings.styles)), int)
    for cell, (output, _, _) in zip(cells, vectors):
        far = {
            other.style: np.mean([total_variation(output[layer], style[layer]) for layer in settings.style_layers])
            for other, (_, _, style) in zip(cells, vectors)
            if other.image == cell.image
        }
        nearest = min(far, key=far.get)
        found[settings.images.index(cell.image), settings.styles.index(cell.style)] = settings.styles.index(nearest)
    return found
