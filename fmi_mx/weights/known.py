"""Which known network a set of weights is, and whether its first layer takes RGB."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..network.vgg19 import width_of

TORCHVISION = "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"  # SHA-256 of vgg19-dcbb9e9d.pth

# Sums over each layer's biases of Oxford's VGG-19, in the network's order. Biases are few, so rounding the weights to 8 bits
# leaves them as they are, and no retrained network has the same.
_OXFORD = (29.9405, 2.7096, 13.7739, 1.1570, 4.1438, 11.0384, 11.0756, 4.8006,
           6.6766, 6.3606, 9.2598, 9.8061, 14.3551, 33.4702, 27.4849, 87.8717)  # fmt: skip


def is_oxford(arrays: dict[str, np.ndarray]) -> bool:
    """Whether canonical or BGR arrays are Oxford's VGG-19, by the sums of its biases."""
    sums = [array.astype(np.float64).sum() for name, array in arrays.items() if name.endswith("_bias")]
    return len(sums) == len(_OXFORD) and np.allclose(sums, _OXFORD, rtol=1e-3, atol=1e-3)


def takes_bgr(arrays: dict[str, np.ndarray]) -> bool:
    """Whether Oxford's weights have conv1_1 in Caffe's order: red weighs more there than blue (squares 20.98 and 16.55)."""
    first, _, last = (arrays["conv1_1_weight"].astype(np.float64) ** 2).sum((0, 2, 3))
    return first < last


def describe(arrays: dict[str, np.ndarray], source_sha256: str | None = None) -> str:
    """One line: which network this is and in which order of channels.

    arrays: as ``is_oxford`` takes them. source_sha256: of the file that they were converted from, where it is known.
    """
    if is_oxford(arrays):
        return f"Oxford's VGG-19, {'BGR: convert it before use' if takes_bgr(arrays) else 'RGB'}"
    if source_sha256 == TORCHVISION:
        return "torchvision's VGG-19, trained anew and not Oxford's, RGB"
    if width_of(arrays) != 1:
        return f"a small network, with {Fraction(width_of(arrays))} of VGG-19's filters, not Oxford's"
    return "unknown network (not Oxford's VGG-19); the order of its channels cannot be told from its weights"
