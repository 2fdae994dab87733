"""What a run is made of: its images and weights, read and checked before anything is bound or written."""

from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..experiment.cell import cells
from ..experiment.experiment import check_filters
from ..files.finding import find_image
from ..files.images import file_digest, preprocess, preprocess_style, read_image, remark
from ..machine.mxnet import choose_device
from ..network.vgg19 import check_image_size, width_of
from ..weights.canonical import read_weights, to_device, weights_digest


class Source(NamedTuple):
    """An image file. pixels: uint8 (H, W, 3) RGB. digest: SHA-256 of the file."""

    pixels: np.ndarray
    digest: str


class Materials(NamedTuple):
    """What all cells of a run share. sources: image -> Source. weights: name -> NDArray on the device, digest: of them;
    both None where no cell needs them."""

    sources: dict
    weights: dict
    digest: str


def gather(experiment, weights, folder, device):
    """Reads and checks everything that the cells need, and puts the weights on the device.

    experiment: ``Experiment``. weights: file. folder: of the images. device: see ``choose_device``. Returns ``Materials``.
    Raises InputError for an image, weights or a device that cannot be used, and an image too small for a layer.
    """
    sources = {}
    for image in (*experiment.images, *(experiment.styles or ())):
        path = find_image(image, folder)
        sources[image] = Source(read_image(path), file_digest(path))
    for cell in {(cell.image, cell.style, cell.layers): cell for cell in cells(experiment)}.values():
        _check_sizes(experiment, cell, sources)
    if not any(cell.layers for cell in cells(experiment)):
        return Materials(sources, None, None)
    arrays = read_weights(weights)
    try:
        check_filters(experiment, width_of(arrays))
    except InputError as error:
        raise InputError(f"weights {weights}: {error}") from error
    return Materials(sources, to_device(arrays, choose_device(device)), weights_digest(arrays))


def remarks(experiment, folder):
    """What the owners of an experiment's images should know of how they are taken, a line each. folder: of the images.
    Raises InputError as ``gather`` does for an image."""
    lines = [remark(find_image(image, folder)) for image in (*experiment.images, *(experiment.styles or ()))]
    return [line for line in lines if line]


def _check_sizes(experiment, cell, sources):
    """Raises InputError where an image that a cell shows the network is too small for a layer of it."""
    for pixels in network_images(experiment, cell, sources):
        for layer in cell.layers:
            try:
                check_image_size(layer, *pixels.shape[2:])
            except InputError as error:
                raise InputError(f"cell {cell.name} at long_edge {experiment.long_edge}: {error}") from error


def network_images(experiment, cell, sources):
    """The images that a cell shows the network: [content] or [content, style], float32 (1, 3, H, W) minus the mean."""
    content = preprocess(sources[cell.image].pixels, experiment.long_edge, experiment.pixels)
    if cell.style is None:
        return [content]
    size, style = content.shape[2:], sources[cell.style].pixels
    return [content, preprocess_style(style, size, experiment.long_edge, experiment.pixels, experiment.style_size)]
