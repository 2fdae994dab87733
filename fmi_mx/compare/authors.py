"""The authors' panels: which cell stands where; and the pictures of a run and of its panel, brought to one size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from ..files import store
from ..files.images import fitted
from ..machine.aliases import AnyPath
from ..measure.descriptors import DESCRIBED
from ..runs.finished import StoredRun, check_all_there, read_run, state
from .panels import read_panel

FRAME = 50  # a cell loses 1/50 of its shorter side (at least 3 pixels) all round, where the panel has a frame
IMAGES, METHODS = ("golden_gate", "neckarfront"), ("gatys", "pmci")
STYLES = ("frida_kahlo", "seated_nude", "starry_night", "the_scream")
FIGURES = {"fmi": "Fig. 3", "rmci": "Fig. 4", "transfer": "Fig. 5"}  # that have a panel, by the method of their experiment

# The name of the cell at each place, row by row. Fig. 3: a row a layer. Fig. 4: a row a draw. Fig. 5: a row a style.
PANELS = {
    "fmi": [[f"golden_gate.{layer}.f{f:03d}" for f in range(5)] for layer in DESCRIBED],
    "rmci": [[f"golden_gate.relu{block}_1.draw{draw}" for block in range(1, 6)] for draw in (1, 2)],
    "transfer": [
        [f"{style}.style", *(f"{image}.{style}.{method}" for image in IMAGES for method in METHODS)] for style in STYLES
    ],
}


class Sides(NamedTuple):
    """Both sides of a comparison. experiment: of the run, as ``experiment.as_data`` gives it. ours, theirs: name of a cell
    -> uint8 (H, W, 3), of the panel's size, without the frame; ours has what both have, theirs the whole panel (but for Fig.
    5's styles, which nobody computed). Of Fig. 4 ours has all draws of the run, as no draw is the authors'. lost: the names
    of ours that are silent or stuck, and no texture."""

    experiment: dict[str, Any]
    ours: dict[str, np.ndarray]
    theirs: dict[str, np.ndarray]
    lost: frozenset[str]


def read_sides(folder: AnyPath, panel: AnyPath) -> Sides:
    """Reads a run's folder and the panel of its figure. Raises InputError where the folder holds no finished run of a figure
    that has a panel, where cells of it failed or are missing, where no cell is on both sides, and as ``read_panel`` does."""
    finished = _finished(Path(folder))
    experiment, method = finished.experiment, finished.experiment["method"]
    names = PANELS[method]
    pixels = read_panel(panel, len(names), len(names[0]))
    cells = {name: cell for row in zip(names, pixels) for name, cell in zip(*row) if not name.endswith(".style")}
    wanted = {name: name for name in cells} if method != "rmci" else _draws(experiment, cells)
    ours = {}
    for name, place in wanted.items():
        if name in finished.records:
            picture = store.read_picture(folder, finished.records[name])
            if picture is None:
                raise InputError(f"{folder}: another run has replaced {name} meanwhile; compare when it is done")
            ours[name] = like(picture, cells[place])
    if not ours:
        raise InputError(f"{folder} has none of the cells of {FIGURES[method]}'s panel, which are {', '.join(cells)}")
    lost = frozenset(name for name in ours if state(finished.records[name]))
    return Sides(experiment, ours, {name: within_frame(cell) for name, cell in cells.items()}, lost)


def like(picture: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """A picture as a panel's cell would show it: of the cell's size, without what its frame hides."""
    return within_frame(fitted(picture, cell.shape[:2]))


def within_frame(cell: np.ndarray) -> np.ndarray:
    """A cell, uint8 (H, W, 3), without its frame."""
    margin = max(3, min(cell.shape[:2]) // FRAME)
    return cell[margin:-margin, margin:-margin]


def row_of(name: str) -> str:
    """The layer (Figs. 3 and 4) or the style (Fig. 5) of a cell's name."""
    return name.split(".")[1]


def column_of(name: str) -> tuple[str, str]:
    """What a cell's name has besides: (image, filter, draw or method)."""
    image, _, last = name.split(".")
    return image, last


def method_of(name: str) -> str:
    """The method (Fig. 5) of a cell's name."""
    return name.split(".")[2]


def inverted(experiment: dict[str, Any], name: str) -> list[str]:
    """The layers whose codes made a cell. experiment: of ``Sides``."""
    if experiment["method"] == "transfer":
        return [experiment["content_layer"], *experiment["style_layers"]]
    return [row_of(name)]


def _finished(folder: Path) -> StoredRun:
    """A run that has a panel, with all its cells."""
    finished = read_run(folder)
    method = finished.experiment["method"]
    if method not in FIGURES:
        known = ", ".join(f"{method} ({figure})" for method, figure in FIGURES.items())
        raise InputError(f"{folder} has the method {method}, of which the authors published no panel; those are {known}")
    check_all_there(folder, finished)
    return finished


def _draws(experiment: dict[str, Any], cells: dict[str, np.ndarray]) -> dict[str, str]:
    """Name of each of the run's draws -> the panel's cell of the same layer, whose size it takes."""
    places = {row_of(name): name for name in cells}
    return {
        f"golden_gate.{layer}.draw{draw}": places[layer]
        for layer in places
        for draw in range(1, experiment["draws"] + 1)
        if layer in experiment["layers"]
    }
