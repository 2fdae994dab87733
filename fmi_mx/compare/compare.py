"""Our cells beside the authors' panel: how alike they are, in numbers (compare.json) and side by side (compare.png)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from skimage.metrics import structural_similarity

from ..errors import InputError
from ..files import whole
from ..files.images import file_digest, fitted
from ..machine.aliases import AnyPath
from . import pairs
from .authors import FIGURES, Sides, column_of, inverted, method_of, read_sides, row_of
from .measures import Measure, describe_both
from .retrieval import rank, spread, summary

FEWEST_DRAWS = 3  # with fewer there is no spread


def compare(folder: AnyPath, panel: AnyPath, weights: AnyPath, device: str = "auto") -> dict[str, Any]:
    """Compares a run with the authors' panel of its figure, and writes compare.json and compare.png into its folder.

    folder: of the run. panel: the panel's picture file. weights: a file; where there is none, or the run inverts each of
    their described layers, their descriptor is left out. Returns the report, as compare.json holds it. Raises InputError as
    ``read_sides`` and ``load_weights`` do, and for Fig. 4 where a layer has fewer than three draws.
    """
    return next(compare_all([folder], panel, weights, device))


def compare_all(
    folders: Sequence[AnyPath], panel: AnyPath, weights: AnyPath, device: str = "auto"
) -> Iterator[dict[str, Any]]:
    """As ``compare``, of several runs: a report each. Whatever is wrong with one is raised before anything is written."""
    files = [(Path(folder) / "compare.json", Path(folder) / "compare.png") for folder in folders]
    sides = [read_sides(folder, panel) for folder in folders]
    for places in files:
        whole.check_places(*places, instead="move it away, or compare a copy of the run")
    for one in sides:
        if one.experiment["method"] == "rmci":
            _check_draws(one)
    for places, one in zip(files, sides):
        report = _report(one, panel, weights, device)
        whole.write_all(dict(zip(places, (whole.as_json(report), pairs.draw(report, one)))))
        yield report


def _report(sides: Sides, panel: AnyPath, weights: AnyPath, device: str) -> dict[str, Any]:
    method = sides.experiment["method"]
    measures, left_out = describe_both(sides, weights, device)
    report: dict[str, Any] = {
        "figure": FIGURES[method],
        "panel": {"file": Path(panel).name, "sha256": file_digest(panel)},
        "experiment": sides.experiment,
        "compared": list(sides.ours),
        "missing": [] if method == "rmci" else [name for name in sides.theirs if name not in sides.ours],
        "left_out": left_out,
    }
    if method == "rmci":
        report["layers"] = _spreads(sides, measures)
    else:
        report["candidates"] = _candidates(sides)
        report["colour_distance"] = _colour_distances(sides, measures["colour"])
        report["descriptors"] = {label: _retrieval(sides, measure) for label, measure in measures.items()}
    if method == "transfer":
        report["similarity"] = _similarity(sides)
    return report


def _retrieval(sides: Sides, measure: Measure) -> dict[str, Any]:
    """Each of our cells among the panel's: its rank among all, in its row and (Fig. 5) in its column, and who is nearest;
    and summaries for all, for each row and (Fig. 5) for each method."""
    theirs = list(sides.theirs)
    found: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(sides.ours):
        ours, panel = measure.positions(sides.ours, theirs, inverted(sides.experiment, name))
        distances = np.linalg.norm(panel - ours[i], axis=1)
        own = theirs.index(name)
        found[name] = {"nearest": theirs[int(distances.argmin())]}
        for key, place_of in _places(sides).items():
            among = [j for j, other in enumerate(theirs) if place_of(other) == place_of(name)]
            found[name][key] = rank(distances, own, among)
    methods = _grouped(found, method_of) if sides.experiment["method"] == "transfer" else {}
    groups = {"all": list(found), **_grouped(found, row_of), **methods}
    return {
        "summaries": {group: _summaries([found[name] for name in names]) for group, names in groups.items()},
        "cells": found,
    }


def _colour_distances(sides: Sides, measure: Measure) -> dict[str, float]:
    """How far the mean colour of each of our cells is from its own panel cell's, in CIELAB (CIE 1976)."""
    mean = {name: (measure.ours[name]["colour"][:3], measure.theirs[name]["colour"][:3]) for name in sides.ours}
    return {name: float(np.linalg.norm(ours - theirs)) for name, (ours, theirs) in mean.items()}


def _places(sides: Sides) -> dict[str, Callable[[str], object]]:
    """The ranks that are counted -> what the cells of a panel have in common among which they count."""
    places: dict[str, Callable[[str], object]] = {"rank": lambda _: None, "rank_in_row": row_of}
    return {**places, "rank_in_column": column_of} if sides.experiment["method"] == "transfer" else places


def _candidates(sides: Sides) -> dict[str, int]:
    """The ranks that are counted -> among how many of the panel's cells."""
    first = next(iter(sides.theirs))
    return {key: sum(place_of(name) == place_of(first) for name in sides.theirs) for key, place_of in _places(sides).items()}


def _summaries(cells: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """For each kind of rank its summary over cells."""
    return {key: summary([cell[key] for cell in cells]) for key in cells[0] if key != "nearest"}


def _grouped(names: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    """key(name) -> names."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(key(name), []).append(name)
    return groups


def _similarity(sides: Sides) -> dict[str, dict[str, float]]:
    """SSIM of each of our cells with its own and, to compare with, the mean with the other styles' of the same column."""
    found = {}
    for name, ours in sides.ours.items():
        column = [other for other in sides.theirs if column_of(other) == column_of(name)]
        values = {
            other: structural_similarity(fitted(ours, sides.theirs[other].shape[:2]), sides.theirs[other], channel_axis=-1)
            for other in column
        }
        own = float(values.pop(name))
        found[name] = {"own": own, "other_styles": float(np.mean(list(values.values())))}
    return found


def _check_draws(sides: Sides) -> None:
    """Raises InputError unless each layer of the run has enough draws."""
    for layer, names in _grouped(sides.ours, row_of).items():
        if len(names) < FEWEST_DRAWS:
            raise InputError(
                f"Fig. 4 compares the spread of many draws, and {layer} has {len(names)}; at least {FEWEST_DRAWS} are "
                "needed, so first `fmi run experiments/fig4.yaml --set draws=12`"
            )


def _spreads(sides: Sides, measures: dict[str, Measure]) -> dict[str, dict[str, Any]]:
    """For each layer of the run and each descriptor, where the authors' draws lie within the spread of ours."""
    theirs = _grouped(sides.theirs, row_of)
    return {
        layer: {label: spread(*measure.positions(names, theirs[layer], [layer])) for label, measure in measures.items()}
        for layer, names in _grouped(sides.ours, row_of).items()
    }
