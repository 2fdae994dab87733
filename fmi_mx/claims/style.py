"""Claim 3: the energy of feature maps represents style."""

from __future__ import annotations

import numpy as np

from ..measure.descriptors import positions
from ..measure.energy_vectors import total_variation
from ..measure.intervals import Bootstrap, Estimate, clopper_pearson, difference, jackknife, permutation_p
from .settings import Settings
from .verdicts import RANDOM, Row, judged


def crops_of(pixels: np.ndarray, grid: int) -> list[np.ndarray]:
    """An image cut into grid x grid crops that do not overlap, row by row; pixels left over at the right and below are left
    out. pixels: (1, 3, H, W)."""
    height, width = (length // grid for length in pixels[0, 0].shape)
    corners = [(row * height, column * width) for row in range(grid) for column in range(grid)]
    return [pixels[:, :, top : top + height, left : left + width] for top, left in corners]


def distances(descriptors: list[dict[str, np.ndarray]]) -> np.ndarray:
    """Distances of descriptors, part -> numbers, each part's numbers standardised over all and each part of the same
    weight (``descriptors.positions``). Returns float64 (n, n)."""
    squares = np.zeros((len(descriptors), len(descriptors)))
    for part in descriptors[0]:
        squares += _squared_distances(positions(descriptors, (part,)))
    return np.sqrt(squares)


def frobenius(matrices: list[dict[str, np.ndarray]]) -> np.ndarray:
    """Distances of Gram matrices as Gatys et al. measure them, layer -> numbers as ``gram_matrices`` gives them; each
    layer's squares have the mean 1, so that layers weigh alike. Returns float64 (n, n)."""
    total = np.zeros((len(matrices), len(matrices)))
    for layer in matrices[0]:
        squares = _squared_distances(np.array([one[layer] for one in matrices], np.float64))
        total += squares / (squares.mean() or 1.0)
    return np.sqrt(total)


def _squared_distances(points: np.ndarray) -> np.ndarray:
    """Of points float64 (n, F): (n, n), without an array of n x n x F."""
    norms = (points**2).sum(axis=1)
    return np.maximum(norms[:, None] + norms - 2 * points @ points.T, 0)


def nearest_other(found: np.ndarray) -> np.ndarray:
    """The index of what is nearest to each but itself. found: ``distances``, (n, n). Returns int (n,)."""
    return np.where(np.eye(len(found), dtype=bool), np.inf, found).argmin(axis=1)


def crops_row(
    apart: dict[str, np.ndarray], images: int, settings: Settings, bootstrap: Bootstrap, generator: np.random.Generator
) -> Row:
    """The share of crops whose nearest crop, of all others, is of the same image, by their energies.

    apart: label -> distances (n, n) of the crops, image by image: ``energies``, ``random weights`` (energies through them),
    ``Gram matrices`` and ``colour``. images: how many there are. Images are resampled, and crops within them.
    """
    label = np.repeat(np.arange(images), len(apart["energies"]) // images)
    near = {name: nearest_other(one) for name, one in apart.items()}
    right = {name: (label[index] == label).reshape(images, -1).astype(float) for name, index in near.items()}
    chance = (len(label) // images - 1) / (len(label) - 1)
    more = {
        name: bootstrap.nested(_first_less_second, np.stack([right["energies"], right[name]], axis=2))
        for name in (RANDOM, "Gram matrices", "colour")
    }
    margins = {
        "chance": bootstrap.nested(lambda ours: ours.mean() - chance, right["energies"]),
        RANDOM: more[RANDOM],
    }
    controls = {"chance": chance, RANDOM: float(right[RANDOM].mean())}
    beside: dict[str, float | Estimate] = {}
    for name in ("Gram matrices", "colour"):
        beside.update({name: float(right[name].mean()), f"energies less {name}": more[name]})
    labels = [generator.permutation(label) for _ in range(settings.resamples)]
    p = permutation_p(right["energies"].mean(), [(one[near["energies"]] == one).mean() for one in labels])
    measured = bootstrap.nested(np.mean, right["energies"])
    measure = "share of crops whose nearest is of the same image"
    return judged(3, "crops", measured=measured, measure=measure, controls=controls, margins=margins, beside=beside,
                  confidence=settings.confidence, p=p)  # fmt: skip


def moved(output: np.ndarray, content: np.ndarray, styles: list[np.ndarray]) -> np.ndarray:
    """How far an output has gone from its content towards each style: 1 where its energies are the style's, 0 where they are
    as far from them as the content's, or there is no way to go. output, content, each style: energy vectors (C,). Returns
    float64 (styles,)."""
    whole = [total_variation(content, style) for style in styles]
    return np.array([1 - total_variation(output, style) / far if far else 0.0 for style, far in zip(styles, whole)])


def moved_row(where: str, way: np.ndarray, random: np.ndarray, settings: Settings) -> Row:
    """The share of the way to its style's energies that a PMCI output has gone.

    way, random: float64 (styles, images, 2), through the network and through random weights, to its own style and to the
    others, a mean. Styles are left out in turn.
    """
    own, others, own_random = way[..., 0].mean(axis=1), way[..., 1].mean(axis=1), random[..., 0].mean(axis=1)
    controls = {"no move": 0.0, "the other styles": float(others.mean()), RANDOM: float(own_random.mean())}
    measured = jackknife(np.mean, settings.confidence, own)
    margins = {
        "no move": measured,
        "the other styles": jackknife(np.mean, settings.confidence, own - others),
        RANDOM: jackknife(np.mean, settings.confidence, own - own_random),
    }
    return judged(3, where, "share of the way to the style's energies", measured, controls, margins, settings.confidence)


def own_style_row(
    where: str, found: np.ndarray, random: np.ndarray, settings: Settings, generator: np.random.Generator
) -> Row:
    """The share of PMCI's outputs whose nearest style by energies is their own.

    found, random: int (styles, images), which style is nearest, through the network and through random weights. A style's
    outputs go together, so that there are as many trials as styles.
    """
    own = np.broadcast_to(np.arange(len(found))[:, None], found.shape)
    share, chance = (found == own).mean(), 1 / len(found)
    measured, of_random = (clopper_pearson(one, len(found), settings.confidence) for one in (share, (random == own).mean()))
    margins = {"chance": Estimate(*(one - chance for one in measured)), RANDOM: difference(measured, of_random)}
    controls = {"chance": chance, RANDOM: of_random.value}
    shares = [(found == generator.permuted(own, axis=0)).mean() for _ in range(settings.resamples)]
    measure = "share of outputs whose nearest style is their own"
    p = permutation_p(share, shares)
    return judged(3, where, measure, measured, controls, margins, settings.confidence, p=p)


def _first_less_second(pairs: np.ndarray) -> float:
    return (pairs[..., 0] - pairs[..., 1]).mean()
