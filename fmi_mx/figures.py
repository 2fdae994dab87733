"""Lays the stored cells of a run out as the paper does."""

import io
import json
from pathlib import Path
from string import ascii_lowercase

import cv2
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from . import store
from .errors import InputError
from .experiment import image_name

COLUMNS = 8  # more filters than this are wrapped, so that a sweep stays readable
DPI = 200
WIDTH, LEFT, TOP, BOTTOM, GAP = 10.0, 0.3, 0.3, 0.45, 0.05  # inches
LARGEST = 2.5  # inches of a cell's width, where there are few columns
_LABEL = {"facecolor": "white", "edgecolor": "none", "pad": 1}


def draw(folder):
    """Draws the figure of a finished run beside its folder, as FOLDER.png.

    Returns the path. Raises InputError where the folder holds no finished run, or a cell of it is gone.
    """
    folder = Path(folder)
    try:
        experiment = json.loads((folder / "run.json").read_text())["experiment"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{folder} holds no finished run (run.json); `fmi run EXPERIMENT.yaml --out {folder}` first"
        ) from error
    path = folder.resolve().with_name(f"{folder.resolve().name}.png")
    store.write_file(path, fmi_figure(experiment, lambda name: _picture(folder, name)))
    return path


def fmi_figure(experiment, picture):
    """Fig. 3: one part an image, (a), (b), ...; a row a layer, a column a filter, both labelled.

    experiment: as ``experiment.as_data`` gives it. picture(name): the picture of a cell, uint8 (H, W, 3).
    Returns the PNG's bytes.
    """
    rows = _rows(experiment["layers"], experiment["filters"])
    columns = max(len(filters) for _, filters in rows)
    cell_width = min((WIDTH - LEFT) / columns, LARGEST)
    parts, height = [], 0.0
    for number, image in enumerate(experiment["images"]):
        cells = [(layer, [(f, picture(f"{image_name(image)}.{layer}.f{f:03d}")) for f in fs]) for layer, fs in rows]
        shape = cells[0][1][0][1].shape
        parts.append((f"({ascii_lowercase[number % 26]}) {image_name(image)}", cells, cell_width * shape[0] / shape[1]))
        height += TOP + len(rows) * parts[-1][2] + BOTTOM
    figure = Figure(figsize=(LEFT + columns * cell_width, height), dpi=DPI)
    top = height
    for title, cells, cell_height in parts:
        _draw_part(figure, top, title, cells, cell_width, cell_height)
        top -= TOP + len(cells) * cell_height + BOTTOM
    data = io.BytesIO()
    FigureCanvasAgg(figure).print_png(data)
    return data.getvalue()


def _rows(layers, filters):
    """(layer, its filters in this row): one row a layer, or several where the filters are too many for one."""
    return [(layer, filters[i : i + COLUMNS]) for layer in layers for i in range(0, len(filters), COLUMNS)]


def _draw_part(figure, top, title, rows, cell_width, cell_height):
    """One image's rows, (layer, [(filter, picture)]). top: inches above the figure's lower edge; sizes too."""
    width, height = figure.get_size_inches()
    labelled = None
    for i, (layer, cells) in enumerate(rows):
        bottom = top - TOP - (i + 1) * cell_height
        filters = [number for number, _ in cells]
        for j, (number, picture) in enumerate(cells):
            box = (LEFT + j * cell_width, bottom, cell_width - GAP, cell_height - GAP)
            axis = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
            axis.set(xticks=[], yticks=[])
            axis.imshow(picture, aspect="auto")
            if i == 0:
                axis.set_title(str(number), fontsize=12, pad=3)
            elif filters != labelled:  # a wrapped row, whose filters are not those above it
                axis.text(0.03, 0.95, str(number), transform=axis.transAxes, va="top", fontsize=8, bbox=_LABEL)
            if j == 0:
                axis.set_ylabel(layer, fontsize=12)
        labelled = labelled or filters
    figure.text(
        0.5, (top - TOP - len(rows) * cell_height - 0.6 * BOTTOM) / height, title, ha="center", va="center", fontsize=13
    )


def _picture(folder, name):
    picture = cv2.imread(str(folder / "cells" / f"{name}.png"))
    if picture is None:
        raise InputError(f"{folder} lacks the cell {name}; the same `fmi run` computes it again")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
