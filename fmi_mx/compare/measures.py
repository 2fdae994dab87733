"""Every descriptor of every picture of a comparison, with the parts that may be used for a cell."""

from pathlib import Path
from typing import NamedTuple

from ..machine.mxnet import choose_device
from ..measure.descriptors import DESCRIBED, channel_statistics, describe, positions
from ..weights.canonical import load_weights


class Measure(NamedTuple):
    """A descriptor of every picture. ours, theirs: name of a cell -> descriptor. parts: a function, layers that the cells'
    method inverts -> the parts of the descriptor to use."""

    ours: dict
    theirs: dict
    parts: object

    def positions(self, ours, theirs, layers):
        """Points of the named cells, ours (n, F) and theirs (m, F), standardised over both."""
        points = positions([self.ours[name] for name in ours] + [self.theirs[name] for name in theirs], self.parts(layers))
        return points[: len(ours)], points[len(ours) :]


def describe_both(sides, weights, device):
    """Every descriptor, label -> ``Measure``, and those left out, label -> why."""
    plain = [{name: describe(picture) for name, picture in side.items()} for side in (sides.ours, sides.theirs)]
    found = {
        "colour and texture": Measure(*plain, lambda _: ("colour", "texture")),
        "colour": Measure(*plain, lambda _: ("colour",)),
        "texture": Measure(*plain, lambda _: ("texture",)),
    }
    if not Path(weights).is_file():
        return found, {"VGG-19": f"no weights at {weights}"}
    arrays = load_weights(weights, choose_device(device))
    deep = [dict(zip(side, channel_statistics(side.values(), arrays))) for side in (sides.ours, sides.theirs)]
    found["VGG-19"] = Measure(*deep, lambda layers: [layer for layer in DESCRIBED if layer not in layers])
    return found, {}
