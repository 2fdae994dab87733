"""Random weights of VGG-19, a control: the same network that has learnt nothing."""

from __future__ import annotations

import numpy as np

from ..network.vgg19 import weight_shapes


def he_normal(width: float, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights as He et al. (2015), "Delving deep into rectifiers", start from: normal with standard deviation
    sqrt(2 / fan in), biases 0, so that activations keep their size from layer to layer.

    width: see ``network.WIDTHS``. Returns name -> float32 array.
    """
    found: dict[str, np.ndarray] = {}
    for name, shape in weight_shapes(width).items():
        deviation = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.0
        found[name] = generator.normal(0, deviation, shape).astype(np.float32)
    return found
