"""The curvature of a loss by colour and spatial frequency, and the preconditioner that it makes.

These losses curve up to ten thousand times more along some images than along others: at relu2_2 along coarse colour contrast
of equal brightness, and hardly at all along fine contrast of that kind. One pass measures it: for white noise v, the mean of
v (H v) over the coefficients of a band is the curvature of that band.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import dctn, idctn

# Rows: brightness, red against blue, green against both. Orthonormal.
COLOURS = (np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])).astype(np.float32)
# Edges of the bands, cycles a pixel; narrower where pictures have more.
BANDS = (0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)


class NoCurvature(ArithmeticError):
    """The loss curves upwards along no colour and frequency, so that there is nothing to divide by."""


class Spectrum:
    """Approximates the inverse Hessian: divides each band of each colour by its curvature.

    v, change: float32 (B, 3, H, W), white noise and by how much the gradient changed when v was added to the image.
    damping: share of the largest curvature that is added to every one. Raises NoCurvature where it is positive in no band.
    """

    def __init__(self, v: np.ndarray, change: np.ndarray, damping: float) -> None:
        bands, coefficients = band_numbers(*v.shape[-2:]), forward(v)
        bent = (coefficients * forward(change)).sum(axis=0)
        straight = np.square(coefficients).sum(axis=0)
        curvature = np.stack([_by_band(bands, one) / _by_band(bands, other) for one, other in zip(bent, straight)])
        largest = float(curvature.max())
        if not largest > 0:
            raise NoCurvature
        damped = np.maximum(curvature, 0) + damping * largest
        self._inverse = (1 / damped)[:, bands].astype(np.float32)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The inverse Hessian times an image, (B, 3, H, W)."""
        return backward(forward(image) * self._inverse)

    def along(self, image: np.ndarray) -> float:
        """An image times the inverse Hessian times the image."""
        return float((np.square(forward(image)) * self._inverse).sum())


def forward(image: np.ndarray) -> np.ndarray:
    """The coefficients of an image, (B, 3, H, W): its colours turned, then the discrete cosine transform of each."""
    return dctn(np.einsum("kc,bchw->bkhw", COLOURS, image), axes=(2, 3), norm="ortho")


def backward(coefficients: np.ndarray) -> np.ndarray:
    """The image of coefficients: ``forward`` the other way round."""
    return np.einsum("kc,bkhw->bchw", COLOURS, idctn(coefficients, axes=(2, 3), norm="ortho"))


def band_numbers(height: int, width: int) -> np.ndarray:
    """The band of each coefficient of an image's cosine transform, int (height, width), counted without gaps from 0."""
    down, across = np.arange(height)[:, None] / (2 * height), np.arange(width)[None] / (2 * width)
    return np.unique(np.digitize(np.hypot(down, across), BANDS), return_inverse=True)[1].reshape(height, width)


def _by_band(bands: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    return np.bincount(bands.ravel(), coefficients.ravel())
