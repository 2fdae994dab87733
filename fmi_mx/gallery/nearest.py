"""Which filters are alike in colour and texture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.spatial.distance import cdist

from ..measure.descriptors import Descriptor, positions

NEAREST = 8
_PARTS = ("colour", "texture")

Described = Sequence[Sequence["Descriptor | None"]]  # [image][filter]; None where there is no picture


def points_of(described: Described, textures: np.ndarray) -> np.ndarray:
    """Every picture as a point, see ``positions``. textures: bool (images, filters), which pictures are a texture, and no
    silent or stuck one; the scale is theirs. Returns float64 (images, filters, F), NaN where there is no picture."""
    there = [one for column in described for one in column if one is not None]
    lies = np.array([[one is not None for one in column] for column in described])
    found = positions(there, _PARTS, textures[lies]) if there else np.zeros((0, 1))
    points: np.ndarray = np.full((*lies.shape, found.shape[1]), np.nan)
    points[lies] = found
    return points


def between_images(points: np.ndarray) -> np.ndarray:
    """How far each filter's pictures are from each other: the mean distance of two images'. points: (images, filters, F).
    Returns float64 (filters,), NaN where there are no two."""
    pairs = [np.linalg.norm(points[one] - points[other], axis=1) for one, other in combinations(range(len(points)), 2)]
    return _mean(np.array(pairs).reshape(-1, points.shape[1]))


def nearest(points: np.ndarray, rows: slice) -> list[list[int]]:
    """The filters nearest to each of some: by the mean over images of the distance between the two filters' pictures from
    the same image. points: (images, filters, F). rows: the filters that are asked about. Returns for each at most
    ``NEAREST`` numbers, the nearest first, itself not among them."""
    distances = _mean(np.array([cdist(of_image[rows], of_image) for of_image in points]))
    found = []
    for own, row in zip(range(*rows.indices(points.shape[1])), distances):
        row[own] = np.nan
        first = np.argsort(row, kind="stable")[:NEAREST]  # NaN comes last
        found.append([int(one) for one in first if not np.isnan(row[one])])
    return found


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over the first axis of what is there, NaN where nothing is."""
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    return np.where(count, np.where(there, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)
