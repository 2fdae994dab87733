"""What claim 3 describes a picture's style by: how a code's energy is spread over its feature maps; and Gram matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ..machine.aliases import Arrays, Symbol
from ..machine.mxnet import mx
from ..method.codes import energies
from ..method.losses import gram
from ..network.executors import device_of, encode
from ..network.vgg19 import layer_code, vgg19, width_of


def energy_vectors(
    images: Iterable[np.ndarray], weights: Arrays, layers: Iterable[str], pool: str
) -> list[dict[str, np.ndarray]]:
    """The share v of a code's energy that each feature map has, as in Eq. (3).

    images: float32 (1, 3, H, W), RGB minus the mean. pool: see ``vgg19``. Returns for each image layer -> float64 (C,) with
    sum 1, or all 0 where the code is.
    """
    found = []
    for code in _encoded(images, weights, layers, pool, energies):
        found.append({layer: values / (values.sum() or 1.0) for layer, values in code.items()})
    return found


def gram_matrices(
    images: Iterable[np.ndarray], weights: Arrays, layers: Iterable[str], pool: str
) -> list[dict[str, np.ndarray]]:
    """Arguments as of ``energy_vectors``. Returns for each image layer -> float32 (C (C + 1) / 2,): the Gram matrix of the
    code, a mean over positions, each entry once; those off the diagonal times sqrt(2), so that distances are Frobenius'."""
    codes = _encoded(images, weights, layers, pool, gram)
    return [{layer: _upper(matrix).astype(np.float32) for layer, matrix in code.items()} for code in codes]


def _upper(matrix: np.ndarray) -> np.ndarray:
    rows, columns = np.triu_indices(len(matrix))
    return matrix[rows, columns] * np.where(rows == columns, 1, np.sqrt(2))


def total_variation(one: np.ndarray, other: np.ndarray) -> float:
    """The share of energy that is at another feature map: half the sum of |v - w|, 0 to 1."""
    return float(np.abs(one - other).sum() / 2)


def _encoded(
    images: Iterable[np.ndarray], weights: Arrays, layers: Iterable[str], pool: str, of_code: Callable[[Symbol], Symbol]
) -> Iterator[dict[str, np.ndarray]]:
    """For each image layer -> what of_code makes of its code, without the axis of images."""
    net = vgg19(pool, width_of(weights))
    device = device_of(weights)
    symbols = {layer: of_code(layer_code(net, layer)) for layer in layers}
    for pixels in images:
        image = mx.nd.array(pixels, ctx=device)
        yield {layer: encode(symbol, weights, image).asnumpy()[0].astype(np.float64) for layer, symbol in symbols.items()}
