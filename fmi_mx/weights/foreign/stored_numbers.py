"""Numbers in a row, as weights files store them."""

from __future__ import annotations

import numpy as np

from ...errors import InputError

BFLOAT16 = "bfloat16"  # a kind that NumPy does not know: the upper half of a float32


def size_of(kind: str) -> int:
    """Bytes of one number. kind: NumPy's name of a type (``<f4``), or ``BFLOAT16``."""
    return 2 if kind == BFLOAT16 else np.dtype(kind).itemsize


def from_bytes(data: bytes, kind: str) -> np.ndarray:
    """The numbers that bytes hold, in one axis; bfloat16 becomes float32. kind: as ``size_of`` takes it. Raises ValueError
    where the last number is cut."""
    if kind == BFLOAT16:
        return np.left_shift(np.frombuffer(data, "<u2"), 16, dtype=np.uint32).view(np.float32)
    return np.frombuffer(data, kind)


class Damaged(InputError):
    """A weights file that is cut or damaged. reason: what shows it, in words."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the file is cut or damaged ({reason})")
