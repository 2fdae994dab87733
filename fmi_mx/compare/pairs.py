"""The picture of a comparison: our cells and the panel's side by side with their ranks, or our draws behind the authors'."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np

from ..figure.canvas import Figure, plain, png, shortened, wrapped
from .authors import Sides, row_of
from .measures import SMALL_NETWORK, VGG19

DPI = 120
LABEL, TITLE, HEIGHT, GAP = 0.4, 0.25, 1.3, 0.1  # inches: left of a row, above a picture, of a picture, between pictures
LINE = 0.15  # inches of a further line above
SIZE, SMALL = 9, 8  # points of letters
SEAM = 4  # pixels between the two of a pair
MOST_DRAWS = 6  # of ours in the picture of Fig. 4

Rows = Dict[str, List[Tuple[str, np.ndarray]]]  # label -> [(title, picture)]


def draw(report: dict[str, Any], sides: Sides) -> bytes:
    """Draws a comparison. report: as ``compare`` returns it. sides: the pictures. Returns the PNG."""
    if "layers" in report:
        by = _by(next(iter(report["layers"].values())))
        text = f"the authors' two draws with the share of ours that is nearer to our mean ({by}), and ours"
        return _png(text, _draws(report["layers"], sides))
    text = f"left ours, right the authors'; rank of the own cell among the panel's ({_by(report['descriptors'])})"
    return _png(text, _pairs(report["descriptors"], sides))


def _shown(descriptors: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The descriptors whose numbers stand in the picture, by what the picture calls them."""
    labels = {"colour and texture": "without a network", VGG19: VGG19, SMALL_NETWORK: SMALL_NETWORK}
    return {name: descriptors[label] for label, name in labels.items() if label in descriptors}


def _by(descriptors: dict[str, Any]) -> str:
    return " / ".join(_shown(descriptors))


def _pairs(descriptors: dict[str, Any], sides: Sides) -> Rows:
    """Row -> [(title, pair)] of the cells that both sides have."""
    rows: Rows = {}
    for name, ours in sides.ours.items():
        ranks = " / ".join(str(one["cells"][name]["rank"]) for one in _shown(descriptors).values())
        seam: np.ndarray = np.full((ours.shape[0], SEAM, 3), 255, np.uint8)
        image, row, last = name.split(".")
        title = f"{image} {last}: {ranks}" if last in ("gatys", "pmci") else f"{int(last[1:])}: {ranks}"
        rows.setdefault(row, []).append((title, np.concatenate([ours, seam, sides.theirs[name]], axis=1)))
    return rows


def _draws(layers: dict[str, dict[str, Any]], sides: Sides) -> Rows:
    """Layer -> [(title, picture)]: the authors' draws, then ours."""
    rows: Rows = {}
    for layer, descriptors in layers.items():
        authors = [name for name in sides.theirs if row_of(name) == layer]
        ours = [name for name in sides.ours if row_of(name) == layer][:MOST_DRAWS]
        row = rows[layer] = []
        for i, name in enumerate(authors):
            shares = " / ".join(f"{one['to_mean']['percentiles'][i]:.0f}" for one in _shown(descriptors).values())
            row.append((f"authors {i + 1}: {shares} %", sides.theirs[name]))
        row += [(name.split(".")[-1], sides.ours[name]) for name in ours]
    return rows


@plain()
def _png(text: str, rows: Rows) -> bytes:
    """The PNG of rows under a line of text."""
    shapes = [picture.shape for row in rows.values() for _, picture in row]
    width = HEIGHT * max(shape[1] / shape[0] for shape in shapes)
    columns = max(map(len, rows.values()))
    page = LABEL + columns * (width + GAP)
    text = wrapped(text, page - LABEL, SIZE)
    above = TITLE + LINE * text.count("\n")
    size = np.array([page, above + len(rows) * (TITLE + HEIGHT) + GAP])
    figure = Figure(figsize=(size[0], size[1]), dpi=DPI)
    figure.text(LABEL / size[0], 1 - 0.6 * above / size[1], text, fontsize=SIZE, va="center")
    for r, (label, row) in enumerate(rows.items()):
        for c, (title, picture) in enumerate(row):
            corner = np.array([LABEL + c * (width + GAP), size[1] - above - (r + 1) * (TITLE + HEIGHT)])
            axis = figure.add_axes((*corner / size, *np.array([width, HEIGHT]) / size))
            axis.imshow(picture, aspect="auto")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            axis.set_title(shortened(title, width, SMALL), fontsize=SMALL, pad=2)
            if c == 0:
                axis.set_ylabel(label, fontsize=SIZE)
    return png(figure)
