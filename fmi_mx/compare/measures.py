"""Every descriptor of every picture of a comparison, with the parts that may be used for a cell."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..machine.aliases import AnyPath
from ..machine.devices import choose_device
from ..measure.descriptors import DESCRIBED, channel_statistics, describe, positions
from ..weights.canonical import load_weights
from .authors import Sides


class Measure(NamedTuple):
    """A descriptor of every picture. ours, theirs: name of a cell -> descriptor. parts: layers that the cells' method
    inverts -> the parts of the descriptor to use."""

    ours: dict[str, dict[str, np.ndarray]]
    theirs: dict[str, dict[str, np.ndarray]]
    parts: Callable[[list[str]], Sequence[str]]

    def positions(self, ours: Collection[str], theirs: Iterable[str], layers: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Points of the named cells, ours (n, F) and theirs (m, F), standardised over both."""
        points = positions([self.ours[name] for name in ours] + [self.theirs[name] for name in theirs], self.parts(layers))
        return points[: len(ours)], points[len(ours) :]


def describe_both(sides: Sides, weights: AnyPath, device: str) -> tuple[dict[str, Measure], dict[str, str]]:
    """Every descriptor, label -> ``Measure``, and those left out, label -> why."""
    ours, theirs = ({name: describe(picture) for name, picture in side.items()} for side in (sides.ours, sides.theirs))
    found = {
        "colour and texture": Measure(ours, theirs, lambda _: ("colour", "texture")),
        "colour": Measure(ours, theirs, lambda _: ("colour",)),
        "texture": Measure(ours, theirs, lambda _: ("texture",)),
    }
    if not Path(weights).is_file():
        return found, {"VGG-19": f"no weights at {weights}"}
    arrays = load_weights(weights, choose_device(device))
    ours, theirs = (dict(zip(side, channel_statistics(side.values(), arrays))) for side in (sides.ours, sides.theirs))
    found["VGG-19"] = Measure(ours, theirs, lambda layers: [layer for layer in DESCRIBED if layer not in layers])
    return found, {}
