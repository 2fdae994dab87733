"""Which instructions the processor has, as Linux lists them."""

from __future__ import annotations

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
BFLOAT16 = ("avx512_bf16", "amx_bf16")  # without one oneDNN is slower in bfloat16, or cannot


def listed() -> str:
    """What Linux says of the processor; nothing on another system."""
    try:
        return CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def bfloat16() -> list[str]:
    """Those of ``BFLOAT16`` that the processor has."""
    flags = listed().split()
    return [name for name in BFLOAT16 if name in flags]
