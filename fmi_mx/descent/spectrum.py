"""The curvature of a loss by colour and spatial frequency, and the preconditioner that it makes.

These losses curve up to ten thousand times more along some images than along others: at relu2_2 along coarse colour contrast
of equal brightness, and hardly at all along fine contrast of that kind. One pass measures it: for white noise v, the mean of
v (H v) over the coefficients of a band is the curvature of that band.
"""

from __future__ import annotations

import numpy as np

from ..machine.aliases import NDArray
from ..machine.mxnet import mx

# Rows: brightness, red against blue, green against both. Orthonormal.
COLOURS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
# Edges of the bands, cycles a pixel; narrower where pictures have more.
BANDS = (0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)


class Spectrum:
    """Approximates the inverse Hessian: divides each band of each colour by its curvature.

    v, change: (B, 3, H, W), white noise and by how much the gradient changed when v was added to the image.
    damping: share of the largest curvature that is added to every one.
    """

    def __init__(self, v: NDArray, change: NDArray, damping: float) -> None:
        device, (height, width) = v.context, v.shape[2:]
        self._across = mx.nd.array(cosines(width), ctx=device)
        self._down = mx.nd.array(cosines(height), ctx=device)
        self._colours = mx.nd.array(COLOURS, ctx=device)
        bands, coefficients = band_numbers(height, width), self._forward(v)
        bent = mx.nd.sum(coefficients * self._forward(change), axis=1).asnumpy()
        straight = mx.nd.sum(mx.nd.square(coefficients), axis=1).asnumpy()
        curvature = np.stack([_by_band(bands, one) / _by_band(bands, other) for one, other in zip(bent, straight)])
        damped = np.maximum(curvature, 0) + damping * max(curvature.max(), 1e-30)
        self._inverse = mx.nd.array((1 / damped)[:, bands][:, None], ctx=device)

    def __call__(self, image: NDArray) -> NDArray:
        """image: (B, 3, H, W). Returns the inverse Hessian times it, of the same shape."""
        coefficients = mx.nd.broadcast_mul(self._forward(image), self._inverse)
        rows = mx.nd.dot(coefficients, self._across)
        columns = mx.nd.dot(rows.transpose((0, 1, 3, 2)), self._down).transpose((0, 1, 3, 2))
        return mx.nd.dot(self._colours, columns, transpose_a=True).transpose((1, 0, 2, 3))

    def _forward(self, image: NDArray) -> NDArray:
        """The coefficients (3, B, H, W): colours turned, then the discrete cosine transform of each."""
        colours = mx.nd.dot(self._colours, image.transpose((1, 0, 2, 3)))
        columns = mx.nd.dot(colours.transpose((0, 1, 3, 2)), self._down, transpose_b=True).transpose((0, 1, 3, 2))
        return mx.nd.dot(columns, self._across, transpose_b=True)


def cosines(size: int) -> np.ndarray:
    """The orthonormal discrete cosine transform (DCT-II) of ``size`` values, as a matrix (frequency, place)."""
    frequency, place = np.arange(size)[:, None], np.arange(size)[None]
    matrix = np.sqrt(2 / size) * np.cos(np.pi * frequency * (2 * place + 1) / (2 * size))
    matrix[0] /= np.sqrt(2)
    return matrix


def band_numbers(height: int, width: int) -> np.ndarray:
    """The band of each coefficient of an image's cosine transform, int (height, width), counted without gaps from 0."""
    down, across = np.arange(height)[:, None] / (2 * height), np.arange(width)[None] / (2 * width)
    return np.unique(np.digitize(np.hypot(down, across), BANDS), return_inverse=True)[1].reshape(height, width)


def _by_band(bands: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    return np.bincount(bands.ravel(), coefficients.ravel())
