"""The pages of every other method: its pictures by row and column, as in its figure, and a page for each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..figure.layouts import LAYOUTS, Blank, maps_parts
from ..files import store
from ..files.finding import image_name
from ..files.images import fitted
from .again import cell_command
from .pictures import SMALL, Sheet, fit, large_size, write_file
from .source import Source, facts_of, picture_of

A_SHEET = 256  # small pictures


class Part(NamedTuple):
    """A part of a figure. rows: (label, [(column label, name of the cell)]). columns: the labels of the first row, which
    are those of all."""

    title: str
    columns: list[str]
    rows: list[tuple[str, list[tuple[str, str]]]]


def grid_pages(source: Source, contents: Mapping[str, np.ndarray], place: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Writes the pictures into a gallery's folder. contents: as of ``contents_of``. Returns what data.js and what the first
    page says."""
    found = {image: write_file(place, f"content.{at}", picture) for at, (image, picture) in enumerate(contents.items())}
    cells = {name: facts_of(source, name) for name in source.cells}
    for name, cell in source.cells.items():
        cells[name]["command"] = cell_command(source.finished.experiment, cell, source.finished.width)
        cells[name]["image"] = image_name(cell.style if cell.style and cell.method == "picture" else cell.image)
        cells[name]["pictured"] = None if cell.method == "picture" else found.get(cell.image)
    names = list(source.cells)
    for sheet, first in enumerate(range(0, len(names), A_SHEET)):
        _draw(source, place, sheet, names[first : first + A_SHEET], cells)
    return {"cells": cells}, {"parts": _parts(source)}


def _draw(source: Source, place: Path, number: int, names: list[str], cells: dict[str, dict[str, Any]]) -> None:
    """Writes a sheet and the larger pictures of its cells, and says of each where it is: ``small``, its (sheet, top, left,
    height, width, height of the sheet, width), and ``large``, as of ``write_file``."""
    sheet = Sheet(len(names), (SMALL, SMALL))
    for position, name in enumerate(names):
        picture = _picture(source, name)
        if picture is None:
            cells[name].setdefault("lacks", "missing")
            continue
        size, large = fit(picture.shape, SMALL), large_size(picture.shape, len(cells))
        top, left = sheet.put(position, fitted(picture, size))
        cells[name]["small"] = [number, top, left, *size, *sheet.size]
        if large:
            cells[name]["large"] = write_file(place, str(number * A_SHEET + position), fitted(picture, large))
    sheet.write(place / "sheets" / f"{number}.jpg")


def _picture(source: Source, name: str) -> np.ndarray | None:
    """A cell's picture. Of Fig. 1, whose cells have the content image as theirs, the feature maps: above as they are, below
    behind Eq. (2)."""
    picture, cell = picture_of(source, name), source.cells[name]
    if picture is None or cell.method != "maps":
        return picture
    alone = {**source.finished.experiment, "images": [cell.image], "layers": list(cell.layers)}
    parts = maps_parts(alone, lambda name, key: store.read_array(source.folder, name, key))
    rows = [[np.pad(one, [(0, 2), (0, 2), (0, 0)]) for _, one in row if isinstance(one, np.ndarray)]
            for part in parts for _, row in part.rows]  # fmt: skip
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


def _parts(source: Source) -> list[Part]:
    """Where the figure has which cell. A layout asks for pictures and takes what stands in a picture's place, which is here
    the cell's name."""
    experiment = source.finished.experiment
    if experiment["method"] == "maps":
        return [_part(image, [("", [(cell.layers[0], name) for name, cell in source.cells.items() if cell.image == image])])
                for image in experiment["images"]]  # fmt: skip
    parts = LAYOUTS[experiment["method"]](experiment, lambda name: Blank((1, 1), name))
    rows = [
        [(label, [(column, blank.words) for column, blank in row if isinstance(blank, Blank)]) for label, row in part.rows]
        for part in parts
    ]
    return [_part(part.title, of_part) for part, of_part in zip(parts, rows)]


def _part(title: str, rows: list[tuple[str, list[tuple[str, str]]]]) -> Part:
    return Part(title, [column for column, _ in rows[0][1]], rows)
