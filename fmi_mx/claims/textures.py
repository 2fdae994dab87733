"""Claims 1 and 4: each filter's inversions are alike and unlike other filters', whatever the image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ..measure.descriptors import describe, positions
from ..measure.intervals import Bootstrap, Estimate, jackknife, permutation_p, variance_components
from .settings import Settings
from .textureless import FEWEST, filters_of_textures
from .verdicts import HOLDS, RANDOM, Row, judged, undecided


def points_of(pictures: list[list[list[np.ndarray]]], textureless: np.ndarray | None = None) -> np.ndarray:
    """Pictures, a uint8 (H, W, 3) for each image and seed of each filter, [filter][image][seed], as points of the descriptor
    without a network: float64 (filters, images, seeds, F). textureless: bool (filters, images, seeds), which pictures are
    no texture, none when None; the others' numbers are standardised without them."""
    flat = [describe(picture) for of_filter in pictures for of_image in of_filter for picture in of_image]
    points = positions(flat, ("colour", "texture"), None if textureless is None else ~textureless.ravel())
    return points.reshape(len(pictures), len(pictures[0]), len(pictures[0][0]), -1)


def nearest(points: np.ndarray, textureless: np.ndarray) -> np.ndarray:
    """For each picture the one that is nearest to it among all filters' of another image and another seed.

    points: float64 (filters, images, seeds, F). textureless: bool (filters, images, seeds), which pictures are no texture;
    they neither find nor are found. Returns int (filters, images, seeds): its index in the flattened order, or -1 where
    there is none, two are as near, or it is the same picture, so that neither a descriptor that tells nothing apart nor
    filters that leave the initial image grey find anything.
    """
    shape = points.shape[:-1]
    flat = points.reshape(-1, points.shape[-1])
    _, image, seed = np.unravel_index(np.arange(len(flat)), shape)
    distances = np.array([np.linalg.norm(flat - point, axis=1) for point in flat])
    lost = textureless.ravel()
    distances[(image[:, None] == image) | (seed[:, None] == seed) | lost[:, None] | lost] = np.inf
    first, second = np.sort(distances, axis=1)[:, :2].T
    return np.where((first > 0) & (first < second), distances.argmin(axis=1), -1).reshape(shape)


def hits(found: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Whether each picture's nearest is of its own filter: bool (filters, images, seeds). found: of ``nearest``. labels: of
    the same shape, which filter each picture is said to be of; the true ones when None."""
    labels = np.broadcast_to(np.arange(len(found))[:, None, None], found.shape) if labels is None else labels
    return (found >= 0) & (labels.ravel()[found] == labels)


def shuffled_shares(found: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Shares of hits with the filters' labels shuffled within each image and seed, float64 (count,)."""
    labels = np.broadcast_to(np.arange(len(found))[:, None, None], found.shape)
    return np.array([hits(found, generator.permuted(labels, axis=0)).mean() for _ in range(count)])


def retrieval_row(
    layer: str,
    found: np.ndarray,
    random: np.ndarray,
    noise: np.ndarray,
    settings: Settings,
    bootstrap: Bootstrap,
    generator: np.random.Generator,
) -> Row:
    """Claim 1 at a layer: the share of pictures whose nearest is of their own filter.

    found, random, noise: of ``nearest``, of the inversions, of those through random weights, and of white noise. Filters are
    resampled.
    """
    of_filter, of_random, of_noise = (hits(one).mean(axis=(1, 2)) for one in (found, random, noise))
    chance = 1 / len(found)
    margins = {
        "chance": bootstrap.estimate(lambda ours: ours.mean() - chance, of_filter),
        "white noise": bootstrap.estimate(_difference, of_filter, of_noise),
        RANDOM: bootstrap.estimate(_difference, of_filter, of_random),
    }
    controls = {"chance": chance, "white noise": float(of_noise.mean()), RANDOM: float(of_random.mean())}
    p = permutation_p(hits(found).mean(), shuffled_shares(found, settings.resamples, generator))
    measured = bootstrap.estimate(np.mean, of_filter)
    count = len(of_filter)
    beside: dict[str, float | Estimate] = {f"filters of {count} found in most of their pictures": count - len(missed(found))}
    return judged(
        1, layer, "share whose nearest is of the same filter", measured, controls, margins, settings.confidence, beside, p
    )


def missed(found: np.ndarray) -> list[int]:
    """The places of the filters that are not found in most of their pictures. found: of ``nearest``."""
    return np.flatnonzero(hits(found).mean(axis=(1, 2)) <= 0.5).tolist()


def dependence_rows(
    layer: str, points: Sequence[np.ndarray], without: Sequence[np.ndarray], settings: Settings
) -> list[Row]:
    """Claim 4 at a layer: the share that images have in the variance that they and filters make; and with it what images do
    to each filter by itself.

    points: of ``points_of_textures``, of the inversions and of those through random weights. without: the same two, as of
    ``filters_of_textures``. Filters are left out in turn.
    """
    found = []
    ours, random = points
    counts = [int(filters_of_textures(one).sum()) for one in without]
    counted = f"filters of {len(settings.filters)} of which every picture is a texture"
    beside: dict[str, float | Estimate] = {counted: counts[0]}
    for measure, parts in (("image", ("image",)), ("image and filter x image", ("image", "both"))):
        share = partial(_share, parts=parts)
        most, confidence = settings.most_dependence, settings.confidence
        margins = {
            "the limit": jackknife(lambda ours, of=share, most=most: most - of(ours), confidence, ours),
            RANDOM: jackknife(lambda ours, other, of=share: of(other) - of(ours), confidence, ours, random),
        }
        controls = {"the limit": most, RANDOM: share(random)}
        measured = jackknife(share, confidence, ours)
        name = f"share of {measure} in the variance"
        row = judged(4, layer, name, measured, controls, margins, confidence, beside)
        found.append(_decided(row, *counts))
    return found


def _decided(row: Row, ours: int, random: int) -> Row:
    """A row of claim 4 where so many filters have textures only, through the network and through random weights."""
    if ours < FEWEST:
        return undecided(row, "too few filters of textures")
    if random < FEWEST and row.verdict == HOLDS:
        return undecided(row, f"too few filters of textures through {RANDOM}")
    return row


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    return one.mean() - other.mean()


def _share(points: np.ndarray, parts: tuple[str, ...]) -> float:
    """What parts of the variance are of them and the filters' together, those below 0 as 0; all of it, where filters make
    none."""
    found = {name: max(value, 0.0) for name, value in variance_components(points).items()}
    of_parts = sum(found[part] for part in parts)
    return of_parts / (of_parts + found["filter"]) if found["filter"] else 1.0
