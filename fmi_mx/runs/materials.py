"""What a run is made of, read and checked once, before anything is computed or written. No MXNet is needed for it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import NamedTuple, Tuple

import numpy as np

from ..descent.lbfgs import LBFGS
from ..errors import InputError, as_line
from ..experiment.cell import Cell, cells
from ..experiment.experiment import Experiment, check_filters
from ..files.finding import find_image
from ..files.images import file_digest, preprocess, preprocess_style, read_image, remark
from ..machine.aliases import AnyPath
from ..machine.devices import Device, find_device
from ..machine.precision import precision_on
from ..network.vgg19 import check_image_size, width_of
from ..weights.canonical import read_weights, weights_digest

OTHER_LOOK = "PMCI by L-BFGS keeps more of the photograph and fewer strokes than by the authors' SGD (docs/faithful.md)"

Shown = Tuple[np.ndarray, ...]  # what a cell shows the network: content, or content and style


@dataclass(frozen=True)
class Source:
    """An image file. pixels: uint8 (H, W, 3) RGB. digest: SHA-256 of the file."""

    pixels: np.ndarray
    digest: str


class Weights(NamedTuple):
    """A file of weights. digest: of its numbers. width: of the network, one of ``vgg19.WIDTHS``."""

    path: str
    digest: str
    width: float


@dataclass(frozen=True)
class Materials:
    """What all cells of a run share. sources: by image. shown: (image, style) -> the images that such a cell shows the
    network, float32 (1, 3, H, W) minus the mean. weights: None where no cell needs the network. precision: the one that the
    device computes in."""

    experiment: Experiment
    sources: dict[str, Source]
    shown: dict[tuple[str, str | None], Shown]
    weights: Weights | None
    device: Device
    precision: str | None

    @property
    def cells(self) -> list[Cell]:
        """The cells of the experiment, with the filters that the network has."""
        return cells(self.experiment, self.weights.width if self.weights else 1)


@dataclass(frozen=True)
class Files:
    """Reads each file once, for all the runs that are gathered with it."""

    _sources: dict[str, Source] = field(default_factory=dict)
    _weights: dict[str, Weights] = field(default_factory=dict)
    _shown: dict[tuple[object, ...], Shown] = field(default_factory=dict)

    def source(self, path: AnyPath) -> Source:
        """An image."""
        key = os.fspath(path)
        if key not in self._sources:
            self._sources[key] = Source(read_image(path), file_digest(path))
        return self._sources[key]

    def weights(self, path: AnyPath) -> Weights:
        """What there is to know of a weights file."""
        key = os.path.abspath(path)
        if key not in self._weights:
            arrays = read_weights(path)
            self._weights[key] = Weights(key, weights_digest(arrays), width_of(arrays))
        return self._weights[key]

    def shown(self, experiment: Experiment, content: Source, style: Source | None) -> Shown:
        """What ``Materials.shown`` has for an image and a style."""
        sizes = experiment.long_edge, experiment.pixels, experiment.style_size
        key = (content.digest, style and style.digest, *sizes)
        if key not in self._shown:
            self._shown[key] = _network_images(experiment, content, style)
        return self._shown[key]


def gather(
    experiment: Experiment, weights: AnyPath, folder: AnyPath, device: str = "auto", files: Files | None = None
) -> Materials:
    """Reads and checks everything that the cells need.

    weights: file. folder: of the images. device: see ``find_device``. files: what other runs have read. Raises InputError
    for an image, weights or a device that cannot be used, and an image too small for a layer.
    """
    files = files or Files()
    named = (*experiment.images, *(experiment.styles or ()))
    sources = {image: files.source(find_image(image, folder)) for image in named}
    shown: dict[tuple[str, str | None], Shown] = {}
    needed = False
    for cell in cells(experiment):
        needed = needed or bool(cell.layers)
        if (cell.image, cell.style) not in shown:
            style = sources[cell.style] if cell.style else None
            try:
                shown[cell.image, cell.style] = files.shown(experiment, sources[cell.image], style)
            except InputError as error:
                raise InputError(
                    f"{as_line(cell.image)}{f' in {as_line(cell.style)}' if cell.style else ''}: {error}"
                ) from error
        _check_sizes(experiment, cell, shown[cell.image, cell.style])
    if not needed:
        return Materials(experiment, sources, shown, None, Device("cpu"), None)
    known, place = _known_weights(experiment, weights, files), find_device(device)
    precision = precision_on(experiment.precision, place) if experiment.precision else None
    return Materials(experiment, sources, shown, known, place, precision)


def _network_images(experiment: Experiment, content: Source, style: Source | None) -> Shown:
    first = preprocess(content.pixels, experiment.long_edge, experiment.pixels)
    if style is None:
        return (first,)
    height, width = first.shape[-2:]
    sizes = (height, width), experiment.long_edge, experiment.pixels, experiment.style_size
    return first, preprocess_style(style.pixels, *sizes)


def _known_weights(experiment: Experiment, path: AnyPath, files: Files) -> Weights:
    known = files.weights(path)
    try:
        check_filters(experiment, known.width)
    except InputError as error:
        raise InputError(f"weights {path}: {error}") from error
    return known


def remarks(experiment: Experiment, folder: AnyPath) -> list[str]:
    """What is to be known before an experiment is computed, a line each: how its images are taken, and that its pictures
    will not be those that the method is known for. folder: of the images. Raises InputError as ``gather`` does for an
    image."""
    lines = [remark(find_image(image, folder)) for image in (*experiment.images, *(experiment.styles or ()))]
    if "pmci" in (experiment.losses or ()) and isinstance(experiment.optimiser, LBFGS):
        lines.append(OTHER_LOOK)
    return [line for line in lines if line]


def _check_sizes(experiment: Experiment, cell: Cell, shown: Shown) -> None:
    """Raises InputError where an image that a cell shows the network is too small for a layer of it."""
    for pixels in shown:
        for layer in cell.layers:
            try:
                check_image_size(layer, *pixels.shape[-2:])
            except InputError as error:
                raise InputError(f"cell {cell.name} at long_edge {experiment.long_edge}: {error}") from error
