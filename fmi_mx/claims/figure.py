"""The picture of the claims: a panel each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from ..figure.canvas import Axes, Figure, plain, png
from .verdicts import RANDOM

DPI = 120
COLOURS = {"trained": "tab:blue", RANDOM: "tab:orange", "white noise": "grey"}
SHADES = {"filter": "tab:blue", "image": "tab:red", "both": "tab:pink", "seed": "lightgrey"}
BELOW: dict[str, Any] = {"fontsize": 8, "loc": "upper center", "bbox_to_anchor": (0.5, -0.08)}  # a legend that hides nothing
NAMES = {"filter": "filter", "image": "image", "both": "filter x image", "seed": "seed"}


@plain()
def draw(report: dict[str, Any]) -> bytes:
    """Draws the report, as ``claims.assess`` returns it. Returns the PNG."""
    figure = Figure(figsize=(12, 8), dpi=DPI, layout="constrained")
    top, bottom = figure.subplots(2, 2)
    _retrieval(top[0], report)
    _levels(top[1], report)
    _style(bottom[0], report)
    _components(bottom[1], report)
    return png(figure)


def _retrieval(axis: Axes, report: dict[str, Any]) -> None:
    rows = [row for row in report["rows"] if row["claim"] == 1]
    layers = [row["where"] for row in rows]
    _points(axis, [row["measured"] for row in rows], "trained")
    for name in (RANDOM, "white noise"):
        axis.plot([row["controls"][name] for row in rows], "o--", color=COLOURS[name], label=name)
    axis.axhline(rows[0]["controls"]["chance"], color="black", linewidth=0.8, label="chance")
    axis.set(title="1. nearest of another image and seed: same filter", ylim=(-0.03, 1.03), ylabel="share of pictures")
    _layers(axis, layers)
    axis.legend(ncol=4, **BELOW)


def _levels(axis: Axes, report: dict[str, Any]) -> None:
    """Colourfulness at the left, every other measure at the right scale."""
    right = axis.twinx()
    for (measure, level), marker in zip(report["levels"].items(), cycle("os^vD")):
        place = axis if measure == "colourfulness" else right
        for weights in ("trained", RANDOM):
            _points(place, level[weights], weights, marker, f"{measure}, {weights}")
    axis.set_ylabel("colourfulness (circles)")
    right.set_ylabel("the other measures")
    axis.set_title("2. by layer")
    _layers(axis, report["settings"]["layers"])
    handles = [one for place in (axis, right) for one in place.get_legend_handles_labels()[0]]
    axis.legend(handles=handles, ncol=2, **BELOW)


def _style(axis: Axes, report: dict[str, Any]) -> None:
    rows = [row for row in report["rows"] if row["claim"] == 3]
    crops, others = rows[0], rows[1:]
    controls = {**crops["controls"], **{name: one for name, one in crops["beside"].items() if not isinstance(one, dict)}}
    labels = ["crops: energies", *(f"crops: {name}" for name in controls)]
    axis.bar(range(1, len(labels)), list(controls.values()), color="grey")
    estimates = [crops["measured"], *(row["measured"] for row in others)]
    places = [0, *range(len(labels), len(labels) + len(others))]
    axis.bar(places, [one["value"] for one in estimates], color=COLOURS["trained"])
    _bars(axis, places, estimates, "black")
    for place, row in zip(places[1:], others):
        for name, value in row["controls"].items():
            if name != "no move":
                axis.plot(place, value, "s" if name == RANDOM else "o", color=COLOURS.get(name, "black"))
    labels += [row["where"] if row["p"] is None else "PMCI: nearest style its own" for row in others]
    axis.set_xticks(range(len(labels)))
    axis.set_xticklabels(labels, rotation=60, ha="right", fontsize=7)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_title("3. crops found; way to the style\n(squares: random weights; circles: other styles, or chance)")
    axis.set_ylabel("share")


def _components(axis: Axes, report: dict[str, Any]) -> None:
    for shift, weights in ((-0.2, "trained"), (0.2, RANDOM)):
        for place, found in enumerate(report["components"][weights].values()):
            parts = {name: max(value, 0.0) for name, value in found.items()}
            bottom, whole = 0.0, sum(parts.values()) or 1.0
            for name, value in parts.items():
                label = NAMES[name] if shift < 0 and place == 0 else None
                axis.bar(place + shift, value / whole, 0.36, bottom, color=SHADES[name], label=label)
                bottom += value / whole
    axis.set(title="4. variance components (left trained, right random weights)", ylabel="share of the variance")
    _layers(axis, report["settings"]["layers"])
    axis.legend(ncol=4, **BELOW)


def _points(
    axis: Axes, estimates: Sequence[dict[str, float]], weights: str, marker: str = "o", label: str | None = None
) -> None:
    """Means joined by a line, with their intervals."""
    means = [one["value"] for one in estimates]
    line = "-" if marker == "o" else ":"
    axis.plot(means, linestyle=line, marker=marker, color=COLOURS[weights], label=label or weights)
    _bars(axis, range(len(estimates)), estimates, COLOURS[weights])


def _bars(axis: Axes, places: Iterable[int], estimates: Iterable[dict[str, float]], colour: str) -> None:
    """Intervals, as lines."""
    for place, one in zip(places, estimates):
        axis.plot([place, place], [one["low"], one["high"]], color=colour, linewidth=1.5)


def _layers(axis: Axes, layers: Sequence[str]) -> None:
    axis.set_xticks(np.arange(len(layers)))
    axis.set_xticklabels(layers)
