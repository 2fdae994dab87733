"""In which numbers the convolutions compute: float32, or bfloat16 where the processor multiplies those faster.

bfloat16 has float32's range and 8 significant bits. What a convolution takes and gives is rounded to it: activations, on the
way back their gradients, and a copy of the weights. Weights and image as they are stored, targets, losses and the image's
gradient stay float32.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from .aliases import Context, Symbol
from .mxnet import mx

PRECISIONS = ("float32", "bfloat16")
CPUINFO = Path("/proc/cpuinfo")
INSTRUCTIONS = ("avx512_bf16", "amx_bf16")  # as Linux names them; without one oneDNN is slower in bfloat16, or cannot


def instructions() -> list[str]:
    """Those of ``INSTRUCTIONS`` that the processor has, as ``CPUINFO`` lists them."""
    try:
        flags = CPUINFO.read_text(encoding="utf-8", errors="replace").split()
    except OSError:  # not Linux
        return []
    return [name for name in INSTRUCTIONS if name in flags]


def precision_on(precision: str, device: Context) -> str:
    """The precision that a device computes in when asked for one of ``PRECISIONS``: ``bfloat16`` on a CPU that has
    instructions for it, else ``float32``. Raises InputError for another precision."""
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision!r} is not known; known are {', '.join(PRECISIONS)}")
    able = device.device_type == "cpu" and instructions()
    return precision if able else "float32"


def remark(precision: str, device: Context) -> str:
    """A line to say where a device computes in another precision than it is asked for, else an empty string. precision,
    device: as of ``precision_on``."""
    same = precision_on(precision, device) == precision
    return "" if same else f"{precision}: not on this device, so float32 it is\n"


def in_bfloat16(symbol: Symbol) -> Symbol:
    """The same graph with its convolutions, and what lies between them, in bfloat16 (MXNet's automatic mixed precision)."""
    return mx.contrib.amp.convert_symbol(symbol, target_dtype="bfloat16")
