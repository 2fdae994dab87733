"""Every descriptor of every picture of a comparison, with the parts that may be used for a cell."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..machine.aliases import AnyPath
from ..machine.devices import choose_device
from ..measure.descriptors import DESCRIBED, channel_statistics, describe, positions
from ..network.vgg19 import width_of
from ..weights.canonical import load_weights
from .authors import Sides, inverted

VGG19, SMALL_NETWORK = "VGG-19", "small network"  # the label of the descriptor from a network


class Measure(NamedTuple):
    """A descriptor of every picture. ours, theirs: name of a cell -> descriptor. parts: layers that the cells' method
    inverts -> the parts of the descriptor to use. lost: as of ``Sides``."""

    ours: dict[str, dict[str, np.ndarray]]
    theirs: dict[str, dict[str, np.ndarray]]
    parts: Callable[[list[str]], Sequence[str]]
    lost: frozenset[str]

    def positions(self, ours: Collection[str], theirs: Iterable[str], layers: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Points of the named cells, ours (n, F) and theirs (m, F), standardised over both but for ours that are no
        texture."""
        panel = [self.theirs[name] for name in theirs]
        chosen = np.array([name not in self.lost for name in ours] + [True] * len(panel))
        points = positions([self.ours[name] for name in ours] + panel, self.parts(layers), chosen)
        return points[: len(ours)], points[len(ours) :]


def describe_both(sides: Sides, weights: AnyPath, device: str) -> tuple[dict[str, Measure], dict[str, str]]:
    """Every descriptor, label -> ``Measure``, and those left out, label -> why."""
    ours, theirs = ({name: describe(picture) for name, picture in side.items()} for side in (sides.ours, sides.theirs))
    found = {
        "colour and texture": Measure(ours, theirs, lambda _: ("colour", "texture"), sides.lost),
        "colour": Measure(ours, theirs, lambda _: ("colour",), sides.lost),
        "texture": Measure(ours, theirs, lambda _: ("texture",), sides.lost),
    }
    if not Path(weights).is_file():
        return found, {VGG19: f"no weights at {weights}"}
    arrays = load_weights(weights, choose_device(device))
    label = VGG19 if width_of(arrays) == 1 else SMALL_NETWORK
    if not all(_without(inverted(sides.experiment, name)) for name in sides.ours):
        return found, {label: f"the run inverts each of the layers that it describes: {', '.join(DESCRIBED)}"}
    ours, theirs = (dict(zip(side, channel_statistics(side.values(), arrays))) for side in (sides.ours, sides.theirs))
    found[label] = Measure(ours, theirs, _without, sides.lost)
    return found, {}


def _without(inverted: list[str]) -> list[str]:
    return [layer for layer in DESCRIBED if layer not in inverted]
