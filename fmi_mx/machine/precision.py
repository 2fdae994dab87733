"""In which numbers the convolutions compute: float32, or bfloat16 where the processor multiplies those faster.

bfloat16 has float32's range and 8 significant bits. What a convolution takes and gives is rounded to it: activations, on the
way back their gradients, and a copy of the weights. Weights and image as they are stored, targets, losses and the image's
gradient stay float32.
"""

from __future__ import annotations

from ..errors import InputError
from . import instructions
from .aliases import AnyDevice, Symbol
from .mxnet import mx

PRECISIONS = ("float32", "bfloat16")


def precision_on(precision: str, device: AnyDevice) -> str:
    """The precision that a device computes in when asked for one of ``PRECISIONS``: ``bfloat16`` on a CPU that has
    instructions for it, else ``float32``. Raises InputError for another precision."""
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision!r} is not known; known are {', '.join(PRECISIONS)}")
    able = device.device_type == "cpu" and instructions.bfloat16()
    return precision if able else "float32"


def precisions_of(device: AnyDevice) -> list[str]:
    """Those of ``PRECISIONS`` that a device computes in when asked for them."""
    return [precision for precision in PRECISIONS if precision_on(precision, device) == precision]


def remark(precision: str, device: AnyDevice) -> str:
    """A line to say where a device computes in another precision than it is asked for, else an empty string. precision,
    device: as of ``precision_on``."""
    same = precision_on(precision, device) == precision
    return "" if same else f"{precision}: not on this device, so float32 it is\n"


def in_bfloat16(symbol: Symbol) -> Symbol:
    """The same graph with its convolutions, and what lies between them, in bfloat16 (MXNet's automatic mixed precision)."""
    return mx.contrib.amp.convert_symbol(symbol, target_dtype="bfloat16")
