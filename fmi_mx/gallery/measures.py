"""What is measured of a cell's picture: its colours, its texture, how colourful and how intricate it is."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import store
from ..files.images import clipped
from ..machine.aliases import AnyPath
from ..measure.measures import Measures, measure


def measures_of(folder: AnyPath, record: dict[str, Any], picture: np.ndarray) -> Measures:
    """The measures of a stored cell: those that the run has kept, or else made now. record, picture: the cell's."""
    name = record["specification"]["name"]
    kept = record.get("measures")
    if kept:
        descriptor = {part: store.read_array(folder, name, part) for part in ("colour", "texture")}
        return Measures(descriptor, kept["colourfulness"], kept["intricacy"])
    image = array_or_none(folder, name, "image")
    return measure(picture, None if image is None else clipped(image), _generator(name))


def array_or_none(folder: AnyPath, name: str, array: str) -> np.ndarray | None:
    """An array of a cell that is whole, or None where the cell does not have it."""
    try:
        return store.read_array(folder, name, array)
    except InputError:
        return None


def _generator(name: str) -> np.random.Generator:
    """The random numbers of a cell's surrogates, from its name alone."""
    return np.random.default_rng([*hashlib.sha256(name.encode()).digest()[:8], *b"surrogates"])
