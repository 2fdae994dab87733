"""What is measured of a picture when it is computed, for whom does not keep its float image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .colourfulness import colourfulness
from .descriptors import Descriptor, describe
from .intricacy import intricacy

SURROGATES = 3  # of the intricacy, the fewest: beside other filters its own chance counts little


class Measures(NamedTuple):
    """descriptor: see ``describe``. colourfulness, intricacy: see there."""

    descriptor: Descriptor
    colourfulness: float
    intricacy: float


def measure(picture: np.ndarray, plain: np.ndarray, generator: np.random.Generator) -> Measures:
    """picture: uint8 (H, W, 3), as published. plain: float32 (H, W, 3) in 0..255, neither denoised nor rounded, of which the
    intricacy is; denoising makes edges of what is faint. generator: of the surrogates."""
    return Measures(describe(picture), colourfulness(picture), intricacy(plain, SURROGATES, generator))
