"""Intricacy: the structure that a picture has beyond its power spectrum."""

from __future__ import annotations

import numpy as np

from ..files.images import lab
from .descriptors import ORIENTATIONS, WAVELENGTHS, amplitudes

RESPONSES = len(WAVELENGTHS) * ORIENTATIONS
FLOOR = 0.5  # of the mean amplitude of all responses: those much fainter hardly count, or a wave's leakage would


def intricacy(picture: np.ndarray, surrogates: int, generator: np.random.Generator) -> float:
    """How much the amplitudes of a picture's log-Gabor responses differ from those of its surrogates, which have its power
    spectrum and random phases.

    picture: (H, W, 3) RGB in 0..255, of which L of CIELAB counts. surrogates: how many, at least 3. Returns the root mean
    square difference of the picture's ``structure`` to the mean of all surrogates but one, less that of the one left out,
    averaged over which it is. White noise and a wave that fits the picture are like their own surrogates, so theirs is 0 but
    for chance (it may come out below); closed shapes, corners and whatever else ties scales and directions to one place are
    not to be had from a power spectrum. Contrast counts nothing. Ours; surrogates: Theiler et al. (1992), "Testing for
    nonlinearity in time series".
    """
    channel = periodic(lab(picture)[..., 0])
    own = structure(channel)
    others = np.array([structure(surrogate(channel, generator)) for _ in range(surrogates)])
    rest = (others.sum(axis=0) - others) / (surrogates - 1)  # for each, the mean of all but itself
    return float((_root_mean_square(own - rest) - _root_mean_square(others - rest)).mean())


def structure(channel: np.ndarray) -> np.ndarray:
    """What the amplitudes of a periodic channel's 24 responses (``descriptors.amplitudes``) have in common: float64 (H, W)
    -> (24 * 23 / 2 + 24,), their correlations over positions, and the standard deviation of each over its mean. ``FLOOR`` is
    added to every divisor."""
    flat = amplitudes(channel, margin=0).reshape(RESPONSES, -1)
    floor = FLOOR * flat.mean() + np.finfo(np.float64).tiny
    mean, deviation = flat.mean(axis=1), flat.std(axis=1)
    scaled = (flat - mean[:, None]) / (deviation + floor)[:, None]
    correlations = (scaled @ scaled.T / flat.shape[1])[np.triu_indices(RESPONSES, 1)]
    return np.concatenate([correlations, deviation / (mean + floor)])


def periodic(channel: np.ndarray) -> np.ndarray:
    """A channel without the jump between its opposite edges, which would put a cross into its power spectrum: the periodic
    component of Moisan (2011), "Periodic plus smooth image decomposition". float64 (H, W) -> (H, W)."""
    jump = np.zeros_like(channel)
    for axis in (0, 1):
        first: list[slice | int] = [slice(None), slice(None)]
        last: list[slice | int] = [slice(None), slice(None)]
        first[axis], last[axis] = 0, -1
        step = channel[tuple(last)] - channel[tuple(first)]
        jump[tuple(first)] += step
        jump[tuple(last)] -= step
    waves = [2 * np.cos(2 * np.pi * np.arange(length) / length) for length in channel.shape]
    laplacian = waves[0][:, None] + waves[1][None] - 4
    laplacian[0, 0] = 1  # the jump has no mean
    return channel - np.fft.ifft2(np.fft.fft2(jump) / laplacian).real


def surrogate(channels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Channels of the same means and power spectra, with the phases of white noise added, the same to each channel, so that
    their correlations stay: float64 (..., H, W) -> (..., H, W)."""
    size = channels.shape[-2:]
    noise = np.fft.rfft2(generator.normal(size=size))
    noise[0, 0] = 1  # the mean has no phase
    return np.fft.irfft2(np.fft.rfft2(channels) * noise / np.abs(noise), size)


def _root_mean_square(differences: np.ndarray) -> np.ndarray:
    return np.sqrt((differences**2).mean(axis=1))
