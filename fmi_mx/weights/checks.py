"""The canonical form of VGG-19's weights: 32 float32 arrays, name -> NumPy, RGB, (out, in, kh, kw) and (out,)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..errors import InputError
from ..network.vgg19 import weight_shapes, width_of


def check_arrays(arrays: dict[str, np.ndarray]) -> None:
    """Raises InputError, naming the layer, unless arrays are VGG-19's in the canonical form, all of one of
    its widths, and finite."""
    width = width_of(arrays)
    network = "VGG-19's" if width == 1 else f"with {Fraction(width)} of VGG-19's filters it"
    for name, shape in weight_shapes(width).items():
        if name not in arrays:
            raise InputError(f"{name} is missing")
        array = arrays[name]
        if array.shape != shape:
            raise InputError(f"{name} has shape {array.shape}, {network} is {shape}")
        if array.dtype != np.float32:
            raise InputError(f"{name} is {array.dtype}, not float32 or float16")
        if not np.isfinite(array).all():
            raise InputError(f"{name} has a number that is not finite")
