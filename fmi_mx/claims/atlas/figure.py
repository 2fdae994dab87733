"""The pictures of the atlas's report: a panel each of what it says by layer, and the filters least like a texture."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from ...figure.canvas import Axes, Figure, plain, png, shortened
from ...files import store
from ..figure import COLOURS, DPI
from ..verdicts import RANDOM
from .cells import Atlas
from .rows import NOISE

PLACES = {"found": "o", "others nearer": "s", "colourfulness": "^", "intricacy": "v"}  # its markers
PER_ROW, EDGE, NAME = 5, 1.2, 0.3  # filters in a row of the least; inches of a picture's width, and below it
BLANK: np.ndarray = np.full((1, 1, 3), 224, np.uint8)


@plain()
def draw(report: dict[str, Any]) -> bytes:
    """Draws the report, as ``assess`` returns it, a panel for each thing that it says by layer. Returns the PNG."""
    panels = [_found, _colourfulness, _intricacy, _silent, _textures, _fair]
    if len(report["images"]) == 1:
        panels = [_colourfulness, _intricacy, _silent, _fair]  # the others compare two
    columns = len(panels) // 2
    figure = Figure(figsize=(5.3 * columns, 9), dpi=DPI, layout="constrained")
    for panel, axis in zip(panels, figure.subplots(2, columns).flat):
        panel(axis, report)
        axis.set_xticks(range(len(report["layers"])))
        axis.set_xticklabels(list(report["layers"]), rotation=60, ha="right", fontsize=8)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=8, framealpha=0.5)
    return png(figure)


def _found(axis: Axes, report: dict[str, Any]) -> None:
    rows = [row for row in report["rows"] if row["claim"] == 1 and row["where"] in report["layers"]]
    _estimates(axis, [row["measured"] for row in rows], "every filter", COLOURS["trained"])
    sample = [one for row in rows for one in row["beside"].values()]
    if sample:
        axis.plot([one["value"] for one in sample], "o--", color="tab:cyan", label="the sample")
    for name in (RANDOM, NOISE, "chance"):
        if name in rows[0]["controls"]:
            style, label = (":", name) if name == "chance" else ("o--", f"{name}, the sample")
            axis.plot([row["controls"][name] for row in rows], style, color=COLOURS.get(name, "black"), label=label)
    axis.set(title="1. inversions are each other's nearest", ylim=(-0.03, 1.03), ylabel="share of filters")


def _colourfulness(axis: Axes, report: dict[str, Any]) -> None:
    _measure(axis, report, "colourfulness")


def _intricacy(axis: Axes, report: dict[str, Any]) -> None:
    _measure(axis, report, "intricacy")


def _measure(axis: Axes, report: dict[str, Any], measure: str) -> None:
    _curves(axis, report, {measure: COLOURS["trained"], f"{measure}, {RANDOM}": COLOURS[RANDOM]})
    axis.set_title(f"2. {measure}, mean of all filters")


def _silent(axis: Axes, report: dict[str, Any]) -> None:
    _curves(axis, report, {"silent_at_start": "grey", "silent": "tab:red", "stuck": "tab:orange"})
    axis.set_title("silent and stuck inversions")


def _curves(axis: Axes, report: dict[str, Any], colours: dict[str, str]) -> None:
    """Means with intervals of what each layer has, by key."""
    for key, colour in colours.items():
        estimates = [layer[key] for layer in report["layers"].values() if key in layer]
        if estimates:
            _estimates(axis, estimates, key.replace("_", " "), colour)


def _textures(axis: Axes, report: dict[str, Any]) -> None:
    every = list(report["layers"].values())
    shares = [{end: value / one["filters"] for end, value in one["distinct"]["textures"].items()} for one in every]
    _estimates(axis, shares, "distinct textures / filters", COLOURS["trained"])
    _estimates(axis, [one["distinct"]["duplicated"] for one in every], "filters with a near duplicate", "tab:purple", 0.1)
    axis.set(title="distinct textures", ylim=(-0.03, 1.03), ylabel="share of filters")


def _fair(axis: Axes, report: dict[str, Any]) -> None:
    """Where the paper's filters lie in each layer that has them and others."""
    every = report["fairness"].get("all layers", {})
    layers = list(report["layers"])
    for measure in filter(every.__contains__, PLACES):
        places, marker = every[measure]["by_layer"], PLACES[measure]
        axis.plot([layers.index(layer) for layer in places], list(places.values()), marker, label=measure)
    axis.axhline(0.5, color="black", linewidth=0.8)
    axis.set(
        title="where the paper's filters lie among their layers'", ylim=(-0.03, 1.03), ylabel="below to above all others"
    )


def _estimates(axis: Axes, estimates: Sequence[dict[str, float]], label: str, colour: str, shift: float = 0.0) -> None:
    places = np.arange(len(estimates)) + shift
    axis.plot(places, [one["value"] for one in estimates], "o-", color=colour, label=label)
    for place, one in zip(places, estimates):
        axis.plot([place, place], [one["low"], one["high"]], color=colour, linewidth=1.5)


@plain()
def least(atlas: Atlas, filters: Sequence[dict[str, Any]]) -> bytes:
    """The filters that the report lists as the least like a texture of their own, each with its inversion from every image
    side by side, and its name. Returns the PNG."""
    shown = [[_picture(atlas, image, one) for image in atlas.images] for one in filters]
    tall = EDGE * max(picture.shape[0] / picture.shape[1] for pictures in shown for picture in pictures)
    columns, wide = min(PER_ROW, len(filters)), (len(atlas.images) + 0.15) * EDGE
    rows = -(-len(filters) // columns)
    width, height = columns * wide, rows * (tall + NAME)
    figure = Figure(figsize=(width, height), dpi=DPI)
    for place, (one, pictures) in enumerate(zip(filters, shown)):
        left, bottom = place % columns * wide, height - (place // columns + 1) * (tall + NAME) + NAME
        for image, picture in enumerate(pictures):
            axis = figure.add_axes(((left + image * EDGE) / width, bottom / height, 0.96 * EDGE / width, tall / height))
            axis.imshow(picture)
            axis.set_axis_off()
        words = f"{one['layer']} f{one['filter']:03d}: {100 * one['others nearer']:.0f} % nearer"
        words += "".join(f", {word}" for word in ("silent", "stuck") if one[word])
        words = shortened(words, wide, 8)
        figure.text((left + wide / 2) / width, (bottom - NAME / 2) / height, words, ha="center", va="center", fontsize=8)
    return png(figure)


def _picture(atlas: Atlas, image: str, one: dict[str, Any]) -> np.ndarray:
    """One of the pictures, or a grey dot in its place where another run has replaced it since."""
    picture = store.read_picture(atlas.folder, atlas.record(image, one["layer"], one["filter"]))
    return BLANK if picture is None else picture
