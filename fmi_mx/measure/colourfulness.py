"""Colourfulness: how many and how vivid a picture's colours are to people."""

from __future__ import annotations

import numpy as np


def colourfulness(picture: np.ndarray) -> float:
    """The third measure of Hasler and Suesstrunk (2003), "Measuring colourfulness in natural images".

    picture: uint8 (H, W, 3) RGB. With rg = R - G and yb = (R + G) / 2 - B, returns
    sqrt(var rg + var yb) + 0.3 sqrt(mean rg^2 + mean yb^2): 0 for grey, to people about 15 slightly and 109 extremely
    colourful. White noise has about 138.
    """
    red, green, blue = picture.reshape(-1, 3).astype(np.float64).T
    opponents = np.array([red - green, (red + green) / 2 - blue])
    return float(np.sqrt(opponents.var(axis=1).sum()) + 0.3 * np.linalg.norm(opponents.mean(axis=1)))
