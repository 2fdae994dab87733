"""Numbers of a comparison: how often the nearest is the right one, and where something lies within a spread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def rank(distances: Sequence[float] | np.ndarray, own: int, among: Iterable[int]) -> int:
    """The place of one's own among candidates, 1 the nearest.

    distances: to every candidate. own: index of the right one. among: indices to choose from, own among them. Whatever is as
    near as one's own counts as nearer, so that a descriptor that tells nothing apart comes last.
    """
    return int(sum(distances[index] <= distances[own] for index in among))


def summary(ranks: Sequence[int]) -> dict[str, float]:
    """Of ranks (at least one): how many there are, how many are the first, and their mean."""
    return {"cells": len(ranks), "first": sum(one == 1 for one in ranks), "mean_rank": float(np.mean(ranks))}


def spread(draws: np.ndarray, others: np.ndarray) -> dict[str, dict[str, list[float]]]:
    """Where others lie within the spread of draws.

    draws: points (n, F), n >= 3. others: points (m, F). Each draw is measured against the n - 1 others, its distance to
    their mean and to the nearest of them; each of the others against every such n - 1 draws in turn, and averaged, so that
    all distances are on one scale. Returns {"to_mean", "to_nearest"}: each with ``draws`` and ``others`` (distances, in
    order) and ``percentiles`` of the others: the share of draws, in percent, that are nearer (as near: half).
    """
    rest = [np.delete(draws, i, axis=0) for i in range(len(draws))]
    found: dict[str, dict[str, list[float]]] = {}
    for name, distance in (("to_mean", _to_mean), ("to_nearest", _to_nearest)):
        of_draws = np.array([distance(point, points) for point, points in zip(draws, rest)])
        of_others = np.array([np.mean([distance(point, points) for points in rest]) for point in others])
        found[name] = {
            "draws": of_draws.tolist(),
            "others": of_others.tolist(),
            "percentiles": [percentile(one, of_draws) for one in of_others],
        }
    return found


def percentile(value: float, values: Sequence[float] | np.ndarray) -> float:
    """The share of values, in percent, that are smaller than value; equal ones count half."""
    values = np.asarray(values)
    return float(100 * (np.mean(values < value) + np.mean(values == value) / 2))


def _to_mean(point: np.ndarray, points: np.ndarray) -> np.floating:
    return np.linalg.norm(point - points.mean(axis=0))


def _to_nearest(point: np.ndarray, points: np.ndarray) -> np.floating:
    return np.linalg.norm(points - point, axis=1).min()
