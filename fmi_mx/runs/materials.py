"""What a run is made of, read and checked once, before anything is bound or written, and handed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..descent.lbfgs import LBFGS
from ..errors import InputError
from ..experiment.cell import Cell, cells
from ..experiment.experiment import Experiment, check_filters
from ..files.finding import find_image
from ..files.images import file_digest, preprocess, preprocess_style, read_image, remark
from ..machine.aliases import AnyPath, Arrays, Context, Symbol
from ..machine.mxnet import choose_device
from ..machine.precision import precision_on
from ..machine.processor import machine
from ..network.executors import to_device
from ..network.vgg19 import check_image_size, vgg19, width_of
from ..weights.canonical import read_weights, weights_digest

OTHER_LOOK = "PMCI by L-BFGS keeps more of the photograph and fewer strokes than by the authors' SGD (docs/faithful.md)"


@dataclass(frozen=True)
class Source:
    """An image file. pixels: uint8 (H, W, 3) RGB. digest: SHA-256 of the file."""

    pixels: np.ndarray
    digest: str


@dataclass(frozen=True)
class Network:
    """The network of a run. symbol: what ``vgg19`` returns. weights: on the device. digest: of them. width: one of
    ``vgg19.WIDTHS``. precision: the one that the device computes in. machine: see ``processor``."""

    symbol: Symbol
    weights: Arrays
    digest: str
    width: float
    device: Context
    precision: str | None
    machine: dict[str, Any]


@dataclass(frozen=True)
class Materials:
    """What all cells of a run share. sources: by image. shown: (image, style) -> the images that such a cell shows the
    network, [content] or [content, style], float32 (1, 3, H, W) minus the mean. network: None where no cell needs one."""

    experiment: Experiment
    sources: dict[str, Source]
    shown: dict[tuple[str, str | None], list[np.ndarray]]
    network: Network | None


def gather(experiment: Experiment, weights: AnyPath, folder: AnyPath, device: str) -> Materials:
    """Reads and checks everything that the cells need, and puts the weights on the device.

    weights: file. folder: of the images. device: see ``choose_device``. Raises InputError for an image, weights or a device
    that cannot be used, and an image too small for a layer.
    """
    sources: dict[str, Source] = {}
    shown: dict[tuple[str, str | None], list[np.ndarray]] = {}
    for image in (*experiment.images, *(experiment.styles or ())):
        path = find_image(image, folder)
        sources[image] = Source(read_image(path), file_digest(path))
    for cell in cells(experiment):
        if (cell.image, cell.style) not in shown:
            shown[cell.image, cell.style] = _network_images(experiment, cell, sources)
        _check_sizes(experiment, cell, shown[cell.image, cell.style])
    needed = any(cell.layers for cell in cells(experiment))
    return Materials(experiment, sources, shown, _network(experiment, weights, device) if needed else None)


def _network_images(experiment: Experiment, cell: Cell, sources: dict[str, Source]) -> list[np.ndarray]:
    """What ``Materials.shown`` has for a cell."""
    content = preprocess(sources[cell.image].pixels, experiment.long_edge, experiment.pixels)
    if cell.style is None:
        return [content]
    (height, width), style = content.shape[-2:], sources[cell.style].pixels
    return [
        content,
        preprocess_style(style, (height, width), experiment.long_edge, experiment.pixels, experiment.style_size),
    ]


def _network(experiment: Experiment, weights: AnyPath, device: str) -> Network:
    arrays = read_weights(weights)
    width = width_of(arrays)
    try:
        check_filters(experiment, width)
    except InputError as error:
        raise InputError(f"weights {weights}: {error}") from error
    place = choose_device(device)
    return Network(
        symbol=vgg19(experiment.pool, width),
        weights=to_device(arrays, place),
        digest=weights_digest(arrays),
        width=width,
        device=place,
        precision=experiment.precision and precision_on(experiment.precision, place),
        machine=machine(place),
    )


def remarks(experiment: Experiment, folder: AnyPath) -> list[str]:
    """What is to be known before an experiment is computed, a line each: how its images are taken, and that its pictures
    will not be those that the method is known for. folder: of the images. Raises InputError as ``gather`` does for an
    image."""
    lines = [remark(find_image(image, folder)) for image in (*experiment.images, *(experiment.styles or ()))]
    if "pmci" in (experiment.losses or ()) and isinstance(experiment.optimiser, LBFGS):
        lines.append(OTHER_LOOK)
    return [line for line in lines if line]


def _check_sizes(experiment: Experiment, cell: Cell, shown: list[np.ndarray]) -> None:
    """Raises InputError where an image that a cell shows the network is too small for a layer of it."""
    for pixels in shown:
        for layer in cell.layers:
            try:
                check_image_size(layer, *pixels.shape[-2:])
            except InputError as error:
                raise InputError(f"cell {cell.name} at long_edge {experiment.long_edge}: {error}") from error
