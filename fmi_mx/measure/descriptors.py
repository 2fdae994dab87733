"""Two descriptors of texture and colour, blind to where in a picture something stands, and the distance between them.

A descriptor has a 1-D float64 vector for each part: without a network (``describe``) the parts are ``colour`` and
``texture``, with VGG-19 (``channel_statistics``) they are layers. Each part counts alike in a distance, however many numbers
it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Dict

import numpy as np

from ..files.images import MEAN, lab
from ..machine.aliases import Arrays, Symbol
from ..machine.mxnet import mx
from ..network.executors import device_of, encode
from ..network.vgg19 import check_image_size, layer_code, layer_table, vgg19, width_of

DESCRIBED = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")  # the paper's five, of Fig. 3
WAVELENGTHS = (3.0, 5.4, 9.7, 17.5)  # pixels; from the finest that pixels hold, each 1.8 times the last
ORIENTATIONS = 6
BANDWIDTH = 0.55  # of the log-Gabor filters: about 1.5 octaves, so that neighbouring scales overlap
MARGIN = 16  # pixels mirrored at the edges, about the longest wavelength, as the Fourier transform would wrap them round
FAINT = 0.1  # of L, which runs from 0 to 100: what is fainter is not told apart

Descriptor = Dict[str, np.ndarray]  # part -> (n,)


def describe(picture: np.ndarray) -> Descriptor:
    """The descriptor without a network.

    picture: uint8 (H, W, 3) RGB. ``colour`` (9,): in CIELAB the mean of L, a and b, the logarithm of their standard
    deviations and their three correlations. ``texture`` (2 * 4 * 6,): of L alone, for four wavelengths and six orientations,
    the logarithm of the mean amplitude of a log-Gabor filter's response (energy), and the amplitude's standard deviation
    over its mean (a regular texture's is low). Nothing of L changes where only a and b do, so ``texture`` sees no hues.
    """
    pixels = lab(picture)
    flat = pixels.reshape(-1, 3)
    mean, deviation = flat.mean(axis=0), flat.std(axis=0)
    scaled = (flat - mean) / (deviation + 1)  # 1 is about the least difference of colour that is seen
    correlations = (scaled.T @ scaled / len(scaled))[np.triu_indices(3, 1)]
    responses = amplitudes(pixels[..., 0])
    energy = responses.mean(axis=(1, 2))
    return {
        "colour": np.concatenate([mean, np.log(deviation + 1), correlations]),
        "texture": np.concatenate([np.log(energy + FAINT), responses.std(axis=(1, 2)) / (energy + FAINT)]),
    }


def channel_statistics(pictures: Iterable[np.ndarray], weights: Arrays) -> list[Descriptor]:
    """The descriptor from VGG-19: mean and standard deviation of each channel at the paper's five layers.

    pictures: uint8 (H, W, 3) RGB. Returns for each picture layer -> (2 C,). Raises InputError for a picture too small for
    the deepest layer.
    """
    width = width_of(weights)
    net = vgg19(width=width)
    symbol = mx.sym.concat(*[part for layer in DESCRIBED for part in _statistics(layer_code(net, layer))], dim=1)
    device = device_of(weights)
    found = []
    for picture in pictures:
        check_image_size(DESCRIBED[-1], *picture.shape[:2])
        image = mx.nd.array((picture - MEAN).transpose(2, 0, 1)[None], ctx=device)
        found.append(_by_layer(encode(symbol, weights, image).asnumpy()[0].astype(np.float64), width))
    return found


def positions(descriptors: Sequence[Descriptor], parts: Iterable[str], chosen: np.ndarray | None = None) -> np.ndarray:
    """Descriptors as points whose Euclidean distances say how alike pictures are.

    descriptors: n, of all pictures to be compared. parts: those to use. chosen: bool (n,), the pictures over which every
    number is standardised, all when None or where none is; a few that are far from all others, such as grey ones, would else
    make the others alike. A number that is the same in all chosen counts nothing. Each is divided by the square root of how
    many its part has, so that no number counts for its unit and no part for its length. Returns float64 (n, F).
    """
    columns = []
    for part in parts:
        values = np.array([descriptor[part] for descriptor in descriptors])
        some = values if chosen is None or not chosen.any() else values[chosen]
        deviation = some.std(axis=0)
        varies = deviation > 1e-9 * (np.abs(some).max(axis=0) + 1e-9)
        columns.append((values - some.mean(axis=0)) * varies / np.where(varies, deviation, 1) / np.sqrt(values.shape[1]))
    return np.concatenate(columns, axis=1)


def _statistics(code: Symbol) -> tuple[Symbol, Symbol]:
    """Mean and standard deviation of each channel of a code (B, C, M, N): both (B, C)."""
    mean = mx.sym.mean(code, axis=(2, 3), keepdims=True)
    variance = mx.sym.mean(mx.sym.square(mx.sym.broadcast_sub(code, mean)), axis=(2, 3))
    return mx.sym.reshape(mean, shape=(0, -1)), mx.sym.sqrt(variance)


def _by_layer(values: np.ndarray, width: float) -> Descriptor:
    """(2 * all channels,) -> layer -> (2 C,)."""
    ends = np.cumsum([2 * layer_table(width)[layer][1] for layer in DESCRIBED])
    return dict(zip(DESCRIBED, np.split(values, ends[:-1])))


def amplitudes(channel: np.ndarray, margin: int = MARGIN) -> np.ndarray:
    """Amplitudes of the responses of complex log-Gabor filters, scale by scale and orientation by orientation: float64
    (H, W) -> (4 * 6, H, W). margin: pixels mirrored at the edges; with 0 the channel goes on at its opposite edge."""
    height, width = channel.shape
    framed = np.pad(channel - channel.mean(), margin, mode="symmetric")
    spectrum = np.fft.fft2(framed)
    inner = slice(margin, margin + height), slice(margin, margin + width)
    return np.array([np.abs(np.fft.ifft2(spectrum * window))[inner] for window in _filters(*framed.shape)])


def _filters(height: int, width: int) -> Iterator[np.ndarray]:
    """The filters in the frequency domain, each on one half plane, so that a response is complex and its amplitude does not
    change with the phase."""
    vertical, horizontal = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    radius, angle = np.hypot(vertical, horizontal), np.arctan2(vertical, horizontal)
    radius[0, 0] = 1  # the mean has no orientation; it is 0 in what is filtered
    for wavelength in WAVELENGTHS:
        radial = np.exp(-(np.log(radius * wavelength) ** 2) / (2 * np.log(BANDWIDTH) ** 2))
        for turn in np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS:
            yield radial * np.clip(np.cos(angle - turn), 0, None) ** (ORIENTATIONS - 1)
