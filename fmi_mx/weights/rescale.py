"""Weights scaled filter by filter, which leaves what a ReLU network tells apart unchanged: its mean activations become 1, as
Gatys et al. had them ("Texture Synthesis Using Convolutional Neural Networks", 2015, Sec. 2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files.finding import find_image
from ..files.images import file_digest, preprocess, read_image
from ..machine.aliases import AnyPath, NDArray
from ..machine.mxnet import mx
from ..network.executors import encode, to_device
from ..network.vgg19 import is_relu, layer_table, vgg19, width_of
from .canonical import array_digest, check_target, read_weights, write_weights
from .convert import network_of, provenance_of

LONG_EDGE = 512  # pixels, the authors' size


def normalise(source: AnyPath, target: AnyPath, images: Sequence[str], folder: AnyPath) -> dict[str, Any]:
    """Writes weights whose every filter has a mean activation of 1 over some images, and beside them where they come from.

    source: weights file. target: .params or .npz, which stays as it is where it was made from the same. images: their names;
    folder: where they are. Average pooling. Filters that are silent in all of them stay as they are. Returns the provenance.
    Raises InputError for what cannot be read or written.
    """
    check_target(target)
    arrays = read_weights(source)
    paths = {name: find_image(name, folder) for name in images}
    origin = {
        "network": f"{network_of(arrays, source)}; scaled to a mean activation of 1 for every filter",
        "source": {"file": Path(source).name, "sha256": file_digest(source)},
        "images": {name: file_digest(path) for name, path in paths.items()},
        "long_edge": LONG_EDGE,
    }
    if found := _made_from(origin, target):
        return found
    shown = [mx.nd.array(preprocess(read_image(path), LONG_EDGE, "authors")) for path in paths.values()]
    means = mean_activations(arrays, shown)
    with np.errstate(all="ignore"):  # numbers that leave float32 are refused when they are written
        result = rescaled(arrays, {relu: 1 / np.where(mean > 0, mean, 1) for relu, mean in means.items()})
    provenance = {
        **origin,
        "silent": {relu: int((mean == 0).sum()) for relu, mean in means.items()},
        "sha256": {name: array_digest(array) for name, array in result.items()},
    }
    write_weights(result, target, provenance)
    return provenance


def _made_from(origin: dict[str, Any], target: AnyPath) -> dict[str, Any] | None:
    """The provenance of weights that are there, if it has all of origin; else None."""
    try:
        found = provenance_of(read_weights(target), target)
    except (OSError, InputError):
        return None
    return found if found == {**found, **origin} else None


def mean_activations(arrays: dict[str, np.ndarray], images: Sequence[NDArray]) -> dict[str, np.ndarray]:
    """The mean of each feature map behind a ReLU over positions and images, which count by their pixels.

    arrays: canonical weights. images: (B, 3, H, W), mean-subtracted RGB. Returns ReLU's name -> float64 (C,), in the
    network's order.
    """
    width = width_of(arrays)
    relus = list(filter(is_relu, layer_table(width)))
    net, weights = vgg19("avg", width).get_internals(), to_device(arrays, mx.cpu())
    means = mx.sym.concat(*[mx.sym.mean(net[f"{relu}_output"], axis=(0, 2, 3)) for relu in relus], dim=0)
    found = [encode(means, weights, image).asnumpy().astype(np.float64) for image in images]
    mean = np.average(found, axis=0, weights=[image.size for image in images])
    ends = np.cumsum([layer_table(width)[relu][1] for relu in relus])
    return dict(zip(relus, np.split(mean, ends[:-1])))


def rescaled(arrays: dict[str, np.ndarray], factors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights of the network whose feature maps are ``factors`` times those of the given one.

    arrays: canonical weights. factors: ReLU's name -> (C,), all above 0, in the network's order. A layer's filters are
    multiplied, and divided by the factors of what they see. Returns name -> float32.
    """
    seen, result = np.ones(3), {}
    for relu, factor in factors.items():
        name = relu.replace("relu", "conv")
        weight = arrays[f"{name}_weight"] * factor[:, None, None, None] / seen[None, :, None, None]
        result[f"{name}_weight"] = weight.astype(np.float32)
        result[f"{name}_bias"] = (arrays[f"{name}_bias"] * factor).astype(np.float32)
        seen = factor
    return result
