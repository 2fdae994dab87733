"""One layer of a gallery: its sheets of small pictures, its larger pictures, and the numbers of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..files.images import fitted
from ..measure.descriptors import Descriptor
from .measures import measures_of
from .pictures import Sheet, write_file, write_picture
from .source import Source, facts_of, number, picture_of

# Of a cell, in this order; gallery.js knows them by these names. A cell without a picture has a text in their place: why.
KEYS = (
    "share",
    "content",
    "first",
    "last",
    "left",
    "printed",
    "passes",
    "silent",
    "stuck",
    "colourful",
    "intricate",
    "curve",
)
STRIP = 4  # textures of a layer on the first page


class Shown(NamedTuple):
    """A content image of the run. small, large: (height, width) of its pictures in sheets, and in files of their own; None
    where it has none."""

    image: str
    small: tuple[int, int] | None
    large: tuple[int, int] | None


class Layer(NamedTuple):
    """rows: [image][filter], each a list as ``KEYS`` or a text. described: the same, descriptors or None. strip: (height,
    width) of the picture of a few of its textures, None where there is none."""

    name: str
    filters: list[int]
    rows: list[list[Any]]
    described: list[list[Descriptor | None]]
    strip: tuple[int, ...] | None

    def textures(self) -> np.ndarray:
        """Which cells have a picture that is neither silent nor stuck: bool (images, filters)."""
        return np.array([[not isinstance(row, str) and not _is_lost(row) for row in column] for column in self.rows])

    def count(self, which: str) -> int:
        """How many cells are ``silent`` or ``stuck``, or ``lack`` a picture."""
        cells = [row for column in self.rows for row in column]
        if which == "lack":
            return sum(isinstance(row, str) for row in cells)
        return sum(bool(row[KEYS.index(which)]) for row in cells if not isinstance(row, str))


def draw_layer(source: Source, place: Path, name: str, filters: list[int], columns: Sequence[dict[int, str]],
               images: Sequence[Shown]) -> Layer:  # fmt: skip
    """Writes a layer's pictures into a gallery's folder. columns: for each of images filter -> name of its cell."""
    rows, described = [], []
    strip: list[np.ndarray] = []
    for index, (image, cells) in enumerate(zip(images, columns)):
        sheet = Sheet(len(filters), image.small or (1, 1))
        found = []
        for position, l in enumerate(filters):
            row, descriptor, picture = _cell(source, cells.get(l))
            found.append((row, descriptor))
            if picture is None or image.small is None:
                continue
            small = fitted(picture, image.small)
            sheet.put(position, small)
            if image.large:
                write_file(place, f"{name}.f{l:03d}.{index}", fitted(picture, image.large))
            if index == 0 and not _is_lost(row):
                strip.append(small)
        if image.small:
            sheet.write(place / "sheets" / f"{name}.{index}.jpg")
        rows.append([row for row, _ in found])
        described.append([descriptor for _, descriptor in found])
    if not strip:
        return Layer(name, filters, rows, described, None)
    chosen: np.ndarray = np.unique(np.linspace(0, len(strip) - 1, STRIP).round().astype(int))
    few = np.concatenate([strip[i] for i in chosen])
    write_picture(place / "sheets" / f"{name}.strip.jpg", few)
    return Layer(name, filters, rows, described, few.shape[:2])


def _is_lost(row: Sequence[Any]) -> bool:
    return bool(row[KEYS.index("silent")] or row[KEYS.index("stuck")])


def _cell(source: Source, name: str | None) -> tuple[Any, Descriptor | None, np.ndarray | None]:
    """(row, descriptor, picture) of a cell."""
    if name is None:
        return "missing", None, None
    facts, picture = facts_of(source, name), picture_of(source, name)
    if picture is None:
        return facts.get("lacks", "missing"), None, None
    measures = measures_of(source.folder, source.finished.records[name], picture)
    facts.update(colourful=number(measures.colourfulness), intricate=number(measures.intricacy))
    return [facts.get(key) for key in KEYS], measures.descriptor, picture
