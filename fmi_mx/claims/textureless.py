"""Pictures that are no texture: their filter is silent in them, or their descent was stuck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..runs.finished import state

FEWEST = 3  # filters for variance components and their jackknife, which leaves one out


def is_textureless(record: Mapping[str, Any], trained: bool) -> bool:
    """Of a cell's record. trained: whether it is through the network. Through random weights a loss may fall by less than a
    thousandth and leave a texture, so that it is stuck says nothing there."""
    return bool(state(record)) if trained else bool(record["silent"])


def filters_of_textures(without: np.ndarray) -> np.ndarray:
    """Of which filters every picture is a texture. without: bool (filters, ...), which are no texture. Returns bool
    (filters,)."""
    there: np.ndarray = ~without.reshape(len(without), -1).any(axis=1)
    return there


def points_of_textures(points: np.ndarray, without: np.ndarray) -> np.ndarray:
    """The points (filters, ...) of filters of which every picture is a texture; of all, where those are fewer than
    ``FEWEST``. without: as of ``filters_of_textures``."""
    there = filters_of_textures(without)
    return points[there] if there.sum() >= FEWEST else points


def means_of_textures(values: np.ndarray, without: np.ndarray) -> np.ndarray:
    """A measure of each filter, the mean over its pictures, without those that are no texture and filters that have no
    other, as a flat picture's intricacy means nothing; where no picture is a texture, of all.

    values: float64 (n, pictures). without: bool (n, pictures), which are no texture. Returns float64 (n or fewer,).
    """
    there = ~without
    there |= not there.any()
    counts = there.sum(axis=1)
    sums = np.where(there, values, 0.0).sum(axis=1)
    found: np.ndarray = sums[counts > 0] / counts[counts > 0]
    return found
