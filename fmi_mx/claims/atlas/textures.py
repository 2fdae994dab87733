"""Whether each filter has a texture of its own: its inversions are like each other and unlike other filters'."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import cdist, squareform

from ...measure.intervals import Bootstrap, Estimate
from .settings import Settings


class Closeness(NamedTuple):
    """How the filters' inversions lie to one another, each number a mean over pairs of images. found: (n,), whether a
    filter's two are each other's nearest among all filters'. nearer: (n,), the share of the other filters whose inversion
    from the other image is as near as the filter's own, or nearer; 0.5 where nothing is told apart, 1 where a picture is
    lost or both are the same. own: (n,), how far its two are apart. apart: (n, n), how far the inversion of one filter from
    one image is from the other's from the other image. mutual: for each pair of images, (k, 2), the pairs of filters, the
    first's from the first image, that are each other's nearest."""

    found: np.ndarray
    nearer: np.ndarray
    own: np.ndarray
    apart: np.ndarray
    mutual: list[np.ndarray]

    def chance(self) -> float:
        """The share that would be found if filters were told at random: of the pairs that are each other's nearest, one in
        n has the same filter twice."""
        return float(np.mean([len(pairs) for pairs in self.mutual])) / len(self.own) ** 2

    def shuffled(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Numbers of filters that are found where the second image's labels are shuffled: (count,)."""
        labels = generator.permuted(np.tile(np.arange(len(self.own)), (count, 1)), axis=1)
        return np.mean([(labels[:, pairs[:, 1]] == pairs[:, 0]).sum(axis=1) for pairs in self.mutual], axis=0)


def closeness(points: np.ndarray, lost: np.ndarray) -> Closeness:
    """points: float64 (n, images, F), of at least two filters and images. lost: bool (n, images), pictures that are no
    texture, silent or stuck: they neither find nor are found, so their filters are not found, and nothing is farther from a
    texture of its own."""
    images = list(combinations(range(points.shape[1]), 2))
    distances = [cdist(points[:, one], points[:, other]) for one, other in images]
    unseen = [lost[:, one, None] | lost[:, other] for one, other in images]
    lost = lost.any(axis=1)
    mutual = [pairs[~lost[pairs].any(axis=1)] for pairs in map(_mutual, distances, unseen)]
    found = [np.isin(np.arange(len(points)), pairs[pairs[:, 0] == pairs[:, 1], 0]) for pairs in mutual]
    own = np.mean([one.diagonal() for one in distances], axis=0)
    apart = np.mean([(one + one.T) / 2 for one in distances], axis=0)
    nearer = np.where(lost | (own == 0), 1.0, np.mean([_nearer(one) for one in distances], axis=0))
    return Closeness(np.mean(found, axis=0), nearer, own, apart, mutual)


def centred(points: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Points, (n, images, F), without what an image adds to every picture: the mean of its textures is taken off. lost: as
    of ``closeness``."""
    there = (~lost)[..., None]
    found: np.ndarray = points - (points * there).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return found


def _mutual(distances: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """The pairs that are each other's nearest, (k, 2). distances: from each filter's inversion from one image to each
    filter's from another, (n, n). unseen: bool (n, n), pairs with a picture that is lost. A tie is none, and so is the same
    picture twice: neither filters that nothing tells apart nor those that leave the same grey are found."""
    distances = np.where(unseen, np.inf, distances)
    in_row, in_column = (distances == distances.min(axis=axis, keepdims=True) for axis in (1, 0))
    alone = (in_row.sum(axis=1, keepdims=True) == 1) & (in_column.sum(axis=0, keepdims=True) == 1)
    return np.argwhere(in_row & in_column & alone & (distances > 0) & ~unseen)


def _nearer(distances: np.ndarray) -> np.ndarray:
    own = distances.diagonal()
    others = (distances <= own[:, None]).sum(axis=1) + (distances <= own).sum(axis=0) - 2  # but itself, in each
    return others / (2 * (len(own) - 1))


class Distinct(NamedTuple):
    """How many textures a layer has. threshold: no farther apart are near duplicates. textures: how many are distinct, and,
    as its interval, at the ends of the threshold's. groups: those of more than one filter, the largest first, as places.
    duplicated: the share of filters with a near duplicate. pairs: of near duplicates."""

    threshold: Estimate
    textures: Estimate
    groups: list[np.ndarray]
    duplicated: Estimate
    pairs: int


def distinct(close: Closeness, settings: Settings, bootstrap: Bootstrap) -> Distinct:
    """Two filters are near duplicates where they are no farther apart than the median (``duplicates``) of how far the two
    inversions of one filter are. Groups are average-link clusters at that distance: on average over their pairs, their
    members are no farther apart."""
    threshold = bootstrap.estimate(lambda own: float(np.quantile(own, settings.duplicates)), close.own)
    others = close.apart.copy()
    np.fill_diagonal(others, np.inf)
    near = others <= threshold.value
    tree = average(squareform(close.apart, checks=False))
    cut = {end: fcluster(tree, end, "distance") for end in threshold}
    count = {end: float(labels.max()) for end, labels in cut.items()}
    labels = cut[threshold.value]
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return Distinct(
        threshold,
        Estimate(count[threshold.value], count[threshold.high], count[threshold.low]),
        sorted((group for group in groups if len(group) > 1), key=lambda group: (-len(group), group[0])),
        bootstrap.estimate(np.mean, near.any(axis=1).astype(float)),
        int(near.sum()) // 2,
    )


def nearest_other(close: Closeness) -> tuple[np.ndarray, np.ndarray]:
    """For each filter the place of the other one that is least apart, and how far it is: both (n,)."""
    others = close.apart.copy()
    np.fill_diagonal(others, np.inf)
    return others.argmin(axis=1), others.min(axis=1)
