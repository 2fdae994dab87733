"""The pages of feature map inversion: layers of filters, each inverted from every image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Dict

import numpy as np

from ..files.finding import image_name
from .again import filter_command
from .layer import KEYS, Layer, Shown, draw_layer
from .nearest import between_images, nearest, points_of
from .pages import write_script
from .pictures import SMALL, fit, large_size, up, write_file
from .source import Source, number, picture_of

_Names = Dict[str, Dict[str, Dict[int, str]]]  # layer -> image -> filter -> name of the cell


def filter_pages(
    source: Source, contents: Mapping[str, np.ndarray], place: Path, say: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Writes the pictures and each layer's numbers into a gallery's folder.

    contents: as of ``contents_of``. say: is told of each layer. Returns what data.js and what the first page says.
    """
    names: _Names = {}
    for name, cell in source.cells.items():
        names.setdefault(cell.layers[0], {}).setdefault(cell.image, {})[cell.filter] = name
    images = [_shown(source, image) for image in source.finished.experiment["images"]]
    layers = []
    for layer, columns in names.items():
        filters = list(dict.fromkeys(l for cells in columns.values() for l in cells))
        found = [columns.get(image.image, {}) for image in images]
        layers.append(draw_layer(source, place, layer, filters, found, images))
        say(f"{layer}: {len(filters)} filters")
    _write_numbers(layers, place)
    data = {
        "keys": KEYS,
        "images": [_image_data(image, contents.get(image.image), place, index) for index, image in enumerate(images)],
        "layers": [{"name": layer.name, "filters": layer.filters} for layer in layers],
        "command": filter_command(source.finished.width),
        "chained": source.finished.experiment["target"] == "authors",
    }
    return data, {"layers": layers}


def _shown(source: Source, image: str) -> Shown:
    """The sizes of an image's pictures, which are all as large as the first."""
    pictures = (picture_of(source, name) for name, cell in source.cells.items() if cell.image == image)
    first = next((picture for picture in pictures if picture is not None), None)
    if first is None:
        return Shown(image, None, None)
    return Shown(image, fit(first.shape, SMALL), large_size(first.shape, len(source.cells)))


def _write_numbers(layers: Sequence[Layer], place: Path) -> None:
    """Each layer's numbers as a script of its own: its rows; how far the two images' textures are ``apart``; the filters
    that are nearest in the layer, as [place in it, image], and in the network, as [place of the layer, place in it, image].
    The image is the first of which there is a picture."""
    where = [[index, own] for index, layer in enumerate(layers) for own in range(len(layer.filters))]
    described = [[one for layer in layers for one in layer.described[image]] for image in range(len(layers[0].rows))]
    of_image = [next((image for image, one in enumerate(of_filter) if one), 0) for of_filter in zip(*described)]
    network, start = points_of(described, np.concatenate([layer.textures() for layer in layers], axis=1)), 0
    for layer in layers:
        points, rows = points_of(layer.described, layer.textures()), slice(start, start + len(layer.filters))
        far = [[[*where[one], of_image[one]] for one in found] for found in nearest(network, rows)]
        near = [[[one, of_image[start + one]] for one in found] for found in nearest(points, slice(None))]
        apart = [number(one) for one in between_images(points).tolist()]
        data = {"rows": layer.rows, "apart": apart, "near": near, "far": far}
        write_script(place / "data" / f"{layer.name}.js", "layer", layer.name, data)
        start = rows.stop


def _image_data(image: Shown, content: np.ndarray | None, place: Path, index: int) -> dict[str, Any]:
    """What data.js says of an image, whose content is written if it has been found."""
    found = None if content is None else write_file(place, f"content.{index}", content)
    pitch = image.small and [up(length) for length in image.small]
    name = image_name(image.image)
    return {"name": name, "small": image.small, "pitch": pitch, "large": image.large, "content": found}
