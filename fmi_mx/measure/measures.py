"""What is measured of a picture when it is computed, for whom does not keep its float image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .colourfulness import colourfulness
from .descriptors import Descriptor, describe
from .intricacy import intricacy

SURROGATES = 3  # of the intricacy, the fewest: beside other filters its own chance counts little


class Measures(NamedTuple):
    """descriptor: see ``describe``. colourfulness, intricacy: see there; no intricacy where there is no plain picture."""

    descriptor: Descriptor
    colourfulness: float
    intricacy: float | None


def measure(picture: np.ndarray, plain: np.ndarray | None, generator: np.random.Generator) -> Measures:
    """picture: uint8 (H, W, 3), as published. plain: float32 (H, W, 3) in 0..255, neither denoised nor rounded, of which the
    intricacy is; denoising makes edges of what is faint. generator: of the surrogates."""
    intricate = None if plain is None else intricacy(plain, SURROGATES, generator)
    return Measures(describe(picture), colourfulness(picture), intricate)
