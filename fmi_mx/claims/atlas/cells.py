"""What a run of atlas.yaml has stored, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Dict, NamedTuple

import numpy as np

from ...errors import InputError, as_line
from ...experiment.cell import cells
from ...experiment.experiment import from_data
from ...files import store
from ...files.finding import image_name
from ...machine.aliases import AnyPath
from ...measure.descriptors import positions
from ...network.vgg19 import LAYERS, check_relu
from ...runs.finished import StoredRun, state
from ...runs.status import read_so_far
from ..textureless import means_of_textures

PARTS = ("colour", "texture")
MEASURES = ("colourfulness", "intricacy")
NEEDS = "at least two filters of a layer, with keep: picture, as experiments/atlas.yaml has them"
NUMBERS = {"measures", "silent", "silent_at_start"}  # of each record
Record = Dict[str, Any]


class Inversions(NamedTuple):
    """The filters of a layer of which every image's inversion is there. filters: (n,), their numbers, ascending. described:
    part -> float64 (n, images, F), see ``describe``. colourfulness, intricacy: float64 (n, images). silent_at_start, silent,
    stuck: bool (n, images), whether the feature map is 0 in the whole initial or last image; see ``state``."""

    filters: np.ndarray
    described: dict[str, np.ndarray]
    colourfulness: np.ndarray
    intricacy: np.ndarray
    silent_at_start: np.ndarray
    silent: np.ndarray
    stuck: np.ndarray

    def of(self, filters: Iterable[int]) -> Inversions:
        """Some of the filters."""
        chosen = np.isin(self.filters, list(filters))
        arrays = self._asdict()
        described = {part: values[chosen] for part, values in arrays.pop("described").items()}
        return Inversions(described=described, **{name: values[chosen] for name, values in arrays.items()})

    def lost(self) -> np.ndarray:
        """Whether a picture is no texture, silent or stuck: bool (n, images)."""
        lost: np.ndarray = self.silent | self.stuck
        return lost

    def means(self, measure: str) -> np.ndarray:
        """A measure of each filter, see ``means_of_textures``: float64 (n or fewer,)."""
        return means_of_textures(getattr(self, measure), self.lost())

    def points(self) -> np.ndarray:
        """The inversions as points of the descriptor by colour and texture, standardised over those that are a texture:
        float64 (n, images, F)."""
        filters, images = self.colourfulness.shape
        flat = {part: values.reshape(filters * images, -1) for part, values in self.described.items()}
        descriptors = [dict(zip(PARTS, both)) for both in zip(*(flat[part] for part in PARTS))]
        points = positions(descriptors, PARTS, ~self.lost().ravel())
        return points.reshape(filters, images, -1)


class Atlas(NamedTuple):
    """A run of atlas.yaml or of a part of it. images: by name. asked: layer -> numbers of the filters that it has cells of,
    there or not. lacking: layer -> {"failed": cells, "missing": cells}. layers: those with two
    filters or more, in the order of the network."""

    folder: Path
    run: StoredRun
    images: tuple[str, ...]
    asked: dict[str, list[int]]
    lacking: dict[str, dict[str, int]]
    layers: dict[str, Inversions]

    def record(self, image: str, layer: str, l: int) -> Record:
        """That of a cell that is there."""
        return self.run.records[cell_name(image, layer, l)]

    def precision(self) -> str:
        """What its cells were computed in."""
        return precision_of(self.run.records.values())


def cell_name(image: str, layer: str, l: int) -> str:
    """The name of the cell of FMI of filter l."""
    return f"{image}.{layer}.f{l:03d}"


def precision_of(records: Iterable[Record]) -> str:
    """What cells were computed in."""
    return " and ".join(sorted({record["specification"]["precision"] for record in records}))


def read_atlas(folder: AnyPath) -> Atlas:
    """Reads what a run has stored so far, without the layers of which fewer than two filters have all their cells. Raises
    InputError where it is no such run, or no layer is left."""
    run = read_so_far(folder)
    place, experiment = as_line(str(folder)), run.experiment
    if experiment["method"] != "fmi" or experiment["keep"] != "picture":
        raise InputError(f"{place} holds no atlas (method {experiment['method']}); it needs method: fmi, {NEEDS}")
    images = tuple(image_name(image) for image in experiment["images"])
    asked, lacking = _asked(run)
    layers = {}
    for layer, filters in asked.items():
        check_relu(layer)
        found = read_layer(folder, run.records, layer, filters, images)
        if len(found.filters) > 1:
            layers[layer] = found
    if not layers:
        raise InputError(f"{place} has no two filters of a layer from {' and from '.join(images)}; it needs {NEEDS}")
    return Atlas(Path(folder), run, images, asked, lacking, layers)


def _asked(run: StoredRun) -> tuple[dict[str, list[int]], dict[str, dict[str, int]]]:
    """``asked`` and ``lacking`` of an ``Atlas``, by the names of its cells, which those that are not there have too."""
    named = set(run.cells)
    of_run = [cell for cell in cells(from_data(run.experiment), run.width) if cell.name in named]
    found: dict[str, set[int]] = {}
    for cell in of_run:
        found.setdefault(cell.layers[0], set()).add(cell.filter or 0)
    layers = [layer for layer in LAYERS if layer in found]
    lacking = {layer: {"failed": 0, "missing": 0} for layer in layers}
    for what, names in (("failed", set(run.failed)), ("missing", set(run.missing))):
        for cell in of_run:
            lacking[cell.layers[0]][what] += cell.name in names
    return {layer: sorted(found[layer]) for layer in layers}, lacking


def read_layer(
    folder: AnyPath,
    records: Mapping[str, Record],
    layer: str,
    filters: Iterable[int],
    images: Iterable[str],
    trained: bool = True,
) -> Inversions:
    """What is stored of a layer's filters. records: of the cells that are there, by name. trained: whether they are through
    the network; through random weights none counts as stuck, see ``is_textureless``."""
    named = {l: [cell_name(image, layer, l) for image in images] for l in filters}
    there = {l: names for l, names in named.items() if all(set(records.get(name, ())) >= NUMBERS for name in names)}
    found = [[records[name] for name in names] for names in there.values()]

    def numbers(measure: str) -> np.ndarray:
        return np.array([[record["measures"][measure] for record in of_filter] for of_filter in found])

    def facts(fact: Callable[[Record], bool]) -> np.ndarray:
        return np.array([[fact(record) for record in of_filter] for of_filter in found], dtype=bool)

    described = {
        part: np.array([[store.read_array(folder, name, part) for name in names] for names in there.values()])
        for part in PARTS
    }
    return Inversions(np.array(list(there), dtype=int), described, numbers("colourfulness"), numbers("intricacy"),
                      facts(lambda record: record["silent_at_start"]), facts(lambda record: record["silent"]),
                      facts(lambda record: trained and state(record) == "stuck"))  # fmt: skip
