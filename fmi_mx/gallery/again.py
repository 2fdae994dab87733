"""The command that computes a picture again, larger. It is to be given in the gallery's folder, which has the run's
experiment as experiment.yaml."""

from __future__ import annotations

import json
import shlex
from typing import Any

from ..experiment.cell import Cell

LONG_EDGE = 512  # pixels, as the paper's figures have


def filter_command(width: float) -> str:
    """The command for a filter, from every image of the run. In it LAYER, FILTERS and NAME stand for the layer, its filters
    and a name for the folder. width: of the network."""
    return _command({"layers": "[LAYER]", "filters": "[FILTERS]"}, width, "NAME")


def cell_command(experiment: dict[str, Any], cell: Cell, width: float) -> str | None:
    """The command for a cell of any other method; None for a cell that is an image and no result. experiment: as ``as_data``
    gives it."""
    if not cell.layers:
        return None
    values: dict[str, Any] = {"images": [cell.image]}
    if "layers" in experiment:
        values["layers"] = [cell.layers[0]]
    if cell.draw is not None:
        values["draws"] = cell.draw
    if cell.style is not None:
        values["styles"] = [cell.style]
    if "losses" in experiment:
        values["losses"] = [cell.method]
    written = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
    return _command(written, width, "again")


def _command(values: dict[str, str], width: float, out: str) -> str:
    settings = [f"--set {shlex.quote(f'{key}={value}')}" for key, value in {**values, "long_edge": LONG_EDGE}.items()]
    weights = [] if width == 1 else ["--weights FILE"]
    return " ".join(["fmi run experiment.yaml", *settings, *weights, f"--out {out}"])
