"""What a run is made of, read and checked once, before anything is bound or written, and handed on."""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..errors import InputError
from ..experiment.cell import cells
from ..experiment.experiment import Experiment, check_filters
from ..files.finding import find_image
from ..files.images import file_digest, preprocess, preprocess_style, read_image, remark
from ..machine.mxnet import choose_device
from ..machine.precision import precision_on
from ..machine.processor import machine
from ..network.executors import to_device
from ..network.vgg19 import check_image_size, vgg19, width_of
from ..weights.canonical import read_weights, weights_digest


@dataclass(frozen=True)
class Source:
    """An image file. pixels: uint8 (H, W, 3) RGB. digest: SHA-256 of the file."""

    pixels: np.ndarray
    digest: str


@dataclass(frozen=True)
class Network:
    """The network of a run. symbol: what ``vgg19`` returns. weights: name -> NDArray on the device. digest: of them. width:
    one of ``vgg19.WIDTHS``. device: ``mx.Context``. precision: the one that the device computes in. machine: see
    ``processor``."""

    symbol: object
    weights: dict
    digest: str
    width: float
    device: object
    precision: Optional[str]
    machine: dict


@dataclass(frozen=True)
class Materials:
    """What all cells of a run share. sources: image -> ``Source``. shown: (image, style or None) -> the images that such a
    cell shows the network, [content] or [content, style], float32 (1, 3, H, W) minus the mean. network: None where no cell
    needs one."""

    experiment: Experiment
    sources: dict
    shown: dict
    network: Optional[Network]


def gather(experiment, weights, folder, device):
    """Reads and checks everything that the cells need, and puts the weights on the device.

    experiment: ``Experiment``. weights: file. folder: of the images. device: see ``choose_device``. Returns ``Materials``.
    Raises InputError for an image, weights or a device that cannot be used, and an image too small for a layer.
    """
    sources, shown = {}, {}
    for image in (*experiment.images, *(experiment.styles or ())):
        path = find_image(image, folder)
        sources[image] = Source(read_image(path), file_digest(path))
    for cell in cells(experiment):
        if (cell.image, cell.style) not in shown:
            shown[cell.image, cell.style] = _network_images(experiment, cell, sources)
        _check_sizes(experiment, cell, shown[cell.image, cell.style])
    needed = any(cell.layers for cell in cells(experiment))
    return Materials(experiment, sources, shown, _network(experiment, weights, device) if needed else None)


def _network_images(experiment, cell, sources):
    """What ``Materials.shown`` has for a cell."""
    content = preprocess(sources[cell.image].pixels, experiment.long_edge, experiment.pixels)
    if cell.style is None:
        return [content]
    size, style = content.shape[2:], sources[cell.style].pixels
    return [content, preprocess_style(style, size, experiment.long_edge, experiment.pixels, experiment.style_size)]


def _network(experiment, weights, device):
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


def remarks(experiment, folder):
    """What the owners of an experiment's images should know of how they are taken, a line each. folder: of the images.
    Raises InputError as ``gather`` does for an image."""
    lines = [remark(find_image(image, folder)) for image in (*experiment.images, *(experiment.styles or ()))]
    return [line for line in lines if line]


def _check_sizes(experiment, cell, shown):
    """Raises InputError where an image that a cell shows the network is too small for a layer of it."""
    for pixels in shown:
        for layer in cell.layers:
            try:
                check_image_size(layer, *pixels.shape[2:])
            except InputError as error:
                raise InputError(f"cell {cell.name} at long_edge {experiment.long_edge}: {error}") from error
