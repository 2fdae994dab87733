"""Lays the stored cells of a run out as the paper does: parts below one another, each a grid of pictures with labels."""

import io
import os
from fractions import Fraction
from itertools import chain, count, product
from pathlib import Path
from string import ascii_lowercase
from typing import List, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from . import store
from .cell import image_name
from .errors import InputError
from .images import decode
from .run import read_run

COLUMNS = 8  # more pictures in a row than this are wrapped, so that a sweep stays readable
DPI = 200
WIDTH, LEFT, TOP, BOTTOM, GAP, NOTE = 10.0, 0.3, 0.3, 0.45, 0.05, 0.3  # inches
LARGEST = 2.5  # inches of a picture's width, where there are few columns
LARGEST_PIXELS = 65000  # of a figure's height, which matplotlib limits to 2^16
METHOD_NAMES = {"gatys": "Gatys", "pmci": "PMCI"}


class Part(NamedTuple):
    """A part of a figure. title: below it. rows: (label, [(column label, picture)]); pictures uint8 (H, W, 3)."""

    title: str
    rows: list


def draw(folder):
    """Draws the figure of a finished run beside its folder, as FOLDER.png.

    Returns the path. Raises InputError where the folder holds no finished run, or a cell of it is gone.
    """
    folder = Path(folder)
    finished = read_run(folder)
    path = _place(folder)
    store.write_file(path, grid(_parts(finished["experiment"], folder), _note(finished["width"])))
    return path


def check_place(folder):
    """Raises InputError where the figure of a run's folder could not be written when the run is done."""
    path = _place(Path(folder))
    there = next(parent for parent in path.parents if parent.exists())
    if path.is_dir() or not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"the figure cannot be written as {path}; give another folder with --out")


def _note(width):
    """What a figure says on its face: nothing for the paper's network."""
    return "" if width == 1 else f"small network, {Fraction(width)} of VGG-19's filters: not the paper's"


def _place(folder):
    folder = folder.resolve()
    if not folder.name:
        raise InputError(f"{folder} is no name for a figure; give another folder with --out")
    return folder.with_name(f"{folder.name}.png")


def _parts(experiment, folder):
    """The parts of a figure, out of the cells of a run's folder."""
    if experiment["method"] == "maps":
        return maps_parts(experiment, lambda name, array: store.read_array(folder, name, array))
    return LAYOUTS[experiment["method"]](experiment, lambda name: _picture(folder, name))


# Layouts: experiment as ``experiment.as_data`` gives it, picture(name of a cell) -> parts.


def fmi_parts(experiment, picture):
    """Fig. 3: a part an image, a row a layer, a column a filter."""
    return _part_an_image(experiment, lambda name: [
        (layer, [(str(f), picture(f"{name}.{layer}.f{f:03d}")) for f in experiment["filters"]])
        for layer in experiment["layers"]
    ])  # fmt: skip


def rmci_parts(experiment, picture):
    """Fig. 4: a part an image, a row a draw, a column a layer."""
    return _part_an_image(experiment, lambda name: [
        ("", [(layer, picture(f"{name}.{layer}.draw{draw}")) for layer in experiment["layers"]])
        for draw in range(1, experiment["draws"] + 1)
    ])  # fmt: skip


def inversion_parts(experiment, picture):
    """A part an image, a column a layer."""
    return _part_an_image(experiment, lambda name: [
        ("", [(layer, picture(f"{name}.{layer}.inversion")) for layer in experiment["layers"]])
    ])  # fmt: skip


def purposeful_parts(experiment, picture):
    """A part an image, a row a style, behind the style a column a layer."""
    return _part_an_image(experiment, lambda name: [
        (letter, [("style", picture(f"{style}.style"))]
         + [(layer, picture(f"{name}.{style}.{layer}.purposeful")) for layer in experiment["layers"]])
        for letter, style in _lettered(experiment["styles"])
    ])  # fmt: skip


def transfer_parts(experiment, picture):
    """Fig. 5: one part, a row a style (A, B, ...), behind the style a column a content image and method."""
    rows = []
    for letter, style in _lettered(experiment["styles"]):
        row = [("style", picture(f"{style}.style"))]
        for image in map(image_name, experiment["images"]):
            row += [(METHOD_NAMES[loss], picture(f"{image}.{style}.{loss}")) for loss in experiment["losses"]]
        rows.append((letter, row))
    return [Part("", rows)]


def images_parts(experiment, picture):
    """Fig. 2: the images in one row, each with its credit."""
    pictures = [(name, picture(f"{name}.content")) for name in map(image_name, experiment["images"])]
    credits = "; ".join(f"{name}: {credit}" for (name, _), credit in zip(pictures, experiment["credits"]))
    return [Part(credits, [("", pictures)])]


def maps_parts(experiment, array):
    """Fig. 1: for each image and layer the feature maps before Eq. (2) and after, each on a scale of its own from 0 (black)
    to its largest activation, which the title gives.

    array(name, key): an array of a stored cell.
    """
    parts = []
    for name in map(image_name, experiment["images"]):
        for layer in experiment["layers"]:
            cell = f"{name}.{layer}.maps"
            for key, when in (("before", "the code"), ("after", f"Eq. (2) for filter {experiment['isolated']}")):
                maps = array(cell, key)
                pictures = [(str(f), _grey(one, maps.max())) for f, one in zip(experiment["filters"], maps)]
                parts.append((f"{name}, {layer}, {when}; white is {maps.max():.4g}", [(layer, pictures)]))
    return [Part(f"({letter}) {title}", rows) for letter, (title, rows) in zip(_letters(), parts)]


LAYOUTS = {
    "fmi": fmi_parts,
    "rmci": rmci_parts,
    "inversion": inversion_parts,
    "purposeful": purposeful_parts,
    "transfer": transfer_parts,
    "images": images_parts,
}


def grid(parts: List[Part], note=""):
    """Draws parts below one another, note above them. Returns the PNG's bytes."""
    return png(lay_out(parts, note))


def png(figure):
    """A matplotlib ``Figure`` as the bytes of a PNG."""
    data = io.BytesIO()
    FigureCanvasAgg(figure).print_png(data)
    return data.getvalue()


def lay_out(parts: List[Part], note=""):
    """Parts below one another, as a matplotlib ``Figure``; above them the note, where there is one."""
    parts = [Part(part.title, _wrapped(part.rows)) for part in parts]
    columns = max(len(pictures) for part in parts for _, pictures in part.rows)
    width = min((WIDTH - LEFT) / columns, LARGEST)
    heights = [width * _tallest(part) for part in parts]
    total = sum(TOP + len(part.rows) * height + BOTTOM for part, height in zip(parts, heights)) + (NOTE if note else 0)
    dpi = min(DPI, LARGEST_PIXELS / total)
    figure = Figure(figsize=(LEFT + columns * width, total), dpi=dpi)
    top = total - (NOTE if note else 0)
    if note:
        figure.text(0.5, 1 - NOTE / 2 / total, note, ha="center", va="center", fontsize=12, color="firebrick")
    for part, height in zip(parts, heights):
        _draw_part(figure, top, part, width, height)
        top -= TOP + len(part.rows) * height + BOTTOM
    return figure


def _wrapped(rows):
    """Rows of at most COLUMNS pictures."""
    return [(label, row[i : i + COLUMNS]) for label, row in rows for i in range(0, len(row), COLUMNS)]


def _tallest(part):
    """Height over width of the part's tallest picture, which gives its rows their height."""
    return max(picture.shape[0] / picture.shape[1] for _, row in part.rows for _, picture in row)


def _draw_part(figure, top, part, cell_width, cell_height):
    """One part. top: inches above the figure's lower edge; sizes too."""
    width, height = figure.get_size_inches()
    first, gap = [label for label, _ in part.rows[0][1]], min(GAP, cell_height / 10)
    for i, (label, row) in enumerate(part.rows):
        bottom = top - TOP - (i + 1) * cell_height
        wrapped = [column for column, _ in row] != first
        for j, (column, picture) in enumerate(row):
            box = (LEFT + j * cell_width, bottom, cell_width - gap, cell_height - gap)
            axis = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
            axis.set(xticks=[], yticks=[])
            axis.imshow(picture)  # keeps its shape
            if i == 0:
                axis.set_title(column, fontsize=12, pad=3)
            elif wrapped:  # its columns are not those above it
                axis.text(0.03, 0.95, column, transform=axis.transAxes, va="top", fontsize=8,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
            if j == 0:
                axis.set_ylabel(label, fontsize=12)
    below = top - TOP - len(part.rows) * cell_height - 0.6 * BOTTOM
    figure.text(0.5, below / height, part.title, ha="center", va="center", fontsize=12, wrap=True)


def _part_an_image(experiment, rows):
    """A part, (a), (b), ..., for each content image. rows(name of the image): its rows."""
    names = [image_name(image) for image in experiment["images"]]
    return [Part(f"({letter}) {name}", rows(name)) for letter, name in zip(_letters(), names)]


def _lettered(styles):
    """(A, name), (B, name), ... of style images."""
    return [(letter.upper(), image_name(style)) for letter, style in zip(_letters(), styles)]


def _letters():
    """a, b, ..., z, aa, ab, ..."""
    return map("".join, chain.from_iterable(product(ascii_lowercase, repeat=length) for length in count(1)))


def _grey(feature_map, white):
    """A feature map as a grey picture, 0 black, white white, each position a block of pixels."""
    levels = np.rint(np.clip(feature_map / (white or 1), 0, 1) * 255).astype(np.uint8)
    return np.repeat(levels.repeat(8, axis=0).repeat(8, axis=1)[..., None], 3, axis=2)


def _picture(folder, name):
    picture = decode(folder / "cells" / f"{name}.png")
    if picture is None:
        raise InputError(f"{folder} lacks the cell {name}; the same `fmi run` computes it again")
    return picture
