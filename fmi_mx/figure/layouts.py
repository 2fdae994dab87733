"""Which picture stands where in each figure of the paper: the parts of a figure, from the cells of its experiment.

Every layout takes an experiment, as ``experiment.as_data`` gives it, and ``picture(name of a cell)``; Fig. 1's takes arrays.
A cell that has no picture has a ``Blank`` in its place, and one that is silent or stuck is ``Marked``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, count, product
from string import ascii_lowercase
from typing import Any, List, NamedTuple, Tuple, Union

import numpy as np

from ..experiment.filters import filters_of
from ..files.finding import image_name

METHOD_NAMES = {"gatys": "Gatys", "pmci": "PMCI"}


class Blank(NamedTuple):
    """What stands in the place of a cell that is not there. shape: (H, W) of its neighbours. words: why."""

    shape: tuple[int, ...]
    words: str


class Marked(NamedTuple):
    """A cell's picture, uint8 (H, W, 3), with a word about it."""

    picture: np.ndarray
    words: str

    @property
    def shape(self) -> tuple[int, ...]:
        return self.picture.shape


Picture = Union[np.ndarray, Blank, Marked]
Row = List[Tuple[str, Picture]]  # with column labels
Rows = List[Tuple[str, Row]]  # with labels


class Part(NamedTuple):
    """A part of a figure. title: below it. rows: (label, [(column label, picture)]); pictures uint8 (H, W, 3)."""

    title: str
    rows: Rows


def fmi_parts(experiment: dict[str, Any], picture: Callable[[str], Picture]) -> list[Part]:
    """Fig. 3: a part an image, a row a layer, a column a filter."""
    return _part_an_image(experiment, lambda name: [
        (layer, [(str(f), picture(f"{name}.{layer}.f{f:03d}")) for f in filters_of(experiment["filters"], layer)])
        for layer in experiment["layers"]
    ])  # fmt: skip


def rmci_parts(experiment: dict[str, Any], picture: Callable[[str], Picture]) -> list[Part]:
    """Fig. 4: a part an image, a row a draw, a column a layer; with ``draw: style`` as ``purposeful_parts``."""
    if experiment["draw"] == "style":
        return _by_style(experiment, picture, "draw1")
    return _part_an_image(experiment, lambda name: [
        ("", [(layer, picture(f"{name}.{layer}.draw{draw}")) for layer in experiment["layers"]])
        for draw in range(1, experiment["draws"] + 1)
    ])  # fmt: skip


def inversion_parts(experiment: dict[str, Any], picture: Callable[[str], Picture]) -> list[Part]:
    """A part an image, a column a layer."""
    return _part_an_image(experiment, lambda name: [
        ("", [(layer, picture(f"{name}.{layer}.inversion")) for layer in experiment["layers"]])
    ])  # fmt: skip


def purposeful_parts(experiment: dict[str, Any], picture: Callable[[str], Picture]) -> list[Part]:
    """A part an image, a row a style, behind the style a column a layer."""
    return _by_style(experiment, picture, "purposeful")


def _by_style(experiment: dict[str, Any], picture: Callable[[str], Picture], ending: str) -> list[Part]:
    return _part_an_image(experiment, lambda name: [
        (letter, [("style", picture(f"{style}.style"))]
         + [(layer, picture(f"{name}.{style}.{layer}.{ending}")) for layer in experiment["layers"]])
        for letter, style in _lettered(experiment["styles"])
    ])  # fmt: skip


def transfer_parts(experiment: dict[str, Any], picture: Callable[[str], Picture]) -> list[Part]:
    """Fig. 5: one part, a row a style (A, B, ...), behind the style a column a content image and method."""
    rows: Rows = []
    for letter, style in _lettered(experiment["styles"]):
        row: Row = [("style", picture(f"{style}.style"))]
        for image in map(image_name, experiment["images"]):
            row += [(METHOD_NAMES[loss], picture(f"{image}.{style}.{loss}")) for loss in experiment["losses"]]
        rows.append((letter, row))
    return [Part("", rows)]


def images_parts(experiment: dict[str, Any], picture: Callable[[str], Picture]) -> list[Part]:
    """Fig. 2: the images in one row, below them the credits that are known."""
    names, credits = [image_name(image) for image in experiment["images"]], experiment["credits"]
    known = "; ".join(f"{name}: {credits[name]}" for name in names if name in credits)
    return [Part(known, [("", [(name, picture(f"{name}.content")) for name in names])])]


def maps_parts(experiment: dict[str, Any], array: Callable[[str, str], np.ndarray | Blank]) -> list[Part]:
    """Fig. 1: for each image and layer the feature maps before Eq. (2) and after, each on a scale of its own from 0 (black)
    to its largest activation, which the title gives.

    array(name, key): of a stored cell.
    """
    parts: list[tuple[str, Rows]] = []
    for name in map(image_name, experiment["images"]):
        for layer in experiment["layers"]:
            cell = f"{name}.{layer}.maps"
            for key, when in (("before", "the code"), ("after", f"Eq. (2) for filter {experiment['isolated']}")):
                maps = array(cell, key)
                if isinstance(maps, Blank):
                    parts.append((f"{name}, {layer}, {when}", [(layer, [(str(f), maps) for f in experiment["filters"]])]))
                    continue
                pictures: Row = [(str(f), _grey(one, maps.max())) for f, one in zip(experiment["filters"], maps)]
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


def _part_an_image(experiment: dict[str, Any], rows: Callable[[str], Rows]) -> list[Part]:
    """A part, (a), (b), ..., for each content image. rows(name of the image): its rows."""
    names = [image_name(image) for image in experiment["images"]]
    return [Part(f"({letter}) {name}", rows(name)) for letter, name in zip(_letters(), names)]


def _lettered(styles: list[str]) -> list[tuple[str, str]]:
    """(A, name), (B, name), ... of style images."""
    return [(letter.upper(), image_name(style)) for letter, style in zip(_letters(), styles)]


def _letters() -> Iterator[str]:
    """a, b, ..., z, aa, ab, ..."""
    return map("".join, chain.from_iterable(product(ascii_lowercase, repeat=length) for length in count(1)))


def _grey(feature_map: np.ndarray, white: float) -> np.ndarray:
    """A feature map as a grey picture, 0 black, white white, each position a block of pixels."""
    levels = np.rint(np.clip(feature_map / (white if white > 0 else 1), 0, 1) * 255).astype(np.uint8)
    return np.repeat(levels.repeat(8, axis=0).repeat(8, axis=1)[..., None], 3, axis=2)
